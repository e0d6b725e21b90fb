"""One input record as it was cut out of a submission."""

from typing import NamedTuple

from schemas.canonical import JsonObject


class Fault(NamedTuple):
    """Why a piece cannot be read: a stable code, and a reason that repeats no value."""

    code: str
    reason: str


class Piece(NamedTuple):
    """The bytes of one input record. `deletes` where it stands in a list of what is to be deleted.

    `utf8` is the same text where it came in another encoding; `row` what a row of a table says; `fault` why the record
    could not even be cut out.
    """

    raw: bytes
    deletes: bool = False
    utf8: bytes | None = None
    row: JsonObject | None = None
    fault: Fault | None = None
