"""The index: it grows, several threads and processes share it, and it is damaged only loudly (rule M7)."""

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.agent.index import Change, Index
from gateway.errors import Broken

OPENER = """
import sys
from pathlib import Path
from gateway.agent.index import Index

for number in range(100):
    Index(Path(sys.argv[1]), map_bytes=1 << 18).close()
    if number == 0:
        print("opened", flush=True)
"""
READER = """
import sys
from pathlib import Path
from gateway.agent.index import Index
index = Index(Path(sys.argv[1]), map_bytes=1 << 20)
for _ in sys.stdin:
    with index.read() as view:
        print(view.count("names"), flush=True)
"""


def put(first: int, count: int, size: int = 400):
    def work(change: Change) -> None:
        for number in range(first, first + count):
            change.put("names", number.to_bytes(8), b"x" * size)

    return work


def test_m7_a_full_map_grows_and_nothing_is_lost(tmp_path: Path) -> None:
    index = Index(tmp_path, map_bytes=1 << 18)
    for first in range(0, 5000, 500):
        index.write(put(first, 500))
    with index.read() as view:
        assert view.count("names") == 5000
    index.close()


def test_m7_another_process_reads_on_while_the_map_grows(tmp_path: Path) -> None:
    index = Index(tmp_path, map_bytes=1 << 20)
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        for first in range(0, 20_000, 5000):
            index.write(put(first, 5000))
            reader.stdin.write("\n")
            reader.stdin.flush()
            assert reader.stdout.readline().strip() == str(first + 5000)
        reader.stdin.close()
    assert reader.returncode == 0
    index.close()


def test_m7_another_process_opens_it_while_the_map_grows(tmp_path: Path) -> None:
    index = Index(tmp_path, map_bytes=1 << 18)
    with subprocess.Popen([sys.executable, "-c", OPENER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as opener:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "opened\n"
        first = 0
        while opener.poll() is None and first < 200_000:
            index.write(put(first, 2000))
            first += 2000
        assert opener.wait() == 0
    index.close()


def test_m7_threads_read_while_one_writes_and_the_map_grows(tmp_path: Path) -> None:
    index = Index(tmp_path, map_bytes=1 << 18)
    stop = threading.Event()
    failures: list[Exception] = []

    def read() -> None:
        before = 0
        while not stop.wait(0.0005):  # a reader that never pauses would keep the writer from running at all
            try:
                with index.read() as view:
                    now = view.count("names")
            except Exception as error:  # noqa: BLE001 - whatever it is, the test tells
                failures.append(error)
                return
            if now < before:
                failures.append(AssertionError("the past came back"))
            before = now

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for first in range(0, 5000, 250):
            index.write(put(first, 250))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    index.close()
    assert failures == []


def test_a_change_that_fails_leaves_nothing(tmp_path: Path) -> None:
    index = Index(tmp_path)

    def work(change: Change) -> None:
        change.put("names", b"a", b"b")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        index.write(work)
    with index.read() as view:
        assert view.count("names") == 0
    index.close()


def test_numbers_rise_over_both_queues_and_across_a_restart(tmp_path: Path) -> None:
    index = Index(tmp_path)
    first = [index.write(lambda change, db=db: change.append(db, {})) for db in ("orders", "receipts", "orders")]
    index.write(lambda change: change.delete("orders", first[-1].to_bytes(8)))
    name = index.identity
    index.close()
    index = Index(tmp_path)
    assert index.write(lambda change: change.append("receipts", {})) > first[-1]
    assert first == sorted(set(first))
    assert index.identity == name
    index.close()


def test_p1_only_the_owner_may_read_the_index_and_its_key(tmp_path: Path) -> None:
    Index(tmp_path / "agent").close()
    for path in (tmp_path / "agent").rglob("*"):
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (tmp_path / "agent/index.key").chmod(0o644)
    with pytest.raises(Broken, match="index-key"):
        Index(tmp_path / "agent")


def test_a_damaged_index_says_so(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index/data.mdb").write_bytes(b"no index " * 4096)
    with pytest.raises(Broken) as raised:
        Index(tmp_path)
    assert raised.value.code == "index-damaged"
