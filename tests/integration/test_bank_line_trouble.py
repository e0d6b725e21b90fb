"""The bank's line when the court's side is away, wrong, or takes a request back."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from schemas.line import Returns
from tests.integration.banking import ACCOUNTS, ONE, THREE, TWO, Bank
from tests.servers.court_line import CourtLine, Fault


@pytest.mark.parametrize("fault", ["silence", "cut", "status", "lost", "drip"])
async def test_while_nobody_answers_everything_waits(court: CourtLine, bank: Bank, fault: Fault) -> None:
    court.ask(ONE)
    court.order(TWO, {"CCXH": "1", "KZCS": "01"})
    court.faults["getXzcxList"].append(fault)
    with pytest.raises(Unavailable, match="line-away"):
        await bank.look()
    assert bank.request(TWO)["number"] == TWO  # one list that does not come holds up nothing else
    assert (await bank.look())["handed"] == 1


async def test_what_does_not_come_through_goes_behind_the_others(court: CourtLine, bank: Bank) -> None:
    """Documents too large for the line, say: they cost each look one try, and no other request its turn."""
    court.ask(ONE)
    court.ask(TWO)
    court.stuck.add(f"WS{ONE}")
    for _ in range(2):
        with pytest.raises(Unavailable, match="line-away"):
            await bank.look()
    assert bank.request(TWO)["number"] == TWO
    court.stuck.clear()
    bank.clock.advance(timedelta(hours=1))
    await bank.look()
    assert bank.request(ONE)["number"] == ONE


async def test_an_answer_larger_than_any_is_not_read_to_its_end(
    court: CourtLine, bank: Bank, monkeypatch: pytest.MonkeyPatch, log_lines: io.StringIO
) -> None:
    monkeypatch.setattr("gateway.line.court.LARGEST_MESSAGE", 100)
    with pytest.raises(Unavailable, match="line-error"):
        await bank.look()
    assert '"code":"too-large"' in log_lines.getvalue()


async def test_a_desk_that_cannot_be_written_loses_nothing(court: CourtLine, bank: Bank, tmp_path: Path) -> None:
    court.ask(ONE)
    (tmp_path / "desk").write_text("no folder")
    with pytest.raises(Unavailable, match="result-unwritable"):
        await bank.look()
    (tmp_path / "desk").unlink()
    (tmp_path / "desk/requests" / f"{ONE}.json").mkdir(parents=True)
    with pytest.raises(Unavailable, match="result-unwritable"):
        await bank.look()
    (tmp_path / "desk/requests" / f"{ONE}.json").rmdir()
    await bank.look()
    assert bank.request(ONE)["number"] == ONE


@pytest.mark.parametrize("fault", ["error", "fault", "nonsense", "bomb", "packed"])
async def test_an_error_inside_a_200_is_an_error_and_the_other_list_is_read(
    court: CourtLine, bank: Bank, fault: Fault
) -> None:
    court.ask(ONE)
    court.order(TWO, {"CCXH": "1", "KZCS": "01"})
    court.faults["getXzcxList"].append(fault)
    with pytest.raises(Unavailable, match="line-error"):
        await bank.look()
    assert bank.request(TWO)["kind"] == "control"
    await bank.look()
    assert bank.request(ONE)["kind"] == "query"


async def test_a_wrong_password_is_an_error(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    court.password = "another"
    with pytest.raises(Unavailable, match="line-error"):
        await bank.look()


@pytest.mark.parametrize("fault", ["error", "fault", "nonsense"])
async def test_one_document_in_trouble_stops_no_other_request(court: CourtLine, bank: Bank, fault: Fault) -> None:
    """It is tried again, each time later, and never returned for it: the court may be at fault."""
    court.ask(ONE)
    court.ask(TWO)
    court.faults["cxwsInfo"] += [fault]
    assert await bank.look() == {"requests": 2, "postponed": 1, "handed": 1}
    assert bank.request(TWO)["number"] == TWO
    assert (await bank.look())["handed"] == 1
    assert court.fed == {}


async def test_feedback_in_trouble_is_sent_again_and_later_each_time(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, rows=ACCOUNTS)
    court.faults["shfeedXzcxInfo"] += ["error"] * 8
    looks = 0
    while not (bank.path / "desk/outcomes" / f"{ONE}.json").exists():
        await bank.look()
        looks += 1
    assert looks > 20  # 30 s, 1, 2, 4, 8, then 15 minutes
    assert len(court.fed[ONE]) == 1


async def test_a_feedback_that_the_court_refuses_can_be_put_right(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, rows=ACCOUNTS)
    court.faults["shfeedXzcxInfo"].append("fail")
    await bank.look()
    assert (bank.outcome(ONE)["state"], bank.outcome(ONE)["code"]) == ("failed", "feedback-refused")
    assert bank.outcome(ONE)["message"] == "张三的账号不符"
    bank.answer(ONE, "corrected.json", rows=[])
    await bank.look()
    assert bank.outcome(ONE)["state"] == "fed"
    assert bank.outcome(ONE)["code"] is None


@pytest.mark.parametrize("returns", ["feedback", "rollback"])
async def test_what_cannot_be_carried_out_is_returned_with_the_reason(
    court: CourtLine, bank: Bank, returns: Returns
) -> None:
    bank.return_by(returns)
    court.ask(ONE)
    court.documents[f"WS{ONE}"] = None
    court.ask(TWO, WSBH="")
    court.order(THREE, {"CCXH": "1", "KZCS": "99"})
    await bank.wait(minutes=90)
    for number, code in ((ONE, "document-missing"), (TWO, "document-missing"), (THREE, "unknown-code")):
        operation, back = court.fed[number][0][0], court.last(number)[0].attrib
        if returns == "rollback":
            assert (operation, back["XCHTYY"]) == ("htInfo", "业务审核未通过")
            assert back["XCHTBZ"].startswith(code)
        elif number == THREE:
            assert (operation, back["CCXH"], back["KZZT"]) == ("shfeedXzkzInfo", "1", "2")
            assert back["WNKZYY"].startswith(code)
        else:
            assert (operation, back["KHZH"]) == ("shfeedXzcxInfo", "业务审核未通过")
            assert back["BEIZ"].startswith(code)
        assert (bank.outcome(number)["state"], bank.outcome(number)["code"]) == ("fed", code)
        assert not (bank.path / "desk/requests" / f"{number}.json").exists()


@pytest.mark.parametrize("part", ["md5", "certificates"])
async def test_papers_that_are_not_in_order(court: CourtLine, bank: Bank, part: str) -> None:
    court.ask(ONE)
    if part == "md5":
        court.md5 = "0" * 32
    else:
        court.certificates = False
    await bank.wait(minutes=90)
    assert bank.outcome(ONE)["code"] == ("document-differs" if part == "md5" else "certificate-missing")


async def test_the_bank_itself_sends_a_request_back(court: CourtLine, bank: Bank) -> None:
    bank.return_by("rollback")
    court.ask(ONE)
    await bank.look()
    bank.answer(ONE, returned={"reason": "非本行客户", "by": "王经办", "phone": "0391-1111111"})
    await bank.look()
    back = court.last(ONE)[0]
    assert court.fed[ONE][0][0] == "htInfo"
    assert (back.attrib["XCHTYY"], back.attrib["XCHTR"]) == ("非本行客户", "王经办")


async def test_a_control_is_sent_back_account_by_account(court: CourtLine, bank: Bank) -> None:
    court.order(ONE, {"CCXH": "1", "KZCS": "01"}, {"CCXH": "7", "KZCS": "01"})
    await bank.look()
    bank.answer(ONE, returned={"reason": "非本行客户", "by": "王经办"})
    await bank.look()
    said = [(one.attrib["CCXH"], one.attrib["KZZT"], one.attrib["WNKZYY"]) for one in court.last(ONE)]
    assert said == [("1", "2", "非本行客户；王经办"), ("7", "2", "非本行客户；王经办")]


async def test_the_court_takes_a_request_back(court: CourtLine, bank: Bank) -> None:
    court.order(ONE, {"CCXH": "1", "KZCS": "01"})
    await bank.look()
    court.take_back(ONE, "案件已结")
    assert (await bank.look())["rolled-back"] == 1
    outcome = bank.outcome(ONE)
    assert (outcome["state"], outcome["code"]) == ("rolled-back", "rolled-back")
    assert outcome["message"].startswith("案件已结")
    bank.answer(ONE, rows=[{"CCXH": "1", "KZZT": "1", "SKJE": "1.00"}])
    await bank.look()
    assert bank.verdict(f"{ONE}.json")["code"] == "request-rolled-back"
    assert court.fed == {}


async def test_a_rollback_overtakes_an_answer_that_is_not_sent_yet(court: CourtLine, bank: Bank) -> None:
    court.order(ONE, {"CCXH": "1", "KZCS": "01"})
    await bank.look()
    bank.answer(ONE, rows=[{"CCXH": "1", "KZZT": "1", "SKJE": "1.00"}])
    court.take_back(ONE, "案件已结")
    await bank.look()
    assert bank.outcome(ONE)["code"] == "rolled-back-late"  # the freeze may stand: the bank has to look
    assert court.fed == {}


async def test_one_bad_item_stops_no_other(court: CourtLine, bank: Bank, log_lines: io.StringIO) -> None:
    court.ask(ONE)
    broken = court.lists["getXzcxList"][0]
    broken.set("XM", "张三")  # no base64
    court.ask("../../etc/passwd")
    court.ask(TWO)
    court.order(THREE)  # a control of nothing
    counts = await bank.look()
    assert (counts["unread"], counts["handed"]) == (3, 1)
    assert bank.request(TWO)["number"] == TWO
    assert (await bank.look())["returned"] == 1
    assert bank.outcome(THREE)["code"] == "field-missing"
    assert '"code":"number-unusable"' in log_lines.getvalue()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"rows": [{"CCXH": "1", "KZZT": "1", "SKJE": 4000.5}]}, "amount-unreadable"),
        ({"rows": [{"CCXH": "1", "KZZT": "1", "SKJE": "4,000"}]}, "amount-unreadable"),
        ({"rows": [{"CCXH": "1", "KZZT": "1"}]}, "field-missing"),
        ({"rows": [{"CCXH": "1", "KZZT": "2"}]}, "reason-missing"),
        ({"rows": [{"CCXH": "1", "KZZT": "3", "SKJE": "1"}]}, "unknown-code"),
        ({"rows": [{"CCXH": "2", "KZZT": "2", "WNKZYY": "无"}]}, "row-unknown"),
        ({"rows": []}, "row-missing"),
        ({"rows": [{"CCXH": "1", "KZZT": "2", "WNKZYY": "𬭎"}]}, "not-gbk"),
        ({"rows": [{"CCXH": "1", "KZZT": "2", "WNKZYY": "无", "WNKZYYY": "x"}]}, "unknown-field"),
        ({"rows": [{"CCXH": "1", "KZZT": "2", "WNKZYY": "无", "CSKSRQ": "2026-02-30"}]}, "date-unreadable"),
        ({"rows": "none"}, "answer-unreadable"),
        ({"returned": {}}, "answer-unreadable"),
        ({"returned": {"reason": "无"}, "receipt": {}}, "answer-unreadable"),
        ({"row": []}, "unknown-field"),
    ],
)
async def test_an_answer_that_is_none_is_refused_with_its_field(
    court: CourtLine, bank: Bank, said: dict[str, object], code: str
) -> None:
    court.order(ONE, {"CCXH": "1", "KZCS": "01"})
    await bank.look()
    name = bank.answer(ONE, **said)
    assert (await bank.look())["refused"] == 1
    assert bank.verdict(name)["code"] == code
    assert court.fed == {}


async def test_an_answer_that_is_still_being_written_has_until_the_next_look(court: CourtLine, bank: Bank) -> None:
    court.ask(ONE)
    await bank.look()
    file = bank.path / "desk/answers" / f"{ONE}.json"
    file.write_text('{"number": "', "utf-8")
    await bank.look()
    assert not (bank.path / "desk/answers" / f"{ONE}.json.result.json").exists()
    bank.answer(ONE, rows=ACCOUNTS)
    await bank.look()
    assert bank.outcome(ONE)["state"] == "fed"
    (bank.path / "desk/answers/cut.json").write_text('{"number": "', "utf-8")
    await bank.look()
    await bank.look()
    assert bank.verdict("cut.json")["code"] == "answer-unreadable"


async def test_answers_to_nothing(bank: Bank, tmp_path: Path) -> None:
    await bank.look()
    name = bank.answer(ONE, rows=[])
    (tmp_path / "secret.json").write_text(json.dumps({"number": ONE, "rows": []}))
    (bank.path / "desk/answers/link.json").symlink_to(tmp_path / "secret.json")
    await bank.look()
    assert bank.verdict(name)["code"] == "unknown-request"
    assert bank.verdict("link.json")["code"] == "answer-unreadable"


async def test_p1_nothing_personal_in_the_log(court: CourtLine, bank: Bank, log_lines: io.StringIO) -> None:
    court.ask(ONE)
    court.ask(TWO, CKKSSJ="昨天")
    court.order(THREE, {"CCXH": "1", "KZCS": "04"})
    court.faults["cxwsInfo"].append("error")
    await bank.look()
    await bank.look()
    bank.answer(ONE, rows=[{"KHZH": "6222021314002903619", "YE": "五千"}])
    await bank.look()
    bank.clock.advance(timedelta(hours=1))
    court.faults["getXzkzList"].append("error")
    with pytest.raises(Unavailable) as caught:
        await bank.look()
    written = log_lines.getvalue() + str(caught.value)
    assert "request-returned" in written
    assert "answer-refused" in written
    for value in ("张三", "410811199001010014", "6222021314002903619", "昨天", "五千", court.password, ONE, TWO):
        assert value not in written
