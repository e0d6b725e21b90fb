"""The file of what was sent, where the disk does not do what it should: one error, by its name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from gateway.ways_in.known import Known


@pytest.mark.parametrize(
    "call",
    [
        lambda known: known.get("position"),
        lambda known: known.count_listed(),
        lambda known: known.rows(["[1]"]),
        lambda known: known.count_gone(1),
        lambda known: known.gone(1, 0, 10),
        lambda known: known.stands(b"identity"),
        lambda known: known.unsaid(10),
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
