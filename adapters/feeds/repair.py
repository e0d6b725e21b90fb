"""Broken JSON mended, where nothing but the free text (义务, `duty` mostly) is touched and the rest reads as it stands.

Seen in real records: quotes of word-processor hyperlinks that nobody escaped, raw tabs and line breaks, the whole text
in doubled quotes. Everything else stays broken, for the quarantine.
"""

import re

import orjson

from adapters.feeds.shapes import FREE_TEXT, KNOWN_KEYS, shape_of
from adapters.feeds.twice import key_stands_twice
from schemas.canonical import JsonValue

_OPENING = re.compile(r'[{,]\s*"(?:' + "|".join(map(re.escape, sorted(FREE_TEXT))) + r')"\s*:\s*"')
_ENDING = re.compile(r'"(?=\s*(?:,\s*"(?:' + "|".join(map(re.escape, sorted(KNOWN_KEYS))) + r')\s*"\s*:|\}\s*$))')
_PIECE = re.compile(r'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|["\\\x00-\x1f]')
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\r": "\\r", "\n": "\\n"}


def repaired(raw: bytes) -> dict[str, JsonValue] | None:
    """The record, where escaping inside its free text makes it valid with a known key set; else None."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    openings = [found.end() for found in _OPENING.finditer(text)]
    if len(openings) != 1:
        return None
    start = openings[0]
    # Only the first quote that a known key follows: a later one would swallow a field into the text.
    ending = _ENDING.search(text, start)
    if ending is None:
        return None
    inner, end = text[start : ending.start()], ending.start()
    if len(inner) >= 2 and inner[0] == inner[-1] == '"':  # the whole text in doubled quotes
        inner = inner[1:-1]
    mended = f"{text[:start]}{_PIECE.sub(_escaped, inner)}{text[end:]}"
    try:
        record = orjson.loads(mended)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict) or shape_of(record) is None or key_stands_twice(mended.encode(), record):
        return None
    return record


def _escaped(found: re.Match[str]) -> str:
    piece = found[0]
    return piece if len(piece) > 1 else _ESCAPES.get(piece, f"\\u{ord(piece):04x}")
