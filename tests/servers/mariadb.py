"""One real MariaDB for a whole test session, and a database of its own for each test.

As root the server runs as user `mysql`. It listens on loopback alone and is gone afterwards.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers.postgres import START_SECONDS, NotHere

HOW_TO_GET_IT = "MariaDB is not here: `apt-get install mariadb-server`"
# Ends the server where we cannot, killed as we were: its input ends with us. $0 is the server, $1 its folder.
WATCH = 'read -r _; kill -TERM "$0"; while kill -0 "$0"; do sleep 0.1; done; rm -rf "$1"'


@dataclass
class MariaDB:
    """A server. `url` is its owner's, without a database."""

    url: URL
    _made: int = field(default=0)

    def create(self) -> str:
        """The URL of a new database, in the form that a person would write."""
        self._made += 1
        name = f"fuyuan_{self._made}"
        self.say(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return self.url.set(drivername="mariadb", database=name).render_as_string(hide_password=False)

    def say(self, statement: str) -> None:
        asyncio.run(self._say(statement))

    async def _say(self, statement: str) -> None:
        engine = create_async_engine(self.url)
        try:
            async with engine.begin() as connection:
                await connection.execute(text(statement))
        finally:
            await engine.dispose()


@contextmanager
def mariadb_server() -> Iterator[MariaDB]:
    """A server of our own. Raises NotHere."""
    server, install = _binary("mariadbd"), _binary("mariadb-install-db")
    with tempfile.TemporaryDirectory(prefix="fuyuan-mariadb-") as folder:
        home = Path(folder)
        owner = _owner(home)
        subprocess.run(
            [install, "--no-defaults", f"--datadir={home}/data", "--skip-test-db", *owner],
            check=True, capture_output=True,
        )  # fmt: skip
        password = secrets.token_urlsafe(18)
        (home / "init.sql").write_text(
            f"CREATE USER fuyuan@'127.0.0.1' IDENTIFIED BY '{password}';\nGRANT ALL ON *.* TO fuyuan@'127.0.0.1';\n"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        started = MariaDB(URL.create("mysql+asyncmy", "fuyuan", password, "127.0.0.1", port))
        with (home / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    server, "--no-defaults", f"--datadir={home}/data", f"--socket={home}/data/socket",
                    "--bind-address=127.0.0.1", f"--port={port}", f"--init-file={home}/init.sql",
                    "--skip-name-resolve", "--innodb-buffer-pool-size=32M", *owner,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        watch = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, str(process.pid), folder],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            _wait(started, process, home / "log")
            yield started
        finally:
            watch.kill()
            watch.communicate()
            process.kill()  # nothing of it is kept, and while it starts it does not listen
            process.wait()


def _wait(server: MariaDB, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return server.say("SELECT 1")
        except (SQLAlchemyError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()) from None
            time.sleep(0.1)


def _binary(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
    if found is None:
        raise NotHere(HOW_TO_GET_IT)
    return found


def _owner(home: Path) -> list[str]:
    """Who the server runs as, where that is another than ourselves. Raises NotHere."""
    if os.geteuid() != 0:
        return []
    try:
        user = pwd.getpwnam("mysql")
    except KeyError:
        raise NotHere(HOW_TO_GET_IT) from None
    os.chown(home, user.pw_uid, user.pw_gid)
    return ["--user=mysql"]
