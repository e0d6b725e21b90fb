"""How an event travels over Kafka: a CloudEvent 1.0, binary mode of its Kafka binding (docs/format.md section 11).

The value is plain JSON that anybody can read; the header `fuyuan-event` holds all else of the event, its proof too.
Both together are exactly the event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from schemas.canonical import JsonObject, JsonValue, canonical

EVENT: Final = "fuyuan-event"
HEARTBEAT: Final = "fuyuan.heartbeat.v1"
PARTITION: Final = 0  # the only one of a lane's topic (rule D8)
MOST_DIGITS: Final = 17  # of a number below 2^53
BODY: Final = ("record", "notice")  # the members of an event that make the value

Headers = list[tuple[str, bytes]]


class BadMessage(ValueError):
    """Not a message as docs/format.md section 11 has it. The text repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message before it is sent. In a lane's topic it has no key."""

    value: bytes
    headers: Headers
    key: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes of value and headers."""
        return len(self.value) + sum(len(name) + len(value) for name, value in self.headers)


def topic_of(contract: str, lane: str) -> str:
    return f"fuyuan.{contract}.{lane}"


def write_event(event: JsonObject, *, gateway: str, at: str) -> Message:
    """The message of a complete event; `at` is its run's time."""
    kind, about = event["kind"], f"{event['contract']}/{event['lane']}/{event['number']}"
    value = event["notice"] if kind == "contract" else event["record"]
    rest = {name: member for name, member in event.items() if name not in BODY}
    headers = _cloud_event(about, f"fuyuan.{kind}.v1", gateway, at)
    return Message(canonical(value), [*headers, (EVENT, canonical(rest))])


def write_heartbeat(token: str, *, contract: str, gateway: str, at: str) -> Message:
    """The message of a signed heartbeat (a compact JWS, rule D11)."""
    headers = _cloud_event(f"{contract}/heartbeat/{at}", HEARTBEAT, gateway, at)
    return Message(canonical({"heads": token}), headers)


def read_message(value: bytes | None, headers: Iterable[tuple[str, bytes | None]]) -> "JsonObject | str":
    """The event, or the token of a heartbeat. Nothing of it is verified yet. Raises BadMessage."""
    found = dict(headers)
    try:
        body = orjson.loads(value or b"")
        if found.get("ce_type") == HEARTBEAT.encode():
            match body:
                case {"heads": str(token)}:
                    return token
            raise BadMessage("a heartbeat's value is its token")
        rest = orjson.loads(found.get(EVENT) or b"")
    except orjson.JSONDecodeError:
        raise BadMessage("value or header is no JSON") from None
    if not isinstance(rest, dict) or any(name in rest for name in BODY):
        raise BadMessage("the header is not an event's")
    told = rest.get("kind") == "contract"
    parts: tuple[JsonValue, JsonValue] = (None, body) if told else (body, None)
    return {**rest, "record": parts[0], "notice": parts[1]}


def read_number(headers: Iterable[tuple[str, bytes | None]]) -> int | None:
    """The number that an event's id tells, without opening it; None where it is no event, as a heartbeat is none."""
    for name, value in headers:
        if name == "ce_id":
            number = (value or b"").rpartition(b"/")[2]
            return int(number) if number.isdigit() and len(number) < MOST_DIGITS else None
    return None


def _cloud_event(about: str, kind: str, gateway: str, at: str) -> Headers:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", about.encode()),
        ("ce_source", f"urn:fuyuan:{gateway}".encode()),
        ("ce_type", kind.encode()),
        ("ce_time", at.encode()),
        ("content-type", b"application/json"),
    ]
