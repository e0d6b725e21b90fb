"""The real servers that tests run against, and the log. Whatever asks for a database is run once on each engine."""

import io
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.captured_log import captured_log
from tests.databases import Databases, SqliteFolder, databases_of
from tests.fuzzing import FUZZ_EXAMPLES, FUZZES
from tests.servers.kafka import Kafka, kafka_server
from tests.servers.mariadb import MariaDB, mariadb_server
from tests.servers.postgres import NotHere, Postgres, postgres_server

# No test is timed. Inputs are the same in every run, here and where CI is set: what fails is no chance. `make fuzz`
# looks for others, and keeps what it finds in .hypothesis.
settings.register_profile("project", deadline=None, derandomize=True, database=None)
settings.register_profile("fuzz", deadline=None, derandomize=False, max_examples=FUZZ_EXAMPLES)
settings.load_profile("fuzz" if FUZZES else "project")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One real PostgreSQL for the whole session. Without one its tests are skipped, and fail where CI=true."""
    try:
        with postgres_server() as server:
            yield server
    except NotHere as missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """One real MariaDB for the whole session. Without one its tests are skipped, and fail where CI=true."""
    try:
        with mariadb_server() as server:
            yield server
    except NotHere as missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One real Apache Kafka for the whole session. Without one its tests are skipped, and fail where CI=true."""
    try:
        with kafka_server() as server:
            yield server
    except NotHere as missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
def secure_kafka(kafka: Kafka) -> Kafka:
    """The same by SCRAM over TLS, which a broker named by FUYUAN_TEST_KAFKA does not have for us."""
    if kafka.secure is None:
        missing = "SCRAM over TLS is tried on a broker of our own only: unset FUYUAN_TEST_KAFKA"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    return kafka


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    server = (
        request.getfixturevalue("postgres")
        if request.param == "postgres"
        else SqliteFolder(tmp_path_factory.mktemp("databases"))
    )
    with databases_of(server) as made:
        yield made


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """An empty journal."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    with captured_log() as stream:
        yield stream
