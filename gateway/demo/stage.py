"""What every story plays on: one gateway, agents at their places, the court's post box, and proof of what was said."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from gateway.broker import Broker, drop_topics
from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.demo.cast import AGENCIES, COURT, LISTED, Cast, make_cast
from gateway.demo.processes import Process, free_port, start
from gateway.demo.registers import make_register
from gateway.errors import Unavailable
from gateway.settings import Settings
from gateway.trust.documents import LANES
from gateway.trust.keys import KeySet
from gateway.trust.verify import verify_line
from gateway.wiring import open_gateway
from schemas.canonical import JsonObject, canonical
from schemas.envelope import topic_of

WAIT_SECONDS = 30.0
DISTRICT = frozenset({"FUYUAN_AGREEMENTS_DIR", "FUYUAN_PARTIES_DIR"})  # settings that are the demo's


@dataclass(frozen=True, slots=True)
class Place:
    """An agent of `party` under one contract. `row`: who stands in its register, as (name, credit code), if anybody.
    `name` where the party has more than one.
    """

    party: str
    contract: str
    row: tuple[str, str] | None = None
    name: str = ""

    @property
    def known_as(self) -> str:
        return self.name or self.party


@dataclass(slots=True)
class Stage:
    """What a telling needs: the cast, the processes, and what was counted on the way."""

    folder: Path
    cast: Cast
    tell: Callable[[str], None]
    gateway: Process
    agents: dict[str, Process]
    court: GatewayClient
    keys: KeySet
    cursors: dict[str, str] = field(default_factory=dict)
    receipts: list[JsonObject] = field(default_factory=list)
    proofs: Counter[str] = field(default_factory=Counter)

    def client(self, party: str) -> GatewayClient:
        return GatewayClient(self.gateway.url, self.cast.keys[party], Settings().audience, SystemClock())


def leave_settings() -> None:
    """Forget what the shell says of a live gateway: no made-up key and no contract of a story may get there."""
    for name in [name for name in os.environ if name.startswith("FUYUAN_") and name not in DISTRICT]:
        del os.environ[name]


async def open_stage(
    folder: Path,
    stack: AsyncExitStack,
    tell: Callable[[str], None],
    cast: Cast,
    places: Sequence[Place],
    kafka: str | None = None,
) -> Stage:
    """Admit the parties, put the contracts in force, start everything and wait until every agent is ready.

    Raises Unavailable where something does not come up.
    """
    clock = SystemClock()
    settings = Settings(data_dir=folder / "gateway", port=free_port())
    running = await open_gateway(settings, clock)
    for party, key in cast.keys.items():
        await running.registry.admit({"id": party, "roles": list(cast.parties[party].roles)}, [key.public()])
    for signed in cast.contracts.values():
        await running.registry.activate(signed)
    keys = await running.registry.keys()
    await running.stop()
    if kafka is not None:
        ours = [signed.terms.id for signed in cast.contracts.values() if "kafka" in signed.terms.delivery]
        topics = [topic_of(contract, lane) for contract in ours for lane in LANES]
        stack.push_async_callback(drop_topics, Broker(kafka), topics)
    gateway = await start(
        stack,
        "gateway",
        ["gateway.cli", "serve"],
        settings.port,
        folder,
        {
            "FUYUAN_DATA_DIR": str(settings.data_dir),
            "FUYUAN_PORT": str(settings.port),
            **({} if kafka is None else {"FUYUAN_KAFKA_BOOTSTRAP": kafka}),
        },
    )
    (folder / "jwks.json").write_bytes(canonical(keys.to_jwks()))
    started = await asyncio.gather(*(_start_agent(stack, folder, place, gateway, kafka) for place in places))
    agents = {place.known_as: agent for place, agent in zip(places, started, strict=True)}
    court = await stack.enter_async_context(GatewayClient(gateway.url, cast.keys[COURT], settings.audience, clock))
    stage = Stage(folder, cast, tell, gateway, agents, court, keys)
    await until("every agent has its first snapshot", lambda: _all_ready(stage))
    return stage


def sign_contracts(
    folder: Path, *, feeds: frozenset[str] = LISTED, parties: Sequence[str] = (COURT, *AGENCIES), run: str | None = None
) -> Cast:
    """The cast with keys of this run, which are left in `folder`/parties. `run` is `kafka` of `make_cast`."""
    settings, keys = Settings(), folder / "parties"
    keys.mkdir(parents=True, exist_ok=True)
    agreements, documents = settings.agreements_dir, settings.parties_dir
    return make_cast(agreements, documents, keys, SystemClock(), feeds=feeds, parties=parties, kafka=run)


async def screen(
    stage: Stage, place: str, reference: str, action: str, name: str, scheme: str, value: str
) -> JsonObject:
    """What the agent at a place decides on an application."""
    identifiers: list[JsonObject] = [{"scheme": scheme, "value": value}]
    application: JsonObject = {"reference": reference, "action": action, "name": name, "identifiers": identifiers}
    return await ask(stage, place, "/v1/screenings", application)


async def ask(stage: Stage, place: str, path: str, question: JsonObject | None = None) -> JsonObject:
    """What the agent at a place answers; without a question it is a GET. An error is an answer too."""
    async with httpx.AsyncClient(trust_env=False, timeout=WAIT_SECONDS) as http:
        url = stage.agents[place].url + path
        answer = await (http.get(url) if question is None else http.post(url, json=question))
    found: JsonObject = answer.json()
    return found


def objects(answer: JsonObject, name: str) -> list[JsonObject]:
    """The objects in a list that an answer has; none where it has no such list."""
    found = answer.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


async def read(stage: Stage, party: str, contract: str, wait: float = 0) -> list[JsonObject]:
    """What is new to a party under a contract since it was last read here."""
    async with stage.client(party) as client:
        page = await client.events(contract, stage.cursors.get(contract, ""), wait=wait)
    stage.cursors[contract] = page.next
    return [event["record"] for event in page.events if isinstance(event["record"], dict)]


async def receipt_where(stage: Stage, agency: str, kind: str, *, about: str = "") -> JsonObject:
    """The first receipt of that kind that the court gets from the agency, about that row or reference; waits for it."""
    contract = stage.cast.contract_from(agency).id

    def found() -> JsonObject | None:
        for receipt in stage.receipts:
            if receipt["agency"] == agency and receipt["kind"] == kind and str(receipt["key"]).endswith(about):
                return receipt
        return None

    deadline = time.monotonic() + WAIT_SECONDS
    while (receipt := found()) is None:
        if time.monotonic() > deadline:
            raise Unavailable("demo-waited", f"No {kind} receipt came from {agency}; the logs are in {stage.folder}.")
        stage.receipts += await read(stage, COURT, contract, wait=2)
    return receipt


async def prove(stage: Stage) -> bytes:
    """Verify all that was sent, with public keys alone; what was counted stands in `stage.proofs`. Returns the line
    of one event that an agency got.

    Raises Unavailable where anything does not verify.
    """
    sample = b""
    for signed in stage.cast.contracts.values():
        subscriber = signed.terms.subscriber.party
        last = await _prove_events(stage, subscriber, signed.terms.id)
        sample = last if last and subscriber != COURT else sample
    for receipt in stage.receipts:
        _check(stage, "receipt", canonical({"receipt": receipt["jws"]}))
    _check(stage, "checkpoint", canonical({"checkpoint": await stage.court.checkpoint()}))
    for signed in stage.cast.contracts.values():
        _check(stage, "contract", canonical({"contract": signed.model_dump(mode="json")}))
    return sample


async def _prove_events(stage: Stage, party: str, contract: str) -> bytes:
    sample, cursor = b"", ""
    async with stage.client(party) as client:
        while events := (page := await client.events(contract, cursor)).events:
            cursor = page.next
            for event in events:
                line = canonical(event)
                _check(stage, "event", line)
                sample = line if event["kind"] == "upsert" else sample
    return sample


def tell_proofs(stage: Stage, sample: bytes) -> None:
    """How much verified, and that one flipped bit does not."""
    counted = ", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in stage.proofs.items())
    stage.tell(f"   verified with public keys alone: {counted}")
    middle = len(sample) // 2
    verdict = verify_line(sample[:middle] + bytes([sample[middle] ^ 1]) + sample[middle + 1 :], stage.keys)
    expect(verdict.status == "invalid", "a tampered byte is caught")
    stage.tell(f"   one bit of byte {middle} of {len(sample)} flipped: {verdict.status} ({verdict.reason})")


def _check(stage: Stage, what: str, line: bytes) -> None:
    verdict = verify_line(line, stage.keys)
    expect(verdict.status == "valid", f"each {what} verifies ({verdict.reason})")
    stage.proofs[what] += 1


async def until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not await holds():
        if time.monotonic() > deadline:
            raise Unavailable("demo-waited", f"It did not come about that {what}.")
        await asyncio.sleep(0.05)


def expect(holds: bool, what: str) -> None:
    if not holds:
        raise Unavailable("demo-failed", f"The demo expected that {what}, and it is not so.")


def ms(since: float) -> str:
    return f"{(time.monotonic() - since) * 1000:.0f} ms"


async def stay(stage: Stage) -> None:
    """Leave everything running, until cancelled."""
    stage.tell(f"\nStill running, until Ctrl-C. Files: {stage.folder}")
    for process in (stage.gateway, *stage.agents.values()):
        stage.tell(f"   {process.name}: {process.url}")
    await asyncio.Event().wait()


async def _start_agent(
    stack: AsyncExitStack, folder: Path, place: Place, gateway: Process, kafka: str | None
) -> Process:
    port = free_port()
    home = folder / place.known_as
    home.mkdir(exist_ok=True)
    environment = {
        "FUYUAN_AGENT_PORT": str(port),
        "FUYUAN_AGENT_DATA_DIR": str(home / "index"),
        "FUYUAN_AGENT_CONTRACT": place.contract,
        "FUYUAN_AGENT_PARTY_KEY": str(folder / "parties" / f"{place.party}.jwk"),
        "FUYUAN_AGENT_TRUSTED_KEYS": str(folder / "jwks.json"),
        "FUYUAN_GATEWAY_URL": gateway.url,
        **({} if kafka is None else {"FUYUAN_AGENT_KAFKA_BOOTSTRAP": kafka}),
    }
    if place.row is not None:
        register = make_register(home, place.party, *place.row)
        environment |= {"FUYUAN_REGISTER_URL": register.url, "FUYUAN_REGISTER_MAPPING": str(register.mapping)}
    return await start(stack, place.known_as, ["gateway.cli", "agent"], port, folder, environment)


async def _all_ready(stage: Stage) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        answers = [await http.get(process.url + "/readyz") for process in stage.agents.values()]
    return all(answer.is_success for answer in answers)
