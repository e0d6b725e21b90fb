"""`fuyuan demo`: one district's list, told as it happens. Every figure in it comes from the run."""

import asyncio
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson

from gateway.broker import Broker, drop_topics
from gateway.client import GatewayClient, PushResult
from gateway.clock import SystemClock
from gateway.demo.cast import AGENCIES, COURT, Cast, make_cast
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

COURT_LIST = Path(__file__).parent / "data/court-list.ndjson"
FEED = "dishonest-debtor"
WAIT_SECONDS = 30.0

# Made for the demo, for the published samples are too old to block anybody by themselves (rule M6): a company in two
# cases of this year, once under its unified social credit code, once under the organisation code inside it.
COMPANY = "焦作市山阳区示例建材有限公司"
COMPANY_CODE = "91410811MA47YB0X60"
# A real company of the samples, listed seven times up to 2018 on grounds whose period has run out.
OLD_COMPANY = "宁德市富邦融资担保有限公司"
OLD_COMPANY_CODE = "91350900691912868H"
# A person with the name of a listed one and a number of his own, in a region that does not exist.
NAMESAKE = "苏宁"
NAMESAKE_ID = "999999199003077572"

LICENCES = "shanyang-market-regulation"


@dataclass(slots=True)
class Story:
    """What the telling needs: the cast, the processes, and what was counted on the way."""

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


async def run_demo(
    data: Path | None, *, keep: bool, kafka: str | None = None, tell: Callable[[str], None] = print
) -> int:
    """Play the whole story; 0 where everything came out as told. `kafka`: brokers to send it over, host:port."""
    async with AsyncExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuyuan-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        story = await _open(folder, stack, tell, kafka)
        await _list(story)
        await _screen(story)
        await _withdraw(story)
        await _prove(story)
        if keep:
            _addresses(story)
            await asyncio.Event().wait()
    return 0


async def _open(folder: Path, stack: AsyncExitStack, tell: Callable[[str], None], kafka: str | None) -> Story:
    tell("1. Who takes part")
    clock = SystemClock()
    settings = Settings(data_dir=folder / "gateway", port=free_port())
    (folder / "parties").mkdir(exist_ok=True)
    run = None if kafka is None else secrets.token_hex(3)
    cast = make_cast(settings.agreements_dir, settings.parties_dir, folder / "parties", clock, kafka=run)
    running = await open_gateway(settings, clock)
    for party, key in cast.keys.items():
        await running.registry.admit({"id": party, "roles": list(cast.parties[party].roles)}, [key.public()])
    for signed in cast.contracts.values():
        await running.registry.activate(signed)
    keys = await running.registry.keys()
    await running.stop()
    for party in cast.keys:
        tell(f"   {cast.parties[party].name.zh} ({party})")
    to_agencies = [cast.contract_to(agency) for agency in AGENCIES]
    for terms in to_agencies:
        tell(f"   contract {terms.id} v{terms.version}: {len(terms.fields)} fields, signed by both parties")
    if kafka is not None:
        stack.push_async_callback(
            drop_topics, Broker(kafka), [topic_of(terms.id, lane) for terms in to_agencies for lane in LANES]
        )
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
    started = await asyncio.gather(*(_start_agent(stack, folder, cast, agency, gateway, kafka) for agency in AGENCIES))
    agents = dict(zip(AGENCIES, started, strict=True))
    court = await stack.enter_async_context(GatewayClient(gateway.url, cast.keys[COURT], settings.audience, clock))
    story = Story(folder, cast, tell, gateway, agents, court, keys)
    await _until("every agency has its first snapshot", lambda: _all_ready(story))
    if kafka is not None:
        await _until("every agency follows its topics", lambda: _all_by_kafka(story))
        tell(
            f"   every agency follows by Kafka at {kafka}, in topics of its own: {topic_of(to_agencies[0].id, '*')} ..."
        )
    return story


async def _list(story: Story) -> None:
    tell = story.tell
    tell("\n2. The court sends its list")
    began = time.monotonic()
    result = await story.court.push(FEED, COURT_LIST.read_bytes(), "application/x-ndjson", "demo-first-list")
    counts = result.counts
    lines = sum(counts.values())
    tell(f"   {lines} lines in: {counts['listed']} listed, {counts['quarantined']} quarantined, nothing dropped")
    for refused in result.quarantine:
        tell(f"   line {refused['line']} quarantined as {refused['code']}: {refused['reason']}")
    await _receipt_where(story, LICENCES, "blocked", about="/licence-1")
    tell(f"   a standing licence of the company is blocked, receipt at the court {_ms(began)} after the push began")
    if offsets := await _offsets(story, LICENCES):
        tell(f"   it came by Kafka: {offsets.get('bulk', 0)} messages of the bulk topic are read and verified")
    again = await story.court.push(FEED, COURT_LIST.read_bytes(), "application/x-ndjson", "demo-second-try")
    tell(f"   the same list again: {again.counts['unchanged']} unchanged, {again.counts['listed']} listed")


async def _screen(story: Story) -> None:
    tell = story.tell
    tell("\n3. Applications arrive at market regulation")
    blocked = await _apply(story, "A-2026-001", COMPANY, "cn-uscc", COMPANY_CODE)
    _expect(blocked["decision"] == "block", "the listed company is blocked")
    for reason in _reasons(blocked)[:1]:
        tell(f"   A-2026-001 {COMPANY}: BLOCKED")
        tell(
            f"     by {reason['key']}; ground: {reason['ground']}; case {reason['case_number']}; ask {reason['court']}"
        )
    cleared = await _apply(story, "A-2026-002", NAMESAKE, "cn-id", NAMESAKE_ID)
    _expect(cleared["decision"] == "clear", "the namesake is not blocked")
    # Persons are not named here: what a run prints is kept by terminals and build servers.
    tell(f"   A-2026-002 a listed person's namesake, with a number of their own: {str(cleared['decision']).upper()}")
    old = await _apply(story, "A-2026-003", OLD_COMPANY, "cn-uscc", OLD_COMPANY_CODE)
    _expect(old["decision"] == "review", "an old listing without a period on record blocks nobody by itself")
    tell(f"   A-2026-003 {OLD_COMPANY}: REVIEW, {_reasons(old)[0]['explanation']}")
    receipt = await _receipt_where(story, LICENCES, "blocked", about="A-2026-001")
    tell(f"   the court holds a signed receipt: {receipt['kind']} {receipt['reference']} by {receipt['agency']}")


async def _withdraw(story: Story) -> None:
    tell = story.tell
    tell("\n4. The company pays")
    cases = _cases_of(COMPANY)
    for number in cases[:-1]:
        await _take_back(story, number)
    held = await _apply(story, "A-2026-004", COMPANY, "cn-uscc", COMPANY_CODE)
    _expect(held["decision"] == "block", "one open case is enough to stay blocked")
    tell(f"   {len(cases) - 1} of {len(cases)} cases withdrawn: still blocked, for removal is per case")
    began = time.monotonic()
    await _take_back(story, cases[-1])
    for agency in AGENCIES:
        await _receipt_where(story, agency, "released")
        tell(f"   {agency}: released, receipt at the court {_ms(began)} after the last withdrawal")
    freed = await _apply(story, "A-2026-005", COMPANY, "cn-uscc", COMPANY_CODE)
    _expect(freed["decision"] == "clear", "nothing is left to block for")
    tell("   A-2026-005, the company again: CLEAR")
    stale = await story.court.push(FEED, COURT_LIST.read_bytes(), "application/x-ndjson", "demo-yesterdays-list")
    refused = Counter(str(refused["code"]) for refused in stale.quarantine)["stale-listing"]
    listed = stale.counts["listed"]
    tell(f"   yesterday's list by mistake: {refused} quarantined as stale-listing, {listed} listed")


async def _prove(story: Story) -> None:
    tell = story.tell
    tell("\n5. Proof")
    sample = b""
    for agency in AGENCIES:
        async with _client(story, agency) as client:
            cursor = ""
            while page := await client.events(story.cast.contract_to(agency).id, cursor):
                if not page.events:
                    break
                cursor = page.next
                for event in page.events:
                    line = canonical(event)
                    _check(story, "event", line)
                    sample = line if event["kind"] == "upsert" else sample
    for receipt in story.receipts:
        _check(story, "receipt", canonical({"receipt": receipt["jws"]}))
    _check(story, "checkpoint", canonical({"checkpoint": await story.court.checkpoint()}))
    for signed in story.cast.contracts.values():
        _check(story, "contract", canonical({"contract": signed.model_dump(mode="json")}))
    counted = ", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in story.proofs.items())
    tell(f"   verified with public keys alone: {counted}")
    middle = len(sample) // 2
    tampered = sample[:middle] + bytes([sample[middle] ^ 1]) + sample[middle + 1 :]
    verdict = verify_line(tampered, story.keys)
    _expect(verdict.status == "invalid", "a tampered byte is caught")
    tell(f"   one bit of byte {middle} of {len(sample)} flipped: {verdict.status} ({verdict.reason})")


def _check(story: Story, what: str, line: bytes) -> None:
    verdict = verify_line(line, story.keys)
    _expect(verdict.status == "valid", f"each {what} verifies ({verdict.reason})")
    story.proofs[what] += 1


async def _take_back(story: Story, case_number: str) -> PushResult:
    withdrawal: JsonObject = {"case_number": case_number, "name": COMPANY, "status_reason": "performed"}
    result = await story.court.withdraw(FEED, withdrawal)
    _expect(result.counts["withdrawn"] == 1, "one record is withdrawn for one case")
    return result


async def _apply(story: Story, reference: str, name: str, scheme: str, value: str) -> JsonObject:
    application = {
        "reference": reference,
        "action": "licence",
        "name": name,
        "identifiers": [{"scheme": scheme, "value": value}],
    }
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(story.agents[LICENCES].url + "/v1/screenings", json=application)
    answer.raise_for_status()
    decision: JsonObject = answer.json()
    return decision


async def _receipt_where(story: Story, agency: str, kind: str, *, about: str = "") -> JsonObject:
    """The first receipt of that kind that the court gets from the agency, about that row or reference; waits for it."""
    contract = story.cast.contract_from(agency).id

    def found() -> JsonObject | None:
        for receipt in story.receipts:
            if receipt["agency"] == agency and receipt["kind"] == kind and str(receipt["key"]).endswith(about):
                return receipt
        return None

    deadline = time.monotonic() + WAIT_SECONDS
    while (receipt := found()) is None:
        if time.monotonic() > deadline:
            raise Unavailable("demo-waited", f"No {kind} receipt came from {agency}; the logs are in {story.folder}.")
        page = await story.court.events(contract, story.cursors.get(contract, ""), wait=2)
        story.cursors[contract] = page.next
        story.receipts += [event["record"] for event in page.events if isinstance(event["record"], dict)]
    return receipt


async def _start_agent(
    stack: AsyncExitStack, folder: Path, cast: Cast, agency: str, gateway: Process, kafka: str | None
) -> Process:
    port = free_port()
    home = folder / agency
    home.mkdir(exist_ok=True)
    register = make_register(home, agency, COMPANY, COMPANY_CODE)
    environment = {
        "FUYUAN_AGENT_PORT": str(port),
        "FUYUAN_AGENT_DATA_DIR": str(home / "index"),
        "FUYUAN_AGENT_CONTRACT": cast.contract_to(agency).id,
        "FUYUAN_AGENT_PARTY_KEY": str(folder / "parties" / f"{agency}.jwk"),
        "FUYUAN_AGENT_TRUSTED_KEYS": str(folder / "jwks.json"),
        "FUYUAN_GATEWAY_URL": gateway.url,
        "FUYUAN_REGISTER_URL": register.url,
        "FUYUAN_REGISTER_MAPPING": str(register.mapping),
        **({} if kafka is None else {"FUYUAN_AGENT_KAFKA_BOOTSTRAP": kafka}),
    }
    return await start(stack, agency, ["gateway.cli", "agent"], port, folder, environment)


async def _all_ready(story: Story) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        answers = [await http.get(process.url + "/readyz") for process in story.agents.values()]
    return all(answer.is_success for answer in answers)


async def _all_by_kafka(story: Story) -> bool:
    return all([await _offsets(story, agency) for agency in AGENCIES])


async def _offsets(story: Story, agency: str) -> dict[str, int]:
    """How far an agency has read its topics, by lane."""
    async with httpx.AsyncClient(trust_env=False) as http:
        status = (await http.get(story.agents[agency].url + "/v1/status")).json()
    offsets: dict[str, int] = status["list"]["offsets"]
    return offsets


async def _until(what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not await holds():
        if time.monotonic() > deadline:
            raise Unavailable("demo-waited", f"It did not come about that {what}.")
        await asyncio.sleep(0.05)


def _client(story: Story, party: str) -> GatewayClient:
    return GatewayClient(story.gateway.url, story.cast.keys[party], Settings().audience, SystemClock())


def _cases_of(name: str) -> list[str]:
    """The company's case numbers, read from the list itself."""
    cases = []
    for line in COURT_LIST.read_bytes().splitlines():
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if record.get("iname") == name:
            cases.append(record["caseCode"])
    return cases


def _reasons(decision: JsonObject) -> list[JsonObject]:
    reasons = decision["reasons"]
    return [reason for reason in reasons if isinstance(reason, dict)] if isinstance(reasons, list) else []


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise Unavailable("demo-failed", f"The demo expected that {what}, and it is not so.")


def _ms(since: float) -> str:
    return f"{(time.monotonic() - since) * 1000:.0f} ms"


def _addresses(story: Story) -> None:
    story.tell(f"\nStill running, until Ctrl-C. Files: {story.folder}")
    for process in (story.gateway, *story.agents.values()):
        story.tell(f"   {process.name}: {process.url}")
