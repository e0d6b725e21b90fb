"""What unit tests share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts

from tests.servers.postgres import Postgres
from tests.small_gateway import Gateway, open_test_gateway


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest) -> Iterator[None]:
    """Unit tests reach no network; the event loop's own socket pair is all they have, and on PostgreSQL its server."""
    server = request.getfixturevalue("databases").server if "databases" in request.fixturenames else None
    if isinstance(server, Postgres):
        socket_allow_hosts([server.url.host], allow_unix_socket=True)
    else:
        disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[Gateway]:
    """Journal, routing and sending over a real database, with two parties admitted."""
    opened = await open_test_gateway(tmp_path, database_url)
    yield opened
    await opened.engine.dispose()
