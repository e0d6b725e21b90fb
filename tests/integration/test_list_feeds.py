"""The list feeds beside that of dishonest debtors, from the court's line to the agency's counter and back."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.load import load_agreement
from contracts.model import Terms
from gateway.clock import china_date
from gateway.demo.cast import COURT, sign
from gateway.errors import FuyuanError
from gateway.trust.keys import SigningKey
from schemas.canonical import JsonObject, canonical
from tests.integration.agency import CODE, COMPANY, Agent, listing, open_agency
from tests.integration.district import CREDIT, NDJSON, ROOT, District

NATURAL = "shanyang-natural-resources"
RESTRICTIONS, FROM_NATURAL = "restrictions-to-natural-resources", "receipts-from-natural-resources"
ENFORCEMENT = "enforcement-to-credit-platform"
ORDERS, ENFORCED = "consumption-restriction", "judgment-debtor"
HEAD, HEAD_ID = "苏嘉川", "999999198001010011"
CASE = "（2026）豫0811执716号"


async def agree(district: District, name: str) -> Terms:
    """Put one of the district's agreements in force, with keys of this run; a party that is new is admitted."""
    terms = load_agreement(ROOT / f"contracts/agreements/{name}.yaml").terms
    keys = dict(district.cast.keys)
    for party in (terms.provider.party, terms.subscriber.party):
        if party not in keys:
            keys[party] = SigningKey.generate(party, district.clock.now())
            await district.running.registry.admit({"id": party}, [keys[party].public()])
    sides = {
        side: at.model_copy(update={"keys": (keys[at.party].kid,)})
        for side, at in (("provider", terms.provider), ("subscriber", terms.subscriber))
    }
    terms = terms.model_copy(update=sides)
    signed = sign(terms, [keys[terms.provider.party], keys[terms.subscriber.party]])
    await district.running.registry.activate(signed)
    district.cast = replace(district.cast, keys=keys, contracts={**district.cast.contracts, name: signed})
    return terms


async def push(district: District, feed: str, key: str, *records: JsonObject) -> dict[str, int]:
    body = b"\n".join(map(canonical, records))
    return (await district.client(COURT).push(feed, body, NDJSON, f"push-{key}")).counts


def entry(scheme: str, value: str) -> dict[str, Any]:
    return {"scheme": scheme, "value": value, "masked": False, "check": "pass"}


def order(**changed: Any) -> dict[str, Any]:
    """One order as the court's own system writes it: the unit, and its legal representative."""
    person = {"kind": "person", "name": HEAD, "name_masked": False, "role": "法定代表人"}
    unit = {"kind": "organisation", "name": COMPANY, "name_masked": False, "role": None}
    return {
        "feed": ORDERS,
        "schema_version": 1,
        "status": "listed",
        "status_reason": None,
        "subjects": [
            {**unit, "identifiers": [entry("cn-org", CODE)]}, {**person, "identifiers": [entry("cn-id", HEAD_ID)]},
        ],
        "case": {"number": CASE, "court": "焦作市山阳区人民法院", "province": "河南", "filed_on": "2026-01-05"},
        "applicant": "某银行",
        "amount": "12000.00",
        "order_url": None,
        "waivers": [],
        "published_on": "2026-02-01",
        "source_updated_at": None,
        **changed,
    }  # fmt: skip


def purchase(reference: str, name: str = HEAD, scheme: str = "cn-id", number: str = HEAD_ID) -> dict[str, Any]:
    return {
        "reference": reference, "action": "property", "name": name,
        "identifiers": [{"scheme": scheme, "value": number}],
    }  # fmt: skip


async def ask(agent: Agent, reference: str, **changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await agent.web.post("/v1/screenings", json=purchase(reference, **changed))).json()
    return found


@pytest.fixture
async def office(district: District, tmp_path: Path) -> AsyncIterator[Agent]:
    """The office that registers property, under its contract with the court."""
    await agree(district, RESTRICTIONS)
    await agree(district, FROM_NATURAL)
    async with open_agency(district, tmp_path, RESTRICTIONS, party=NATURAL) as opened:
        yield opened


async def told(district: District) -> list[tuple[str, str | None, str | None]]:
    """What the court reads of the office: kind, reference, reason."""
    events, _ = await district.pull(COURT, FROM_NATURAL)
    records = [event["record"] for event in events if event["kind"] == "upsert"]
    return [(one["kind"], one["reference"], one["reason"]) for one in records if one["kind"] != "received"]


async def test_a_restriction_blocks_one_waived_purchase_passes_and_lifting_releases_all(office: Agent) -> None:
    district = office.district
    await office.follow()
    assert (await ask(office, "A-0"))["decision"] == "clear"
    assert (await push(district, ORDERS, "order-1", order()))["listed"] == 1
    await office.follow()

    unit = {"name": COMPANY, "scheme": "cn-org", "number": CODE}
    assert (await ask(office, "A-1"))["decision"] == "block"
    assert (await ask(office, "A-2", **unit))["measure"] == "spending-restriction"
    assert (await ask(office, "A-3", number="99999919800101002X"))["decision"] == "clear", "a namesake"
    assert office.held() == [("licence-1", "spending-restriction")]

    today = china_date(district.clock.now())
    waiver = {
        "number": "（2026）豫0811执716号批1", "name": HEAD, "action": "property", "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=7)).isoformat(),
    }  # fmt: skip
    assert (await push(district, ORDERS, "order-2", order(waivers=[waiver])))["amended"] == 1
    await office.follow()
    events, _ = await district.pull(NATURAL, RESTRICTIONS)
    assert [event["kind"] for event in events if event["lane"] == "priority"] == ["contract", "upsert"]
    passed = await ask(office, "B-1")
    assert (passed["decision"], passed["reasons"][0]["code"]) == ("clear", "waived")
    assert passed["reasons"][0]["waiver"] == waiver["number"]
    assert (await ask(office, "B-1"))["decision"] == "clear", "the same application, asked again"
    assert (await ask(office, "B-2"))["decision"] == "block"
    assert (await ask(office, "B-3", **unit))["decision"] == "block"
    assert office.held() == [("licence-1", "spending-restriction")], "a waiver lifts nothing"

    lifted: JsonObject = {"case_number": CASE, "name": COMPANY, "status_reason": "lifted"}
    assert (await district.client(COURT).withdraw(ORDERS, lifted)).counts["withdrawn"] == 1
    await office.follow()
    assert office.held() == []
    assert [(await ask(office, reference))["decision"] for reference in ("C-1", "C-2")] == ["clear", "clear"]
    assert (await ask(office, "A-1"))["standing"] is False
    found = await told(district)
    assert ("matched", "B-1", "waived") in found
    assert {reference for kind, reference, _ in found if kind == "blocked"} == {None, "A-1", "A-2", "B-2", "B-3"}
    released = [(reference, reason) for kind, reference, reason in found if kind == "released"]
    written = district.log.getvalue()
    assert written
    assert not [value for value in (HEAD, HEAD_ID, COMPANY, CODE) if value in written], "P1"
    assert sorted(released, key=str) == [
        ("A-1", "lifted"), ("A-2", "lifted"), ("B-2", "lifted"), ("B-3", "lifted"), (None, "lifted"),
    ]  # fmt: skip


async def test_effects_differ_by_feed(office: Agent) -> None:
    """A dishonest debtor may buy, and an order stops nothing but what its measure names."""
    district = office.district
    await district.push(listing())
    await office.follow()
    assert (await ask(office, "A-1", name=COMPANY, scheme="cn-org", number=CODE))["decision"] == "clear"
    refused = await office.web.post("/v1/screenings", json={**purchase("A-2"), "action": "licence"})
    assert refused.json()["code"] == "action-not-covered"


def enforced(**changed: Any) -> dict[str, Any]:
    return {
        "id": 1, "caseCode": CASE, "caseState": "执行中", "execCourtName": "焦作市山阳区人民法院", "execMoney": 377352,
        "partyCardNum": CODE, "pname": COMPANY, "caseCreateTime": "2026年01月05日", **changed,
    }  # fmt: skip


async def test_m5_a_judgment_debtor_is_shown_with_its_state_and_blocks_nobody(
    district: District, tmp_path: Path
) -> None:
    terms = await agree(district, ENFORCEMENT)
    assert terms.effects is None
    async with open_agency(district, tmp_path, ENFORCEMENT, party=CREDIT) as platform:
        assert (await push(district, ENFORCED, "list-1", enforced()))["listed"] == 1
        ended = {
            "zname": COMPANY, "caseCode": CASE, "caseCreateTime": "2026-01-05", "caseFinalTime": "2026-03-05",
            "execMoney": "37.7352", "execMoneyUnit": "万元", "noExecMoney": "377352", "noExecMoneyUnit": "元",
            "execCourtName": "焦作市山阳区人民法院", "partyCardNum": CODE,
        }  # fmt: skip
        assert (await push(district, ENFORCED, "list-2", ended))["amended"] == 1
        await platform.follow()
        assert platform.held() == []
        for action in ("credit", "property", "licence"):
            answer = await platform.web.post("/v1/screenings", json={**purchase(f"A-{action}"), "action": action})
            assert answer.json()["code"] == "action-not-covered"
        status = (await platform.web.get("/v1/status")).json()
        assert (status["holds"], status["pending"], status["unknown"]) == (0, 0, None)

    events, _ = await district.pull(CREDIT, ENFORCEMENT)
    shown = max(events, key=lambda event: event["cause"])["record"]  # D4
    assert (shown["state"], shown["unpaid"], shown["ended_on"]) == ("ended-unperformed", "377352.00", "2026-03-05")
    person = enforced(pname=HEAD, partyCardNum=HEAD_ID, caseCode="（2026）豫0811执717号")
    assert (await push(district, ENFORCED, "list-3", person))["listed"] == 1
    again, _ = await district.pull(CREDIT, ENFORCEMENT)
    assert len(again) == len(events), "persons under enforcement are not shown at all"


async def test_m5_effects_on_judgment_debtors_are_refused_by_the_gateway(district: District) -> None:
    terms = (await agree(district, ENFORCEMENT)).model_dump(mode="json")
    debtors = load_agreement(ROOT / "contracts/agreements/debtors-to-credit-platform.yaml").terms.model_dump(
        mode="json"
    )
    changed = Terms.model_validate(terms | {"version": 2, "effects": debtors["effects"], "review": debtors["review"]})
    with pytest.raises(FuyuanError) as refused:
        await district.running.registry.activate(sign(changed, [district.cast.keys[one] for one in (COURT, CREDIT)]))
    assert refused.value.code == "contract-unsound"


async def test_a_list_in_the_wrong_feed_is_quarantined_and_nothing_is_dropped(district: District) -> None:
    await agree(district, RESTRICTIONS)
    await agree(district, ENFORCEMENT)
    for feed, other in ((ORDERS, enforced()), (ENFORCED, listing())):
        counts = await push(district, feed, f"wrong-{feed}", other)
        assert (counts["quarantined"], sum(counts.values())) == (1, 1)
