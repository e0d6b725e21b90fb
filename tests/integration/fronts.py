"""A front-end table, before a real gateway: the department that writes into it, and one run of the way in beside it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.fronts.mapping import FrontMapping
from adapters.fronts.sql import SqlFront
from gateway.client import PushResult
from gateway.demo.cast import COURT
from gateway.provider import Pusher
from gateway.ways_in.front import Survey
from tests.integration.district import District
from tests.integration.sending import CODE, NAME, live_cases, run_once

TABLE = (
    "CREATE TABLE sxbzxr (id BIGINT PRIMARY KEY, ah VARCHAR(60), bzxrmc VARCHAR(200), zjhm VARCHAR(40),"
    " fymc VARCHAR(80), fbsj DATE, yw TEXT, zt INT NOT NULL DEFAULT 0, fhxx VARCHAR(40), czlx CHAR(1) DEFAULT 'C',"
    " scyy VARCHAR(40), gxsj TIMESTAMP NOT NULL DEFAULT LOCALTIMESTAMP)"
)
MAPPING: dict[str, Any] = {
    "feed": "dishonest-debtor",
    "table": "sxbzxr",
    "key": ["id"],
    "columns": {
        "caseCode": "ah", "iname": "bzxrmc", "cardNum": "zjhm", "courtName": "fymc", "publishDate": "fbsj",
        "duty": "yw",
    },
    "named": {"case_number": "ah", "name": "bzxrmc"},
    "deletions": {"column": "czlx", "values": ["D"], "reason": "scyy", "gone": "performed"},
}  # fmt: skip
BY: dict[str, dict[str, Any]] = {
    "state": {"by": "state", "column": "zt", "new": ["0"], "taken": "1", "refused": "9", "verdict": "fhxx"},
    "watermark": {"by": "watermark", "column": "gxsj"},
    "refresh": {"by": "refresh"},
}


class Department:
    """The department's database with its table, and the way in beside it."""

    def __init__(self, district: District, url: str, engine: AsyncEngine, state: Path) -> None:
        self.district, self.url, self.engine, self.state = district, url, engine, state

    async def say(self, *statements: str, **values: object) -> None:
        async with self.engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement), values)

    async def ask(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(statement))]

    async def add(self, *numbers: int, **columns: object) -> None:
        for number in numbers:
            row = {
                "id": number, "ah": f"（2026）豫0811执{number}号", "bzxrmc": NAME, "zjhm": CODE,
                "fymc": "焦作市山阳区人民法院", "yw": "支付", **columns,
            }  # fmt: skip
            names = ", ".join(row)
            await self.say(
                f"INSERT INTO sxbzxr ({names}, fbsj) VALUES ({', '.join(':' + one for one in row)}, DATE '2026-10-09')",  # noqa: S608
                **row,
            )

    async def look(
        self, by: str, *, client: Pusher | None = None, refresh: bool = False, allow: int = 0, **changed: Any
    ) -> tuple[Survey, dict[str, int]]:
        """One run of the process, from its start to its end."""
        mapping = FrontMapping.model_validate({**MAPPING, "changes": BY[by], **changed})
        front = SqlFront(self.url, mapping)
        return await run_once(self.district, front, self.state, client, refresh=refresh, allow=allow)

    async def live(self) -> list[str]:
        """The case numbers that stand at an agency."""
        return await live_cases(self.district)


@asynccontextmanager
async def open_front_table(district: District, url: str, driver: str, folder: Path) -> AsyncIterator[Department]:
    engine = create_async_engine(make_url(url).set(drivername=driver))
    try:
        made = Department(district, url, engine, folder / "state" / "front.sqlite")
        await made.say(TABLE)
        yield made
    finally:
        await engine.dispose()


class Meanwhile:
    """The department writes while a batch is on its way."""

    def __init__(self, department: Department, statement: str) -> None:
        self.department, self.statement = department, statement

    async def push(
        self, feed: str, body: bytes, content_type: str, idempotency_key: str, *, relist: bool = False
    ) -> PushResult:
        result = await self.department.district.client(COURT).push(
            feed, body, content_type, idempotency_key, relist=relist
        )
        await self.department.say(self.statement)
        return result
