#!/usr/bin/env bash
# Gives the gateway's user the password of stdin, asked of this broker and good at all: the file of a password is read
# when storage is formatted, and never again. Run inside a broker's container, as docs/operations.md says.
set -euo pipefail
umask 077

kafka=${KAFKA_HOME:-/opt/kafka}
given=${BROKER_PROPERTIES:-/etc/fuyuan/broker.properties}
broker=${BROKER:-kafka-$NODE_ID:9094}
export KAFKA_HEAP_OPTS=-Xmx128m # the broker's own would be taken twice
export LOG_DIR=${TMPDIR:-/tmp}
export KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=${given%/*}/log4j2.yaml

folder=$(mktemp -d "${TMPDIR:-/tmp}/password.XXXXXX")
trap 'rm -rf "$folder"' EXIT

read -r password || true # a last line may have no end
if [[ ! $password =~ ^[A-Za-z0-9_-]{32,}$ ]]; then
  echo "a password is 32 letters and digits or more, on one line of stdin" >&2
  exit 1
fi
# As this broker, by its certificate. In files, for others see a command line.
{
  grep '^ssl\.' "$given"
  echo security.protocol=SSL
} >"$folder/client"
echo "SCRAM-SHA-512=iterations=8192,password=$password" >"$folder/change"
"$kafka/bin/kafka-configs.sh" --bootstrap-server "$broker" --command-config "$folder/client" --alter \
  --entity-type users --entity-name fuyuan-gateway --add-config-file "$folder/change"
