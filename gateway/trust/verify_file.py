"""`fuyuan verify`: a file of events, receipts, checkpoints, heartbeats and contracts against a key set, off-line."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import orjson

from gateway.clock import Clock, SystemClock
from gateway.errors import BadRequest
from gateway.trust.keys import KeySet
from gateway.trust.verify import verify_line
from schemas.canonical import CanonicalError, JsonObject, parse_strict


def verify_file(path: Path, jwks_path: Path, out: TextIO, clock: Clock | None = None) -> int:
    """One JSON verdict a line on `out`. Exit code 0 where all are valid, 1 where one is not or there is none at all.

    The file is NDJSON, or one JSON value over any number of lines. Raises BadRequest (`keys-unreadable`).
    """
    try:
        keys = KeySet.from_jwks(jwks_path.read_bytes()).as_of((clock or SystemClock()).now())
    except ValueError as error:
        raise BadRequest("keys-unreadable", f"{jwks_path.name} is no key set: {error}.") from None
    failed = 0
    line = 0
    for line, document in _documents(path.read_bytes()):
        verdict = verify_line(document, keys)
        failed += verdict.status != "valid"
        said: JsonObject = {"line": line, "verdict": verdict.status, "kind": verdict.kind}
        if verdict.id is not None:
            said["id"] = verdict.id
        if verdict.by:
            said["by"] = list(verdict.by)
        if verdict.reason is not None:
            said["reason"] = verdict.reason
        out.write(orjson.dumps(said).decode() + "\n")
    if not line:
        out.write('{"line":1,"verdict":"invalid","kind":"unknown","reason":"the file is empty"}\n')
        return 1
    return 1 if failed else 0


def _documents(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The documents with the line on which each begins. One value over many lines has no line that is an object."""
    lines = [(number, line) for number, line in enumerate(data.split(b"\n"), start=1) if line.strip()]
    if len(lines) > 1 and not any(map(_is_object, (line for _, line in lines))):
        yield lines[0][0], data
    else:
        yield from lines


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(parse_strict(line), dict)
    except (CanonicalError, RecursionError):
        return False
