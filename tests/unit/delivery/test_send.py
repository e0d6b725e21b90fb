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
