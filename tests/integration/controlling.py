"""Steps of enforcement control: the court asks, the police answer, the journal tells."""

from typing import Any

from sqlalchemy import select

from gateway.control.clocks import CODE
from gateway.demo.cast import COURT
from gateway.journal.tables import journal_leaf
from gateway.trust import jws
from schemas.canonical import JsonObject, canonical
from tests.integration.district import NDJSON, District
from tests.unit.adapters.feeds.controls import (
    POLICE,
    answer,
)

OFFICERS, REQUESTS, ANSWERS = (
    "control-officers-to-police",
    "control-requests-to-police",
    "control-feedback-from-police",
)
pushes = iter(range(1_000_000))


async def push(district: District, *lines: JsonObject) -> list[str]:
    """The refusals' codes, in order; an empty list where all were taken."""
    feed = str(lines[0]["feed"])
    party = POLICE if feed == "control-feedback" else COURT
    body = b"\n".join(map(canonical, lines))
    result = await district.client(party).push(feed, body, NDJSON, f"push-{next(pushes):08}")
    assert sum(result.counts.values()) == len(lines), "nothing is dropped"
    return [str(one["code"]) for one in result.quarantine]


async def cancel(district: District, number: str, reason: str = "settled") -> None:
    line = {"number": number, "status_reason": reason}
    assert (await district.client(COURT).withdraw("control-request", line)).counts["withdrawn"] == 1


async def asked(district: District) -> dict[str, str]:
    """The record id behind each number that stands at the police."""
    events, _ = await district.pull(POLICE, REQUESTS)
    return {event["record"]["number"]: event["record"]["record_id"] for event in events if event["kind"] == "upsert"}


async def ask(district: District, *lines: JsonObject) -> list[str]:
    assert await push(district, *lines) == []
    found = await asked(district)
    return [found[str(line["number"])] for line in lines]


async def give(district: District, asked: str, *words: str, **changed: Any) -> list[str]:
    """Answers one after the other; what was refused of them."""
    at = district.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    refused = []
    for word in words:
        line = answer(word, f"A-{next(pushes)}", asked, **{"occurred_at": at, **changed})
        refused += await push(district, line)
    return refused


async def told(district: District) -> list[dict[str, Any]]:
    """What the court reads, with the lane it came by."""
    events, _ = await district.pull(COURT, ANSWERS)
    return [{**event["record"], "lane": event["lane"]} for event in events if event["kind"] == "upsert"]


async def missed(district: District) -> list[dict[str, Any]]:
    """What the journal says of missed clocks."""
    async with district.running.engine.connect() as connection:
        rows = await connection.execute(
            select(journal_leaf.c.document).where(journal_leaf.c.kind == "statement").order_by(journal_leaf.c.idx)
        )
        tokens = [row.document.decode() for row in rows]
    keys = await district.keys()
    payloads = [jws.verify(token, jws.STATEMENT, keys)[0] for token in tokens]
    return [dict(one["about"]) for one in payloads if one["code"] == CODE]  # type: ignore[call-overload]
