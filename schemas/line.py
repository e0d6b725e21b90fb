"""What is said at the border to a court's query-and-control line (查控): requests, papers, answers, what can fail.

A court asks an institution (a bank, a real-estate registry) about a debtor's property, or to freeze it. The institution
polls, fetches the documents of each request by its number, and feeds its answer back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

from schemas.canonical import JsonObject

Kind = Literal["query", "control"]
KINDS: tuple[Kind, ...] = ("query", "control")
Institution = Literal["bank", "land"]
Charset = Literal["gbk", "utf-8", "plain"]  # of the values inside a message
Returns = Literal["feedback", "rollback"]  # how a bank sends a request back
LARGEST_MESSAGE: Final = 64 * 1024 * 1024  # bytes of an envelope: documents are images, thrice in base64


class LineFault(ValueError):
    """A message, or one item of it, that cannot be read or written. `field` is the line's own name of what is wrong,
    or empty; neither it nor the text repeats a value.
    """

    def __init__(self, code: str, field: str = "") -> None:
        super().__init__(f"{code}: {field}" if field else code)
        self.code = code
        self.field = field


@dataclass(frozen=True, slots=True)
class Call:
    """An operation of the court's service. `argument` goes after the login, as it is; None where there is none."""

    operation: str
    argument: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `number` (请求单号) is opaque and this request's alone. `fields` have the line's own names, and
    under the name of a row the list of such rows. `digest` tells it from another that uses its number.
    """

    number: str
    kind: Kind
    digest: bytes
    fields: JsonObject = field(repr=False)


@dataclass(frozen=True, slots=True)
class Unread:
    """An item of a list that cannot be acted on. `number` is None where not even that can be read."""

    number: str | None
    kind: Kind
    digest: bytes
    fault: LineFault


@dataclass(frozen=True, slots=True)
class Rollback:
    """A request that is sent back (回退), by either side, and why. `by` and `phone` say whom to ask."""

    number: str
    reason: str = field(repr=False)
    note: str = field(default="", repr=False)
    by: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Poll:
    """What one list said, in its order."""

    requests: Sequence[Request] = ()
    unread: Sequence[Unread] = ()
    rollbacks: Sequence[Rollback] = ()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A document of a request, or an officer's certificate. `suffix` is letters and digits: pdf, jpg, bin."""

    kind: Literal["document", "certificate"]
    name: str = field(repr=False)
    suffix: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What the court's service said of one feedback. `message` is its own words."""

    taken: bool
    message: str = field(default="", repr=False)


class Line(Protocol):
    """The wire of one kind of institution. Nothing here does input or output; everything raises LineFault alone."""

    def poll(self, kind: Kind) -> Call: ...

    def read_poll(self, kind: Kind, payload: str) -> Poll:
        """Items that cannot be read stand in `unread` and stop no other."""
        ...

    def documents(self, request: Request) -> Call: ...

    def certificates(self, request: Request) -> Call: ...

    def read_documents(self, payload: str) -> list[Attachment]:
        """Raises LineFault (`document-missing`, `document-differs`) where they do not carry the request."""
        ...

    def read_certificates(self, payload: str) -> list[Attachment]:
        """The same (`certificate-missing`)."""
        ...

    def feedback(self, request: Request, answer: JsonObject, at: datetime) -> Call:
        """`answer` has the members `rows` and, on a bank's control, `receipt`."""
        ...

    def rollback(self, request: Request, back: Rollback, at: datetime) -> Call:
        """`request` has no fields where they could not be read."""
        ...

    def read_result(self, payload: str, number: str) -> Result: ...

    def write_envelope(self, call: Call) -> bytes:
        """What is posted, login and all."""
        ...

    def read_envelope(self, body: bytes) -> str:
        """The payload in what came back."""
        ...
