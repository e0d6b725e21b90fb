"""Pull: a subscriber reads both lanes of its contract, priority first, and waits where there is nothing (D1, D3)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from gateway.api.answers import document
from gateway.api.sender import Parts, Proved
from gateway.delivery.cursor import read_cursor
from gateway.delivery.log import RUN

router = APIRouter(prefix="/v1/contracts", tags=["subscribers"])

ContractId = Annotated[str, Path(pattern=r"^[a-z0-9-]{3,64}$")]


@router.get("/{contract}/events")
async def events(
    contract: ContractId,
    sender: Proved,
    parts: Parts,
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=RUN)] = RUN,
    wait: Annotated[float, Query(ge=0, le=60)] = 0,
) -> object:
    """A page of events, the cursor behind them, and the signed heads of both lanes."""
    wait = min(wait, parts.settings.long_poll_max_seconds)
    page, heartbeat = await parts.pull.page(sender.party, contract, read_cursor(after), limit, wait)
    return document({"events": page.events, "next": page.next.write(), "heads": heartbeat})


@router.get("/{contract}")
async def signed_contract(contract: ContractId, sender: Proved, parts: Parts) -> object:
    """The signed contract in force, for its two parties."""
    return document({"contract": await parts.pull.signed_contract(sender.party, contract)})
