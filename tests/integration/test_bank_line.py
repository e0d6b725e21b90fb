"""A bank on a court's query-and-control line (查控), against a counterpart that speaks the wire by code of its own."""

import hashlib
import io
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import Conflict, Unavailable
from gateway.line.cycle import Caller
from gateway.line.kept import Requests, refused
from schemas.line import Call
from tests.integration.banking import ACCOUNTS, ONE, TWO, Bank
from tests.servers.court_line import JPG, PDF, CourtLine


async def test_a_query_from_the_poll_to_the_feedback(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    assert await bank.look() == {"requests": 1, "handed": 1}
    asked = bank.request(ONE)
    assert (asked["number"], asked["kind"], asked["request"]["XM"]) == (ONE, "query", "张三")
    assert asked["request"]["CKKSSJ"] == "2026-01-01T00:00:00+08:00"
    files = {one["kind"]: one for one in asked["files"]}
    assert files["document"]["sha256"] == hashlib.sha256(PDF).hexdigest()
    assert (bank.path / "desk/requests" / files["document"]["file"]).read_bytes() == PDF
    assert (bank.path / "desk/requests" / files["certificate"]["file"]).read_bytes() == JPG

    bank.answer(ONE, rows=[{**ACCOUNTS[0], "djxx": [{"CSXH": "1", "DJJE": "10", "DJJZRQ": "2027-01-31"}]}])
    counts = await bank.look()
    assert (counts["answers"], counts["fed"]) == (1, 1)
    (operation, _), row = court.fed[ONE][0], court.last(ONE)[0]
    assert (operation, row.attrib["BDHM"], row.attrib["CCXH"]) == ("shfeedXzcxInfo", ONE, "1")
    assert (row.attrib["YE"], row.attrib["KYYE"]) == ("5000.00", "4000.50")
    assert row[0][0].attrib["DJJZRQ"] == "2027/01/31"
    assert bank.verdict(f"{ONE}.json")["verdict"] == "taken"
    assert bank.outcome(ONE)["state"] == "fed"


async def test_a_customer_without_an_account_is_answered_for(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, rows=[])
    await bank.look()
    assert court.last(ONE)[0].attrib["KHZH"] == "查无开户信息"


async def test_a_freeze_with_its_receipt(court: CourtLine, bank: Bank) -> None:
    court.order(ONE, {"CCXH": "1", "KZCS": "01"}, {"CCXH": "2", "KZCS": "01", "JE": "7000"})
    await bank.look()
    assert [one["JE"] for one in bank.request(ONE)["request"]["kzzh"]] == ["5000.00", "7000.00"]
    rows = [
        {"CCXH": "1", "KZZT": "1", "SKJE": "4000.00", "CSKSRQ": "2026-11-23", "CSJSRQ": "2027-11-22"},
        {"CCXH": "2", "KZZT": "2", "WNKZYY": "账户已销户"},
    ]
    bank.answer(ONE, rows=rows, receipt={"name": "回执", "suffix": "pdf", "content": "JVBERg=="})
    await bank.look()
    first, second, receipts = court.last(ONE)
    assert (first.attrib["SKJE"], first.attrib["CSJSRQ"], second.attrib["WNKZYY"]) == (
        "4000.00", "2027/11/22", "账户已销户",
    )  # fmt: skip
    assert receipts[0].attrib["MD5"] == hashlib.md5(b"%PDF").hexdigest()  # noqa: S324 - the line's own check
    assert court.fed[ONE][0][0] == "shfeedXzkzInfo"


async def test_the_same_request_again_is_one_request(court: CourtLine, bank: Bank) -> None:
    """Twice in one list, in every poll, and after the bank's system has taken its file away."""
    court.ask(ONE)
    court.ask(ONE)
    assert (await bank.look())["requests"] == 1
    (bank.path / "desk/requests" / f"{ONE}.json").unlink()
    assert await bank.look() == {"asked-again": 2}
    assert not (bank.path / "desk/requests" / f"{ONE}.json").exists()


async def test_a_court_that_asks_again_gets_the_same_bytes(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, rows=ACCOUNTS)
    await bank.look()
    court.taken.clear()  # it has lost what it had
    await bank.look()
    assert len(court.fed[ONE]) == 1  # its list may only lag behind
    bank.clock.advance(timedelta(minutes=10))
    await bank.look()
    sent = court.fed[ONE]
    assert len(sent) == 2
    assert len(set(sent)) == 1


async def test_a_number_is_answered_once(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, rows=ACCOUNTS)
    await bank.look()
    other = bank.answer(ONE, "other.json", rows=[])
    same = bank.answer(ONE, "same.json", rows=ACCOUNTS)
    await bank.look()
    assert (bank.verdict(other)["verdict"], bank.verdict(other)["code"]) == ("refused", "already-answered")
    assert bank.verdict(same)["verdict"] == "taken"
    assert len(court.fed[ONE]) == 1


async def test_an_answer_that_waits_to_be_sent_is_the_answer(court: CourtLine, bank: Bank) -> None:
    """It may have reached the court, for all that is known here."""
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, rows=ACCOUNTS)
    court.faults["shfeedXzcxInfo"].append("error")
    await bank.look()
    other = bank.answer(ONE, "other.json", rows=[])
    await bank.look()
    assert bank.verdict(other)["code"] == "already-answered"
    assert court.last(ONE)[0].attrib["KHZH"] == ACCOUNTS[0]["KHZH"]


async def test_another_request_under_the_same_number_changes_nothing(
    court: CourtLine, bank: Bank, log_lines: io.StringIO
) -> None:
    court.ask(ONE)
    await bank.look()
    court.lists["getXzcxList"].clear()
    court.ask(ONE, XM="李四")
    await bank.look()
    assert bank.request(ONE)["request"]["XM"] == "张三"
    await bank.look()
    assert log_lines.getvalue().count('"code":"request-differs"') == 1
    assert refused(bank.path / "line.sqlite") == [(ONE, "handed", "request-differs")]


class Killed(BaseException):
    pass


class KilledAt:
    """Ends the run at call number `left`: before it goes out, or when its answer is there."""

    def __init__(self, court: Caller, left: int, *, behind: bool) -> None:
        self.court, self.left, self.behind = court, left, behind

    async def call(self, call: Call) -> str:
        self.left -= 1
        if self.left == 0 and not self.behind:
            raise Killed
        payload = await self.court.call(call)
        if self.left == 0:
            raise Killed
        return payload


class RequestsKilledAt(Requests):
    """The same at write number `left` of state; behind it, nothing more is written."""

    def __init__(self, file: Path, left: int, *, behind: bool) -> None:
        super().__init__(file)
        self.left, self.behind = left, behind

    def _set(self, sql: str, *values: str | bytes | None) -> None:
        self.left -= 1
        if self.left < 0 or (self.left == 0 and not self.behind):
            raise Killed
        super()._set(sql, *values)
        if self.left == 0:
            raise Killed


async def until_killed_and_on(court: CourtLine, bank: Bank, caller: Caller) -> None:
    """Until the run ends, then by another with the file it left. The bank answers what it finds, once."""
    court.ask(ONE)
    court.order(TWO, {"CCXH": "1", "KZCS": "01"})
    rows = {ONE: ACCOUNTS, TWO: [{"CCXH": "1", "KZZT": "1", "SKJE": "1.00"}]}
    killed, found = 0, set[str]()
    for _ in range(6):
        try:
            await bank.look()
        except Killed:
            killed += 1
            bank.cycle.kept.close()
            fresh = Bank(court, bank.path, Requests(bank.path / "line.sqlite"), caller)
            fresh.clock.at = bank.clock.at
            bank = fresh
        for number in rows.keys() - found:
            if (bank.path / "desk/requests" / f"{number}.json").exists():
                bank.answer(number, rows=rows[number])
                found.add(number)
    assert killed == 1
    for number in (ONE, TWO):
        assert bank.verdict(f"{number}.json")["verdict"] == "taken"
        assert bank.outcome(number)["state"] == "fed"
        assert len(set(court.fed[number])) == 1, "another feedback for the same number"
    bank.cycle.kept.close()


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("at", range(1, 11))
async def test_a_run_that_ends_at_any_call_answers_each_number_once(
    court: CourtLine, bank: Bank, at: int, behind: bool
) -> None:
    caller = bank.cycle.court
    bank.cycle.court = KilledAt(caller, at, behind=behind)
    await until_killed_and_on(court, bank, caller)


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("at", range(1, 14))
async def test_a_run_that_ends_at_any_write_answers_each_number_once(
    court: CourtLine, bank: Bank, at: int, behind: bool
) -> None:
    bank.cycle.kept.close()
    bank.cycle.kept = RequestsKilledAt(bank.path / "line.sqlite", at, behind=behind)
    await until_killed_and_on(court, bank, bank.cycle.court)


async def test_a_request_that_lies_at_the_desk_is_not_put_there_again(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    bank.cycle.kept.close()
    bank.cycle.kept = RequestsKilledAt(bank.path / "line.sqlite", 3, behind=False)  # forget, add, handed
    with pytest.raises(Killed):
        await bank.look()
    bank.cycle.kept.close()
    bank.cycle.kept = Requests(bank.path / "line.sqlite")
    put = (bank.path / "desk/requests" / f"{ONE}.json").stat().st_ino
    await bank.look()
    assert (bank.path / "desk/requests" / f"{ONE}.json").stat().st_ino == put
    assert court.calls.count("cxwsInfo") == 1
    kept = bank.cycle.kept.get(ONE)
    assert kept is not None
    assert kept.state == "handed"
    bank.cycle.kept.close()


async def test_an_answer_that_was_lost_on_its_way_back_counts(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, rows=ACCOUNTS)
    court.faults["shfeedXzcxInfo"].append("lost")
    with pytest.raises(Unavailable, match="line-away"):
        await bank.look()
    await bank.look()
    assert (bank.outcome(ONE)["state"], len(set(court.fed[ONE])), len(court.fed[ONE])) == ("fed", 1, 2)


async def test_one_process_at_a_time(bank: Bank, tmp_path: Path) -> None:
    await bank.look()
    with pytest.raises(Conflict, match="state-in-use"):
        Requests(tmp_path / "line.sqlite")
    assert refused(tmp_path / "line.sqlite") == []  # but another may look


async def test_what_has_ended_is_forgotten_and_its_number_is_not(court: CourtLine, bank: Bank, tmp_path: Path) -> None:
    court.ask(ONE, XM="ZHANG-SAN-TO-FORGET")
    await bank.look()
    bank.answer(ONE, rows=ACCOUNTS)
    await bank.look()
    bank.clock.advance(timedelta(days=181))
    court.taken.clear()
    await bank.look()
    await bank.look()
    assert len(court.fed[ONE]) == 1
    kept = bank.cycle.kept.get(ONE)
    assert kept is not None
    assert (kept.feedback, kept.fields) == (None, None)
    assert b"ZHANG-SAN-TO-FORGET" not in (tmp_path / "line.sqlite").read_bytes()
