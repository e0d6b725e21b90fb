"""Enforcement control over real gateways: the court asks, the police answer, a cancel overtakes, clocks are told of."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from contracts.model import Terms
from gateway.control.clocks import Clocks
from gateway.demo.cast import COURT, sign
from gateway.errors import FuyuanError
from gateway.intake import Submission
from gateway.journal.engine import open_engine
from gateway.journal.tables import control_request
from gateway.trust.keyring import load_keyring
from gateway.trust.keys import SigningKey
from gateway.wiring import open_gateway
from schemas.canonical import JsonObject, canonical
from tests.integration.controlling import ANSWERS, REQUESTS, ask, asked, cancel, give, missed, push, told
from tests.integration.district import NDJSON, District
from tests.unit.adapters.feeds.controls import (
    CERTIFICATE,
    NUMBER,
    OFFICER,
    PERSON,
    POLICE,
    answer,
    officer,
    request,
    vehicle,
)


async def test_from_the_request_to_the_handing_over(controlled: District) -> None:
    (sought,) = await ask(controlled, request())
    events, _ = await controlled.pull(POLICE, REQUESTS)
    shown = next(event["record"] for event in events if event["kind"] == "upsert")
    assert [one["digest"] for one in shown["documents"]] == ["1" * 64, "2" * 64]
    assert shown["officers"] == [{"name": OFFICER, "certificate": CERTIFICATE}]
    assert (shown["contact"]["phone"], shown["valid_until"]) == ("0391-0000002", "2026-12-22")

    assert await give(controlled, sought, "accepted", "in-force", "sighted", "sighted", "handed-over") == []
    assert [(one["answer"], one["lane"]) for one in await told(controlled)] == [
        (word, "priority") for word in ("accepted", "in-force", "sighted", "sighted", "handed-over")
    ]
    assert await give(controlled, sought, "sighted", "released") == ["request-over", "request-over"]
    written = controlled.log.getvalue()
    assert written
    for value in (PERSON, NUMBER, OFFICER, "0391-0000002", "焦作市某路口", "豫H00000"):
        assert value not in written, "P1"


async def test_an_answer_must_follow_and_be_of_the_one_who_was_asked(controlled: District) -> None:
    (sought,) = await ask(controlled, request())
    assert await give(controlled, sought, "in-force", "sighted", "expired") == 3 * ["answer-out-of-order"]
    assert await give(controlled, "b" * 52, "accepted") == ["unknown-request"]
    (elsewhere,) = await ask_other_police(controlled)
    assert await give(controlled, elsewhere, "accepted") == ["unknown-request"], "addressed to others: alike"
    later = "2026-11-23T02:00:00.000Z"
    assert await give(controlled, sought, "accepted", occurred_at=later) == ["occurred-later"]
    assert await give(controlled, sought, "refused", reason=None) == ["no-reason"]
    assert await give(controlled, sought, "refused") == []
    assert await give(controlled, sought, "accepted") == ["request-over"]
    (refused,) = await told(controlled)
    assert (refused["answer"], refused["reason"]) == ("refused", "identity-unclear")
    with pytest.raises(FuyuanError) as barred:
        await controlled.client(COURT).push(
            "control-feedback", canonical(answer("accepted", "A-1", sought)), NDJSON, "push-forged"
        )
    assert barred.value.code == "unknown-feed", "only the police answer"


async def agree_with_others(district: District) -> None:
    """The same agreement with the police of another place."""
    terms, key = district.cast.contracts[REQUESTS].terms, SigningKey.generate("another-police", district.clock.now())
    await district.running.registry.admit({"id": "another-police"}, [key.public()])
    others = {"id": "control-requests-to-others", "rows": {"slot": "to", "equals": "another-police"}}
    side = {"subscriber": {"party": "another-police", "keys": [key.kid]}}
    new = Terms.model_validate(terms.model_dump(mode="json") | others | side)
    await district.running.registry.activate(sign(new, [district.cast.keys[COURT], key]))


async def ask_other_police(district: District) -> list[str]:
    """A request that the police of the contract never see; its id is as guessable as any."""
    elsewhere = request("XK-9", to="another-police")
    assert await push(district, elsewhere) == ["unknown-police"], "it would go nowhere"
    await agree_with_others(district)
    assert await push(district, elsewhere) == []
    assert "XK-9" not in await asked(district)
    async with district.running.engine.connect() as connection:
        rows = await connection.execute(
            select(control_request.c.request).where(control_request.c.police == "another-police")
        )
        return list(rows.scalars())


async def test_the_same_answer_again_is_one_and_another_under_its_number_is_none(controlled: District) -> None:
    (sought,) = await ask(controlled, request())
    line = answer("accepted", "A-1", sought)
    assert await push(controlled, line) == []
    assert await push(controlled, line, line) == []
    assert await push(controlled, {**line, "answer": "refused", "reason": "other"}) == ["answer-amended"]
    batch = [answer("in-force", "A-2", sought), answer("sighted", "A-3", sought), answer("expired", "A-4", sought)]
    assert await push(controlled, *batch) == ["not-yet-expired"], "each is judged behind the one before"
    taken_back: JsonObject = {"request": sought, "reference": "A-3"}
    assert (await controlled.client(POLICE).withdraw("control-feedback", taken_back)).counts["withdrawn"] == 1
    assert await push(controlled, answer("in-force", "A-5", sought)) == ["already-answered"], "as before the sighting"


async def test_officers_are_registered_in_advance(controlled: District) -> None:
    stranger = [{"name": OFFICER, "certificate": "豫0811执999"}]
    assert await push(controlled, request(officers=stranger)) == ["officer-unregistered"]
    assert await push(controlled, request(officers=[{"name": "王冒名", "certificate": CERTIFICATE}])) == [
        "officer-unregistered"
    ]
    late = officer(certificate="豫0811执002", valid_from="2027-01-01")
    assert await push(controlled, late) == []
    assert await push(controlled, request(officers=[{"name": OFFICER, "certificate": "豫0811执002"}])) == [
        "officer-unregistered"
    ]
    await ask(controlled, request("XK-1"))
    gone = await controlled.client(COURT).withdraw("control-officer", {"certificate": CERTIFICATE})
    assert gone.counts["withdrawn"] == 1
    assert await push(controlled, request("XK-2")) == ["officer-unregistered"]
    assert list(await asked(controlled)) == ["XK-1"], "what was asked while he was registered stands"


async def test_a_cancel_overtakes_everything_and_is_confirmed(controlled: District) -> None:
    first, second, plate = await ask(controlled, request("XK-1"), request("XK-2"), vehicle("XK-3"))
    assert first != second, "two requests on one person stay two"
    for one in (first, second, plate):
        assert await give(controlled, one, "accepted", "in-force") == []
    _, page = await controlled.pull(POLICE, REQUESTS)
    await push(controlled, *(request(f"XK-1{number}") for number in range(5)))
    await cancel(controlled, "XK-1")
    events, _ = await controlled.pull(POLICE, REQUESTS, page.next)
    assert (events[0]["kind"], events[0]["lane"]) == ("withdrawn", "priority")
    assert events[0]["record"]["record_id"] == first
    assert await give(controlled, first, "sighted", "handed-over", "in-force") == 3 * ["request-cancelled"]
    assert await give(controlled, second, "sighted") == [], "the other one stands"
    assert await push(controlled, request("XK-1")) == ["request-cancelled"]
    relisted = await controlled.client(COURT).push(
        "control-request", canonical(request("XK-1")), NDJSON, "relist-it", relist=True
    )
    assert relisted.quarantine[0]["code"] == "request-cancelled", "a number is never revived"
    assert await give(controlled, first, "released", "released") == ["request-over"]
    assert [one["answer"] for one in await told(controlled) if one["request"]["record_id"] == first] == [
        "accepted", "in-force", "released",
    ]  # fmt: skip
    controlled.clock.advance(timedelta(minutes=16))
    await controlled.running.clocks.tell_missed()
    assert [one for one in await missed(controlled) if one["owed"] == "cancel"] == [], "it was confirmed in time"


async def test_a_request_may_be_extended_and_not_be_turned_to_another(controlled: District) -> None:
    (sought,) = await ask(controlled, request())
    assert await push(controlled, request(valid_until="2027-01-22")) == []
    other = request()
    other["subject"]["identifiers"][0]["value"] = "99999919800101002X"
    assert await push(controlled, other) == ["another-target"]
    assert await push(controlled, request("XK-old", valid_from="2026-01-01", valid_until="2026-11-22")) == [
        "request-expired"
    ]
    await give(controlled, sought, "accepted")
    controlled.clock.advance(timedelta(days=45))  # past the first last day, before the second
    assert await give(controlled, sought, "in-force") == []
    assert await give(controlled, sought, "expired") == ["not-yet-expired"]
    controlled.clock.advance(timedelta(days=30))
    assert await give(controlled, sought, "sighted") == ["request-expired"]
    assert await give(controlled, sought, "expired") == []


async def test_p3_a_missed_clock_is_told_once_by_one_of_several_gateways(controlled: District) -> None:
    first, second, third = await ask(controlled, request("XK-1"), request("XK-2"), request("XK-3"))
    running, settings = controlled.running, controlled.running.settings
    key = load_keyring(settings.key_dir, settings.party, controlled.clock).signing
    engines = [open_engine(settings.database_url) for _ in range(3)]
    rivals = [running.clocks, *(Clocks(engine, controlled.clock, key) for engine in engines)]

    async def look() -> int:
        return sum(await asyncio.gather(*(one.tell_missed() for one in rivals)))

    async def owed() -> Sequence[tuple[str, str]]:
        return [(one["owed"], one["request"]) for one in await missed(controlled)]

    await give(controlled, first, "accepted")
    controlled.clock.advance(timedelta(minutes=60))
    assert await look() == 0, "not before it is over"
    controlled.clock.advance(timedelta(seconds=1))
    assert await look() == 2
    assert await look() == 0
    assert sorted(await owed()) == sorted([("acknowledge", second), ("acknowledge", third)])
    assert await give(controlled, second, "accepted") == [], "late is better than never"

    late = "2026-11-23T01:54:00.000Z"
    assert await give(controlled, first, "sighted", occurred_at=late) == []
    assert await look() == 1
    assert (await missed(controlled))[-1]["owed"] == "sighting"
    assert await give(controlled, first, "sighted") == [], "told at once"
    await cancel(controlled, "XK-2")
    controlled.clock.advance(timedelta(minutes=15, seconds=1))
    assert await look() == 1
    statement = (await missed(controlled))[-1]
    assert (statement["owed"], statement["request"], statement["court"], statement["police"]) == (
        "cancel", second, COURT, POLICE,
    )  # fmt: skip
    controlled.clock.advance(timedelta(days=40))
    assert await look() == 2, "the last day of the first and the third"
    assert [one for one, _ in await owed()][-2:] == ["expire", "expire"]
    for engine in engines:
        await engine.dispose()


async def test_two_gateways_never_take_two_answers_of_which_one_rules_out_the_other(controlled: District) -> None:
    (sought,) = await ask(controlled, request())
    gateways = [controlled.running, *[await open_gateway(controlled.running.settings, controlled.clock) for _ in "ab"]]
    words = ("accepted", "refused", "accepted")
    lines = [canonical(answer(word, f"R-{number}", sought)) for number, word in enumerate(words)]
    given = await asyncio.gather(
        *(
            one.intake.submit(Submission(POLICE, "control-feedback", f"rival-{number}", line))
            for number, (one, line) in enumerate(zip(gateways, lines, strict=True))
        )
    )
    assert sum(one.counts["listed"] for one in given) == 1
    assert sum(one.counts["quarantined"] for one in given) == 2
    assert len(await told(controlled)) == 1
    for one in gateways[1:]:
        await one.stop()


async def test_a_sighting_that_races_the_cancel_stands_before_it_or_is_refused(controlled: District) -> None:
    other = await open_gateway(controlled.running.settings, controlled.clock)
    for race in range(4):
        (sought,) = await ask(controlled, request(f"XK-{race}"))
        assert await give(controlled, sought, "accepted") == []
        line = canonical(answer("sighted", f"R-{race}", sought))
        sighting = Submission(POLICE, "control-feedback", f"sighting-{race}", line)
        _, seen = await asyncio.gather(cancel(controlled, f"XK-{race}"), other.intake.submit(sighting))
        events, _ = await controlled.pull(POLICE, REQUESTS)
        cancelled_at = max(event["cause"] for event in events if event["kind"] == "withdrawn")
        answers, _ = await controlled.pull(COURT, ANSWERS)
        stood = [event["cause"] for event in answers if event["record"] and event["record"]["answer"] == "sighted"]
        if seen.counts["listed"]:
            assert max(stood) < cancelled_at
        else:
            assert [one["code"] for one in seen.quarantine] == ["request-cancelled"]
    await other.stop()
