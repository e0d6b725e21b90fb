"""A department that has an interface, before a real gateway, and one run of the process that reads it."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.interfaces.front import InterfaceFront
from adapters.interfaces.mapping import InterfaceMapping
from gateway.provider import Pusher
from gateway.ways_in.front import Survey
from tests.integration.district import District
from tests.integration.sending import CODE, NAME, live_cases, run_once
from tests.servers.interface import PAASID, Department, Handler, interface_server

MAPPING: dict[str, Any] = {
    "feed": "dishonest-debtor",
    "key": ["id"],
    "columns": {
        "caseCode": "ah", "iname": "bzxr.mc", "cardNum": "bzxr.zjhm", "courtName": "fymc", "publishDate": "fbsj",
        "duty": "yw",
    },
    "named": {"case_number": "ah", "name": "bzxr.mc"},
    "answer": {"ok": "code", "values": ["0", "200"], "rows": "data.list"},
    "pages": {"by": "number", "parameter": "pageNum", "size_parameter": "pageSize", "size": 2, "total": "data.total"},
    "sign": {"by": "tif", "id": PAASID},
    "deletions": {"column": "czlx", "values": ["D"], "reason": "scyy", "gone": "performed"},
    "brake": {"rows": 3},
}  # fmt: skip
NO_TOTAL = {"pages": {"by": "number", "parameter": "pageNum", "size_parameter": "pageSize", "size": 2}}
WATERMARK = {"changes": {"by": "watermark", "parameter": "since", "path": "gxsj"}}


def record(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": number, "ah": f"（2026）豫0811执{number}号", "bzxr": {"mc": NAME, "zjhm": CODE},
        "fymc": "焦作市山阳区人民法院", "fbsj": "2026-10-09", "yw": "支付", **changed,
    }  # fmt: skip


class Reader:
    """The court's machine: each look is a run of its own, from its start to its end."""

    def __init__(self, district: District, department: Department, state: Path) -> None:
        self.district, self.department, self.state = district, department, state

    async def look(
        self,
        *,
        client: Pusher | None = None,
        refresh: bool = False,
        allow: int = 0,
        token: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        **changed: Any,
    ) -> tuple[Survey, dict[str, int]]:
        mapping = InterfaceMapping.model_validate({"url": self.department.url, **MAPPING, **changed})
        front = InterfaceFront(
            mapping, self.department.token if token is None else token, self.state.with_name("pages"), now
        )
        return await run_once(self.district, front, self.state, client, refresh=refresh, allow=allow)

    async def live(self) -> list[str]:
        """The case numbers that stand at an agency."""
        return await live_cases(self.district)


def then(do: Callable[[], object]) -> Callable[[Handler], bool]:
    """Something happens at the department just before it answers."""

    def trouble(_: Handler) -> bool:
        do()
        return False

    return trouble


def nothing() -> None:
    pass


def says(value: object, status: int = 200, **headers: str) -> Callable[[Handler], bool]:
    def trouble(handler: Handler) -> bool:
        handler.say(value, status, **headers)
        return True

    return trouble


@contextmanager
def open_reader(district: District, folder: Path) -> Iterator[Reader]:
    with interface_server(secrets.token_urlsafe(18)) as department:
        department.records = [record(number) for number in range(1, 6)]
        yield Reader(district, department, folder / "state" / "fetch.sqlite")
