"""What an event costs where a thousand contracts share one feed, against ten: routed, projected, sealed, once each."""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Literal

from contracts.load import load_agreement
from contracts.model import SignedContract, Terms, signature_payload
from gateway.clock import SystemClock
from gateway.delivery.cursor import Cursor
from gateway.demo.cast import COURT
from gateway.intake import Submission
from gateway.running import Running
from gateway.settings import Settings
from gateway.trust import jws
from gateway.trust.keys import SigningKey
from gateway.wiring import open_gateway
from tests.bench.figure import Figure
from tests.bench.sealing import court_list

FEED = "dishonest-debtor"
AGREEMENT = Path(__file__).parents[2] / "contracts/agreements/debtors-to-market-regulation.yaml"
EVENTS = 100  # a contract and round
FEW, MANY = 10, 1000


def run(*, quick: bool) -> list[Figure]:
    many = 50 if quick else MANY
    few_cost, many_cost = asyncio.run(_cost(FEW)), asyncio.run(_cost(many))
    return [
        Figure(
            f"an event with {many:,} contracts on one feed",
            many_cost * 1e6,
            "us of CPU",
            "1.5 x at most",
            f"the cost with {FEW} contracts",
            many_cost / few_cost,
        )
    ]


async def _cost(contracts: int) -> float:
    """CPU seconds for one event of one contract, from the journal to the sealed page."""
    with tempfile.TemporaryDirectory(prefix="fuyuan-bench-") as folder:
        running = await open_gateway(Settings(data_dir=Path(folder)), SystemClock())
        ids = await found(running, contracts)
        cursors = dict.fromkeys(ids, Cursor())
        lines = court_list(2 * EVENTS).splitlines()
        await _round(running, cursors, b"\n".join(lines[:EVENTS]))  # first snapshots, caches
        began = time.process_time()
        shown = await _round(running, cursors, b"\n".join(lines[EVENTS:]))
        spent = time.process_time() - began
        await running.stop()
    assert shown == contracts * EVENTS, "the bench does not measure what it says"
    return spent / shown


async def _round(running: Running, cursors: dict[str, Cursor], body: bytes) -> int:
    await running.intake.submit(Submission(COURT, FEED, f"bench-{len(body)}", body))
    shown = 0
    for contract, cursor in cursors.items():
        page, _ = await running.pull.page(contract.removeprefix("debtors-to-"), contract, cursor, 500, 0)
        shown += sum(event["kind"] == "upsert" for event in page.events)
        cursors[contract] = page.next
    return shown


async def found(
    running: Running, contracts: int, *, delivery: tuple[Literal["pull", "kafka"], ...] = ("pull",)
) -> list[str]:
    """A court, and that many agencies with a contract each."""
    now = running.clock.now()
    court = SigningKey.generate(COURT, now)
    await running.registry.admit({"id": COURT}, [court.public()])
    terms = load_agreement(AGREEMENT).terms.model_dump(mode="json")
    ids = []
    for number in range(contracts):
        agency = SigningKey.generate(f"agency-{number:04d}", now)
        await running.registry.admit({"id": agency.party}, [agency.public()])
        sides = {
            "provider": {"party": COURT, "keys": [court.kid]},
            "subscriber": {"party": agency.party, "keys": [agency.kid]},
        }
        own = Terms.model_validate({**terms, "id": f"debtors-to-{agency.party}", "delivery": delivery, **sides})
        tokens = tuple(jws.sign(key, jws.CONTRACT, signature_payload(own, key.party)) for key in (court, agency))
        await running.registry.activate(SignedContract(terms=own, signatures=tokens))
        ids.append(own.id)
    return ids
