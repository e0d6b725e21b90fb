"""A bank on a court's query-and-control line (查控), and the court's side of it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.clock import ManualClock
from gateway.line.court import Court
from gateway.line.cycle import Caller, Cycle
from gateway.line.desk import Desk
from gateway.line.kept import Requests
from gateway.wiring import open_line
from schemas.line import Institution, Returns
from tests.servers.court_line import CourtLine

ONE, TWO, THREE = "20261123410811000001", "20261123410811000002", "20261123410811000003"
ACCOUNTS = [{"KHZH": "6222021314002903619", "YE": "5000.00", "KYYE": "4000.5", "BZ": "CNY", "CCLB": "借记卡"}]


class Bank:
    """The institution's machine: its folder, its state, and its clock."""

    def __init__(
        self, court: CourtLine, path: Path, kept: Requests, caller: Caller, institution: Institution = "bank"
    ) -> None:
        self.court, self.path = court, path
        self.clock = ManualClock()
        self.line = open_line(institution, court.user, court.password, "utf-8")
        self.cycle = Cycle(self.line, caller, Desk(path / "desk"), kept, self.clock)

    def return_by(self, returns: Returns) -> None:
        self.cycle.line = open_line("bank", self.court.user, self.court.password, returns=returns)

    async def look(self) -> dict[str, int]:
        """The counts of one look, a minute later."""
        self.clock.advance(timedelta(minutes=1))
        self.cycle.counts.clear()
        await self.cycle.look()
        return dict(self.cycle.counts)

    async def wait(self, **time: float) -> None:
        """A look, the time, and two more: what is wrong for so long is found out, and said."""
        await self.look()
        self.clock.advance(timedelta(**time))
        await self.look()
        await self.look()

    def request(self, number: str) -> dict[str, Any]:
        return self._json(f"requests/{number}.json")

    def outcome(self, number: str) -> dict[str, Any]:
        return self._json(f"outcomes/{number}.json")

    def answer(self, number: str, name: str = "", **said: Any) -> str:
        file = self.path / "desk/answers" / (name or f"{number}.json")
        file.write_text(json.dumps({"number": number, **said}, ensure_ascii=False), "utf-8")
        return file.name

    def verdict(self, name: str) -> dict[str, Any]:
        return self._json(f"answers/{name}.result.json")

    def _json(self, name: str) -> dict[str, Any]:
        value = json.loads((self.path / "desk" / name).read_bytes())
        assert isinstance(value, dict)
        return value


@asynccontextmanager
async def open_bank(court: CourtLine, path: Path, institution: Institution = "bank") -> AsyncIterator[Bank]:
    kept = Requests(path / "line.sqlite")
    line = open_line(institution, court.user, court.password, "utf-8")
    async with Court(court.url, line, answer_seconds=3) as caller:
        yield Bank(court, path, kept, caller, institution)
    kept.close()
