"""`fuyuan demo --story district`: one day of a district, with every flow in it. Every figure comes from the run."""

import hashlib
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson

from gateway.client import PushResult
from gateway.clock import SystemClock, china_date, stamp
from gateway.demo import papers
from gateway.demo.cast import AGENCIES, COURT
from gateway.demo.papers import CASE, COMPANY, COMPANY_CODE, HEAD, HEAD_ID, ORDER_CASE, SECOND_CASE
from gateway.demo.processes import carry_out
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
    read,
    receipt_where,
    screen,
    sign_contracts,
    stay,
    tell_proofs,
    until,
)
from schemas.canonical import JsonObject, JsonValue

CREDIT, MARKET, TRADING = AGENCIES
NATURAL, POLICE, BANK = "shanyang-natural-resources", "shanyang-police", "shanyang-bank"
PARTIES = (COURT, *AGENCIES, NATURAL, POLICE, BANK)
LISTS, ORDERS, ENFORCED = "dishonest-debtor", "consumption-restriction", "judgment-debtor"
ADDRESSES, RESULTS = "service-address", "service-result"
OFFICERS, REQUESTS, ANSWERS = "control-officer", "control-request", "control-feedback"
FEEDS = frozenset({LISTS, ORDERS, ENFORCED, ADDRESSES, RESULTS, OFFICERS, REQUESTS, ANSWERS, "receipt"})
REGISTRY_DESK, BANK_DESK = "court-on-the-registry", "court-on-the-bank"  # the court's own agents
LINES, TABLE = "application/x-ndjson", "text/csv"


@dataclass(slots=True)
class Day:
    """The stage, the date in China, and how many answers the police have given."""

    stage: Stage
    today: date
    answers: int = 0

    @property
    def tell(self) -> Callable[[str], None]:
        return self.stage.tell


async def run_district(
    data: Path | None, *, keep: bool, kafka: str | None = None, tell: Callable[[str], None] = print
) -> int:
    """Play the whole day; 0 where everything came out as told. `kafka`: brokers to send it over, host:port.

    Raises Unavailable where something did not come out.
    """
    leave_settings()
    async with AsyncExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuyuan-demo-")))
        day = Day(await _open(folder, stack, tell, kafka), china_date(SystemClock().now()))
        await _addresses(day)
        await _lists(day)
        await _counters(day)
        await _service(day)
        await _control(day)
        await _payment(day)
        tell("\n8. Evening: proof")
        tell_proofs(day.stage, await prove(day.stage))
        _no_alarm(day)
        if keep:
            await stay(day.stage)
    return 0


async def _open(folder: Path, stack: AsyncExitStack, tell: Callable[[str], None], kafka: str | None) -> Stage:
    tell("1. Who takes part")
    run = None if kafka is None else secrets.token_hex(3)
    cast = sign_contracts(folder, feeds=FEEDS, parties=PARTIES, run=run)
    for party in PARTIES:
        tell(f"   {cast.parties[party].name.zh} ({party})")
    tell(f"   {len(cast.contracts)} contracts, each signed by both parties")
    row = (COMPANY, COMPANY_CODE)
    return await open_stage(
        folder,
        stack,
        tell,
        cast,
        [
            *(Place(agency, cast.contract_to(agency).id, row) for agency in AGENCIES),
            Place(NATURAL, cast.contract(COURT, NATURAL, ORDERS).id, row),
            Place(POLICE, cast.contract(COURT, POLICE, REQUESTS).id),
            Place(COURT, cast.contract(MARKET, COURT, ADDRESSES).id, name=REGISTRY_DESK),
            Place(COURT, cast.contract(BANK, COURT, ADDRESSES).id, name=BANK_DESK),
        ],
        kafka,
    )


async def _addresses(day: Day) -> None:
    day.tell("\n2. Early morning: where can parties be served?")
    table = papers.registry_table(day.today)
    verdict = await _by_folder(day, MARKET, ADDRESSES, "export.csv", table)
    day.tell(
        f"   the registry's export, put into a watched folder: {verdict['verdict']}, {_listed(verdict)} statements"
    )
    result = await _push(day, BANK, ADDRESSES, papers.loan_table(day.today), TABLE)
    day.tell(f"   the bank's table of loan contracts: {result.counts['listed']} confirmed address")
    company = await _where(day, REGISTRY_DESK, "cn-uscc", COMPANY_CODE)
    expect(_uses(company)[0] == "domicile", "the company is served at its domicile")
    electronic = company["electronic"]
    expect(isinstance(electronic, dict) and electronic["email"] == papers.EMAIL, "it consented to electronic service")
    day.tell("   the court asks for the company: its domicile, and by e-mail, for it consented")
    suspended = await _where(day, REGISTRY_DESK, "cn-uscc", papers.SUSPENDED_CODE)
    expect(_uses(suspended)[0] == "while-suspended", "who is suspended is served where it said")
    day.tell(f"   for {papers.SUSPENDED}, suspended: the address it stated for that time")
    borrower = await _where(day, BANK_DESK, "cn-id", HEAD_ID)
    confirmed = [place for loan in objects(borrower, "confirmed") for place in objects(loan, "serve_at")]
    expect([place["address"] for place in confirmed] == [papers.BORROWERS], "the borrower confirmed one address")
    day.tell("   for the company's head: the address confirmed in the loan contract, in disputes of that contract")


async def _lists(day: Day) -> None:
    day.tell("\n3. Morning: the court's lists")
    began = time.monotonic()
    verdict = await _by_folder(day, COURT, LISTS, "list.csv", papers.clerks_table(day.today))
    refused = objects(verdict, "quarantine")
    expect([one["code"] for one in refused] == ["rounded-identifier"], "the rounded number is quarantined")
    day.tell(
        f"   line {refused[0]['line']} of the clerk's table quarantined as {refused[0]['code']}: {refused[0]['reason']}"
    )
    day.tell(f"   {verdict['verdict']}: {_listed(verdict)} dishonest debtors listed")
    for agency in AGENCIES:
        await receipt_where(day.stage, agency, "blocked")
    day.tell(f"   blocked at {len(AGENCIES)} agencies, receipts at the court {ms(began)} after the file was put there")
    await _push(day, COURT, ORDERS, papers.restriction(day.today), LINES)
    await receipt_where(day.stage, NATURAL, "blocked")
    day.tell("   an order restricting consumption: the company's title is blocked at natural resources")
    await _push(day, COURT, ENFORCED, papers.enforcement(day.today), LINES)
    enforced = await _told(day, COURT, CREDIT, ENFORCED)
    expect([one["feed"] for one in enforced] == [ENFORCED], "the credit platform reads of the debtor")
    day.tell("   a debtor under enforcement: to the credit platform alone, and blocks nobody")


async def _counters(day: Day) -> None:
    day.tell("\n4. At the counters")
    await _decided(day, MARKET, "A-1", "licence", COMPANY, "cn-uscc", COMPANY_CODE, "block")
    day.tell(f"   {COMPANY} asks for a licence: BLOCKED")
    await _decided(day, MARKET, "A-2", "licence", papers.SUSPENDED, "cn-uscc", papers.SUSPENDED_CODE, "clear")
    day.tell(f"   {papers.SUSPENDED}, under enforcement and no more: CLEAR")
    await _decided(day, MARKET, "A-3", "licence", papers.OVER, "cn-uscc", papers.OVER_CODE, "clear")
    day.tell(f"   {papers.OVER}, whose period ended yesterday: CLEAR, and nobody had to say so")
    # Persons are not named: what a run prints is kept by terminals and build servers.
    await _decided(day, NATURAL, "P-1", "property", HEAD, "cn-id", HEAD_ID, "block")
    day.tell("   the company's head buys a flat: BLOCKED")
    await _decided(day, NATURAL, "P-2", "property", HEAD, "cn-id", papers.NAMESAKE_ID, "clear")
    day.tell("   a namesake buys one: CLEAR")
    await _push(day, COURT, ORDERS, papers.restriction(day.today, waived=True), LINES)
    await until("the waiver is there", lambda: _is_decided(day, NATURAL, "P-3", HEAD, HEAD_ID, "clear"))
    day.tell("   the court waives one purchase: CLEAR for one application")
    await _decided(day, NATURAL, "P-4", "property", HEAD, "cn-id", HEAD_ID, "block")
    day.tell("   the next one: BLOCKED")


async def _service(day: Day) -> None:
    day.tell("\n5. Noon: service")
    answer = await _where(day, REGISTRY_DESK, "cn-uscc", COMPANY_CODE)
    place = objects(answer, "serve_at")[0]
    statement = next(one for one in objects(answer, "statements") if one["record_id"] == place["by"])
    about: JsonObject = {
        "record_id": place["by"], "from_party": answer["from"], "effective_from": statement["effective_from"],
        "use": place["use"],
    }  # fmt: skip
    await _push(day, COURT, RESULTS, papers.service_result(day.today, about, "returned", "unknown-there"), LINES)
    told = await _told(day, COURT, MARKET, RESULTS)
    expect([one["outcome"] for one in told] == ["returned"], "the registry reads what became of its address")
    expect("case" not in told[0] and "name" not in str(told[0]["subject"]), "neither name nor case goes back")
    day.tell("   a letter to the domicile comes back: the registry is told returned, unknown-there; no name, no case")


async def _control(day: Day) -> None:
    day.tell("\n6. Afternoon: enforcement control")
    digest = hashlib.sha256(papers.NOTICE).hexdigest()
    await _push(day, COURT, OFFICERS, papers.officer(day.today), LINES)
    sought = [
        papers.control_request(day.today, "XK-1", digest),
        papers.control_request(day.today, "XK-2", digest, plate=papers.PLATE),
    ]
    await _push(day, COURT, REQUESTS, b"\n".join(sought), LINES)
    await until("the police have both requests", lambda: _stand(day, 2))
    day.tell("   the court asks the police for a person and for a vehicle: two requests stand there")
    asked = await _requests(day)
    for request in ("XK-1", "XK-2"):
        await _answer(day, asked[request], "accepted")
        await _answer(day, asked[request], "in-force")
    began = time.monotonic()
    await _answer(day, asked["XK-2"], "sighted", place=papers.CROSSING)
    heard: list[JsonObject] = []

    async def sighted() -> bool:
        heard.extend(await read(day.stage, COURT, day.stage.cast.contract(POLICE, COURT, ANSWERS).id, wait=2))
        return any(one["answer"] == "sighted" for one in heard)

    await until("the court hears of the sighting", sighted)
    day.tell(f"   the vehicle is sighted: the court knows {ms(began)} after the police said so")
    await _answer(day, asked["XK-2"], "handed-over", place=papers.CROSSING)
    day.tell("   and handed over; the person is still sought")


async def _payment(day: Day) -> None:
    day.tell("\n7. The company pays")
    asked = await _requests(day)
    began = time.monotonic()
    await day.stage.court.withdraw(REQUESTS, {"number": "XK-1", "status_reason": "settled"})
    late = await _answer(day, asked["XK-1"], "sighted", place=papers.CROSSING, taken=False)
    expect(late["code"] == "request-cancelled", "a sighting that crosses the cancel is refused")
    await _answer(day, asked["XK-1"], "released")
    day.tell(f"   the search for its head is cancelled, confirmed after {ms(began)}; a sighting in between is refused")
    await _withdraw(day, LISTS, CASE, "suspended-by-bankruptcy")
    await until("the suspension is there", lambda: _grounds(day, 1))
    await _decided(day, MARKET, "A-4", "licence", COMPANY, "cn-uscc", COMPANY_CODE, "block")
    day.tell("   one of two cases is suspended: still blocked, for removal is per case")
    began = time.monotonic()
    await _withdraw(day, LISTS, SECOND_CASE, "performed")
    for agency in AGENCIES:
        await receipt_where(day.stage, agency, "released")
    day.tell(f"   the other is paid: released at {len(AGENCIES)} agencies, receipts at the court after {ms(began)}")
    began = time.monotonic()
    await _withdraw(day, ORDERS, ORDER_CASE, "lifted")
    await receipt_where(day.stage, NATURAL, "released")
    day.tell(f"   the restriction is lifted: the title is free, receipt after {ms(began)}")
    await _decided(day, MARKET, "A-5", "licence", COMPANY, "cn-uscc", COMPANY_CODE, "clear")
    await _decided(day, NATURAL, "P-5", "property", HEAD, "cn-id", HEAD_ID, "clear")
    day.tell("   the company asks for a licence again, and its head for a flat: CLEAR")
    again = await _push(day, COURT, LISTS, papers.clerks_table(day.today), TABLE)
    stale = Counter(str(one["code"]) for one in again.quarantine)["stale-listing"]
    expect((again.counts["listed"], stale) == (0, 2), "what was deleted stays deleted")
    day.tell(f"   the morning's table by mistake: {stale} quarantined as stale-listing, 0 listed")


async def _by_folder(day: Day, party: str, feed: str, name: str, table: bytes) -> JsonObject:
    """Put a file into the party's watched folder; the verdict that is put beside it."""
    folder = day.stage.folder / f"{party}-out"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(table)
    (folder / f"{name}.ok").touch()
    key = day.stage.folder / "parties" / f"{party}.jwk"
    watch = [
        "watch",
        feed,
        str(folder),
        "--key",
        str(key),
        "--gateway",
        day.stage.gateway.url,
        "--done",
        ".ok",
        "--once",
    ]
    status = await carry_out("watch", watch, day.stage.folder)
    expect(status in (0, 3), "the folder is read")
    verdict: JsonObject = orjson.loads((folder / f"{name}.result.json").read_bytes())
    return verdict


async def _push(day: Day, party: str, feed: str, body: bytes, content: str) -> PushResult:
    async with day.stage.client(party) as client:
        return await client.push(feed, body, content, f"day-{time.monotonic_ns()}")


async def _withdraw(day: Day, feed: str, case_number: str, reason: str) -> None:
    result = await day.stage.court.withdraw(
        feed, {"case_number": case_number, "name": COMPANY, "status_reason": reason}
    )
    expect(result.counts["withdrawn"] == 1, "one record is withdrawn for one case")


async def _where(day: Day, desk: str, scheme: str, value: str) -> JsonObject:
    """What the court's agent answers for today; waits until it has any statement of the party."""
    question: JsonObject = {
        "identifier": {"scheme": scheme, "value": value}, "on": f"{day.today}", "known_at": None, "history": False,
    }  # fmt: skip

    async def known() -> bool:
        return bool((await ask(day.stage, desk, "/v1/service-addresses", question)).get("statements"))

    await until("the statement is at the court", known)
    return await ask(day.stage, desk, "/v1/service-addresses", question)


def _uses(answer: JsonObject) -> list[JsonValue]:
    return [place["use"] for place in objects(answer, "serve_at")]


async def _told(day: Day, provider: str, subscriber: str, feed: str) -> list[JsonObject]:
    """What is new to a subscriber; waits until there is anything."""
    told: list[JsonObject] = []

    async def anything() -> bool:
        told.extend(await read(day.stage, subscriber, day.stage.cast.contract(provider, subscriber, feed).id, wait=2))
        return bool(told)

    await until(f"{subscriber} is told", anything)
    return told


async def _grounds(day: Day, count: int) -> bool:
    """Whether so many records stand against the company at market regulation."""
    found = await screen(day.stage, MARKET, f"G-{time.monotonic_ns()}", "licence", COMPANY, "cn-uscc", COMPANY_CODE)
    return len(objects(found, "reasons")) == count


async def _decided(
    day: Day, place: str, reference: str, action: str, name: str, scheme: str, value: str, decision: str
) -> None:
    found = await screen(day.stage, place, reference, action, name, scheme, value)
    expect(found.get("decision") == decision, f"application {reference} is decided as {decision}")


async def _is_decided(day: Day, place: str, reference: str, name: str, number: str, decision: str) -> bool:
    found = await screen(day.stage, place, f"{reference}-{time.monotonic_ns()}", "property", name, "cn-id", number)
    return found.get("decision") == decision


async def _requests(day: Day) -> dict[str, str]:
    """The record id behind each number that stands at the police."""
    found = await ask(day.stage, POLICE, "/v1/control-requests")
    records = [one["record"] for one in objects(found, "requests")]
    return {str(one["number"]): str(one["record_id"]) for one in records if isinstance(one, dict)}


async def _stand(day: Day, count: int) -> bool:
    return len(await _requests(day)) == count


async def _answer(day: Day, request: str, answer: str, *, place: str | None = None, taken: bool = True) -> JsonObject:
    day.answers += 1
    said: JsonObject = {
        "request": request, "answer": answer, "reference": f"A-{day.answers}",
        "occurred_at": stamp(SystemClock().now()), "place": place,
    }  # fmt: skip
    found = await ask(day.stage, POLICE, "/v1/control-answers", said)
    expect(("is" in found) is taken, f"{answer} is {'taken' if taken else 'refused'} ({found.get('code', 'taken')})")
    return found


def _listed(verdict: JsonObject) -> object:
    counts = verdict["counts"]
    return counts.get("listed") if isinstance(counts, dict) else None


def _no_alarm(day: Day) -> None:
    """No clock was missed, no journal forked, nothing withdrawn that was never listed: each is an alarm in a log."""
    logs = sorted(day.stage.folder.glob("*.log"))
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    expect(not [line for line in lines if '"level":"error"' in line.replace(" ", "")], "nothing failed all day")
    day.tell(f"   {len(logs)} logs, no alarm in them")
