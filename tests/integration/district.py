"""A whole district in one process: the gateway's application over a real database, and signed requests to it."""

import io
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from contracts.model import Terms
from gateway.api.app import create_app
from gateway.client import EventPage, GatewayClient
from gateway.clock import ManualClock, stamp
from gateway.demo.cast import COURT, Cast, sign
from gateway.journal.erase import erase_record
from gateway.journal.proofs import TreeHead, read_tree_head
from gateway.journal.tables import metadata
from gateway.running import Running
from gateway.settings import Settings
from gateway.trust import jws
from gateway.trust.documents import Checkpoint, Heartbeat, read
from gateway.trust.http_signature import FIELDS_IF_PRESENT, sign_request
from gateway.trust.keyring import load_keyring
from gateway.trust.keys import KeySet, Signer
from gateway.trust.merkle import root
from gateway.trust.verify import open_heartbeat, verify_line
from gateway.wiring import open_gateway
from schemas.canonical import JsonObject, b64u, canonical
from tests.databases import Databases

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests/data/samples"
FEED = "dishonest-debtor"
NDJSON = "application/x-ndjson"
CREDIT, MARKET, TRADING = "shanyang-credit-platform", "shanyang-market-regulation", "shanyang-public-resource-trading"
TO_MARKET, FROM_MARKET = "debtors-to-market-regulation", "receipts-from-market-regulation"
BATCHES, RECEIPTS = f"/v1/feeds/{FEED}/batches?mode=delta", "/v1/receipts"

MAX_BODY_BYTES = 64 * 1024

# What a request that is refused may leave behind: a used signature, and nothing else.
NOT_JOURNAL = frozenset({"request_nonce"})

Event = dict[str, Any]


@dataclass(frozen=True)
class Founded:
    """A gateway's folder and database, with every party admitted and every contract in force."""

    folder: Path
    cast: Cast
    database_url: str
    databases: Databases

    @contextmanager
    def copied(self) -> Iterator["Founded"]:
        """The same with a database of its own, to be written to."""
        with self.databases.fresh(self.database_url) as url:
            yield replace(self, database_url=url)


@dataclass
class District:
    """The gateway with every party admitted and every contract in force. `log` holds all that it has written so far."""

    running: Running
    cast: Cast
    clock: ManualClock
    transport: httpx.ASGITransport
    log: io.StringIO

    def client(self, party: str) -> GatewayClient:
        return GatewayClient(
            "http://gateway.test",
            self.cast.keys[party],
            self.running.settings.audience,
            self.clock,
            transport=self.transport,
        )

    async def tree_head(self) -> TreeHead:
        """The journal's tree as it stands now."""
        async with self.running.engine.connect() as connection:
            return await read_tree_head(connection)

    async def activate(self, contract: str = TO_MARKET, **changed: Any) -> None:
        """The agreement with market regulation, changed and signed anew by both: a next version, or another one."""
        terms = self.cast.contracts[TO_MARKET].terms.model_dump(mode="json")
        new = Terms.model_validate(terms | {"id": contract} | changed)
        await self.running.registry.activate(sign(new, [self.cast.keys[party] for party in (COURT, MARKET)]))

    async def push(self, *records: JsonObject, relist: bool = False) -> dict[str, int]:
        """Records from the court, one line each: the counts."""
        self.clock.at = self.clock.at.replace(microsecond=(self.clock.at.microsecond + 1000) % 1_000_000)
        body = b"\n".join(map(canonical, records))
        key = f"push-{self.clock.at.timestamp()}"
        return (await self.client(COURT).push(FEED, body, NDJSON, key, relist=relist)).counts

    async def withdraw(self, record: JsonObject, reason: str = "performed") -> dict[str, int]:
        """The court takes one of `record`'s kind back, by case number and name."""
        words: JsonObject = {"case_number": record["caseCode"], "name": record["iname"], "status_reason": reason}
        return (await self.client(COURT).withdraw(FEED, words)).counts

    async def erase(self, record_id: str) -> None:
        """As the gateway's operator does it."""
        settings = self.running.settings
        key = load_keyring(settings.key_dir, settings.party, self.clock).signing
        await erase_record(self.running.engine, self.clock, key, FEED, COURT, record_id)

    async def pull(self, party: str, contract: str, after: str = "", limit: int = 500) -> tuple[list[Event], EventPage]:
        """Every event behind `after`, each verified with public keys alone, and the last page."""
        client, keys = self.client(party), await self.keys()
        events: list[Event] = []
        while True:
            page = await client.events(contract, after, limit)
            for event in page.events:
                verdict = verify_line(canonical(event), keys)
                assert verdict.status == "valid", verdict.reason
            events += page.events
            if not page.events:
                return events, page
            after = page.next

    async def keys(self) -> KeySet:
        """The keys as anybody may read them."""
        return KeySet.from_jwks(canonical(await self.client(COURT).keys()))

    async def heartbeat(self, token: str) -> Heartbeat:
        """What a heartbeat says, once public keys have confirmed it (D11)."""
        keys = await self.keys()
        assert verify_line(canonical({"heartbeat": token}), keys).status == "valid"
        return open_heartbeat(token, keys)[0]

    async def checkpoint(self, token: str) -> Checkpoint:
        """What a checkpoint says, once public keys have confirmed it."""
        keys = await self.keys()
        assert verify_line(canonical({"checkpoint": token}), keys).status == "valid"
        return read(Checkpoint, jws.verify(token, jws.CHECKPOINT, keys)[0])

    async def leaf(self, event: Event) -> bytes:
        leaf = verify_line(canonical(event), await self.keys()).leaf
        assert leaf is not None
        return leaf

    async def receipt(self, event: Event, kind: str = "blocked", **changed: Any) -> str:
        """A receipt for one event as the contract's subscriber signs it (docs/format.md section 6)."""
        return self.sign(await self.receipt_payload(event, kind) | changed)

    async def receipt_payload(self, event: Event, kind: str = "blocked") -> dict[str, Any]:
        contract = event["contract"]
        place = {"lane": event["lane"], "number": event["number"], "cause": event["cause"]}
        return self._payload(contract, kind, f"{contract}/{event['lane']}/{event['number']}/7") | {
            "event": place | {"leaf": b64u(await self.leaf(event))},
            "record_id": event["record"]["record_id"] if event["record"] else None,
            "measure": "market-entry-restriction",
            "row": "7",
        }

    async def received(self, events: Sequence[Event]) -> str:
        """A receipt for consecutive events of one lane, by range and digest (D12)."""
        contract, lane = events[0]["contract"], events[0]["lane"]
        first, last = events[0]["number"], events[-1]["number"]
        keys = await self.keys()
        digest = b64u(root([verify_line(canonical(event), keys).leaf or b"" for event in events]))
        payload = self._payload(contract, "received", f"{contract}/{lane}/{first}-{last}")
        return self.sign(payload | {"range": {"lane": lane, "first": first, "last": last, "digest": digest}})

    def _payload(self, contract: str, kind: str, key: str) -> dict[str, Any]:
        empty = dict.fromkeys(("event", "range", "reference", "record_id", "measure", "row", "reason", "checkpoint"))
        agency = self.cast.contracts[contract].terms.subscriber.party
        return {
            "type": "receipt/1", "agency": agency, "contract": contract, "kind": kind, "key": key,
            "at": stamp(self.clock.now()), **empty,
        }  # fmt: skip

    def sign(self, payload: dict[str, Any], by: Signer | None = None) -> str:
        return jws.sign(by or self.cast.keys[payload["agency"]], jws.RECEIPT, payload)

    def signed(
        self,
        party: str,
        method: str,
        target: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        key: Signer | None = None,
        audience: str | None = None,
        clock: ManualClock | None = None,
    ) -> httpx.Request:
        """A signed request that nobody has sent yet, so that a test can change it."""
        headers = dict(headers or {})
        covered = {name: headers[name] for name in FIELDS_IF_PRESENT if name in headers}
        headers |= sign_request(
            method,
            target,
            covered,
            body,
            key=key or self.cast.keys[party],
            audience=audience or self.running.settings.audience,
            clock=clock or self.clock,
        )
        return httpx.Request(method, f"http://gateway.test{target}", headers=headers, content=body)

    async def send(self, request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(transport=self.transport, trust_env=False) as http:
            return await http.send(request)

    async def table_counts(self) -> dict[str, int]:
        """How many rows each table of the journal has: what must not change where a request is refused."""
        async with self.running.engine.connect() as connection:
            return {
                table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in metadata.sorted_tables
                if table.name not in NOT_JOURNAL
            }

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def sample_records(name: str = "shixin_zxgk.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


@asynccontextmanager
async def open_district(founded: Founded, folder: Path, log: io.StringIO, **set_to: Any) -> AsyncIterator[District]:
    """The founded gateway over its database, which is written to, and a copy of its folder under `folder`.

    `set_to` are other settings.
    """
    shutil.copytree(founded.folder, folder / "gateway")
    clock = ManualClock()
    data = {"data_dir": folder / "gateway", "database_url": founded.database_url, "max_body_bytes": MAX_BODY_BYTES}
    settings = Settings.model_validate(data | set_to)
    running = await open_gateway(settings, clock)

    async def start() -> Running:
        return running

    app = create_app(settings, start)
    app.state.running = running
    try:
        yield District(running, founded.cast, clock, httpx.ASGITransport(app=app), log)
    finally:
        await running.stop()
