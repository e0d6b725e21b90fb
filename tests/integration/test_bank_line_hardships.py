"""What is rare on the bank's line, and must cost no request: garbled lists, outages, a rollback out of its turn."""

import asyncio
import base64
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import Unavailable
from gateway.line.kept import refused
from gateway.line.run import run_line
from gateway.settings import Settings
from tests.integration.banking import ACCOUNTS, ONE, THREE, TWO, Bank
from tests.servers.court_line import CourtLine, coded

GARBLED = {  # what a damaged list may hold in the place of a name
    "base64-broken": "张三",
    "text-broken": "5byg5LiJ",  # UTF-8
    "value-too-long": coded("字" * 4001),
    "unknown-field": None,
}


def wrong(path: Path) -> list[tuple[str, str]]:
    """Number and code of what `--refused` prints."""
    return [(number, code) for number, _, code in refused(path / "line.sqlite")]


@pytest.mark.parametrize("code", GARBLED)
async def test_an_item_that_is_garbled_once_is_read_when_it_comes_whole(
    court: CourtLine, bank: Bank, code: str
) -> None:
    court.ask(ONE)
    (item,) = court.lists["getXzcxList"]
    whole = dict(item.attrib)
    value = GARBLED[code]
    item.set(*("XM", value) if value is not None else ("X-M", ""))
    assert await bank.look() == {"unread": 1}
    assert wrong(bank.path) == [(ONE, code)]
    item.attrib.clear()
    item.attrib.update(whole)
    assert await bank.look() == {"requests": 1, "handed": 1}
    assert (wrong(bank.path), court.fed) == ([], {})
    assert bank.request(ONE)["request"]["XM"] == "张三"


async def test_what_is_garbled_twice_alike_is_returned_and_what_may_be_the_ways_fault_is_not(
    court: CourtLine, bank: Bank
) -> None:
    court.ask(ONE)
    (item,) = court.lists["getXzcxList"]
    court.lists["getXzcxList"].append(item)  # twice in one list is once
    for value in ("5byg5LiJ", "5byg5LiJ", "%"):
        item.set("XM", value)
        await bank.look()
    item.set("XM", coded("字" * 4001))
    await bank.look()
    assert court.fed == {}
    assert (await bank.look())["returned"] == 1
    assert bank.outcome(ONE)["code"] == "value-too-long"


async def test_a_rollback_is_late_where_the_bank_had_answered_and_not_where_we_had(
    court: CourtLine, bank: Bank
) -> None:
    """Whether or not the court took the answer: the bank froze."""
    court.order(ONE, {"CCXH": "1", "KZCS": "01"})
    court.order(TWO, {"CCXH": "1", "KZCS": "99"})
    await bank.look()
    court.faults["shfeedXzkzInfo"] += ["fail"]
    bank.answer(ONE, rows=[{"CCXH": "1", "KZZT": "1", "SKJE": "1.00"}])
    court.lists["getXzkzList"].pop()
    await bank.look()
    assert bank.outcome(ONE)["state"] == "failed"
    court.order(TWO, {"CCXH": "1", "KZCS": "99"})
    await bank.look()
    assert bank.outcome(TWO)["state"] == "fed"
    for number in (ONE, TWO):
        court.take_back(number, "案件已结")
    await bank.look()
    assert bank.outcome(ONE)["code"] == "rolled-back-late"
    assert bank.outcome(TWO)["code"] == "rolled-back"


async def test_a_rollback_ahead_of_its_request_stops_it(court: CourtLine, bank: Bank) -> None:
    court.take_back(ONE, "案件已结", "getXzcxList")
    assert await bank.look() == {"rolled-back": 1}
    assert bank.outcome(ONE)["code"] == "rolled-back"
    assert wrong(bank.path) == [(ONE, "unknown-request")]
    court.order(ONE, {"CCXH": "1", "KZCS": "01"})
    assert await bank.look() == {"asked-again": 1}
    assert not (bank.path / "desk/requests" / f"{ONE}.json").exists()
    name = bank.answer(ONE, rows=[{"CCXH": "1", "KZZT": "1", "SKJE": "1.00"}])
    await bank.look()
    assert bank.verdict(name)["code"] == "request-rolled-back"


async def test_a_place_that_gbk_cannot_write_stops_no_other_request(court: CourtLine, bank: Bank) -> None:
    """GB 18030 reads it; no feedback, and no return, could repeat it."""
    court.order(ONE, {"CCXH": "1", "KZCS": "01"})
    court.lists["getXzkzList"][0][0][0].set("CCXH", base64.b64encode("𬭎".encode("gb18030")).decode("ascii"))
    court.order(TWO, {"CCXH": "1", "KZCS": "01"})
    await bank.look()
    assert bank.request(TWO)["number"] == TWO
    await bank.look()
    assert bank.outcome(ONE)["code"] == "not-gbk"


async def test_what_cannot_even_be_returned_waits_by_itself(court: CourtLine, bank: Bank) -> None:
    """Written down by a version that did not look."""
    bank.cycle.kept.add(ONE, "control", b"", {"kzzh": [{"CCXH": "𬭎"}]}, bank.clock.now())
    court.documents[ONE] = None
    court.order(TWO, {"CCXH": "1", "KZCS": "01"})
    for _ in range(12):
        bank.clock.advance(timedelta(hours=1))
        await bank.look()
    assert bank.request(TWO)["number"] == TWO
    assert [number for number, _ in wrong(bank.path)] == [ONE]


async def test_an_answer_nested_without_end_is_refused(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    court.ask(TWO)
    await bank.look()
    deep = bank.path / "desk/answers/deep.json"
    deep.write_text(f'{{"number": "{ONE}", "rows": {"[" * 500}{"]" * 500}}}')
    bank.answer(TWO, rows=ACCOUNTS)
    await bank.look()
    assert bank.verdict("deep.json")["code"] == "answer-unreadable"
    assert bank.outcome(TWO)["state"] == "fed"


async def test_one_file_that_cannot_be_put_and_one_slow_document_stop_no_feedback(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    court.ask(TWO)
    court.ask(THREE)
    court.stuck.add(f"WS{THREE}")
    for name in (f"requests/{TWO}.json", f"answers/{ONE}.json.result.json"):
        (bank.path / "desk" / name).mkdir()
    bank.cycle.kept.add("20261123410811000000", "query", b"", None, bank.clock.now())
    court.take_back("20261123410811000000", "案件已结")
    (bank.path / "desk/outcomes/20261123410811000000.json").mkdir()
    bank.answer(ONE, rows=ACCOUNTS)
    with pytest.raises(Unavailable, match="result-unwritable"):
        await bank.look()
    assert bank.outcome(ONE)["state"] == "fed"
    assert sorted(wrong(bank.path))[1:] == [(TWO, "result-unwritable"), (THREE, "line-away")]
    for folder in sorted((bank.path / "desk").glob("*/*.json")):
        if folder.is_dir():
            folder.rmdir()
    court.stuck.clear()
    bank.clock.advance(timedelta(hours=1))
    await bank.look()
    assert [bank.request(number)["number"] for number in (TWO, THREE)] == [TWO, THREE]
    assert bank.verdict(f"{ONE}.json")["verdict"] == "taken"
    assert bank.outcome("20261123410811000000")["code"] == "rolled-back"


async def test_an_hour_without_documents_returns_nothing(court: CourtLine, bank: Bank) -> None:
    """An empty list is what a court says whose store is out."""
    court.ask(ONE)
    court.documents[f"WS{ONE}"] = None
    for _ in range(6):
        await bank.look()
        bank.clock.advance(timedelta(minutes=10))
    assert wrong(bank.path) == [(ONE, "document-missing")]
    del court.documents[f"WS{ONE}"]
    bank.clock.advance(timedelta(minutes=15))
    await bank.look()
    assert bank.request(ONE)["number"] == ONE
    await bank.look()
    assert court.fed == {}


async def test_the_words_of_a_rollback_are_forgotten_too(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    court.take_back(ONE, "TO-FORGET")
    court.take_back(TWO, "TO-FORGET")
    await bank.look()
    assert b"TO-FORGET" in (bank.path / "line.sqlite").read_bytes()
    bank.clock.advance(timedelta(days=181))
    await bank.look()
    assert b"TO-FORGET" not in (bank.path / "line.sqlite").read_bytes()
    kept = bank.cycle.kept.get(ONE)
    assert kept is not None
    assert (kept.state, kept.message) == ("rolled-back", "")


async def test_a_request_that_waits_for_an_hour_is_an_alarm(
    court: CourtLine, bank: Bank, log_lines: io.StringIO
) -> None:
    court.ask(ONE)
    court.ask(TWO)
    court.lists["getXzcxList"][0].set("XM", "%")
    court.faults["cxwsInfo"] += ["error"] * 100

    def alarms() -> list[str]:
        lines = map(json.loads, log_lines.getvalue().splitlines())
        return [one["code"] for one in lines if one["event"] == "alarm"]

    for _ in range(3):
        await bank.look()
        bank.clock.advance(timedelta(minutes=18))
    assert alarms() == []
    for _ in range(8):
        await bank.look()
        bank.clock.advance(timedelta(minutes=15))
    assert alarms().count("base64-broken") == 2
    assert alarms().count("court-error") == 1


async def test_an_item_without_a_number_is_logged_once_while_it_stands_there(
    court: CourtLine, bank: Bank, log_lines: io.StringIO
) -> None:
    court.ask("../../etc/passwd")
    for _ in range(3):
        await bank.look()
    assert log_lines.getvalue().count('"code":"number-unusable"') == 1
    court.lists["getXzcxList"].clear()
    await bank.look()
    assert not any(bank.cycle._met.values())


class Hurried(ManualClock):
    """Twenty minutes go by whenever it is looked at."""

    def now(self) -> datetime:
        self.advance(timedelta(minutes=20))
        return super().now()


async def test_a_line_on_which_no_look_goes_well_for_an_hour_is_an_alarm(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, log_lines: io.StringIO
) -> None:
    monkeypatch.setattr("gateway.line.run.SystemClock", Hurried)
    bank.court.password = "another"
    settings = Settings(line_url=bank.court.url)
    paths = bank.path / "desk", bank.path / "another.sqlite"
    running = asyncio.create_task(
        run_line(bank.line, settings, *paths, every=0.01, answer_seconds=3, keep_days=1, once=False)
    )
    async with asyncio.timeout(60):
        while '"kind":"way-in-stopped"' not in log_lines.getvalue():
            assert not running.done()
            await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
