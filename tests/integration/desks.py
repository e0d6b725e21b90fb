"""A watched folder before a real gateway, wherever it lies: what is put into it, and looks that are a run apart."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.demo.cast import COURT
from gateway.provider import Pusher
from gateway.ways_in.folder import result_name
from gateway.ways_in.watch import Look, Watch, WatchedFolder
from tests.integration.district import FEED, District

NAME = "焦作市山阳区示例建材有限公司"
SETTLE = timedelta(seconds=10)


def line(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "caseCode": f"（2026）豫0811执{number}号", "iname": NAME, "cardNum": "91410811MA47YB0X60",
        "publishDate": "2026年10月09日", "courtName": "焦作市山阳区人民法院", **changed,
    }  # fmt: skip


def ndjson(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in lines)


class Desk:
    """A court's folder, the files in which lie at `path`, and the process that watches it."""

    def __init__(
        self,
        district: District,
        path: Path,
        folder: WatchedFolder,
        client: Pusher | None = None,
        marker: str | None = None,
    ) -> None:
        self.district, self.path = district, path
        self.watch = Watch(folder, FEED, client or district.client(COURT), district.clock, SETTLE, marker)

    async def look(self) -> Look:
        """Two looks, so far apart that what lay still has settled."""
        first = await self.watch.look()
        self.district.clock.advance(SETTLE)
        second = await self.watch.look()
        return Look(
            first.taken + second.taken, first.in_part + second.in_part, first.refused + second.refused, second.waiting
        )

    def put(self, name: str, data: bytes) -> Path:
        (self.path / name).write_bytes(data)
        return self.path / name

    def result(self, name: str) -> dict[str, Any]:
        value = json.loads((self.path / result_name(name)).read_bytes())
        assert isinstance(value, dict)
        return value


async def journalled(district: District) -> int:
    return (await district.tree_head()).size
