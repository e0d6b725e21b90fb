"""A watched folder, real files and a real gateway: what a court's clerk or program may do to it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gateway.client import GatewayClient, GatewayProblem
from gateway.demo.cast import COURT
from gateway.errors import Unavailable
from gateway.problem import MEDIA_TYPE
from gateway.provider import Pusher
from gateway.retry import Patience
from gateway.ways_in import folder as folders
from gateway.ways_in.watch import Look
from tests.integration.desks import NAME, SETTLE, Desk, journalled, line, ndjson
from tests.integration.district import District
from tests.integration.killed import Killed, KilledAt


def local(district: District, path: Path, client: Pusher | None = None, marker: str | None = None) -> Desk:
    return Desk(district, path, folders.LocalFolder(path), client, marker)


@pytest.fixture
def desk(district: District, tmp_path: Path) -> Desk:
    path = tmp_path / "in"
    path.mkdir()
    return local(district, path)


async def test_a_file_is_pushed_and_a_poison_record_isolated(desk: Desk) -> None:
    poison = {"what": "is this"}
    desk.put("list.ndjson", ndjson(line(1), poison, line(2)))
    assert (await desk.watch.look()).waiting == 1
    assert not (desk.path / "list.ndjson.result.json").exists()
    assert await desk.look() == Look(in_part=1)
    result = desk.result("list.ndjson")
    assert (result["verdict"], result["counts"]["listed"], result["counts"]["quarantined"]) == ("taken-in-part", 2, 1)
    assert [(one["line"], one["code"]) for one in result["quarantine"]] == [(2, "unknown-shape")]
    assert result["journalled_at"]
    assert await desk.look() == Look(), "a file with its result is done"


async def test_lines_are_numbered_through_all_pieces(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ways_in.watch.MOST_BYTES", 1)
    desk.put("list.ndjson", ndjson(line(1), {}, line(2), {}))
    await desk.look()
    assert [one["line"] for one in desk.result("list.ndjson")["quarantine"]] == [2, 4]


async def test_a_result_stays_within_what_is_read_of_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.ways_in.watch.MOST_BYTES", 1)
    monkeypatch.setattr("gateway.ways_in.watch.MOST_REFUSED_TOLD", 3)
    desk.put("list.ndjson", ndjson({}, {}, line(1), {}, {}, {}))
    assert await desk.look() == Look(in_part=1)
    result = desk.result("list.ndjson")
    assert ([one["line"] for one in result["quarantine"]], result["counts"]["quarantined"]) == ([1, 2, 4], 5)
    assert await desk.look() == Look()


async def test_a_writer_killed_in_the_middle_of_a_write(desk: Desk) -> None:
    whole = ndjson(line(1), line(2))
    program = (
        "import sys, time\n"
        "with open(sys.argv[1], 'wb', buffering=0) as out:\n"
        "    out.write(sys.stdin.buffer.read())\n"
        "    print('written', flush=True)\n"
        "    time.sleep(600)\n"
    )
    target = desk.path / "list.ndjson"
    with subprocess.Popen(  # noqa: ASYNC220 - it is killed, not waited for
        [sys.executable, "-c", program, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdin.write(whole[:-40])
        writer.stdin.close()
        assert writer.stdout.readline() == b"written\n"
        assert (await desk.watch.look()).waiting == 1
        writer.send_signal(signal.SIGKILL)
    size = await journalled(desk.district)
    assert await desk.look() == Look(refused=1)
    assert desk.result("list.ndjson")["code"] == "file-unfinished"
    assert await journalled(desk.district) == size, "not one record of it was sent"

    desk.put("list.ndjson", whole)
    assert await desk.look() == Look(taken=1)
    assert desk.result("list.ndjson")["counts"]["listed"] == 2


async def test_a_slow_writer_is_waited_for(desk: Desk) -> None:
    target = desk.put("list.ndjson", ndjson(line(1)))
    for number in (2, 3):
        assert (await desk.watch.look()).waiting == 1
        desk.district.clock.advance(SETTLE)
        with target.open("ab") as out:
            out.write(ndjson(line(number)))
    assert (await desk.look()).taken == 1
    assert desk.result("list.ndjson")["counts"]["listed"] == 3


@pytest.mark.parametrize("name", ["list.ndjson.part", ".list.ndjson.Xy12", "list.tmp", "~list.xlsx", "list.FILEPART"])
async def test_an_upload_under_another_name_is_read_once_it_is_renamed(desk: Desk, name: str) -> None:
    part = desk.put(name, ndjson(line(1)))
    assert await desk.look() == Look()
    part.rename(desk.path / "list.ndjson")
    assert await desk.look() == Look(taken=1)


async def test_a_marker_says_when_a_file_is_whole(district: District, tmp_path: Path) -> None:
    desk = local(district, tmp_path, marker=".ok")
    head = "案号,被执行人姓名/名称,身份证号码/组织机构代码,失信被执行人行为具体情形,发布时间"
    table = f"{head}\n（2026）豫0811执1号,{NAME},91410811MA47YB0X60,违反财产报告制度,2026-10-09"
    desk.put("list.csv", table.encode())
    assert await desk.look() == Look()
    desk.put("list.csv.ok", b"")
    assert await desk.watch.look() == Look(taken=1), "no final line end, and the marker vouches for it"


async def test_the_same_file_again_and_under_another_name_is_one_statement(desk: Desk) -> None:
    first = desk.put("list.ndjson", ndjson(line(1)))
    await desk.look()
    said, size = desk.result("list.ndjson"), await journalled(desk.district)
    first.rename(desk.path / "renamed.ndjson")
    desk.put("list.ndjson", ndjson(line(1)))
    assert await desk.look() == Look(taken=2)
    assert await journalled(desk.district) == size
    for name in ("list.ndjson", "renamed.ndjson"):
        assert desk.result(name)["counts"] == said["counts"]
        assert desk.result(name)["journalled_at"] == said["journalled_at"]


async def test_yesterdays_file_again_blocks_nobody_who_has_paid(desk: Desk) -> None:
    desk.put("list.ndjson", ndjson(line(1)))
    await desk.look()
    await desk.district.withdraw(line(1))
    size = await journalled(desk.district)
    desk.put("again.ndjson", ndjson(line(1)))
    await desk.look()
    assert await journalled(desk.district) == size
    desk.put("other.ndjson", ndjson(line(1), line(2)))
    await desk.look()
    assert [one["code"] for one in desk.result("other.ndjson")["quarantine"]] == ["stale-listing"]


@pytest.mark.parametrize("pieces", [1, 2, 3])
async def test_a_run_that_ends_anywhere_is_once(desk: Desk, monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
    monkeypatch.setattr("gateway.ways_in.watch.MOST_BYTES", 1)
    desk.put("list.ndjson", ndjson(line(1), line(2), line(3)))
    killed = local(desk.district, desk.path, KilledAt(desk.district.client(COURT), pieces, after=True))
    with pytest.raises(Killed):
        await killed.look()
    assert await desk.look() == Look(taken=1)
    assert desk.result("list.ndjson")["counts"]["listed"] == 3
    assert desk.result("list.ndjson")["counts"]["unchanged"] == 0


async def test_a_half_written_result_is_never_met(desk: Desk) -> None:
    """What a killed run left of its draft is thrown away; a result that is no JSON is written anew."""
    desk.put("list.ndjson", ndjson(line(1)))
    await desk.look()
    (desk.path / "list.ndjson.result.json").write_bytes(b'{"stamp": {')
    assert await desk.look() == Look(taken=1)
    assert desk.result("list.ndjson")["verdict"] == "taken"
    assert sorted(one.name for one in desk.path.iterdir()) == ["list.ndjson", "list.ndjson.result.json"]


async def test_nothing_outside_the_folder_is_read_or_written(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret.ndjson"
    secret.write_bytes(ndjson(line(7)))
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (desk.path / "link.ndjson").symlink_to(secret)
    (desk.path / "climbs.ndjson").symlink_to("../secret.ndjson")
    os.link(secret, desk.path / "second-name.ndjson")
    os.mkfifo(desk.path / "pipe.ndjson")
    (desk.path / "sub").mkdir()
    (desk.path / "sub" / "deep.ndjson").write_bytes(ndjson(line(8)))
    desk.put("good.ndjson", ndjson(line(1)))
    (desk.path / "good.ndjson.result.json").symlink_to(victim)
    size = await journalled(desk.district)
    assert await desk.look() == Look(taken=1, refused=4)
    assert await journalled(desk.district) == size + 1
    for name in ("link.ndjson", "climbs.ndjson", "second-name.ndjson", "pipe.ndjson"):
        assert desk.result(name)["code"] == "file-linked"
    assert victim.read_bytes() == b"untouched"
    assert desk.result("good.ndjson")["verdict"] == "taken"


async def test_a_file_swapped_for_a_link_after_it_was_listed(desk: Desk, tmp_path: Path) -> None:
    file = desk.put("list.ndjson", ndjson(line(1)))
    with folders.open_folder(desk.path) as opened:
        (listed,) = opened.files()
        (tmp_path / "secret").write_bytes(ndjson(line(7)))
        file.unlink()
        file.symlink_to(tmp_path / "secret")
        with pytest.raises(folders.Moved):
            opened.read(listed)
        file.unlink()
        desk.put("list.ndjson", ndjson(line(2)))
        with pytest.raises(folders.Moved):
            opened.read(listed)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file-empty"),
        (b" \n", "file-empty"),
        (b"PK\x03\x04 no workbook", "file-unfinished"),
        (b'[{"caseCode": "', "file-unfinished"),
    ],
)
async def test_a_file_that_is_none_is_refused_and_stops_no_other(desk: Desk, data: bytes, code: str) -> None:
    desk.put("a.ndjson", data)
    desk.put("b.ndjson", ndjson(line(1)))
    assert await desk.look() == Look(taken=1, refused=1)
    assert desk.result("a.ndjson")["code"] == code


async def test_a_table_too_large_for_one_request_is_refused_by_name(desk: Desk) -> None:
    desk.put("table.csv", b"a,b\n" + b"1,2\n" * 20_000)
    assert await desk.look() == Look(refused=1)
    result = desk.result("table.csv")
    assert (result["code"], bool(result["error_id"])) == ("body-too-large", True)


async def test_a_name_as_long_as_names_may_be(desk: Desk) -> None:
    name = "名" * 80 + ".ndjson"
    desk.put(name, ndjson(line(1)))
    os.rename(desk.path / name, os.fsencode(desk.path) + b"/\xcd\xf5" + name[2:].encode())  # noqa: PTH104 - GBK bytes
    desk.put(name, ndjson(line(2)))
    assert await desk.look() == Look(taken=2)
    assert await desk.look() == Look()


async def test_while_the_gateway_is_away_files_wait(desk: Desk) -> None:
    desk.put("list.ndjson", ndjson(line(1)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"  # nobody listens there any more
    key, once = desk.district.cast.keys[COURT], Patience(attempts=1)
    async with GatewayClient(url, key, "fuyuan-gateway", desk.district.clock, patience=once) as client:
        with pytest.raises(Unavailable, match="gateway-unreachable"):
            await local(desk.district, desk.path, client).look()
    assert not (desk.path / "list.ndjson.result.json").exists()
    assert await desk.look() == Look(taken=1)


@pytest.mark.parametrize("status", [400, 409, 413, 415, 422])
async def test_an_error_page_of_a_proxy_refuses_no_file(desk: Desk, status: int) -> None:
    """As nginx answers plain HTTP at a TLS port, or a body above its own limit."""
    desk.put("list.ndjson", ndjson(line(1)))
    page = httpx.MockTransport(lambda _: httpx.Response(status, html="<html>no</html>"))
    key, clock = desk.district.cast.keys[COURT], desk.district.clock
    async with GatewayClient("http://proxy.test", key, "fuyuan-gateway", clock, page) as client:
        with pytest.raises(GatewayProblem, match="answer-unreadable"):
            await local(desk.district, desk.path, client).look()
    assert not (desk.path / "list.ndjson.result.json").exists()
    assert await desk.look() == Look(taken=1)


async def test_a_body_that_was_changed_on_the_way_refuses_no_file(desk: Desk) -> None:
    desk.put("list.ndjson", ndjson(line(1)))
    problem = {"code": "digest-mismatch", "detail": "", "error_id": ""}
    answer = httpx.Response(400, json=problem, headers={"content-type": MEDIA_TYPE})
    key, clock = desk.district.cast.keys[COURT], desk.district.clock
    changed = httpx.MockTransport(lambda _: answer)
    async with GatewayClient("http://proxy.test", key, "fuyuan-gateway", clock, changed) as client:
        with pytest.raises(GatewayProblem, match="digest-mismatch"):
            await local(desk.district, desk.path, client).look()
    assert await desk.look() == Look(taken=1)


async def test_p1_names_of_files_and_records_stand_in_no_log(desk: Desk) -> None:
    desk.put(f"{NAME}.ndjson", ndjson(line(1), {"iname": NAME}))
    desk.put(f"{NAME}.csv", f"案号,姓名\n1,{NAME}".encode())
    assert await desk.look() == Look(in_part=1, refused=1)
    written = desk.district.log.getvalue()
    assert "file-taken" in written
    assert "file-refused" in written
    results = "".join(one.read_text("utf-8") for one in desk.path.glob("*.result.json"))
    for text in (written, results):
        assert NAME not in text
        assert "91410811MA47YB0X60" not in text


async def test_a_folder_that_is_gone_is_waited_for(desk: Desk) -> None:
    desk.path.rmdir()
    with pytest.raises(Unavailable, match="folder-unreadable"):
        await desk.look()
    await asyncio.to_thread(desk.path.mkdir)
    assert await desk.look() == Look()


async def test_a_mount_that_goes_while_it_is_read_is_waited_for(desk: Desk) -> None:
    """A handle that the disk no longer knows, as with ESTALE of NFS; and a read that fails."""
    desk.put("list.ndjson", ndjson(line(1)))
    with folders.open_folder(desk.path) as opened:
        (listed,) = opened.files()
        (desk.path / "list.ndjson").unlink()
        (desk.path / "list.ndjson").mkdir()
        with pytest.raises(Unavailable, match="folder-unreadable"):
            opened.read(listed)
    for call in (opened.files, lambda: opened.read(listed), lambda: opened.result("list.ndjson")):
        with pytest.raises(Unavailable, match="folder-unreadable"):
            call()
