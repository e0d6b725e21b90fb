"""A clerk's table: what a spreadsheet spoilt is refused here, the rest is pushed, and the verdicts stand in a copy."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import chain, count
from pathlib import Path

import orjson

from gateway.content import NDJSON
from gateway.errors import BadRequest, Unavailable
from gateway.pieces import Piece
from gateway.provider import NOT_ALL_TAKEN, Pusher
from gateway.ways_in.whole_file import put_whole_at
from schemas.canonical import JsonObject
from schemas.sheet import Refusal, Sheet, SheetFault

ROWS_AT_ONCE, MOST_BYTES = 500, 1024 * 1024  # in one request


async def send_sheet(way: AbstractAsyncContextManager[Pusher], feed: str, file: Path, sheet: Sheet) -> int:
    """Push the rows and put FILE.verdict.xlsx beside the file. 0, or 3 where a row was not taken.

    Each request goes under a key made of its bytes: run again after it was stopped, it says the same and counts once.
    Raises BadRequest (`sheet-unwritable`), Unavailable (`verdict-unwritable`), and what the gateway answers.
    """
    refused: list[Refusal | None] = [row if isinstance(row, Refusal) else None for row in sheet.rows]
    counts: Counter[str] = Counter()
    async with way as client:
        for places, body in _bodies(sheet.rows):
            piece = Piece(NDJSON, body)
            answer = await client.push(feed, piece.body, piece.content_type, piece.key)
            counts.update(answer.counts)
            for one in answer.quarantine:
                if isinstance(line := one.get("line"), int):
                    refused[places[line - 1]] = Refusal(str(one.get("code")), str(one.get("reason")))
    try:
        copy = sheet.with_verdicts(refused)
    except SheetFault as fault:
        raise BadRequest("sheet-unwritable", f"The rows were sent; {fault}.") from None
    written = _put(copy, file)
    not_taken = len([one for one in refused if one is not None])
    said = {"rows": len(refused), "refused": not_taken, "counts": counts, "codes": _codes(refused)}
    said["copy"] = written.name
    sys.stdout.write(orjson.dumps(said).decode() + "\n")
    return NOT_ALL_TAKEN if not_taken else 0


def free_path(file: Path) -> Path:
    """FILE.verdict.xlsx, or numbered: the clerk may have mended rows in an earlier copy, or have a CSV of that name."""
    names = chain([f"{file.stem}.verdict.xlsx"], (f"{file.stem}.verdict-{number}.xlsx" for number in count(2)))
    return next(path for name in names if not os.path.lexists(path := file.with_name(name)))


def _bodies(rows: Sequence[JsonObject | Refusal]) -> Iterator[tuple[list[int], bytes]]:
    """Requests, each with the places of its rows."""
    places: list[int] = []
    lines: list[bytes] = []
    size = 0
    for place, row in enumerate(rows):
        if isinstance(row, Refusal):
            continue
        line = orjson.dumps(row)
        if places and (len(places) == ROWS_AT_ONCE or size + len(line) > MOST_BYTES):
            yield places, b"\n".join(lines)
            places, lines, size = [], [], 0
        places.append(place)
        lines.append(line)
        size += len(line)
    if places:
        yield places, b"\n".join(lines)


def _codes(refused: Sequence[Refusal | None]) -> dict[str, int]:
    return dict(Counter(one.code for one in refused if one is not None))


def _put(copy: bytes, file: Path) -> Path:
    """Where it stands: to be read by whoever may read the file itself."""
    target = free_path(file)
    try:
        mode = file.stat().st_mode & 0o666
        put_whole_at(target, f".{target.name}.tmp", copy, mode)
    except OSError as error:
        reason = f"The rows were sent, and the copy cannot be written ({type(error).__name__}); run it again."
        raise Unavailable("verdict-unwritable", reason) from None
    return target
