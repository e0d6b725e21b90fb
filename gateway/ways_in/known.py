"""What was sent of a front-end table: one SQLite file on the party's own machine, readable by its owner alone.

It holds digests, and of a record only what names it in a withdrawal: a row that is gone cannot be asked any more.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import Conflict, Unavailable
from gateway.state_file import all_or_none

TABLES = """
CREATE TABLE IF NOT EXISTS row (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, identity BLOB NOT NULL,
    named TEXT NOT NULL, listed INTEGER NOT NULL, refused TEXT, seen INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS row_identity ON row (identity);
CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS unsaid (
    id INTEGER PRIMARY KEY, identity BLOB NOT NULL, named TEXT NOT NULL, key TEXT NOT NULL DEFAULT 'null', refused TEXT
);
CREATE TABLE IF NOT EXISTS said (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
LATER = ("key TEXT NOT NULL DEFAULT 'null'", "refused TEXT")  # columns of `unsaid` that older files do not have
ALIKE = "alike-in-batch"
AT_ONCE = 500  # values in one IN list


@dataclass(frozen=True, slots=True)
class Unsaid:
    """A record that a row said before it was put right: to be withdrawn. `named` is JSON, `refused` a code."""

    id: int
    identity: bytes
    named: str
    refused: str | None


@dataclass(frozen=True, slots=True)
class KnownRow:
    """A row as it was last sent. `named` is JSON, `refused` a code.

    `listed`: its record stands at the gateway by its word.
    """

    id: int
    key: str
    digest: bytes
    identity: bytes
    named: str
    listed: bool
    refused: str | None
    seen: int


class Known:
    """One process at a time: what it decides rests on what it sent. Writes belong in a `transaction`.

    Every call raises Unavailable (`state-unusable`).
    """

    def __init__(self, file: Path) -> None:
        """Raises Conflict (`state-in-use`), Unavailable (`state-unusable`)."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.touch(mode=0o600)
            self._database = sqlite3.connect(file, timeout=0.2, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")  # one wait for the disk at each commit
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("BEGIN EXCLUSIVE")
            for statement in TABLES.split(";"):
                self._database.execute(statement)
            has = {row[1] for row in self._database.execute("PRAGMA table_info(unsaid)")}
            for column in LATER:
                if column.partition(" ")[0] not in has:
                    self._database.execute(f"ALTER TABLE unsaid ADD COLUMN {column}")
            self._database.execute("INSERT OR IGNORE INTO said VALUES ('id', ?)", (secrets.token_hex(16),))
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise Conflict("state-in-use", "Another process sends this table; one is enough.") from None
            raise _unusable() from None
        except (sqlite3.DatabaseError, OSError):
            raise _unusable() from None

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of its writes are kept, or none."""
        with _usable(), all_or_none(self._database):
            yield

    def get(self, name: str) -> str | None:
        rows = self._read("SELECT value FROM said WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def put(self, name: str, value: str) -> None:
        self._write("INSERT OR REPLACE INTO said VALUES (?, ?)", (name, value))

    def number(self, name: str) -> int:
        return int(self.get(name) or 0)

    def count_listed(self) -> int:
        return int(self._read("SELECT count(*) FROM row WHERE listed")[0][0])

    def rows(self, keys: Sequence[str]) -> dict[str, KnownRow]:
        found: dict[str, KnownRow] = {}
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            marks = ",".join("?" * len(some))
            sql = f"SELECT * FROM row WHERE key IN ({marks})"  # noqa: S608 - question marks alone
            found |= {row.key: row for row in map(_row, self._read(sql, some))}
        return found

    def saw(self, ids: Iterable[int], run: int) -> None:
        self._many("UPDATE row SET seen = ? WHERE id = ?", ((run, one) for one in ids))

    def count_gone(self, run: int) -> int:
        """Rows that stand at the gateway and were not seen in this run."""
        return int(self._read("SELECT count(*) FROM row WHERE listed AND seen < ?", (run,))[0][0])

    def gone(self, run: int, behind: int, most: int) -> list[KnownRow]:
        """The same, page by page, in the order of their ids."""
        sql = "SELECT * FROM row WHERE listed AND seen < ? AND id > ? ORDER BY id LIMIT ?"
        return [_row(row) for row in self._read(sql, (run, behind, most))]

    def stands(self, identity: bytes, but: str = "", run: int = 0) -> bool:
        """Whether a row other than `but`, seen in this run, says the same record: then it is not to be withdrawn."""
        sql = "SELECT 1 FROM row WHERE identity = ? AND key <> ? AND listed AND seen >= ? LIMIT 1"
        return bool(self._read(sql, (identity, but, run)))

    def unsay(self, row: KnownRow) -> None:
        """Its record is no longer what the row says; it is to be withdrawn, unless another row says it."""
        sql = "INSERT INTO unsaid (identity, named, key) VALUES (?, ?, ?)"
        self._write(sql, (row.identity, row.named, row.key))

    def unsaid(self, behind: int, most: int, *, refused: bool) -> list[Unsaid]:
        """The oldest of these; those that were `refused` only where it is asked for."""
        sql = "SELECT id, identity, named, refused FROM unsaid WHERE id > ? AND (? OR refused IS NULL)"
        return [Unsaid(*row) for row in self._read(f"{sql} ORDER BY id LIMIT ?", (behind, refused, most))]

    def not_withdrawn(self, id_: int, code: str) -> None:
        self._write("UPDATE unsaid SET refused = ? WHERE id = ?", (code, id_))

    def withdrawn(self, ids: Iterable[int]) -> None:
        self._many("DELETE FROM unsaid WHERE id = ?", ((one,) for one in ids))

    def keep(
        self,
        key: str,
        digest: bytes,
        identity: bytes,
        named: str,
        run: int,
        *,
        listed: bool,
        refused: str | None,
    ) -> None:
        """A row as it is known from now on."""
        self._write(
            "INSERT INTO row (key, digest, identity, named, listed, refused, seen) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, identity = excluded.identity,"
            " named = excluded.named, listed = excluded.listed, refused = excluded.refused,"
            " seen = max(seen, excluded.seen)",
            (key, digest, identity, named, listed, refused, run),
        )

    def forget(self, keys: Iterable[str]) -> None:
        self._many("DELETE FROM row WHERE key = ?", ((key,) for key in keys))

    def try_again(self, identity: bytes) -> None:
        """A row that said this record says it no more: its like, refused for the two of them, may now be the one."""
        sql = "UPDATE row SET digest = x'' WHERE identity = ? AND refused = ?"
        self._write(sql, (identity, ALIKE))

    def forget_unlisted(self, run: int) -> None:
        """Rows that are gone and of which nothing stands at the gateway."""
        left = "SELECT identity FROM row WHERE NOT listed AND seen < ?"
        again = f"UPDATE row SET digest = x'' WHERE refused = ? AND seen >= ? AND identity IN ({left})"  # noqa: S608
        self._write(again, (ALIKE, run, run))
        self._write("DELETE FROM row WHERE NOT listed AND seen < ?", (run,))

    def refuse(self, key: str, code: str) -> None:
        self._write("UPDATE row SET refused = ? WHERE key = ?", (code, key))

    def refusals(self) -> Iterator[tuple[str, str]]:
        """(key, code) of each row that is refused as it stands."""
        yield from self._read("SELECT key, refused FROM row WHERE refused IS NOT NULL ORDER BY id")

    def standing(self) -> Iterator[tuple[str, str]]:
        """The same of each row whose earlier record still stands, for its withdrawal is refused."""
        yield from self._read("SELECT key, refused FROM unsaid WHERE refused IS NOT NULL ORDER BY id")

    def wait(self, keys: Iterable[str]) -> None:
        """These are to be sent, behind those that wait already."""
        self._many("INSERT OR IGNORE INTO waiting (key) VALUES (?)", ((key,) for key in keys))

    def waiting(self, most: int) -> list[str]:
        return [str(row[0]) for row in self._read("SELECT key FROM waiting ORDER BY id LIMIT ?", (most,))]

    def done(self, keys: Iterable[str]) -> None:
        self._many("DELETE FROM waiting WHERE key = ?", ((key,) for key in keys))

    def none_waits(self) -> None:
        self._write("DELETE FROM waiting")

    def _read(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        with _usable():
            return self._database.execute(sql, values).fetchall()

    def _write(self, sql: str, values: Sequence[object] = ()) -> None:
        with _usable():
            self._database.execute(sql, values)

    def _many(self, sql: str, values: Iterable[Sequence[object]]) -> None:
        with _usable():
            self._database.executemany(sql, values)


@contextmanager
def _usable() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError:
        raise _unusable() from None


def _unusable() -> Unavailable:
    return Unavailable("state-unusable", "The file of what was sent cannot be opened or written.")


def _row(row: tuple[int, str, bytes, bytes, str, int, str | None, int]) -> KnownRow:
    id_, key, digest, identity, named, listed, refused, seen = row
    return KnownRow(id_, key, digest, identity, named, bool(listed), refused, seen)
