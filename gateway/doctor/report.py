"""`fuyuan doctor`: prints the findings and says by its exit code whether there is anything to do."""

import sys
from typing import TextIO, get_args

import orjson

from gateway.clock import Clock
from gateway.doctor.agent import examine_agent
from gateway.doctor.finding import Area, Finding
from gateway.doctor.gateway import examine_gateway
from gateway.settings import Settings

AREAS = get_args(Area)  # in the order in which they are told


async def run_doctor(settings: Settings, clock: Clock, *, agent: bool, as_json: bool, out: TextIO = sys.stdout) -> int:
    """One line a finding, or one JSON object. 0 where all is well, 1 where there is a warning or an error."""
    found = await (examine_agent if agent else examine_gateway)(settings, clock)
    found.sort(key=lambda one: AREAS.index(one.area))
    out.writelines(_spell(one, as_json=as_json) + "\n" for one in found)
    return int(any(one.level != "ok" for one in found))


def _spell(finding: Finding, *, as_json: bool) -> str:
    return orjson.dumps(finding.document()).decode() if as_json else finding.line()
