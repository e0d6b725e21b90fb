"""The pages of a reading, on disk until it is whole: a killed run goes on at its page, and memory stays as it is.

Two readings are kept, the one before and the one that goes on. The file holds records, for its owner alone, until what
was read is sent.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import orjson

from schemas.canonical import JsonObject
from schemas.front import FrontAway

TABLES = """
CREATE TABLE IF NOT EXISTS row (
    reading INTEGER NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, body TEXT NOT NULL, PRIMARY KEY (reading, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), body TEXT NOT NULL);
"""
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a reading has come. `asked`: what of the interface is read; `place`: where its next page begins.

    `pages` and `rows` count what came, `uneven` is set where a record came twice or the total changed. `seen` are the
    members that any record had, `mark` is the latest of their marks, `unread` is set where one cannot be read. `number`
    is 0 for the first of several of the same.
    """

    number: int
    asked: str
    began: str
    place: str
    pages: int = 0
    rows: int = 0
    total: int | None = None
    uneven: bool = False
    seen: tuple[str, ...] = ()
    mark: str | None = None
    unread: bool = False
    done: bool = False


class Spooled(NamedTuple):
    """One record: `body` is what FrontRow has but for its key, as JSON."""

    key: str
    digest: bytes
    body: str


class Spool:
    """Every call raises FrontAway (`spool`) where the file cannot be used."""

    def __init__(self, file: Path) -> None:
        with _errors():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            self._database = sqlite3.connect(file, timeout=0.2, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA secure_delete = ON")
            self._database.executescript(TABLES)

    def close(self) -> None:
        self._database.close()

    def reading(self) -> Reading | None:
        """How far the last one came; None where there is none, or one of another version of this program."""
        with _errors():
            found = self._database.execute("SELECT body FROM state").fetchone()
        if found is None:
            return None
        try:
            said: JsonObject = orjson.loads(found[0])
            return Reading(**said | {"seen": tuple(said["seen"])})  # type: ignore[arg-type]
        except (orjson.JSONDecodeError, TypeError, KeyError):
            return None

    def keep(self, reading: Reading, rows: Sequence[Spooled], unkeyed: Sequence[Spooled]) -> Reading:
        """The reading as it stands with what its last page brought: uneven where it had any of the `rows` before."""
        with self._transaction():
            before = self._database.total_changes
            self._add(reading.number, rows)
            if self._database.total_changes - before < len(rows):
                reading = replace(reading, uneven=True)
            self._add(reading.number, unkeyed)
            self._put(reading)
        return reading

    def drop(self, but: Reading) -> None:
        """Begin this reading; of those before only the last is kept, and none where it is the first."""
        with self._transaction():
            kept = but.number - 1 if but.number else -1
            self._database.execute("DELETE FROM row WHERE reading <> ?", (kept,))
            self._put(but)

    def clear(self) -> None:
        with self._transaction():
            self._database.execute("DELETE FROM row")
            self._database.execute("DELETE FROM state")

    def same(self, first: int, second: int) -> bool:
        """Whether two readings brought the same records, and nothing else about any."""
        with _errors():
            counts = dict(self._database.execute("SELECT reading, count(*) FROM row GROUP BY reading").fetchall())
            if counts.get(first, 0) != counts.get(second, 0):
                return False
            sql = (
                "SELECT 1 FROM row AS one LEFT JOIN row AS other ON other.reading = ? AND other.key = one.key"
                " WHERE one.reading = ? AND other.digest IS NOT one.digest LIMIT 1"
            )
            return self._database.execute(sql, (second, first)).fetchone() is None

    def pages(self, reading: int, size: int) -> Iterator[list[Spooled]]:
        behind = ""
        sql = "SELECT key, digest, body FROM row WHERE reading = ? AND key > ? ORDER BY key LIMIT ?"
        while True:
            with _errors():
                page = [Spooled(*row) for row in self._database.execute(sql, (reading, behind, size))]
            if not page:
                return
            behind = page[-1].key
            yield page

    def rows(self, reading: int, keys: Sequence[str]) -> dict[str, Spooled]:
        found: dict[str, Spooled] = {}
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            sql = f"SELECT key, digest, body FROM row WHERE reading = ? AND key IN ({marks})"  # noqa: S608 - question marks alone
            with _errors():
                found |= {row[0]: Spooled(*row) for row in self._database.execute(sql, (reading, *some))}
        return found

    def _add(self, reading: int, rows: Sequence[Spooled]) -> None:
        sql = "INSERT OR IGNORE INTO row VALUES (?, ?, ?, ?)"
        self._database.executemany(sql, ((reading, *row) for row in rows))

    def _put(self, reading: Reading) -> None:
        said = orjson.dumps(asdict(reading)).decode()
        self._database.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (said,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _errors():
            self._database.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        raise FrontAway(f"the file of what is read cannot be used ({type(error).__name__})", "spool") from None
