#!/usr/bin/env bash
# Run once by PostgreSQL's image, on an empty database: the gateways' own role, which is no superuser, and its database.
set -euo pipefail

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'END'
\set password `cat "${ROLE_PASSWORD_FILE:-/run/secrets/postgres-password}"`
SET log_statement = 'none';
CREATE ROLE fuyuan LOGIN PASSWORD :'password';
CREATE DATABASE fuyuan OWNER fuyuan;
REVOKE ALL ON DATABASE fuyuan FROM PUBLIC;
END
