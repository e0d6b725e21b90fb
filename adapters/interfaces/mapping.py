"""What a department's interface is like, as a small file. A path leads through the members of an answer: `data.list`.

feed = "dishonest-debtor"
url = "https://share.example/dsj/sxbzxr"
key = ["id"]                    # what a record is known by from one reading to the next
optional = ["duty"]             # members that may be wanting from every record; any other vanished overnight
parameters = { region = "410811" }  # sent with each request; may be left out, as all below may

[columns]                       # a member of the record, in the words of any form of the list -> path; may be left out
caseCode = "ah"

[named]                         # the members that name a record in a withdrawal -> path
case_number = "ah"
name = "bzxrmc"

[answer]
ok = "code"                     # where it says whether it is an answer at all, and the values that say so
values = ["0", "200"]
rows = "data.list"

[pages]
by = "number"                   # or "offset", or "cursor"
parameter = "pageNum"
first = 1
size_parameter = "pageSize"
size = 200
total = "data.total"            # may be left out: then two empty pages end a reading
next = "data.next"              # by cursor: what to send for the next page, nothing behind the last

[sign]
by = "tif"                      # or "app", or "none"
id = "shanyang-court"

[changes]
by = "refresh"                  # the whole each time; or "watermark"
parameter = "gxsj"              # watermark: sent with the time, or number, from which on changes are wanted
path = "gxsj"                   # watermark: where a record has it
kind = "time"                   # watermark: or "number"; 20261124000100 is a time
format = "%Y-%m-%d %H:%M:%S"    # watermark: how a time is sent, in China time
overlap = 600                   # watermark: seconds, or numbers, that are read again each time
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from adapters.fronts.mapping import BrakeAt, Deletions, Name, Part, fault_of
from schemas.front import FrontFault
from schemas.loopback import is_in_the_clear

Seconds = Annotated[float, Field(gt=0, le=3600)]


class Answer(Part):
    ok: Name
    values: tuple[str, ...] = Field(min_length=1)
    rows: Name
    may_be_empty: bool = False


class Pages(Part):
    by: Literal["number", "offset", "cursor"]
    parameter: Name
    first: int = Field(1, ge=0)
    size_parameter: Name | None = None
    size: int = Field(200, ge=1, le=10_000)
    total: Name | None = None
    next: Name | None = None

    @model_validator(mode="after")
    def _next_by_cursor(self) -> Self:
        if (self.by == "cursor") != (self.next is not None):
            raise ValueError("by cursor: next, and nowhere else")
        return self


class Sign(Part):
    """`tif`: headers PREFIX + paasid, timestamp, nonce, signature. `app`: parameters of these names."""

    by: Literal["tif", "app", "none"] = "none"
    id: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")] = "-"
    prefix: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = "x-tif-"
    id_parameter: Name = "appId"
    timestamp_parameter: Name = "timestamp"
    sign_parameter: Name = "sign"
    milliseconds: bool = False


class Changes(Part):
    by: Literal["refresh", "watermark"] = "refresh"
    parameter: Name | None = None
    path: Name | None = None
    kind: Literal["time", "number"] = "time"
    format: str = "%Y-%m-%d %H:%M:%S"
    overlap: int = Field(600, ge=0)

    @model_validator(mode="after")
    def _members_of_a_watermark(self) -> Self:
        if (self.by == "watermark") != bool(self.parameter and self.path):
            raise ValueError("by watermark: parameter and path, and nowhere else")
        return self


class InterfaceMapping(Part):
    feed: Name
    url: str
    method: Literal["GET", "POST"] = "GET"
    unencrypted: bool = False
    ca_file: Path | None = None
    parameters: Mapping[Name, str] = Field(default_factory=dict)
    seconds: Seconds = 60
    clock: Seconds = 300
    key: tuple[Name, ...] = Field(min_length=1)
    optional: tuple[Name, ...] = ()
    columns: Mapping[Name, Name] = Field(default_factory=dict)
    named: Mapping[Name, Name] = Field(min_length=1)
    answer: Answer
    pages: Pages
    sign: Sign = Sign()
    changes: Changes = Changes()
    deletions: Deletions = Deletions()
    brake: BrakeAt = BrakeAt()

    @field_validator("url")
    @classmethod
    def _no_secret_and_a_host(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("an http(s) address without parameters")
        if parts.username or parts.password:
            raise ValueError("no user and no password; secrets stand in a file of their own")
        return url

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if is_in_the_clear(self.url) and not self.unencrypted:
            raise ValueError("http lets anybody on the way read and change records; https, or unencrypted = true")
        return self


def read_interface_mapping(path: Path) -> InterfaceMapping:
    """Raises FrontFault, naming the member."""
    try:
        return InterfaceMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise FrontFault("the mapping is no TOML") from None
    except ValidationError as error:
        raise fault_of(error) from None
