"""Sending pages that hold more than what is kept between pages."""

from typing import Any

from gateway.delivery.cursor import Cursor
from gateway.delivery.send import BATCHES_KEPT
from gateway.delivery.versions import SHOWN
from gateway.demo.cast import COURT
from gateway.journal.erase import erase_record
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from tests.small_gateway import Gateway, debtor, id_of


async def test_one_page_of_more_batches_than_are_kept(gateway: Gateway) -> None:
    """A lane of single receipts is such a page: each of them is a batch of its own."""
    await gateway.registry.activate(gateway.contract())
    for number in range(BATCHES_KEPT + 6):
        await gateway.put(debtor("名" * (number + 1)))
    events, _ = await gateway.pull("debtors-to-market-regulation", Cursor())
    keys = await gateway.registry.keys()
    assert len({event["proof"]["batch"] for event in events if event["kind"] == "upsert"}) == BATCHES_KEPT + 6
    assert all(verify_line(canonical(event), keys).status == "valid" for event in events)


FIELDS = ("performance", "performed", "unperformed", "obligation")  # what no block needs


async def test_d9_what_was_disclosed_for_one_contract_serves_all_that_show_the_same_and_no_other(
    gateway: Gateway,
) -> None:
    """Rows, numbers and seals stay each contract's own."""
    fields = [path for path in gateway.contract().terms.fields if path not in FIELDS]
    assert len(FIELDS) >= SHOWN, "more ways to show a version than are kept with it"
    several = {f"less-{count}": {"fields": [*fields, *FIELDS[:count]]} for count in range(len(FIELDS) + 1)}
    changed: dict[str, dict[str, Any]] = {
        "one": {},
        "two": {},
        "rows": {"rows": {"slot": "case.province", "equals": "河南"}},
        "masked": {"treatments": {"case.number": "mask"}},
        **several,
    }
    for name, members in changed.items():
        await gateway.registry.activate(gateway.contract(id=f"debtors-{name}", **members))
    await gateway.put(debtor("甲"), debtor("乙乙", province="河南"))
    keys = await gateway.registry.keys()
    shown = {}
    for name in (*changed, "two"):
        events, _ = await gateway.pull(f"debtors-{name}", Cursor())
        assert all(verify_line(canonical(event), keys).status == "valid" for event in events)
        shown[name] = [event for event in events if event["kind"] == "upsert"]
        assert {event["contract"] for event in events} == {f"debtors-{name}"}
    assert {name: len(events) for name, events in shown.items()} == {name: 2 - (name == "rows") for name in changed}
    assert shown["masked"][0]["record"]["case"]["number"] != shown["one"][0]["record"]["case"]["number"]
    for count, name in enumerate(several):
        for event in shown[name]:
            assert set(FIELDS) & event["proof"]["salts"].keys() == set(FIELDS[:count]), name


async def test_d9_what_is_shown_alike_is_made_once_and_forgotten_with_the_record(gateway: Gateway) -> None:
    for name in ("one", "two", "three"):
        await gateway.registry.activate(gateway.contract(id=f"debtors-{name}"))
    await gateway.put(debtor("甲"))

    async def last(name: str) -> dict[str, Any]:
        events, _ = await gateway.pull(f"debtors-{name}", Cursor())
        return events[-1]

    one, two = await last("one"), await last("two")
    assert one["record"] is two["record"]
    assert one["proof"]["run"] != two["proof"]["run"]
    await erase_record(gateway.engine, gateway.clock, gateway.keyring.signing, "dishonest-debtor", COURT, id_of("甲"))
    gone = await last("three")
    assert (gone["kind"], gone["record"], gone["proof"]["salts"]) == ("void", None, None)
