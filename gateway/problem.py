"""Problem details (RFC 9457), for every face that answers. What is not expected says nothing of itself."""

from typing import Final

from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from gateway.errors import FuyuanError, Unavailable
from schemas.canonical import canonical

MEDIA_TYPE: Final = "application/problem+json"


def known(error: BaseException) -> FuyuanError:
    """The error as one of the tree (`gateway/errors.py`); `internal` where nobody expected it.

    Where the database is locked, full or away nothing was half-done, for each write is one transaction.
    """
    match error:
        case FuyuanError():
            return error
        case OperationalError() | NoConnection():
            return Unavailable("journal-away", "The journal does not answer now; send it again in a moment.")
    return FuyuanError("internal", "Something went wrong here; give the error id to the operator.")


def write_problem(status: int, title: str, code: str, detail: str, error_id: str) -> bytes:
    """The document, in canonical spelling."""
    return canonical(
        {
            "type": f"urn:fuyuan:problem:{code}",
            "title": title,
            "status": status,
            "code": code,
            "detail": detail,
            "error_id": error_id,
        }
    )
