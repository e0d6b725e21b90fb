"""What a process on a party's own machine keeps in one SQLite file, opened without transactions of the driver's own."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def all_or_none(database: sqlite3.Connection) -> Iterator[None]:
    """All that is written inside stands afterwards, or nothing of it. Raises sqlite3.DatabaseError."""
    database.execute("BEGIN")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
