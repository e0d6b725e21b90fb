"""JSON cut into the bytes of its records: NDJSON, an array, one object, a container of lists.

A broken record must not take its neighbours with it, so an array is walked element by element, and behind a broken
one the walk goes on at the next element that can be told for certain.
"""

import json
import re
from collections.abc import Generator, Iterable, Iterator

import orjson

from adapters.feeds.encodings import BOM
from adapters.feeds.piece import Piece
from adapters.feeds.shapes import is_listing
from schemas.canonical import JsonObject

MOST_BROKEN = 1000  # behind so many broken elements of one array the rest is one broken piece
DEEPEST = 8  # wrappers in wrappers
WINDOW = 1 << 16  # characters looked at to tell whether a record begins somewhere

_SCAN = json.JSONDecoder(strict=False).raw_decode
_SPACE = re.compile(r"[ \t\r\n]*")
_NEXT_ELEMENT = re.compile(r'[ \t\r\n]*,[ \t\r\n]*(?=\{[ \t\r\n]*"((?:[^"\\]|\\.){1,64})")')
_FIRST_KEY = re.compile(r'\{[ \t\r\n]*"((?:[^"\\]|\\.){1,64})"')
_BLANK = b" \t\r\n"
_OPENS = (b"{", b"[")
_CLOSES = (b"}", b"]")

UPDATES, DELETES = "updateList", "deleteList"
_LISTS = frozenset({UPDATES, DELETES})
# What interfaces wrap an answer in: members that lead to the list.
_WRAPPERS = frozenset(
    {"data", "Data", "result", "Result", "results", "items", "rows", "list", "records", "hits", "content", "disp_data"}
)
_WRAPPED = re.compile(
    rb'"(?:%s)"[ \t\r\n]*:[ \t\r\n]*[\[{]' % b"|".join(sorted(name.encode() for name in _WRAPPERS | _LISTS))
)


def split(data: bytes) -> Iterator[Piece]:
    """Every record of a submission, in order. A piece may still be broken; an empty one stands for what was cut off."""
    data = data.removeprefix(BOM).strip(_BLANK)
    if data.startswith(b"["):
        text = data.decode("utf-8", "surrogateescape")
        end = yield from _elements(text, 0)
        yield from _lines(_encode(text[end:]))
    elif b"\n" in data and not _parses(data[: data.index(b"\n")]) and _parses(data):
        yield from _value(data, containers=True)
    else:
        yield from _lines(data)


def _lines(data: bytes) -> Iterator[Piece]:
    """One value a line. A line that opens no value goes on from the line before: a raw line break in a text."""
    pending = b""
    containers = _WRAPPED.search(data) is not None
    for line in data.split(b"\n"):
        if pending[:1] in _OPENS and line[:1] not in _OPENS and not pending.rstrip(_BLANK).endswith(_CLOSES):
            pending += b"\n" + line
            continue
        if pending:
            yield from _value(pending.strip(_BLANK), containers=containers)
        pending = line if line.strip(_BLANK) else b""
    if pending:
        yield from _value(pending.strip(_BLANK), containers=containers)


def _value(raw: bytes, *, containers: bool) -> Iterable[Piece]:
    if raw.startswith(b"["):
        return _array(raw)
    if containers and _is_container(raw):
        return _of_container(raw.decode())
    return (Piece(raw),)


def _array(raw: bytes) -> Iterator[Piece]:
    text = raw.decode("utf-8", "surrogateescape")
    end = yield from _elements(text, 0)
    if rest := text[end:].strip(" \t\r\n"):
        yield Piece(_encode(rest))


def _is_container(raw: bytes) -> bool:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and not is_listing(value) and "feed" not in value and _lists_in(value) == 1


def _lists_in(value: JsonObject, depth: int = 0) -> int:
    """How many lists of records a value holds, an update list and its delete list being one."""
    if not _LISTS.isdisjoint(value):
        return 1 if all(isinstance(value.get(name, []), list) for name in _LISTS) else 0
    count = 0
    for name in value.keys() & _WRAPPERS:
        inner = value[name]
        if isinstance(inner, dict) and depth < DEEPEST:
            count += _lists_in(inner, depth + 1)
        elif isinstance(inner, list) and any(isinstance(one, dict) for one in inner):
            count += 1
    return count


def _of_container(text: str) -> Iterator[Piece]:
    yield from _contained(text, _skip(text, 0))


def _contained(text: str, start: int, depth: int = 0) -> Generator[Piece, None, int]:
    """The elements of a valid container's lists, each with its own bytes. Returns the position behind it."""
    position = _skip(text, start + 1)
    while text[position] != "}":
        key, position = _SCAN(text, position)
        position = _skip(text, _skip(text, position) + 1)
        if text[position] == "[" and key in _LISTS | _WRAPPERS:
            position = yield from _elements(text, position, deletes=key == DELETES)
        elif text[position] == "{" and key in _WRAPPERS and depth < DEEPEST:
            position = yield from _contained(text, position, depth + 1)
        else:
            _, position = _SCAN(text, position)
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return position + 1


def _elements(text: str, start: int, *, deletes: bool = False) -> Generator[Piece, None, int]:
    """The elements of the array that opens at `start`. Returns the position behind it."""
    position = _skip(text, start + 1)
    broken = 0
    while position < len(text):
        if text[position] == "]":
            return position + 1
        if text[position] == ",":
            position = _skip(text, position + 1)
            continue
        end = _scan(text, position)
        if end is None:
            broken += 1
            end = _next_element(text, position) if broken <= MOST_BROKEN else len(text)
            if end == len(text):
                return (yield from _last(text, position, deletes=deletes))
        yield Piece(_encode(text[position:end]), deletes)
        position = _skip(text, end)
    yield Piece(b"")  # the closing bracket is not there, nor whatever else was cut off with it
    return position


def _last(text: str, position: int, *, deletes: bool) -> Generator[Piece, None, int]:
    """A broken element with no other behind it, without the array's own closing bracket."""
    rest = text[position:].rstrip(" \t\r\n")
    yield Piece(_encode(rest.removesuffix("]").rstrip(" \t\r\n") if rest.endswith("]") else rest), deletes)
    return len(text)


def _scan(text: str, position: int) -> int | None:
    try:
        _, end = _SCAN(text, position)
    except (ValueError, RecursionError):
        return None
    return end


def _next_element(text: str, position: int) -> int:
    """Where a broken element ends: before the next one that reads as a listing, or begins as the broken one did."""
    opening = _FIRST_KEY.match(text, position)
    for found in _NEXT_ELEMENT.finditer(text, position):
        if opening and found[1] == opening[1]:
            return found.start()
        try:
            value, _ = _SCAN(text[found.end() : found.end() + WINDOW], 0)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and is_listing(value):
            return found.start()
    return len(text)


def _parses(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
