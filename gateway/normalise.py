"""`fuyuan normalise`: what the adapters make of a file, off-line, one JSON line for each input record.

There is no gateway behind it and so no provider's record key: record ids come from a fixed key that everybody knows,
and say nothing about the ids a gateway gives.
"""

import base64
from collections import Counter
from datetime import date
from pathlib import Path
from typing import BinaryIO, TextIO

import orjson

from gateway.clock import SystemClock, china_date
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import UnknownFeed
from schemas.reading import Accepted, Item, Reader, Rejected

TEST_RECORD_KEY = b"fuyuan normalise, a test key only"
DONE, CANNOT = 0, 2


def normalise_file(feed: str, file: Path, read: Reader, out: BinaryIO, err: TextIO) -> int:
    """As `normalise`, of a file, with today's date in China. 2 where the file cannot be read."""
    try:
        data = file.read_bytes()
    except OSError as error:
        err.write(f"cannot read the file: {error.strerror or type(error).__name__}\n")
        return CANNOT
    return normalise(feed, data, read, out, err, today=china_date(SystemClock().now()))


def normalise(feed: str, data: bytes, read: Reader, out: BinaryIO, err: TextIO, *, today: date) -> int:
    """Writes the lines to `out` and a summary to `err`. Exit code 0, or 2 where the feed is unknown."""
    try:
        items = read(feed, data, TEST_RECORD_KEY, today)
    except UnknownFeed:
        err.write("no adapter reads this feed\n")
        return CANNOT
    counts: Counter[str] = Counter()
    for item in items:
        counts[_counted(item)] += 1
        out.write(_line(item))
    out.flush()
    err.write("record ids are made with a fixed test key; a gateway gives others\n")
    err.write(f"{counts.total()} input records: {', '.join(f'{n} {what}' for what, n in sorted(counts.items()))}\n")
    return DONE


def _counted(item: Item) -> str:
    match item:
        case Accepted():
            return "accepted"
        case Rejected():
            return f"rejected ({item.code})"
        case _:
            return "withdrawn"


def _line(item: Item) -> bytes:
    match item:
        case Accepted(line, record):
            # The record writes itself, so it goes in as text.
            return b'{"line":%d,"record":%s%s}\n' % (line, record.model_dump_json().encode(), _replaces(item))
        case Rejected():
            rejected: JsonObject = {"code": item.code, "reason": item.reason, "raw": _raw(item.raw)}
            return _dump({"line": item.line, "rejected": rejected})
        case _:
            withdrawn: JsonObject = {"record_ids": list(item.record_ids), "status_reason": item.status_reason}
            return _dump({"line": item.line, "withdrawn": withdrawn})


def _replaces(item: Accepted) -> bytes:
    """The records that the listing takes the place of, where it names any."""
    if item.replaces is None:
        return b""
    return b',"replaces":%s' % orjson.dumps([{"record_id": one} for one in item.replaces.record_ids])


def _raw(raw: bytes) -> JsonValue:
    """The text, or base64 where it is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def _dump(value: JsonObject) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
