"""Identifiers: the standards' checks, masks, placeholders and what spreadsheets do (rule M1)."""

from datetime import date

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from schemas.identifiers import (
    USCC_ALPHABET,
    USCC_WEIGHTS,
    Identifier,
    PlaceholderIdentifier,
    RoundedIdentifier,
    birth_date,
    id_check,
    id_passes,
    org_code_of,
    org_passes,
    read_identifier,
    reg_passes,
    uscc_passes,
)

digits = st.text("0123456789", min_size=3, max_size=3)
regions = st.integers(110000, 659999).map(str)
births = st.dates(date(1900, 1, 1), date(2020, 12, 31))


@st.composite
def citizen_numbers(draw: st.DrawFn) -> str:
    body = f"{draw(regions)}{draw(births):%Y%m%d}{draw(digits)}"
    return body + id_check(body)


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    body = f"91{draw(regions)}{draw(st.text(USCC_ALPHABET, min_size=9, max_size=9))}"
    total = sum(w * USCC_ALPHABET.index(c) for w, c in zip(USCC_WEIGHTS, body, strict=True))
    return body + USCC_ALPHABET[(31 - total % 31) % 31]


@given(citizen_numbers())
def test_gb_11643_any_region_and_year_passes(number: str) -> None:
    """Library tables refuse old regions and births before 1983; structure, date and check do not."""
    assert id_passes(number)
    assert read_identifier(number) == Identifier("cn-id", number, masked=False, check="pass")


@given(citizen_numbers(), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_gb_11643_one_wrong_character_never_passes(number: str, place: int, other: str) -> None:
    assume(other != number[place])
    assert not id_passes(number[:place] + other + number[place + 1 :])


@given(citizen_numbers(), st.integers(0, 16))
def test_gb_11643_two_characters_swapped_never_pass(number: str, place: int) -> None:
    assume(number[place] != number[place + 1])
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert not id_passes(swapped)


@given(citizen_numbers())
def test_birth_date_comes_from_a_passing_number_alone(number: str) -> None:
    found = read_identifier(number)
    assert found
    assert birth_date(found) == date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    assert birth_date(found._replace(check="fail")) is None


@given(credit_codes())
def test_gb_32100_the_computed_check_character_passes(code: str) -> None:
    assert uscc_passes(code)


def test_gb_32100_the_widely_printed_example_passes() -> None:
    assert uscc_passes("91350100M000100Y43")


@given(credit_codes(), st.integers(0, 17), st.sampled_from(USCC_ALPHABET))
def test_gb_32100_one_wrong_character_never_passes(code: str, place: int, other: str) -> None:
    assume(other != code[place])
    assert not uscc_passes(code[:place] + other + code[place + 1 :])


def test_gb_32100_a_remainder_of_31_is_written_0() -> None:
    """The digit that implementations forget."""
    body = next(
        f"91410811{n:09d}"
        for n in range(10_000)
        if sum(w * int(c) for w, c in zip(USCC_WEIGHTS, f"91410811{n:09d}", strict=True)) % 31 == 0
    )
    assert uscc_passes(body + "0")


@pytest.mark.parametrize("code", ["69670740-9", "69191286-8", "680926658", "58255643-8", "67004606-7", "80210043-3"])
def test_gb_11714_codes_of_real_companies_pass(code: str) -> None:
    assert org_passes(code)
    found = read_identifier(code)
    assert found == Identifier("cn-org", f"{code[:8]}-{code[-1]}", masked=False, check="pass")


def test_the_organisation_code_stands_inside_the_credit_code() -> None:
    assert org_code_of("91320811696707409A") == "69670740-9"
    assert org_passes(org_code_of("91320811696707409A"))


def test_registration_number_mod_11_10() -> None:
    numbers = [f"11010800123456{check}" for check in range(10)]
    assert sum(map(reg_passes, numbers)) == 1
    passing = next(filter(reg_passes, numbers))
    assert read_identifier(passing) == Identifier("cn-reg", passing, masked=False, check="pass")


def test_legacy_number_is_upgraded_and_never_acts_by_itself() -> None:
    """15 characters carry no check character, so the check of the upgraded number proves nothing."""
    found = read_identifier("410811500101123")
    assert found
    assert (found.scheme, found.value[:17], found.check) == ("cn-id", "41081119500101123", "none")
    assert id_passes(found.value)


@pytest.mark.parametrize(
    ("written", "scheme"),
    [
        ("4222011987****618X", "cn-id"),  # 18 wide
        ("42280219870****7875", "cn-id"),  # 19 wide: four stars hide three characters
        ("34230119640101****", "cn-id"),  # tail hidden
        ("3423011964** ***2201", "cn-id"),  # five stars and a blank
        ("3423011964***2201", "cn-id"),
        ("34230119642201", "cn-id"),  # stars stripped
        ("342301＊＊＊＊＊＊＊＊2201", "other"),  # nothing seen that tells
        ("342301196401XXXX01", "cn-id"),
        ("91320811696****409A", "cn-uscc"),
        ("9113090056****6791", "cn-uscc"),
        ("91130900566****679", "cn-uscc"),  # 17 characters
        ("6967****-9", "cn-org"),
    ],
)
def test_masks_of_every_width_stay_masked(written: str, scheme: str) -> None:
    found = read_identifier(written)
    assert found
    assert (found.scheme, found.masked, found.check) == (scheme, True, "none")
    assert " " not in found.value


@given(citizen_numbers(), st.integers(6, 14), st.integers(1, 8))
def test_a_masked_number_is_never_checked(number: str, start: int, width: int) -> None:
    found = read_identifier(number[:start] + "*" * width + number[start + 4 :])
    assert found
    assert found.masked
    assert found.check == "none"
    assert birth_date(found) is None


@pytest.mark.parametrize(
    "written",
    [
        "0", "00000000-0", "000000000000000000", "000000000000000", "00000000000000000X", "12345678-9", "123456789",
        "123456789012345678", "null", "NULL", "无", "暂无", "-", "********", "111111111111111", "987654321",
        "914108110000000000",
    ],
)  # fmt: skip
def test_m1_placeholders_are_refused_though_they_pass_their_checks(written: str) -> None:
    with pytest.raises(PlaceholderIdentifier) as refused:
        read_identifier(written)
    assert written not in str(refused.value)


def test_codes_of_zeros_do_pass_their_checks() -> None:
    """Why placeholders need their own rule."""
    assert org_passes("00000000-0")


@pytest.mark.parametrize(
    "written", ["916201055811843000", "916201055716048000", "916201057565529000", "9.16201055811843E+17"]
)
def test_a_spreadsheet_rounded_the_number(written: str) -> None:
    with pytest.raises(RoundedIdentifier) as refused:
        read_identifier(written)
    assert written not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "value", "check"),
    [
        (" 69670740－9 ", "69670740-9", "pass"),
        ("６９６７０７４０９", "69670740-9", "pass"),
        ("'91320811696707409a", "91320811696707409A", None),
        ("91340400667119998R", "91340400667119998R", "fail"),  # a real company's, and wrong at the source
    ],
)
def test_full_width_forms_and_blanks_are_folded(written: str, value: str, check: str | None) -> None:
    found = read_identifier(written)
    assert found
    assert found.value == value
    assert check is None or found.check == check


@pytest.mark.parametrize(
    ("written", "scheme"),
    [("E12345678", "passport"), ("EA1234567", "passport"), ("H1234567890", "hk-macau-permit"),
     ("ABC123456789012", "foreign-resident-id"), ("京工商字第123456号", "cn-reg"), ("12AB", "other")],
)  # fmt: skip
def test_other_documents_have_no_check(written: str, scheme: str) -> None:
    found = read_identifier(written)
    assert found
    assert (found.scheme, found.check) == (scheme, "none")


@example("ß¸")
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_reading_is_stable(written: str) -> None:
    try:
        found = read_identifier(written)
    except (PlaceholderIdentifier, RoundedIdentifier):
        return
    if found and not found.masked:
        assert read_identifier(found.value) == found or len(found.value) == 18
