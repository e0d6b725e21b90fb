"""What became of each request of the line: one SQLite file on the institution's own machine, its owner's alone.

    asked -> handed -> answered -> fed
                       answered -> failed -> answered ...     the court did not take it
    asked -> answered                                         returned by itself: it cannot be carried out; or a run
                                                              was killed before it wrote down `handed`
    any   -> rolled-back                                      the court took the request back, or never asked

A number stands here once. The feedback of a number is kept byte by byte, so that a court that asks again gets the same.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import orjson

from gateway.clock import stamp, unstamp
from gateway.errors import Conflict, Unavailable
from gateway.state_file import all_or_none
from schemas.canonical import JsonObject
from schemas.line import Call, Kind

State = Literal["asked", "handed", "answered", "fed", "failed", "rolled-back"]

TABLE = """
CREATE TABLE IF NOT EXISTS request (
    number TEXT PRIMARY KEY, kind TEXT NOT NULL, digest BLOB NOT NULL, fields TEXT, state TEXT NOT NULL,
    answer BLOB, operation TEXT, argument TEXT, code TEXT, trouble TEXT, since TEXT,
    message TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, due TEXT NOT NULL,
    at TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 1
)
"""
INDEX = "CREATE INDEX IF NOT EXISTS request_state ON request (state, due)"
COLUMNS = "number, kind, digest, fields, state, answer, operation, argument, code, message, tries, trouble, since"


@dataclass(frozen=True, slots=True)
class Kept:
    """One request. `answer` is the digest of the institution's own, None where there is none. `code` says why it was
    returned or failed. `feedback` is what is sent, and None once it was forgotten. `fields` are None, too, while the
    request cannot be read. `trouble`: what is wrong for the time being, and `since` when.
    """

    number: str
    kind: Kind
    digest: bytes
    fields: JsonObject | None = field(repr=False)
    state: State
    answer: bytes | None
    feedback: Call | None
    code: str | None
    message: str = field(repr=False)
    tries: int
    trouble: str | None
    since: datetime | None

    @property
    def unread(self) -> bool:
        """Whether its number is all that could be read of it until now."""
        return self.state == "asked" and self.fields is None


class Requests:
    """One process at a time writes here, and holds a lock that ends with it; others may look. Each write is durable
    when it returns.
    """

    def __init__(self, file: Path) -> None:
        """Raises Conflict (`state-in-use`), Unavailable (`state-unusable`)."""
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = file.with_name(f"{file.name}.lock")
            for one in (file, lock):
                one.touch(mode=0o600)
            self._lock = lock.open("rb")
        except OSError:
            raise _unusable() from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise Conflict("state-in-use", "Another process runs this line; one is enough.") from None
        try:
            self._database = sqlite3.connect(file, timeout=10, isolation_level=None)
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA secure_delete = ON")  # what is forgotten is personal
            self._database.execute("BEGIN EXCLUSIVE")
            self._database.execute(TABLE)
            self._database.execute(INDEX)
            self._database.execute("COMMIT")
        except sqlite3.DatabaseError:
            self._lock.close()
            raise _unusable() from None

    def close(self) -> None:
        self._database.close()
        self._lock.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or none. Raises Unavailable (`state-unusable`)."""
        try:
            with all_or_none(self._database):
                yield
        except sqlite3.DatabaseError:
            raise _unusable() from None

    def get(self, number: str) -> Kept | None:
        sql = f"SELECT {COLUMNS} FROM request WHERE number = ?"  # noqa: S608 - names of our own
        row = self._database.execute(sql, (number,)).fetchone()
        return None if row is None else _kept(row)

    def due(self, state: State, now: datetime) -> list[Kept]:
        """Those in a state whose time has come, the longest waiting first."""
        sql = f"SELECT {COLUMNS} FROM request WHERE state = ? AND due <= ? ORDER BY due, number"  # noqa: S608 - as above
        return list(map(_kept, self._database.execute(sql, (state, stamp(now))).fetchall()))

    def untold(self) -> list[Kept]:
        """Those whose outcome is not yet at the institution's desk."""
        sql = f"SELECT {COLUMNS} FROM request WHERE NOT told ORDER BY at, number"  # noqa: S608 - as above
        return list(map(_kept, self._database.execute(sql).fetchall()))

    def add(self, number: str, kind: Kind, digest: bytes, fields: JsonObject | None, now: datetime) -> None:
        self._set(
            "INSERT INTO request (number, kind, digest, fields, state, due, at) VALUES (?, ?, ?, ?, 'asked', ?, ?)",
            number, kind, digest, None if fields is None else orjson.dumps(fields).decode(), stamp(now), stamp(now),
        )  # fmt: skip

    def read(self, number: str, digest: bytes, fields: JsonObject | None) -> None:
        """What a later poll brought of a request that could not be read."""
        self._set(
            "UPDATE request SET digest = ?, fields = ?, trouble = NULL, tries = 0 WHERE number = ?",
            digest, None if fields is None else orjson.dumps(fields).decode(), number,
        )  # fmt: skip

    def mark(self, number: str, trouble: str, now: datetime) -> None:
        """What is wrong with it, and stops nothing."""
        self._set("UPDATE request SET trouble = ?, since = ? WHERE number = ?", trouble, stamp(now), number)

    def handed(self, number: str) -> None:
        self._set("UPDATE request SET state = 'handed', tries = 0, trouble = NULL WHERE number = ?", number)

    def answered(
        self, number: str, feedback: Call, now: datetime, *, answer: bytes | None = None, code: str | None = None
    ) -> None:
        """From now on these bytes are the number's answer. `code`: why it was returned by itself."""
        self._set(
            "UPDATE request SET state = 'answered', operation = ?, argument = ?, answer = ?, code = ?, tries = 0,"
            " trouble = NULL, due = ?, message = '', told = 1 WHERE number = ?",
            feedback.operation, feedback.argument, answer, code, stamp(now), number,
        )  # fmt: skip

    def again(self, number: str, now: datetime, patience: timedelta) -> None:
        """The court still asks so long after it took the feedback: the same is to be sent once more."""
        sql = "UPDATE request SET state = 'answered', tries = 0, due = ? WHERE number = ? AND at <= ?"
        self._set(sql, stamp(now), number, stamp(now - patience))

    def ended(self, number: str, state: State, now: datetime, *, code: str | None = None, message: str = "") -> None:
        """Fed, failed or rolled back; to be told at the desk. What was asked is kept only while it may be answered."""
        self._set(
            "UPDATE request SET state = ?, code = coalesce(?, code), trouble = NULL, message = ?, at = ?, told = 0,"
            " fields = iif(? = 'failed', fields, NULL) WHERE number = ?",
            state, code, message, stamp(now), state, number,
        )  # fmt: skip

    def told(self, number: str) -> None:
        self._set("UPDATE request SET told = 1 WHERE number = ?", number)

    def postpone(self, number: str, trouble: str, now: datetime, due: datetime) -> None:
        """The same trouble again leaves `since` where it is."""
        self._set(
            "UPDATE request SET tries = tries + 1, since = iif(trouble = ?, since, ?), trouble = ?, due = ?"
            " WHERE number = ?",
            trouble, stamp(now), trouble, stamp(due), number,
        )  # fmt: skip

    def forget(self, now: datetime, days: int) -> None:
        """The words of what ended so long ago; the number stays, so that it is never answered anew."""
        self._set(
            "UPDATE request SET operation = NULL, argument = NULL, message = '', fields = NULL"
            " WHERE state IN ('fed', 'failed', 'rolled-back') AND told AND at < ?"
            " AND (argument IS NOT NULL OR fields IS NOT NULL OR message <> '')",
            stamp(now - timedelta(days=days)),
        )

    def _set(self, sql: str, *values: str | bytes | None) -> None:
        try:
            self._database.execute(sql, values)
        except sqlite3.DatabaseError:
            raise _unusable() from None


def refused(file: Path) -> list[tuple[str, State, str]]:
    """(number, state, code) of what went wrong, or does for the time being; also while the line runs.

    Raises Unavailable (`state-unusable`).
    """
    why = "coalesce(trouble, code)"
    sql = f"SELECT number, state, {why} FROM request WHERE {why} IS NOT NULL ORDER BY at, number"  # noqa: S608
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", timeout=10, uri=True)) as database:
            return [(str(number), _state(state), str(code)) for number, state, code in database.execute(sql)]
    except sqlite3.DatabaseError:
        raise _unusable() from None


def _kept(row: tuple[object, ...]) -> Kept:
    number, kind, digest, fields, state, answer, operation, argument, code, message, tries, trouble, since = row
    return Kept(
        number=str(number),
        kind="query" if kind == "query" else "control",
        digest=bytes(digest) if isinstance(digest, bytes) else b"",
        fields=orjson.loads(fields) if isinstance(fields, str) else None,
        state=_state(state),
        answer=answer if isinstance(answer, bytes) else None,
        feedback=Call(str(operation), str(argument)) if operation is not None else None,
        code=None if code is None else str(code),
        message=str(message),
        tries=tries if isinstance(tries, int) else 0,
        trouble=None if trouble is None else str(trouble),
        since=None if since is None else unstamp(str(since)),
    )


def _state(text: object) -> State:
    states: tuple[State, ...] = ("asked", "handed", "answered", "fed", "failed", "rolled-back")
    for state in states:
        if state == text:
            return state
    raise _unusable()


def _unusable() -> Unavailable:
    return Unavailable("state-unusable", "The file of the line's requests cannot be opened or written.")
