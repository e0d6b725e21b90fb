"""The file of what was sent, where the disk does not do what it should: one error, by its name."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.ways_in.known import Known, Unsaid


@pytest.mark.parametrize(
    "call",
    [
        lambda known: known.get("position"),
        lambda known: known.count_listed(),
        lambda known: known.rows(["[1]"]),
        lambda known: known.count_gone(1),
        lambda known: known.gone(1, 0, 10),
        lambda known: known.stands(b"identity"),
        lambda known: known.unsaid(0, 10, refused=True),
        lambda known: list(known.refusals()),
        lambda known: known.waiting(10),
        lambda known: known.put("loaded", "1"),
        lambda known: known.wait(["[1]"]),
    ],
)
def test_a_file_that_is_damaged_behind_its_opening(tmp_path: Path, call: Callable[[Known], object]) -> None:
    known = Known(tmp_path / "front.sqlite")
    for table in ("row", "waiting", "unsaid", "said"):
        known._write(f"DROP TABLE {table}")
    with pytest.raises(Unavailable, match="state-unusable"):
        call(known)
    known.close()


def test_a_file_of_an_earlier_version_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "front.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("CREATE TABLE unsaid (id INTEGER PRIMARY KEY, identity BLOB NOT NULL, named TEXT NOT NULL)")
        database.execute("INSERT INTO unsaid VALUES (7, x'01', '{}')")
    known = Known(file)
    assert known.unsaid(0, 10, refused=False) == [Unsaid(7, b"\x01", "{}", None)]
    known.close()
