"""What an agency may say of a record, and that docs/format.md says the same."""

import re
from pathlib import Path
from typing import get_args

import pytest

from schemas.feedback import ANSWERS, REASONS, Answer, is_identity_number, may_have_row
from schemas.records.receipt import ReceiptKind

PAGE = (Path(__file__).parents[3] / "docs/format.md").read_text("utf-8")


def test_each_word_is_a_kind_of_receipt_with_its_own_reasons() -> None:
    assert ANSWERS == set(get_args(Answer)) < set(get_args(ReceiptKind))
    assert REASONS["accepted"] == {None}
    assert not REASONS["rejected"] & REASONS["disputed"]


@pytest.mark.parametrize("answer", get_args(Answer))
def test_the_format_lists_the_same_reasons(answer: str) -> None:
    (cell,) = re.findall(rf"^\| `{answer}` +\| (.*?) *\|$", PAGE, re.MULTILINE)
    assert {None if cell == "null" else code for code in re.findall(r"`([a-z-]+)`", cell) or [None]} == REASONS[answer]


def test_only_an_identity_is_of_one_row() -> None:
    allowed = {(word, reason) for word, reasons in REASONS.items() for reason in reasons if may_have_row(word, reason)}
    assert allowed == {("accepted", None), ("disputed", "not-this-person")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("99999919800101001X", False),
        ("999999198001010011", True),
        ("919999996919128687", True),
        ("D-2026-1", False),
        ("0" * 18, False),
    ],
)
def test_an_identity_number_is_told_by_its_check(text: str, expected: bool) -> None:
    assert is_identity_number(text) is expected
