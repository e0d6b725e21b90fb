"""A folder on a real SFTP server, before a real gateway: as a watched folder, and what a line and a server add."""

import os
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from gateway.demo.cast import COURT
from gateway.errors import Broken, Refused, Unavailable
from gateway.provider import Pusher
from gateway.ways_in import folder as folders
from gateway.ways_in import sftp
from gateway.ways_in.sftp import sftp_folder
from gateway.ways_in.watch import Look, Watch
from tests.integration.desks import NAME, SETTLE, Desk, journalled, line, ndjson
from tests.integration.district import FEED, District
from tests.integration.killed import Killed, KilledAt
from tests.servers.sftp import Sftp, sftp_server


def remote(district: District, server: Sftp, client: Pusher | None = None, marker: str | None = None) -> Desk:
    """The folder lies on the other machine."""
    folder = sftp_folder(server.url, server.host_keys, server.identity, None)
    return Desk(district, server.folder / "out", folder, client, marker)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Sftp]:
    async with sftp_server(tmp_path) as started:
        yield started


@pytest.fixture
def desk(district: District, server: Sftp) -> Desk:
    return remote(district, server)


async def test_a_file_is_pushed_and_its_result_put_beside_it(desk: Desk) -> None:
    desk.put("list.ndjson", ndjson(line(1), {"what": "is this"}, line(2)))
    assert (await desk.watch.look()).waiting == 1
    assert await desk.look() == Look(in_part=1)
    result = desk.result("list.ndjson")
    assert (result["verdict"], result["counts"]["listed"]) == ("taken-in-part", 2)
    assert [(one["line"], one["code"]) for one in result["quarantine"]] == [(2, "unknown-shape")]
    assert await desk.look() == Look(), "a file with its result is done"
    assert sorted(one.name for one in desk.path.iterdir()) == ["list.ndjson", "list.ndjson.result.json"]


async def test_partial_uploads_renames_and_markers(district: District, server: Sftp) -> None:
    desk = remote(district, server)
    part = desk.put("list.ndjson.filepart", ndjson(line(1)))
    assert await desk.look() == Look()
    part.rename(desk.path / "list.ndjson")
    assert await desk.look() == Look(taken=1)
    growing = desk.put("slow.ndjson", ndjson(line(2)))
    assert (await desk.watch.look()).waiting == 1
    district.clock.advance(SETTLE)
    with growing.open("ab") as out:
        out.write(ndjson(line(3)))
    assert (await desk.look()).taken == 1
    assert desk.result("slow.ndjson")["counts"]["listed"] == 2
    desk.put("cut.ndjson", ndjson(line(4))[:-40])
    assert await desk.look() == Look(refused=1)
    assert desk.result("cut.ndjson")["code"] == "file-unfinished"
    marked = remote(district, server, marker=".ok")
    desk.put("marked.ndjson", ndjson(line(5)))
    assert await marked.look() == Look()
    desk.put("marked.ndjson.ok", b"")
    assert await marked.watch.look() == Look(taken=1)


async def test_sent_again_renamed_or_after_a_kill_it_is_one_statement(desk: Desk, server: Sftp) -> None:
    first = desk.put("list.ndjson", ndjson(line(1)))
    killed = remote(desk.district, server, KilledAt(desk.district.client(COURT), 1, after=True))
    with pytest.raises(Killed):
        await killed.look()
    size = await journalled(desk.district)
    assert await desk.look() == Look(taken=1)
    assert desk.result("list.ndjson")["counts"]["listed"] == 1
    first.rename(desk.path / "renamed.ndjson")
    desk.put("list.ndjson", ndjson(line(1)))
    os.utime(desk.path / "list.ndjson", (1, 1))
    assert await desk.look() == Look(taken=2)
    assert await journalled(desk.district) == size


async def test_a_link_is_no_file_and_a_result_never_writes_through_one(desk: Desk, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    (desk.path / "link.ndjson").symlink_to(victim)
    os.mkfifo(desk.path / "pipe.ndjson")
    (desk.path / "sub").mkdir()
    (desk.path / "sub" / "deep.ndjson").write_bytes(ndjson(line(8)))
    desk.put("good.ndjson", ndjson(line(1)))
    (desk.path / "good.ndjson.result.json").symlink_to(victim)
    assert await desk.look() == Look(taken=1, refused=2)
    assert {desk.result(name)["code"] for name in ("link.ndjson", "pipe.ndjson")} == {"file-linked"}
    assert victim.read_bytes() == b"untouched"
    assert desk.result("good.ndjson")["verdict"] == "taken"


async def test_a_file_that_changes_behind_the_listing_is_not_taken(desk: Desk) -> None:
    desk.put("list.ndjson", ndjson(line(1)))
    async with desk.watch.folder.open() as opened:
        (listed,) = await opened.files()
        desk.put("list.ndjson", ndjson(line(1), line(2)))
        with pytest.raises(folders.Moved):
            await opened.read(listed)
        (desk.path / "list.ndjson").unlink()
        with pytest.raises(folders.Moved):
            await opened.read(listed)


async def test_a_server_that_never_renames_over_a_file(desk: Desk, server: Sftp) -> None:
    server.old = True
    desk.put("list.ndjson", ndjson(line(1)))
    assert await desk.look() == Look(taken=1)
    desk.put("list.ndjson", ndjson(line(2), line(3)))
    assert await desk.look() == Look(taken=1)
    assert desk.result("list.ndjson")["counts"]["listed"] == 2
    assert sorted(one.name for one in desk.path.iterdir()) == ["list.ndjson", "list.ndjson.result.json"]


async def test_a_listing_has_an_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp, "MOST_ENTRIES", 5)  # with the two that every folder has
    for name in ("a", "b", "c"):
        desk.put(f"{name}.ndjson", ndjson(line(1)))
    assert (await desk.watch.look()).waiting == 3
    desk.put("d.ndjson", ndjson(line(1)))
    with pytest.raises(Unavailable, match="folder-too-full"):
        await desk.watch.look()


async def test_names_that_are_no_utf8(desk: Desk) -> None:
    os.rename(desk.put("x.ndjson", ndjson(line(1))), os.fsencode(desk.path) + b"/\xc3\xfb.ndjson")  # noqa: PTH104 - GBK
    assert await desk.look() == Look(taken=1)
    assert await desk.look() == Look()


async def test_a_server_with_another_key_is_told_nothing(district: District, server: Sftp) -> None:
    """Nothing is trusted at first use: not a changed key, not an unknown one, and no login is tried."""
    another = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    pinned = server.host_keys.read_text("ascii")
    for known in (f"{pinned.split()[0]} {another}", "", f"other.example {pinned.partition(' ')[2]}"):
        server.host_keys.write_text(known, encoding="ascii")
        with pytest.raises(Refused, match="sftp-host-key"):
            await remote(district, server).look()
    server.host_keys.write_text("@no-such-marker host key\n", encoding="ascii")
    with pytest.raises(Refused, match="sftp-settings"):
        await remote(district, server).look()
    assert server.logins == []


async def test_by_password_from_a_file_and_by_no_other(district: District, server: Sftp) -> None:
    async def login(identity: Path | None, password: Path | None) -> None:
        async with sftp_folder(server.url, server.host_keys, identity, password).open() as opened:
            assert await opened.files() == []

    await login(None, server.password)
    assert server.logins == ["password"], "no key of the user's own is offered"
    server.password.write_text("another", encoding="utf-8")
    with pytest.raises(Refused, match="sftp-login"):
        await login(None, server.password)
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(server.identity)
    with pytest.raises(Refused, match="sftp-login"):
        await login(server.identity, None)
    server.identity.write_text("no key", encoding="ascii")
    with pytest.raises(Refused, match="sftp-settings"):
        await login(server.identity, None)
    for secret in (server.identity, server.password):
        secret.chmod(0o644)
    for given in ((server.identity, None), (None, server.password)):
        with pytest.raises(Broken, match="secret-file-open"):
            await login(*given)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://court@host/out", "sftp://user@host"),
        ("sftp://host/out", "sftp://user@host"),
        ("sftp://court@host/", "sftp://user@host"),
        ("sftp://court@host:99999/out", "sftp://user@host"),
        ("sftp://court:secret@host/out", "No password in the address"),
    ],
)
def test_an_address_that_is_none(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=said) as refused:
        sftp_folder(url, tmp_path, tmp_path, None)
    assert "secret" not in str(refused.value)
    with pytest.raises(Refused, match="Log in with a key"):
        sftp_folder("sftp://court@host/out", tmp_path, None, None)


async def test_a_server_that_is_away_or_says_nothing_is_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, server: Sftp
) -> None:
    desk.put("list.ndjson", ndjson(line(1)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = sftp_folder(f"sftp://court@127.0.0.1:{port}/out", server.host_keys, server.identity, None)
    with pytest.raises(Unavailable, match="sftp-away"):
        await Watch(gone, FEED, desk.district.client(COURT), desk.district.clock, timedelta(0)).look()
    await desk.watch.look()
    desk.district.clock.advance(SETTLE)
    server.silent = True
    with monkeypatch.context() as short:  # the looks that must go well have their time
        short.setattr(sftp, "ANSWER_SECONDS", 1)
        with pytest.raises(Unavailable, match="sftp-silent"):
            await desk.watch.look()
    server.silent = False
    assert await desk.look() == Look(taken=1)
    desk.path.rename(desk.path.with_name("moved"))
    with pytest.raises(Unavailable, match="folder-unreadable"):
        await desk.look()


async def test_p1_names_of_files_and_records_stand_in_no_log(desk: Desk) -> None:
    desk.put(f"{NAME}.ndjson", ndjson(line(1), {"iname": NAME}))
    assert await desk.look() == Look(in_part=1)
    written = desk.district.log.getvalue()
    assert "file-taken" in written
    assert NAME not in written
    assert "91410811MA47YB0X60" not in written
