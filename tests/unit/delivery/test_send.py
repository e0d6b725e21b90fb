"""Sending pages that hold more than what is kept between pages."""

from gateway.delivery.cursor import Cursor
from gateway.delivery.send import BATCHES_KEPT
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from tests.small_gateway import Gateway, debtor


async def test_one_page_of_more_batches_than_are_kept(gateway: Gateway) -> None:
    """A lane of single receipts is such a page: each of them is a batch of its own."""
    await gateway.registry.activate(gateway.contract())
    for number in range(BATCHES_KEPT + 6):
        await gateway.put(debtor("名" * (number + 1)))
    events, _ = await gateway.pull("debtors-to-market-regulation", Cursor())
    keys = await gateway.registry.keys()
    assert len({event["proof"]["batch"] for event in events if event["kind"] == "upsert"}) == BATCHES_KEPT + 6
    assert all(verify_line(canonical(event), keys).status == "valid" for event in events)


async def test_d9_what_was_disclosed_for_one_look_serves_every_contract_of_it_and_no_other(gateway: Gateway) -> None:
    """Rows, numbers and seals stay each contract's own."""
    fields = gateway.contract().terms.fields
    narrow = [path for path in fields if path != "performance"]
    elsewhere = {"slot": "case.province", "equals": "河南"}
    for name, changed in {"one": {}, "two": {}, "narrow": {"fields": narrow}, "rows": {"rows": elsewhere}}.items():
        await gateway.registry.activate(gateway.contract(id=f"debtors-{name}", **changed))
    await gateway.put(debtor("甲"), debtor("乙乙", province="河南"))
    keys = await gateway.registry.keys()
    shown = {}
    for name in ("one", "two", "narrow", "rows"):
        events, _ = await gateway.pull(f"debtors-{name}", Cursor())
        assert all(verify_line(canonical(event), keys).status == "valid" for event in events)
        shown[name] = [event for event in events if event["kind"] == "upsert"]
    assert [len(events) for events in shown.values()] == [2, 2, 2, 1]
    for one, two in zip(shown["one"], shown["two"], strict=True):
        assert one["record"] is two["record"], "made once"
        assert (one["contract"], two["contract"]) == ("debtors-one", "debtors-two")
        assert one["proof"]["run"] != two["proof"]["run"]
    assert all("performance" in event["record"] for event in shown["one"])
    for event in shown["narrow"]:
        assert "performance" not in event["record"]
        assert "performance" not in event["proof"]["salts"]
