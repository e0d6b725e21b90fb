"""Pull: a subscriber reads both lanes of its contract, priority first, and waits where there is nothing (D1, D3)."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from gateway.api.answers import document
from gateway.api.sender import Parts, Proved
from gateway.delivery.cursor import NUMBER_LIMIT, Cursor, read_cursor
from gateway.delivery.log import RUN
from gateway.errors import BadRequest

router = APIRouter(prefix="/v1/contracts", tags=["subscribers"])

ContractId = Annotated[str, Path(pattern=r"^[a-z0-9-]{3,64}$")]
Number = Annotated[int, Query(ge=0, lt=NUMBER_LIMIT)]


@router.get("/{contract}/events")
async def events(
    contract: ContractId,
    sender: Proved,
    parts: Parts,
    after: Annotated[str, Query(max_length=64)] = "",
    priority: Number | None = None,
    bulk: Number | None = None,
    limit: Annotated[int, Query(ge=1, le=RUN)] = RUN,
    wait: Annotated[float, Query(ge=0, le=60)] = 0,
) -> object:
    """A page of events, the cursor behind them, and the signed heads of both lanes.

    It begins behind the cursor `after`, or behind the numbers `priority` and `bulk`, which is 0 where it is left out.
    """
    wait = min(wait, parts.settings.long_poll_max_seconds)
    page, heartbeat = await parts.pull.page(sender.party, contract, _place(after, priority, bulk), limit, wait)
    return document({"events": page.events, "next": page.next.write(), "heads": heartbeat})


def _place(after: str, priority: int | None, bulk: int | None) -> Cursor:
    if priority is None and bulk is None:
        return read_cursor(after)
    if after:
        raise BadRequest("cursor-twice", "Give the cursor or the numbers, not both.")
    return Cursor(priority or 0, bulk or 0)


@router.get("/{contract}")
async def signed_contract(contract: ContractId, sender: Proved, parts: Parts) -> object:
    """The signed contract in force, for its two parties."""
    return document({"contract": await parts.pull.signed_contract(sender.party, contract)})
