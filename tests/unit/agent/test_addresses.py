"""Where a party was to be served on a day: every rule, and that no order of arrival changes an answer."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agent.addresses import standing, where
from gateway.agent.history import Told
from schemas.canonical import JsonObject
from schemas.identifiers import Identifier
from tests.unit.agent.statements import NOWHERE, OTHER, UNIT, confirmation, statement, taken_back, told


def asked(day: str, *statements: JsonObject, party: Identifier = UNIT) -> JsonObject:
    return where([told(one, cause) for cause, one in enumerate(statements, 1)], party, date.fromisoformat(day))


def served_at(answer: Any) -> list[tuple[str, str, str]]:
    return [(place["use"], place["address"], place["by"]) for place in answer["serve_at"]]


def test_the_domicile_is_the_default_and_the_spare_address_comes_behind_it() -> None:
    spare = {"address": "备用1", "postcode": "454000"}
    answer = asked("2026-02-01", statement(spare=spare))
    assert served_at(answer) == [("domicile", "住所s1", "s1"), ("spare", "备用1", "s1")]
    assert answer["serve_at"][1]["postcode"] == "454000"
    assert answer["state"] == {"state": "operating", "by": "s1"}


@pytest.mark.parametrize(
    ("day", "by"), [("2026-01-05", []), ("2026-01-06", ["s1"]), ("2026-06-30", ["s1"]), ("2026-07-01", ["s2"])]
)
def test_a_statement_holds_from_its_first_day(day: str, by: list[str]) -> None:
    answer = asked(day, statement("s2", "2026-07-01"), statement("s1", "2026-01-06"))
    assert [place["by"] for place in answer["serve_at"]] == by


def test_while_suspended_another_address_takes_the_domiciles_place_and_what_else_was_said_stands() -> None:
    email = {"email": "law@example.cn", "consent": "given", "consented_at": "2026-01-06"}
    whole = statement("s1", spare={"address": "备用1", "postcode": None}, electronic=email)
    suspended = statement(
        "s2", "2026-03-01", occasion="suspension", state="suspended", effective_until="2026-08-31", domicile=NOWHERE,
        while_suspended={"address": "歇业1", "postcode": None},
    )  # fmt: skip
    answer = asked("2026-03-01", whole, suspended)
    assert served_at(answer) == [("while-suspended", "歇业1", "s2"), ("spare", "备用1", "s1")]
    assert (answer["state"]["state"], answer["electronic"]["email"]) == ("suspended", "law@example.cn")
    assert served_at(asked("2026-09-01", whole, suspended))[0] == ("domicile", "住所s1", "s1"), "behind its last day"
    resumed = statement("s3", "2026-05-01", occasion="resumption", state="operating", domicile=NOWHERE)
    assert served_at(asked("2026-05-01", whole, suspended, resumed))[0] == ("domicile", "住所s1", "s1")
    nowhere = {**suspended, "while_suspended": NOWHERE}
    assert served_at(asked("2026-03-01", whole, nowhere))[0][0] == "domicile", "the law asks for none"


def test_a_deregistered_party_can_be_served_nowhere_and_could_before() -> None:
    whole = statement("s1", electronic={"email": "a@b.cn", "consent": "given", "consented_at": "2026-01-06"})
    gone = statement("s2", "2026-06-30", occasion="deregistration", state="deregistered", domicile=NOWHERE)
    answer = asked("2026-06-30", whole, gone)
    assert (answer["serve_at"], answer["electronic"], answer["state"]["state"]) == ([], None, "deregistered")
    assert served_at(asked("2026-06-29", whole, gone)) == [("domicile", "住所s1", "s1")]
    revoked = statement("s2", "2026-06-30", state="licence-revoked", domicile=NOWHERE)
    assert served_at(asked("2026-06-30", whole, revoked)) == [("domicile", "住所s1", "s1")], "吊销 is no 注销"


@pytest.mark.parametrize(
    ("electronic", "day", "why_not"),
    [
        (("given", "2026-01-06"), "2026-01-06", None),
        (("given", "2026-01-07T15:59:59.999Z"), "2026-01-07", None),
        (("given", "2026-01-07T16:00:00.000Z"), "2026-01-07", "consent-later"),  # it is the 8th in China
        (("given", None), "2026-01-07", "consent-undated"),
        (("refused", "2026-01-06"), "2026-01-07", "consent-refused"),
        (("unstated", None), "2026-01-07", "consent-missing"),
    ],
)
def test_an_email_address_is_one_only_behind_the_day_of_consent(
    electronic: tuple[str, str | None], day: str, why_not: str | None
) -> None:
    consent, at = electronic
    said = {"email": "law@example.cn", "consent": consent, "consented_at": at}
    found = asked(day, statement(electronic=said))["electronic"]
    assert (found["why_not"], found["email"]) == (why_not, "law@example.cn" if why_not is None else None)


def test_a_consent_that_was_taken_back_stands_no_more_and_did_before() -> None:
    given_ = {"email": "law@example.cn", "consent": "given", "consented_at": "2026-01-06"}
    whole = statement("s1", electronic=given_)
    back = statement("s2", "2026-04-01", domicile=NOWHERE,
                     electronic={"email": None, "consent": "refused", "consented_at": None})  # fmt: skip
    assert asked("2026-03-31", whole, back)["electronic"]["email"] == "law@example.cn"
    assert asked("2026-04-01", whole, back)["electronic"]["why_not"] == "consent-refused"


def test_each_loan_contract_stands_by_itself_beside_the_registry() -> None:
    answer = asked(
        "2026-02-01", statement("s1"), confirmation("c1", "2025-05-01", "旧址"),
        confirmation("c2", "2025-09-01", "新址"), confirmation("c3", "2025-06-01", "另址", loan="借2"),
        confirmation("c4", "2026-03-01", "将来", loan="借3"),
    )  # fmt: skip
    assert served_at(answer) == [("domicile", "住所s1", "s1")]
    assert [(one["loan"]["number"], served_at(one)) for one in answer["confirmed"]] == [
        ("借1", [("confirmed", "新址", "c2")]), ("借2", [("confirmed", "另址", "c3")]),
    ]  # fmt: skip


def test_two_statements_of_one_day_that_differ_are_told() -> None:
    answer = asked("2026-02-01", statement("s1"), statement("s2"))
    assert (answer["serve_at"][0]["by"], answer["contested"]) == ("s2", ["s1", "s2"])
    later = statement("s1", source_updated_at="2026-01-06T02:00:00.000Z")
    earlier = statement("s2", source_updated_at="2026-01-06T01:00:00.000Z")
    assert asked("2026-02-01", later, earlier)["serve_at"][0]["by"] == "s1"
    same = {"address": "同址", "postcode": None}
    assert asked("2026-02-01", statement("s1", domicile=same), statement("s2", domicile=same))["contested"] == []


def test_a_statement_whose_identifier_was_corrected_is_about_another_party() -> None:
    versions = [told(statement("s1"), 1), told(statement("s1", party=OTHER), 2)]
    day = date(2026, 2, 1)
    assert where(versions, UNIT, day)["serve_at"] == []
    assert where(versions, OTHER, day)["serve_at"][0]["by"] == "s1"
    inside = Identifier("cn-org", "MA3X1234-5", masked=False, check="pass")
    assert where(versions[:1], inside, day)["serve_at"][0]["by"] == "s1"


def test_what_was_known_at_a_moment() -> None:
    early, late = "2026-02-01T00:00:00.000Z", "2026-02-03T00:00:00.000Z"
    versions = [
        told(statement("s1"), 1, early), told(statement("s1", domicile={"address": "改正", "postcode": None}), 2, late),
        taken_back("s2", 4, late), told(statement("s2", "2026-01-10"), 3, early),
    ]  # fmt: skip
    day = date(2026, 2, 5)
    assert served_at(where(versions, UNIT, day)) == [("domicile", "改正", "s1")]
    assert served_at(where(versions, UNIT, day, "2026-02-02T00:00:00.000Z")) == [("domicile", "住所s2", "s2")]
    assert where(versions, UNIT, day, "2026-01-01T00:00:00.000Z")["serve_at"] == []


def test_what_the_contract_does_not_show_is_not_guessed() -> None:
    shown = statement()
    for member in ("electronic", "contact", "spare", "state", "loan"):
        del shown[member]
    answer = asked("2026-02-01", shown)
    assert (answer["electronic"], answer["contact"], answer["state"]) == (None, None, None)
    del shown["effective_from"]
    assert where([told({**shown, "effective_from": None}, 1)], UNIT, date(2026, 2, 1))["serve_at"] == []


DAYS = st.sampled_from([f"2026-0{month}-{day}" for month in range(1, 7) for day in ("01", "15")])
PLACES = st.sampled_from([NOWHERE, {"address": "甲路", "postcode": None}, {"address": "乙路", "postcode": "454000"}])


@st.composite
def versions(draw: st.DrawFn) -> list[Told]:
    """Some statements, amended and withdrawn, by journal order."""
    found: list[Told] = []
    for record_id in (f"s{serial}" for serial in range(draw(st.integers(1, 6)))):
        begins = draw(DAYS)
        for _ in range(draw(st.integers(1, 3))):
            if draw(st.booleans()):
                record = confirmation(
                    record_id, begins, draw(st.sampled_from(["甲", "乙"])), draw(st.sampled_from("AB"))
                )
            else:
                record = statement(
                    record_id, begins, domicile=draw(PLACES), spare=draw(PLACES), while_suspended=draw(PLACES),
                    state=draw(st.sampled_from(["operating", "suspended", "deregistered", "unknown"])),
                    effective_until=draw(st.sampled_from([None, "2026-06-20"])),
                )  # fmt: skip
            found.append(told(record, len(found) + 1))
        if draw(st.integers(0, 3)) == 0:
            found.append(taken_back(record_id, len(found) + 1))
    return found


@given(st.data())
def test_whatever_order_statements_arrive_in_the_answer_for_a_day_is_the_same(data: st.DataObject) -> None:
    said = data.draw(versions())
    day = date.fromisoformat(data.draw(DAYS))
    assert where(data.draw(st.permutations(said)), UNIT, day) == where(said, UNIT, day)


@given(st.data())
def test_whatever_order_the_journal_has_them_in_the_answer_for_a_day_is_the_same(data: st.DataObject) -> None:
    """Of different statements; versions of one stand in the order in which its provider said them."""
    stands = [one.record for one in standing(data.draw(versions()), UNIT) if one.record is not None]
    day = date.fromisoformat(data.draw(DAYS))
    shuffled = data.draw(st.permutations(stands))
    answers = [where([told(one, cause) for cause, one in enumerate(some, 1)], UNIT, day) for some in (stands, shuffled)]
    assert answers[0] == answers[1]


@given(versions(), DAYS)
def test_every_place_in_an_answer_is_that_of_a_statement_that_stands_and_holds(said: list[Told], day: str) -> None:
    answer = where(said, UNIT, date.fromisoformat(day))
    stand = {one.record_id: one.record for one in standing(said, UNIT)}
    gone = {one.record_id for one in said if one.kind == "withdrawn"}
    for place in [*answer["serve_at"], *(place for loan in answer["confirmed"] for place in loan["serve_at"])]:
        record: Any = stand[place["by"]]
        assert place["by"] not in gone
        assert record["effective_from"] <= day <= (record["effective_until"] or "9999")
        assert record[place["use"].replace("-", "_")]["address"] == place["address"]


@given(versions(), DAYS)
def test_of_whole_statements_the_latest_names_the_domicile(said: list[Told], day: str) -> None:
    answer = where(said, UNIT, date.fromisoformat(day))
    whole: list[Any] = [
        one.record
        for one in standing(said, UNIT)
        if one.record["occasion"] != "confirmation" and one.record["domicile"]["address"]  # type: ignore[index]
    ]
    held = [
        one["effective_from"] for one in whole if one["effective_from"] <= day <= (one["effective_until"] or "9999")
    ]
    for place in answer["serve_at"]:
        if place["use"] == "domicile":
            assert next(one for one in whole if one["record_id"] == place["by"])["effective_from"] == max(held)
