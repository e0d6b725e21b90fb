"""A preview tells an official counts and an invented example, and nothing of any record."""

from collections.abc import Callable

import orjson
from hypothesis import given
from hypothesis import strategies as st

from contracts.model import Terms
from contracts.policy import FeedShape, Source
from contracts.preview import preview

MakeTerms = Callable[..., Terms]
PRIVATE = "王小明-410811199001011234"


def test_counts_are_of_the_records_that_the_filter_shows(
    terms: MakeTerms, debtors: FeedShape, source: Callable[..., Source]
) -> None:
    def record(kind: str, obligation: str | None) -> Source:
        values = {"subject.kind": kind, "obligation": obligation, "grounds": []}
        return source(tuple(values.get(slot) for slot in debtors.slots))

    made = terms(rows={"slot": "subject.kind", "equals": "person"}, treatments={"case.court": "mask"})
    records = [record("person", None), record("person", "pay"), record("organisation", "pay")]
    seen = preview(made, debtors, records)
    assert (seen.records, seen.seen) == (3, 2)
    by_slot = {field.slot: (field.how, field.filled) for field in seen.fields}
    assert list(by_slot) == list(debtors.slots)
    assert by_slot["subject.kind"] == ("shown", 2)
    assert by_slot["obligation"] == ("withheld", 1)
    assert by_slot["case.court"] == ("treated", 0)
    assert by_slot["grounds"] == ("shown", 0)
    assert "obligation" not in seen.example


@given(st.data())
def test_nothing_of_a_record_stands_in_the_preview(
    terms: MakeTerms, debtors: FeedShape, source: Callable[..., Source], data: st.DataObject
) -> None:
    fields = data.draw(st.lists(st.sampled_from(debtors.slots), min_size=1, unique=True))
    values = tuple([PRIVATE] if "[]" in slot else PRIVATE for slot in debtors.slots)
    made = preview(terms(fields=fields), debtors, [source(values)])
    assert PRIVATE not in repr(made)
    assert orjson.loads(orjson.dumps(made.example))["feed"] == debtors.name
