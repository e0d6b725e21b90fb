"""One real PostgreSQL for a whole test session, and a database of its own for each test.

`FUYUAN_TEST_POSTGRES`, an SQLAlchemy URL of a user who may create databases, names a server that exists instead. As
root the server runs as user `postgres`, for it refuses to run as root.
"""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from sqlalchemy.engine import URL, make_url

EXISTING = "FUYUAN_TEST_POSTGRES"
HOW_TO_GET_IT = f"PostgreSQL is not here: `apt-get install postgresql`, or name a server by {EXISTING}"
START_SECONDS = 60
# Ends the server where we cannot, killed as we were: its input ends with us. $0 is the server, $1 its folder.
WATCH = 'read -r _; kill -INT "$0"; while kill -0 "$0"; do sleep 0.1; done; rm -rf "$1"'


class NotHere(Exception):
    """No server is named and none can be started."""


@dataclass
class Postgres:
    """A server. `url` names its maintenance database; `process` is None for a server that is not ours to stop."""

    url: URL
    process: subprocess.Popen[bytes] | None = None
    home: Path | None = None
    _made: int = field(default=0)
    _watch: subprocess.Popen[bytes] | None = None

    def create(self, template: str | None = None) -> str:
        """The URL of a new database; `template` is the URL of one to copy, which nobody may be using."""
        self._made += 1
        name = f"fuyuan_{os.getpid()}_{self._made}_{secrets.token_hex(3)}"
        like = "template0" if template is None else make_url(template).database
        self.say(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        self.say(f'DROP DATABASE IF EXISTS "{make_url(url).database}" WITH (FORCE)')

    def say(self, *statements: str) -> None:
        """Run statements as the server's owner, each by itself."""
        asyncio.run(self._say(statements))

    async def _say(self, statements: Sequence[str]) -> None:
        connection = await asyncpg.connect(
            self.url.set(drivername="postgresql").render_as_string(hide_password=False), timeout=10
        )
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def stop(self, how: int = signal.SIGINT) -> None:
        """SIGINT is the fast stop: sessions are ended, everything is on the disk; SIGQUIT is a crash."""
        if self._watch is not None:
            self._watch.kill()
            self._watch.communicate()
            self._watch = None
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=START_SECONDS)

    def start(self) -> None:
        """Start our own server, or start it again, and wait until it answers."""
        assert self.home is not None
        command = [str(binary("postgres")), "-D", str(self.home / "data")]
        with (self.home / "log").open("ab") as log:
            # In a session of its own, so that the terminal's Ctrl-C reaches pytest alone, which then stops it.
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.home, start_new_session=True, **_as_owner()
            )
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, str(self.process.pid), str(self.home.parent)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.say("SELECT 1")
            except (OSError, TimeoutError, asyncpg.PostgresError):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.home / "log").read_text()) from None
                time.sleep(0.05)


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """The named server, or one of our own that is gone afterwards. Raises NotHere."""
    if named := os.environ.get(EXISTING):
        yield Postgres(make_url(named))
        return
    binary("initdb")
    with tempfile.TemporaryDirectory(prefix="fuyuan-postgres-") as folder:
        home = Path(folder)
        home.chmod(0o711)
        server = _make_cluster(home)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _make_cluster(home: Path) -> Postgres:
    inside = home / "home"
    inside.mkdir(0o700)
    password = secrets.token_urlsafe(18)
    (inside / "password").write_text(password + "\n")
    owner = _owner()
    if owner is not None:
        for path in (inside, inside / "password"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    subprocess.run(
        [
            str(binary("initdb")),
            *("-D", str(inside / "data"), "-U", "postgres", "--pwfile", str(inside / "password")),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"),
        ],
        check=True,
        capture_output=True,
        cwd=inside,
        **_as_owner(),
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    with (inside / "data" / "postgresql.conf").open("a") as conf:
        conf.write(
            f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n"
            "max_connections = 200\nshared_buffers = 64MB\nfsync = on\n"
        )
    url = URL.create("postgresql+asyncpg", "postgres", password, "127.0.0.1", port, "postgres")
    return Postgres(url, home=inside)


def binary(name: str) -> Path:
    """From PATH, or of the newest version that Debian's packages put aside. Raises NotHere."""
    if found := shutil.which(name):
        return Path(found)
    kept = [path / name for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / name).is_file()]
    if not kept:
        raise NotHere(HOW_TO_GET_IT)
    return max(kept, key=lambda path: float(path.parts[-3]))


def _owner() -> pwd.struct_passwd | None:
    """Who the server runs as, where that is another than ourselves. Raises NotHere."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        raise NotHere(HOW_TO_GET_IT) from None


def _as_owner() -> dict[str, object]:
    owner = _owner()
    if owner is None:
        return {}
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": [], "env": {"LANG": "C.UTF-8", "PATH": "/"}}
