"""Databases of one engine for tests: each test has its own, a copy of one that was migrated once."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import make_url

from gateway.journal.engine import open_engine
from gateway.journal.schema import upgrade


class Server(Protocol):
    """Makes databases and drops them, by URL. A template is copied and must not be in use."""

    def create(self, template: str | None = None) -> str: ...

    def drop(self, url: str) -> None: ...


@dataclass(frozen=True)
class SqliteFolder:
    """Each database is `journal.sqlite` in a folder of its own."""

    folder: Path

    def create(self, template: str | None = None) -> str:
        file = Path(tempfile.mkdtemp(dir=self.folder)) / "journal.sqlite"
        if template is not None:
            shutil.copyfile(_file(template), file)
        return f"sqlite+aiosqlite:///{file}"

    def drop(self, url: str) -> None:
        shutil.rmtree(_file(url).parent)


@dataclass(frozen=True)
class Databases:
    """What `server` makes; `migrated` is the URL of an empty journal."""

    server: Server
    migrated: str

    @property
    def engine(self) -> str:
        """`sqlite` or `postgresql`."""
        return make_url(self.migrated).get_backend_name()

    @contextmanager
    def fresh(self, template: str = "") -> Iterator[str]:
        """The URL of a database of one's own: an empty journal, or a copy of `template`."""
        url = self.server.create(template or self.migrated)
        try:
            yield url
        finally:
            self.server.drop(url)


@contextmanager
def databases_of(server: Server) -> Iterator[Databases]:
    url = server.create()
    asyncio.run(_migrate(url))
    try:
        yield Databases(server, url)
    finally:
        server.drop(url)


async def _migrate(url: str) -> None:
    engine = open_engine(url)
    await upgrade(engine)
    await engine.dispose()


def _file(url: str) -> Path:
    name = make_url(url).database
    assert name is not None
    return Path(name)
