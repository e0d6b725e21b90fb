"""The subscriber's place in both lanes, as an opaque text. It grants nothing: the contract decides what is shown."""

from dataclasses import dataclass

from gateway.errors import BadRequest
from gateway.trust.documents import LANES, Lane
from schemas.canonical import CanonicalError, b64u, unb64u

NUMBER_LIMIT = 2**53


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last number seen of each lane; 0 before the first."""

    priority: int = 0
    bulk: int = 0

    def of(self, lane: Lane) -> int:
        return self.priority if lane == "priority" else self.bulk

    def write(self) -> str:
        return b64u(b"%d.%d" % (self.priority, self.bulk))


def read_cursor(text: str) -> Cursor:
    """Raises BadRequest (`cursor-unreadable`) for anything that `Cursor.write` did not make. Empty is the start."""
    if not text:
        return Cursor()
    try:
        numbers = [int(part) for part in unb64u(text).decode("ascii").split(".")]
        cursor = Cursor(*numbers)
    except (CanonicalError, UnicodeDecodeError, ValueError, TypeError):
        cursor = None
    if cursor is None or cursor.write() != text or not all(0 <= cursor.of(lane) < NUMBER_LIMIT for lane in LANES):
        raise BadRequest(
            "cursor-unreadable", "The cursor is not one of ours; leave it out to start from the beginning."
        )
    return cursor
