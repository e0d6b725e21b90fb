"""What a provider does from the command line: push a file, withdraw a record, read the receipts."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import orjson
from rich.console import Console
from rich.progress import Progress

from gateway.client import EventPage, GatewayClient, PushResult
from gateway.clock import SystemClock
from gateway.errors import BadRequest
from gateway.pieces import pieces
from gateway.settings import load_settings
from gateway.trust.keys import SigningKey
from schemas.canonical import JsonObject

POLL_SECONDS = 5.0
NOT_ALL_TAKEN = 3  # exit status: something is in quarantine, refused, or left for later


def open_client(gateway: str, key_file: Path) -> GatewayClient:
    return GatewayClient(gateway, SigningKey.load(key_file), load_settings().audience, SystemClock())


class Pusher(Protocol):
    """A way in for a provider: HTTP, or its topic."""

    async def push(
        self, feed: str, body: bytes, content_type: str, idempotency_key: str, *, relist: bool = False
    ) -> PushResult: ...


async def push_file(
    way: AbstractAsyncContextManager[Pusher], feed: str, file: Path, *, relist: bool, most_bytes: int | None = None
) -> int:
    """Send a file in pieces, each with a key made of its own bytes: safe to run again. Exit 0, or 3 with quarantine.

    A piece holds `most_bytes` at most, where that is given and its lines allow it.
    """
    data = await asyncio.to_thread(file.read_bytes)
    if not data.strip():
        raise BadRequest("file-empty", "The file holds nothing; an export that failed looks like this.")
    parts = list(pieces(data, most_bytes))
    totals: dict[str, int] = {}
    refused: list[JsonObject] = []
    async with way as client:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(f"pushing {feed}", total=len(parts))
            for piece in parts:
                # Listing again is a new statement each time it is made; a plain push is the same one.
                key = f"relist-{uuid4().hex}" if relist else piece.key
                result = await client.push(feed, piece.body, piece.content_type, key, relist=relist)
                for name, count in result.counts.items():
                    totals[name] = totals.get(name, 0) + count
                refused += result.quarantine
                progress.advance(task)
    sys.stdout.write(orjson.dumps({"counts": totals, "quarantine": refused}).decode() + "\n")
    return NOT_ALL_TAKEN if totals.get("quarantined") else 0


async def withdraw_record(
    gateway: str,
    key_file: Path,
    feed: str,
    reason: str,
    *,
    record_id: str | None,
    number: str | None = None,
    case: str | None,
    name: str | None,
    wait: float,
    contracts: Sequence[str],
) -> int:
    """Withdraw, then wait for the releases of the agencies whose receipts contracts are named.

    Exit 0, 3 where it was quarantined, 4 where nothing matched.
    """
    named: JsonObject = {"record_id": record_id} if record_id else {"case_number": case, "name": name}
    if number and not record_id:
        named = {"number": number}
    if not record_id and not number and not (case and name):
        sys.stderr.write("name the record: --record, or --case and --name, or a control request's --number\n")
        return 2
    async with open_client(gateway, key_file) as client:
        cursors = {contract: await _end_of(client, contract) for contract in contracts}
        began = time.monotonic()
        result = await client.withdraw(feed, {**named, "status_reason": reason})
        sys.stdout.write(orjson.dumps({"counts": result.counts, "quarantine": result.quarantine}).decode() + "\n")
        if result.counts["quarantined"]:
            sys.stderr.write("nothing is withdrawn: the answer's quarantine says what to put right\n")
            return NOT_ALL_TAKEN
        if result.counts["unmatched"]:
            sys.stderr.write("alarm: nothing that was ever listed matches; check the case number and the name\n")
            return 4
        while cursors and time.monotonic() - began < wait:
            for contract, cursor in list(cursors.items()):
                page = await client.events(contract, cursor, 500, min(wait, 1.0))
                cursors[contract] = page.next
                for record in _receipts(page):
                    if record["kind"] == "released":
                        took = time.monotonic() - began
                        line = {"released": record["agency"], "for": record["key"], "seconds": f"{took:.3f}"}
                        sys.stdout.write(orjson.dumps(line).decode() + "\n")
                        cursors.pop(contract, None)
    return 0


async def print_receipts(gateway: str, key_file: Path, contract: str) -> int:
    """Every receipt under a contract so far, one JSON line each."""
    async with open_client(gateway, key_file) as client:
        async for page in _pages(client, contract):
            for record in _receipts(page):
                sys.stdout.write(orjson.dumps(record).decode() + "\n")
    return 0


async def _pages(client: GatewayClient, contract: str) -> AsyncIterator[EventPage]:
    cursor = ""
    while True:
        page = await client.events(contract, cursor, 500, 0)
        yield page
        if not page.events:
            return
        cursor = page.next


async def _end_of(client: GatewayClient, contract: str) -> str:
    cursor = ""
    async for page in _pages(client, contract):
        cursor = page.next
    return cursor


def _receipts(page: EventPage) -> list[JsonObject]:
    return [
        record for event in page.events if isinstance(record := event["record"], dict) and event["kind"] == "upsert"
    ]
