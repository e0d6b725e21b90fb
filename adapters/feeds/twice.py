"""Keys that stand twice in one object: parsers disagree on which one counts, so such a record is not read."""

import json
import re

from schemas.canonical import JsonValue

_KEY_ENDS = re.compile(rb'"[ \t\r\n]*:')
_FLAT = frozenset({str, int, float, bool, type(None)})


def key_stands_twice(raw: bytes, value: JsonValue) -> bool:
    """Whether any object in valid JSON has a key twice. The parser keeps the last silently; a signer may see the first.

    Every member has a colon behind its key, so as many colons as members left means that no member was lost; where
    texts hold colons, as many ends of keys; and only then it is worth a slow look.
    """
    flat = isinstance(value, dict) and _FLAT.issuperset(map(type, value.values()))
    members = len(value) if flat and isinstance(value, dict) else _members(value)
    if raw.count(b":") == members or len(_KEY_ENDS.findall(raw)) == members:
        return False
    return _really_twice(raw)


def _members(value: JsonValue) -> int:
    count = 0
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            count += len(one)
            left.extend(inner for inner in one.values() if type(inner) in (dict, list))
        elif isinstance(one, list):
            left.extend(inner for inner in one if type(inner) in (dict, list))
    return count


def _really_twice(raw: bytes) -> bool:
    """Slow and sure. A text that holds a quote and a colon leads here too."""
    found = False

    def note(pairs: list[tuple[str, JsonValue]]) -> None:
        nonlocal found
        found = found or len({key for key, _ in pairs}) < len(pairs)

    try:
        json.loads(raw, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return True  # it cannot be told, so it counts as twice
    return found
