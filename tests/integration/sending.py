"""One run of the process that sends a table or an interface to a real gateway, and what stands at an agency then."""

from pathlib import Path
from typing import Any

from gateway.demo.cast import COURT
from gateway.provider import Pusher
from gateway.ways_in.front import FrontTable, Survey
from gateway.ways_in.known import Known
from schemas.front import Front
from tests.integration.district import MARKET, TO_MARKET, District

NAME = "焦作市山阳区示例建材有限公司"
CODE = "91410811MA47YB0X60"


def cases(*numbers: int) -> list[str]:
    return sorted(f"（2026）豫0811执{number}号" for number in numbers)


async def run_once(
    district: District, front: Front, state: Path, client: Pusher | None, *, refresh: bool, allow: int
) -> tuple[Survey, dict[str, int]]:
    """From its start to its end."""
    known = Known(state)
    table = FrontTable(front, known, client or district.client(COURT))
    try:
        found = await table.look(refresh=refresh, allow=allow)
    finally:
        known.close()
        await front.close()
    return found, {name: count for name, count in table.counts.items() if count}


async def live_cases(district: District) -> list[str]:
    """The case numbers that stand at an agency."""
    events, _ = await district.pull(MARKET, TO_MARKET)
    last: dict[str, Any] = {}
    for event in sorted((one for one in events if one["record"]), key=lambda one: int(one["cause"])):
        last[event["record"]["record_id"]] = event
    return sorted(one["record"]["case"]["number"] for one in last.values() if one["kind"] == "upsert")
