"""The commands of the ways in as processes, before a gateway that is one: killed where it hurts, and run again."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest

from gateway.demo.cast import COURT
from tests.faults.ordeal import FEED, Ordeal, district
from tests.servers.interface import Department, Handler, interface_server
from tests.servers.sftp import sftp_server

NAME, CODE = "焦作市山阳区示例建材有限公司", "91410811MA47YB0X60"
FETCH = """
feed = "dishonest-debtor"
url = "{url}"
key = ["id"]
[named]
case_number = "caseCode"
name = "iname"
[answer]
ok = "code"
values = ["0"]
rows = "data.list"
[pages]
by = "number"
parameter = "pageNum"
size_parameter = "pageSize"
size = 2
total = "data.total"
[sign]
by = "tif"
id = "shanyang-court"
"""


def line(number: int, **changed: Any) -> dict[str, Any]:
    return {
        "id": number, "caseCode": f"（2026）豫0811执{number}号", "iname": NAME, "cardNum": CODE,
        "courtName": "焦作市山阳区人民法院", "publishDate": "2026-10-09", **changed,
    }  # fmt: skip


@dataclass
class Desk:
    """A party's folder, and the gateway that its commands find."""

    ordeal: Ordeal
    folder: Path
    key: Path

    async def begin(self, *arguments: str, **more: str) -> asyncio.subprocess.Process:
        ours = {"FUYUAN_GATEWAY_URL": self.ordeal.url("gateway"), **more}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FUYUAN_")} | ours
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", *arguments, "--key", str(self.key),
            cwd=self.folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def run(self, *arguments: str, **more: str) -> tuple[int, str, str]:
        process = await self.begin(*arguments, **more)
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "district").mkdir()
    async with district(tmp_path / "district") as ordeal:
        await ordeal.start("gateway")
        async with httpx.AsyncClient(trust_env=False, base_url=ordeal.url("gateway")) as http:
            for _ in range(600):
                try:
                    if (await http.get("/readyz")).is_success:
                        break
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        yield Desk(ordeal, tmp_path, ordeal.folder / "parties" / f"{COURT}.jwk")


async def test_an_interface_read_by_a_process_that_is_killed(desk: Desk) -> None:
    token = secrets.token_urlsafe(18)
    secret = desk.folder / "secret"
    secret.write_text(token + "\n", encoding="ascii")
    secret.chmod(0o600)
    more = {"FUYUAN_FETCH_TOKEN_FILE": str(secret)}

    def silent(handler: Handler) -> bool:
        handler.department.stopping.wait(60)
        return True

    with interface_server(token) as department:
        department.records = [line(number) for number in range(1, 5)] + [line(5, caseCode="")]
        (desk.folder / "fetch.toml").write_text(FETCH.format(url=department.url), encoding="utf-8")
        department.troubles = [lambda _: False, silent]
        killed = await desk.begin("fetch", "fetch.toml", **more)
        await until(department, 2)
        killed.kill()
        await killed.communicate()
        assert department.pages() == ["1", "2"]
        status, out, err = await desk.run("fetch", "fetch.toml", "--once", **more)
        assert (status, json.loads(out)["counts"]["listed"]) == (3, 4), err
        assert department.pages() == [*"2341234"], "it goes on at its page"
        status, out, _ = await desk.run("fetch", "fetch.toml", "--refused")
        assert (status, json.loads(out)["key"]) == (0, [5])
        del department.records[0]
        assert (await desk.run("fetch", "fetch.toml", "--refresh", **more))[0] == 0
        status, _, err = await desk.run("fetch", "fetch.toml", "--once")
        assert (status, err.partition(":")[0]) == (1, "fetch-settings")
        secret.chmod(0o644)
        status, _, err = await desk.run("fetch", "fetch.toml", "--once", **more)
        assert (status, err.partition(":")[0]) == (1, "secret-file-open")
        assert token not in err


async def until(department: Department, requests: int) -> None:
    for _ in range(600):
        if len(department.asked) >= requests:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the process did not ask")


async def test_a_clerk_sends_a_spreadsheet(desk: Desk) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(["案号", "被执行人姓名/名称", "身份证号码/组织机构代码", "执行法院", "发布时间", "失信行为"])
    sheet.append(["（2026）豫0811执1号", NAME, CODE, "焦作市山阳区人民法院", "2026-10-09", "违反财产报告制度"])
    sheet.append(
        ["（2026）豫0811执2号", NAME, 410811198001011234, "焦作市山阳区人民法院", "2026-10-09", "违反财产报告制度"]
    )
    book.save(desk.folder / "list.xlsx")
    status, out, err = await desk.run("sheet", FEED, "list.xlsx")
    assert (status, json.loads(out)["codes"]) == (3, {"rounded-identifier": 1}), err
    copy = openpyxl.load_workbook(desk.folder / "list.verdict.xlsx").worksheets[0]
    assert [cell.value for cell in copy["G"]] == ["核验结果", "已接收", "未接收"]
    (desk.folder / "list.csv").write_text("no table\n", encoding="utf-8")
    status, _, err = await desk.run("sheet", FEED, "list.csv")
    assert (status, err.partition(":")[0]) == (1, "sheet-unreadable")


async def test_a_folder_on_another_machine(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    async with sftp_server(tmp_path / "machine") as server:
        folder = server.folder / "out"
        text = "".join(json.dumps(line(number), ensure_ascii=False) + "\n" for number in (1, 2))
        (folder / "list.ndjson").write_text(text, encoding="utf-8")
        command = ("sftp", FEED, server.url, "--host-keys", str(server.host_keys), "--settle", "2", "--once")
        status, _, err = await desk.run(*command, "--identity", str(server.identity))
        assert status == 0, err
        result = json.loads((folder / "list.ndjson.result.json").read_text("utf-8"))
        assert (result["verdict"], result["counts"]["listed"]) == ("taken", 2)
        (folder / "cut.csv").write_text("案号,姓名\n（2026）豫0811执1", encoding="utf-8")
        status, _, _ = await desk.run(*command, "--password-file", str(server.password))
        assert status == 3
        server.host_keys.write_text("", encoding="ascii")
        status, _, err = await desk.run(*command, "--password-file", str(server.password))
        assert (status, "sftp-host-key" in err) == (1, True)
