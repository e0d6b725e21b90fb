"""The ladder of matching (rules M1, M2, M5, M6): what blocks, what a person looks at, what is a likeness alone."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.agent.applicant import Keyed, UnreadableApplicant, read_applicant
from gateway.agent.listed import listed_in
from gateway.agent.match import Level, fits, grade, may_block
from schemas.canonical import JsonObject
from schemas.identifiers import read_identifier

from .conftest import credit_code, debtor, entry, org_code, person_id

TODAY = date(2026, 11, 23)
BOTH = ("person", "organisation")
ZHANG = person_id(1)
UNIT = credit_code(12345678)
UNIT_CODE = org_code(12345678)


def judged(name: str | None, pairs: list[tuple[str, str]], record: JsonObject, born_on: date | None = None) -> tuple:
    found = grade(read_applicant(name, pairs, born_on), record, TODAY, BOTH)
    return found.level, found.code, found.key


def unit(*identifiers: JsonObject, **changed: object) -> JsonObject:
    return debtor("某某有限公司".replace("某某", "焦城"), *identifiers, kind="organisation", **changed)


def test_m1_equal_identifier_and_name_block() -> None:
    assert judged("张三", [("cn-id", ZHANG)], debtor()) == (Level.BLOCK, "identifier-and-name", "cn-id")


@pytest.mark.parametrize("spelling", [" 张 三 ", "张三\u3000", "张\u200b三"])
def test_m1_names_are_equal_after_normalisation(spelling: str) -> None:
    assert judged(spelling, [("cn-id", ZHANG)], debtor())[0] is Level.BLOCK


@pytest.mark.parametrize(
    ("given_as", "listed"),
    [
        (("cn-uscc", UNIT), entry("cn-org", UNIT_CODE)),
        (("cn-org", UNIT_CODE), entry("cn-uscc", UNIT)),
        (("cn-org", UNIT_CODE.replace("-", "")), entry("cn-org", UNIT_CODE)),
        (("cn-uscc", UNIT), entry("cn-uscc", UNIT)),
    ],
)
def test_m1_an_organisation_code_links_to_the_credit_code_around_it(
    given_as: tuple[str, str], listed: JsonObject
) -> None:
    assert judged("焦城有限公司", [given_as], unit(listed))[0] is Level.BLOCK


def test_m1_brackets_of_company_names_do_not_count() -> None:
    record = debtor("焦城（河南）有限公司", entry("cn-uscc", UNIT), kind="organisation")
    assert judged("焦城(河南)有限公司", [("cn-uscc", UNIT)], record)[0] is Level.BLOCK


REVIEWED = {
    "name-contradicts": debtor("李四"),
    "name-absent": debtor(None),
    "name-masked": debtor("张*", name_masked=True),
    "kind-unknown": debtor(kind="unknown"),
    "kind-contradicts": debtor(kind="organisation"),
    "record-doubtful": debtor(doubts=["period"]),
    "minor": debtor("张三", entry("cn-id", ZHANG), published_on="1997-12-31"),
    "ask-the-court": debtor(grounds=["evades"], published_on="2021-11-23"),
    "identifier-unchecked": debtor("张三", entry("cn-id", ZHANG, check="none")),
}


@pytest.mark.parametrize("code", REVIEWED)
def test_m1_m2_m5_m6_an_equal_identifier_that_falls_short_is_reviewed(code: str) -> None:
    assert judged("张三", [("cn-id", ZHANG)], REVIEWED[code]) == (Level.REVIEW, code, "cn-id")


@pytest.mark.parametrize("field", ["doubts", "grounds", "published_on", "listed_until"])
def test_m1_a_field_that_the_rule_needs_and_is_missing_never_blocks(field: str) -> None:
    record = debtor()
    del record[field]
    assert judged("张三", [("cn-id", ZHANG)], record)[:2] == (Level.REVIEW, "field-missing")


def test_m1_an_applicant_without_a_name_is_reviewed() -> None:
    assert judged(None, [("cn-id", ZHANG)], debtor())[:2] == (Level.REVIEW, "name-absent")


def test_m1_a_second_identifier_that_contradicts_is_reviewed() -> None:
    record = debtor("张三", entry("cn-id", ZHANG), entry("passport", "E12345678", check="none"))
    found = judged("张三", [("cn-id", ZHANG), ("passport", "E87654321")], record)
    assert found[:2] == (Level.REVIEW, "identifiers-contradict")


def test_m1_another_credit_code_around_the_same_organisation_code_is_reviewed() -> None:
    other = credit_code(12345678, region="999998")
    assert judged("焦城有限公司", [("cn-uscc", other)], unit(entry("cn-uscc", UNIT)))[:2] == (
        Level.REVIEW,
        "identifiers-contradict",
    )


def test_m1_a_passport_without_its_country_is_reviewed() -> None:
    record = debtor("张三", entry("passport", "E12345678", check="none"))
    assert judged("张三", [("passport", "E12345678")], record)[:2] == (Level.REVIEW, "issuing-country-missing")


def test_m1_an_identifier_that_fails_its_check_never_matches() -> None:
    wrong = ZHANG[:-1] + ("0" if ZHANG[-1] != "0" else "1")
    assert judged("张三", [("cn-id", wrong)], debtor("张三", entry("cn-id", wrong, check="fail")))[0] < Level.REVIEW


def test_m1_a_check_that_a_record_only_claims_is_not_believed() -> None:
    record = debtor("焦城有限公司", entry("cn-org", "00000000-0"), kind="organisation")
    applicant = read_applicant("焦城有限公司", [("cn-uscc", UNIT)])
    placeholder = type(applicant)(applicant.name, (read_identifier(UNIT_CODE)._replace(value="00000000-0"),))
    assert grade(placeholder, record, TODAY, BOTH).level is Level.REVIEW


def test_m2_a_mask_with_the_name_is_reviewed_and_a_name_alone_is_a_note() -> None:
    masked = f"{ZHANG[:10]}****{ZHANG[-4:]}"
    wide = f"{ZHANG[:11]}****{ZHANG[-4:]}"  # four stars for three characters: 19 wide
    cut = ZHANG[:10] + ZHANG[-4:]
    for mask in (masked, wide, cut):
        record = debtor("张三", entry("cn-id", mask, masked=True, check="none"))
        assert judged("张三", [("cn-id", ZHANG)], record) == (Level.REVIEW, "mask-and-name", "cn-id")
        assert judged("张三", [("cn-id", person_id(7, "19910203"))], record)[0] is Level.NOTE
        assert judged("李四", [("cn-id", ZHANG)], record)[0] is Level.NONE
    assert judged("张三", [], debtor())[:2] == (Level.NOTE, "name-alone")
    assert judged("张三", [("cn-id", person_id(2))], debtor())[:2] == (Level.NOTE, "namesake")


def test_m2_a_birth_date_with_the_name_is_reviewed() -> None:
    found = judged("张三", [("passport", "E12345678")], debtor(), date(1980, 1, 1))
    assert found == (Level.REVIEW, "birth-date-and-name", "birth-date")


def test_m5_responsible_persons_of_a_listed_unit_are_nobody_here() -> None:
    people = [{"name": "张三", "role": "法定代表人", "identifiers": [entry("cn-id", ZHANG)]}]
    record = unit(entry("cn-uscc", UNIT), responsible_persons=people)
    assert judged("张三", [("cn-id", ZHANG)], record)[0] is Level.NONE


@pytest.mark.parametrize(
    ("published_on", "grounds", "level"),
    [
        ("2021-11-24", ["evades"], Level.BLOCK),
        ("2021-11-23", ["evades"], Level.REVIEW),
        ("2021-11-23", ["evades", "able-but-refuses"], Level.BLOCK),
        ("2021-11-23", [], Level.REVIEW),
        ("2010-01-01", ["able-but-refuses"], Level.BLOCK),
    ],
)
def test_m6_five_years_after_publication_the_court_is_asked(published_on: str, grounds: list, level: Level) -> None:
    assert judged("张三", [("cn-id", ZHANG)], debtor(published_on=published_on, grounds=grounds))[0] is level


def test_m6_a_period_ends_to_the_day() -> None:
    on_its_last_day = debtor(grounds=["evades"], listed_until="2026-11-23")
    over = debtor(grounds=["evades"], listed_until="2026-11-22")
    assert judged("张三", [("cn-id", ZHANG)], on_its_last_day)[0] is Level.BLOCK
    assert judged("张三", [("cn-id", ZHANG)], over)[:2] == (Level.NONE, "period-over")


def test_a_measure_bears_on_the_kinds_that_the_contract_names() -> None:
    applicant = read_applicant("张三", [("cn-id", ZHANG)])
    assert grade(applicant, debtor(), TODAY, ("organisation",)).code == "measure-not-for-kind"


def test_may_block_tells_which_records_are_worth_looking_up() -> None:
    assert may_block(debtor(), listed_in(debtor()), TODAY, BOTH)
    assert not any(
        may_block(record, listed_in(record), TODAY, BOTH)
        for code, record in REVIEWED.items()
        if code != "name-contradicts"
    )


@given(st.integers(0, 17), st.integers(0, 17), st.integers(1, 6))
def test_m2_a_mask_fits_its_own_number_however_many_stars_it_has(before: int, behind: int, stars: int) -> None:
    mask = ZHANG[:before] + "*" * stars + (ZHANG[-behind:] if behind else "")
    assert fits(mask, ZHANG) == (6 <= before + behind < 18)


@given(st.text("0123456789X*", min_size=1, max_size=19), st.text("张三李四*某", max_size=3), st.booleans())
def test_m1_nothing_but_an_equal_full_identifier_ever_blocks(value: str, name: str, masked: bool) -> None:
    record = debtor(name, entry("cn-id", value, masked=masked, check="pass"))
    level = judged("张三", [("cn-id", ZHANG)], record)[0]
    assert level is not Level.BLOCK or (value == ZHANG and name == "张三" and not masked)


@given(st.integers(0, 10**8 - 1), st.booleans())
def test_the_short_way_to_a_key_is_the_long_way(serial: int, organisation: bool) -> None:
    """`Keyed.plain` gives the key of what `read_applicant` reads, and none where that would refuse or warn."""
    keyed = Keyed(b"k" * 32, "contract")
    scheme, value = ("cn-uscc", credit_code(serial)) if organisation else ("cn-id", person_id(serial % 1000))
    plain = keyed.plain(scheme, value)
    try:
        (identifier,) = read_applicant(None, [(scheme, value)]).identifiers
    except UnreadableApplicant:
        assert plain is None
    else:
        assert plain in (keyed.identifier(identifier), None)
        assert plain is None or identifier.check == "pass"


@given(st.text("0123456789X", min_size=18, max_size=18), st.sampled_from(["cn-id", "cn-uscc"]))
@example("7307245383XXX17657", "cn-uscc")
def test_the_short_way_takes_nothing_that_the_long_way_refuses(value: str, scheme: str) -> None:
    if Keyed(b"k" * 32, "contract").plain(scheme, value) is not None:
        (identifier,) = read_applicant(None, [(scheme, value)]).identifiers
        assert (identifier.scheme, identifier.check) == (scheme, "pass")


@pytest.mark.parametrize("value", ["0", "12345678-9", "000000000000000000", "暂无"])
def test_m1_placeholders_are_refused(value: str) -> None:
    with pytest.raises(UnreadableApplicant):
        read_applicant("张三", [("cn-org", value)])


def test_a_number_of_another_scheme_than_is_said_is_refused() -> None:
    with pytest.raises(UnreadableApplicant):
        read_applicant("张三", [("cn-uscc", ZHANG)])
