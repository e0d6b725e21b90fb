"""Every error that a person or another system can meet, in one tree, each with a stable code.

    FuyuanError
    ├── BadRequest      400  the message cannot be read as what it claims to be
    ├── Unauthenticated 401  who sent it is not proved
    ├── NotFound        404  not there, or not yours to know of (rule P1: both answer alike)
    ├── Conflict        409  it contradicts what already stands
    ├── TooLarge        413
    ├── WrongType       415
    ├── Refused         422  understood, and against a rule
    ├── Unavailable     503  the journal cannot be written, or a part is not ready; try again
    └── Broken          500  a proof, a seal or an invariant does not hold

`gateway/problem.py` maps the tree once to RFC 9457 problem details. A detail tells the person what to do and
never repeats a personal value.
"""

from typing import ClassVar


class FuyuanError(Exception):
    """`code` is stable: others rely on it. `detail` is for a person."""

    status: int = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class BadRequest(FuyuanError):
    status = 400
    title = "The message cannot be read"


class Unauthenticated(FuyuanError):
    status = 401
    title = "The sender is not proved"


class NotFound(FuyuanError):
    status = 404
    title = "Not found"


class Conflict(FuyuanError):
    status = 409
    title = "It contradicts what already stands"


class TooLarge(FuyuanError):
    status = 413
    title = "Too large"


class WrongType(FuyuanError):
    status = 415
    title = "Wrong content type"


class Refused(FuyuanError):
    status = 422
    title = "Refused by a rule"


class Unavailable(FuyuanError):
    status = 503
    title = "Not available now"


class Broken(FuyuanError):
    status = 500
    title = "A proof does not hold"
