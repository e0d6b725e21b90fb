"""A watched folder: what is put into it is pushed as it is, and the gateway's verdict is put beside it.

    listed twice alike -> read -> whole? -> pushed in pieces -> NAME.result.json

The results are all that is remembered: a file with a result of its own is done, any other is read. Each piece goes
under a key made of its bytes, so that a run killed anywhere, a renamed file and a file sent again are one statement.
"""

import asyncio
import hashlib
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from gateway.client import PushResult
from gateway.clock import Clock, stamp
from gateway.errors import BadRequest, FuyuanError, Refused
from gateway.pieces import is_whole, pieces
from gateway.provider import Pusher
from gateway.ways_in.folder import Found, Moved, Stamp, is_of
from schemas.canonical import JsonObject

log = structlog.get_logger(__name__)

MOST_BYTES = 8 * 1024 * 1024  # of one request, where the file can be cut
MOST_REFUSED_TOLD = 1000  # of one file, as of one request; what is longer than results are read would be no result
# Refusals of what is in the file. With any other, also one of a proxy with the same status, the file waits.
ABOUT_THE_FILE = frozenset(
    {
        "file-empty", "file-linked", "file-too-large", "file-unfinished",
        "body-too-large", "content-type", "idempotency-key-reused", "text-unusable",
    }
)  # fmt: skip


class OpenFolder(Protocol):
    """A folder, as `Folder` is: here, or on another machine. Every call raises Unavailable where it is gone."""

    async def files(self, marker: str | None = None) -> list[Found]: ...

    async def read(self, file: Found) -> bytes:
        """Raises Moved, TooLarge (`file-too-large`), PermissionError."""
        ...

    async def result(self, name: str) -> JsonObject | None: ...

    async def put_result(self, name: str, document: JsonObject) -> None: ...


class WatchedFolder(Protocol):
    def open(self) -> AbstractAsyncContextManager[OpenFolder]: ...


@dataclass(slots=True)
class Look:
    """What one look at the folder came to: files taken whole, with records in quarantine, refused, still waiting."""

    taken: int = 0
    in_part: int = 0
    refused: int = 0
    waiting: int = 0


@dataclass(slots=True)
class Watch:
    """One folder for one feed. `settle`: how long a file must lie unchanged; none where its sender sets a `marker`."""

    folder: WatchedFolder
    feed: str
    client: Pusher
    clock: Clock
    settle: timedelta = timedelta(seconds=10)
    marker: str | None = None
    _seen: dict[str, tuple[Stamp, datetime]] = field(default_factory=dict)

    async def look(self) -> Look:
        """Push what lies ready, in the order in which it was written.

        Raises Unavailable and GatewayProblem where no file is to blame; what was not pushed waits for the next look.
        """
        found = Look()
        async with self.folder.open() as folder:
            files = await folder.files(self.marker)
            self._seen = {one.name: self._seen[one.name] for one in files if one.name in self._seen}
            for file in files:
                if is_of(await folder.result(file.name), file.stamp):
                    continue
                if not self._settled(file):
                    found.waiting += 1
                    continue
                await self._take(folder, file, found)
        return found

    def _settled(self, file: Found) -> bool:
        if self.marker is not None or not file.plain:
            return True
        now = self.clock.now()
        before, since = self._seen.get(file.name, (None, now))
        if before != file.stamp:
            since = now
        self._seen[file.name] = (file.stamp, since)
        return before == file.stamp and now - since >= self.settle

    async def _take(self, folder: OpenFolder, file: Found, found: Look) -> None:
        said: JsonObject = {"stamp": dict(asdict(file.stamp)), "feed": self.feed}
        try:
            data = await _checked(folder, file, marked=self.marker is not None)
            said["sha256"] = hashlib.sha256(data).hexdigest()
            await self._push(data, said)
        except Moved:
            found.waiting += 1
            return
        except PermissionError:
            found.waiting += 1
            log.error("file-unreadable", feed=self.feed, size=file.stamp.size)  # noqa: TRY400 - its frames say nothing
            return
        except FuyuanError as error:
            if error.code not in ABOUT_THE_FILE:
                raise
            said |= {"verdict": "refused", "code": error.code, "detail": error.detail}
            said |= {"error_id": getattr(error, "error_id", ""), "at": stamp(self.clock.now())}
            log.error("file-refused", feed=self.feed, code=error.code, size=file.stamp.size)  # noqa: TRY400 - its frames say nothing
        await folder.put_result(file.name, said)
        match said["verdict"]:
            case "taken":
                found.taken += 1
            case "taken-in-part":
                found.in_part += 1
            case _:
                found.refused += 1

    async def _push(self, data: bytes, said: JsonObject) -> None:
        """Fills `said` piece by piece, so that a refusal in the middle leaves what was taken before it."""
        counts: dict[str, int] = {}
        refused: list[JsonObject] = []
        for piece in pieces(data, MOST_BYTES):
            answer = await self.client.push(self.feed, piece.body, piece.content_type, piece.key)
            for name, count in answer.counts.items():
                counts[name] = counts.get(name, 0) + count
            told = answer.quarantine[: MOST_REFUSED_TOLD - len(refused)]
            refused += [_placed(one, piece.before) for one in told]
            said |= {"counts": {**counts}, "quarantine": [*refused]}
            if journalled := _journalled_at(answer):
                said["journalled_at"] = journalled
        said |= {"verdict": "taken-in-part" if counts.get("quarantined") else "taken", "at": stamp(self.clock.now())}
        log.info("file-taken", feed=self.feed, size=len(data), counts=counts)


async def _checked(folder: OpenFolder, file: Found, *, marked: bool) -> bytes:
    """The file's bytes. Raises Moved, PermissionError, BadRequest, Refused, TooLarge."""
    if not file.plain:
        raise Refused("file-linked", "Only a file of its own is read: no link, and none with a second name elsewhere.")
    data = await folder.read(file)
    if not data or data.isspace():
        raise BadRequest("file-empty", "The file holds nothing; an export that failed looks like this.")
    if not marked and not await asyncio.to_thread(is_whole, data):
        raise BadRequest("file-unfinished", "The file stops in the middle of its last line; send it whole, end it.")
    return data


def _placed(refused: JsonObject, before: int) -> JsonObject:
    line = refused.get("line")
    return {**refused, "line": line + before} if isinstance(line, int) else refused


def _journalled_at(answer: PushResult) -> str:
    return max((at for batch in answer.batches if isinstance(at := batch.get("appended_at"), str)), default="")
