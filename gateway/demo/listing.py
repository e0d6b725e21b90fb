"""`fuyuan demo`: one list of a court, told as it happens. Every figure in it comes from the run."""

import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import orjson

from gateway.client import PushResult
from gateway.demo.cast import AGENCIES
from gateway.demo.papers import COMPANY, COMPANY_CODE
from gateway.demo.stage import (
    Place,
    Stage,
    ask,
    expect,
    leave_settings,
    ms,
    objects,
    open_stage,
    prove,
    receipt_where,
    screen,
    sign_contracts,
    stay,
    tell_proofs,
    until,
)
from schemas.canonical import JsonObject
from schemas.envelope import topic_of

COURT_LIST = Path(__file__).parent / "data/court-list.ndjson"
FEED = "dishonest-debtor"

# A real company of the samples, listed seven times up to 2018 on grounds whose period has run out.
OLD_COMPANY = "宁德市富邦融资担保有限公司"
OLD_COMPANY_CODE = "91350900691912868H"
# A person with the name of a listed one and a number of his own, in a region that does not exist.
NAMESAKE = "苏宁"
NAMESAKE_ID = "999999199003077572"

LICENCES = "shanyang-market-regulation"


async def run_listing(
    data: Path | None, *, keep: bool, kafka: str | None = None, tell: Callable[[str], None] = print
) -> int:
    """Play the whole story; 0 where everything came out as told. `kafka`: brokers to send it over, host:port."""
    leave_settings()
    async with AsyncExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuyuan-demo-")))
        stage = await _open(folder, stack, tell, kafka)
        await _list(stage)
        await _screen(stage)
        await _withdraw(stage)
        tell("\n5. Proof")
        tell_proofs(stage, await prove(stage))
        if keep:
            await stay(stage)
    return 0


async def _open(folder: Path, stack: AsyncExitStack, tell: Callable[[str], None], kafka: str | None) -> Stage:
    tell("1. Who takes part")
    run = None if kafka is None else secrets.token_hex(3)
    cast = sign_contracts(folder, run=run)
    for party in cast.keys:
        tell(f"   {cast.parties[party].name.zh} ({party})")
    to_agencies = [cast.contract_to(agency) for agency in AGENCIES]
    for terms in to_agencies:
        tell(f"   contract {terms.id} v{terms.version}: {len(terms.fields)} fields, signed by both parties")
    places = [Place(terms.subscriber.party, terms.id, (COMPANY, COMPANY_CODE)) for terms in to_agencies]
    stage = await open_stage(folder, stack, tell, cast, places, kafka)
    if kafka is not None:
        await until("every agency follows its topics", lambda: _all_by_kafka(stage))
        tell(
            f"   every agency follows by Kafka at {kafka}, in topics of its own: {topic_of(to_agencies[0].id, '*')} ..."
        )
    return stage


async def _list(stage: Stage) -> None:
    tell = stage.tell
    tell("\n2. The court sends its list")
    began = time.monotonic()
    result = await stage.court.push(FEED, COURT_LIST.read_bytes(), "application/x-ndjson", "demo-first-list")
    counts = result.counts
    lines = sum(counts.values())
    tell(f"   {lines} lines in: {counts['listed']} listed, {counts['quarantined']} quarantined, nothing dropped")
    for refused in result.quarantine:
        tell(f"   line {refused['line']} quarantined as {refused['code']}: {refused['reason']}")
    await receipt_where(stage, LICENCES, "blocked", about="/licence-1")
    tell(f"   a standing licence of the company is blocked, receipt at the court {ms(began)} after the push began")
    if await _offsets(stage, LICENCES):
        await until("Kafka has brought it, too", lambda: _read_by_kafka(stage, counts["listed"]))
        tell(f"   it came by Kafka: {counts['listed']} messages of the bulk topic are read and verified")
    again = await stage.court.push(FEED, COURT_LIST.read_bytes(), "application/x-ndjson", "demo-second-try")
    tell(f"   the same list again: {again.counts['unchanged']} unchanged, {again.counts['listed']} listed")


async def _screen(stage: Stage) -> None:
    tell = stage.tell
    tell("\n3. Applications arrive at market regulation")
    blocked = await _apply(stage, "A-2026-001", COMPANY, "cn-uscc", COMPANY_CODE)
    expect(blocked["decision"] == "block", "the listed company is blocked")
    for reason in objects(blocked, "reasons")[:1]:
        tell(f"   A-2026-001 {COMPANY}: BLOCKED")
        tell(
            f"     by {reason['key']}; ground: {reason['ground']}; case {reason['case_number']}; ask {reason['court']}"
        )
    cleared = await _apply(stage, "A-2026-002", NAMESAKE, "cn-id", NAMESAKE_ID)
    expect(cleared["decision"] == "clear", "the namesake is not blocked")
    # Persons are not named here: what a run prints is kept by terminals and build servers.
    tell(f"   A-2026-002 a listed person's namesake, with a number of their own: {str(cleared['decision']).upper()}")
    old = await _apply(stage, "A-2026-003", OLD_COMPANY, "cn-uscc", OLD_COMPANY_CODE)
    expect(old["decision"] == "review", "an old listing without a period on record blocks nobody by itself")
    tell(f"   A-2026-003 {OLD_COMPANY}: REVIEW, {objects(old, 'reasons')[0]['explanation']}")
    receipt = await receipt_where(stage, LICENCES, "blocked", about="A-2026-001")
    tell(f"   the court holds a signed receipt: {receipt['kind']} {receipt['reference']} by {receipt['agency']}")


async def _withdraw(stage: Stage) -> None:
    tell = stage.tell
    tell("\n4. The company pays")
    cases = _cases_of(COMPANY)
    for number in cases[:-1]:
        await _take_back(stage, number)
    held = await _apply(stage, "A-2026-004", COMPANY, "cn-uscc", COMPANY_CODE)
    expect(held["decision"] == "block", "one open case is enough to stay blocked")
    tell(f"   {len(cases) - 1} of {len(cases)} cases withdrawn: still blocked, for removal is per case")
    began = time.monotonic()
    await _take_back(stage, cases[-1])
    for agency in AGENCIES:
        await receipt_where(stage, agency, "released")
        tell(f"   {agency}: released, receipt at the court {ms(began)} after the last withdrawal")
    freed = await _apply(stage, "A-2026-005", COMPANY, "cn-uscc", COMPANY_CODE)
    expect(freed["decision"] == "clear", "nothing is left to block for")
    tell("   A-2026-005, the company again: CLEAR")
    stale = await stage.court.push(FEED, COURT_LIST.read_bytes(), "application/x-ndjson", "demo-yesterdays-list")
    refused = Counter(str(refused["code"]) for refused in stale.quarantine)["stale-listing"]
    listed = stale.counts["listed"]
    tell(f"   yesterday's list by mistake: {refused} quarantined as stale-listing, {listed} listed")


async def _take_back(stage: Stage, case_number: str) -> PushResult:
    withdrawal: JsonObject = {"case_number": case_number, "name": COMPANY, "status_reason": "performed"}
    result = await stage.court.withdraw(FEED, withdrawal)
    expect(result.counts["withdrawn"] == 1, "one record is withdrawn for one case")
    return result


async def _apply(stage: Stage, reference: str, name: str, scheme: str, value: str) -> JsonObject:
    return await screen(stage, LICENCES, reference, "licence", name, scheme, value)


async def _all_by_kafka(stage: Stage) -> bool:
    return all([await _offsets(stage, agency) for agency in AGENCIES])


async def _read_by_kafka(stage: Stage, messages: int) -> bool:
    return (await _offsets(stage, LICENCES)).get("bulk", 0) >= messages


async def _offsets(stage: Stage, agency: str) -> dict[str, int]:
    """How far an agency has read its topics, by lane."""
    status = await ask(stage, agency, "/v1/status")
    followed = status["list"]
    offsets = followed["offsets"] if isinstance(followed, dict) else None
    return {lane: int(str(at)) for lane, at in offsets.items()} if isinstance(offsets, dict) else {}


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
