"""Rule P1: no personal value in a log line."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import warnings

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.errors import Refused
from gateway.log import NUMBERS, TEXTS, configure_logging

HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5)
DIGIT = st.characters(min_codepoint=0x30, max_codepoint=0x39)
LETTER = st.characters(min_codepoint=0x41, max_codepoint=0x5A)
NAMES = st.text(HAN, min_size=2, max_size=4)
CITIZENS = st.builds(
    lambda body, end: body + end, st.text(DIGIT, min_size=17, max_size=17), st.sampled_from("0123456789X")
)
PERSONAL = st.one_of(
    NAMES,
    st.builds(lambda name: f"{name[0]}*{name[-1]}", NAMES),
    st.builds(
        lambda first, last: f"{first.capitalize()} {last.capitalize()}", *[st.text(LETTER, min_size=3, max_size=8)] * 2
    ),
    CITIZENS,
    CITIZENS.map(lambda number: f"{number[:6]}********{number[14:]}"),
    st.text(DIGIT, min_size=15, max_size=15),
    st.text(DIGIT, min_size=6, max_size=6).map(lambda region: f"91{region}MA2NT8XK1Q"),
    st.text(DIGIT, min_size=8, max_size=8).map(lambda digits: f"{digits}-X"),
    st.text(DIGIT, min_size=7, max_size=8).map(lambda digits: f"E{digits}"),
    st.text(DIGIT, min_size=10, max_size=10).map(lambda digits: f"1{digits}"),
    st.text(HAN, min_size=5, max_size=60).map(lambda text: f"被执行人应支付{text}"),
    st.tuples(st.integers(2000, 2026), st.integers(1, 9999)).map(lambda case: f"（{case[0]}）皖1122执{case[1]}号"),
)
KEYS = sorted({*TEXTS, *NUMBERS, "counts", "name", "detail", "sql"} - {"event", "level"})


def fresh(level: str = "debug") -> io.StringIO:
    stream = io.StringIO()
    configure_logging("json", level, stream=stream, clock=ManualClock())
    return stream


def read(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture(autouse=True)
def restored(log_lines: io.StringIO) -> None:
    """Whatever a test configures here is undone."""


@given(value=PERSONAL)
@settings(max_examples=50)
def test_p1_no_field_lets_a_personal_value_out(value: str) -> None:
    stream = fresh()
    log = structlog.get_logger()
    number = int(value) if value.isdecimal() and len(value) >= 15 else 0
    for key in KEYS:
        for wrapped in (value, [value], {"a": value}, {value: 1}, number, value.encode()):
            log.info("step", **{key: wrapped})
    log.info(value)
    log.info("step", **{value: 1})
    with structlog.contextvars.bound_contextvars(party=value):
        log.info("step")
    assert value not in stream.getvalue()
    assert len(read(stream)) == 6 * len(KEYS) + 3


@given(value=PERSONAL)
def test_p1_no_exception_lets_a_personal_value_out(value: str) -> None:
    stream = fresh()
    log = structlog.get_logger()

    def deep(subject: str) -> None:
        try:
            {}[subject]
        except KeyError as error:
            raise Refused("request-invalid", f"no {subject}") from error

    try:
        deep(value)
    except Refused as error:
        log.exception("failed")
        log.warning("failed", exc_info=error)
        log.warning("failed", exc_info=(type(error), error, error.__traceback__))
        logging.getLogger("some.library").exception("could not store %s", value)
        logging.getLogger("some.library").error(f"could not store {value}", exc_info=True)
    assert value not in stream.getvalue()
    own, library = read(stream)[:3], read(stream)[3:]
    for line in own:
        assert (line["error"], line["code"], line["cause"]) == ("Refused", "request-invalid", "KeyError")
        assert [str(frame).partition(":")[0] for frame in line["frames"]] == ["unit/test_log.py"] * 2
    assert [(line["event"], line["library"], line["error"]) for line in library] == [
        ("library", "some.library", "Refused")
    ] * 2


def test_p1_a_library_s_line_says_who_spoke_and_from_where(log_lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received from %s", "10.1.2.3")
    (line,) = read(log_lines)
    assert (line["event"], line["level"], line["library"]) == ("library", "warning", "uvicorn.error")
    assert str(line["at"]).startswith("unit/test_log.py:")
    assert "10.1.2.3" not in log_lines.getvalue()


def test_p1_libraries_below_warning_and_their_urls_stay_silent(log_lines: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET http://gateway/known/%s", "x")
    logging.getLogger("sqlalchemy.engine").info("INSERT %r", ("x",))
    assert log_lines.getvalue() == ""


def test_p1_warnings_go_the_same_way(log_lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("欧阳测试 is deprecated", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    assert read(log_lines)[0]["library"] == "py.warnings"
    assert "欧阳" not in log_lines.getvalue()


async def test_p1_a_task_that_failed_unseen_tells_its_type_only(log_lines: io.StringIO) -> None:
    async def fail() -> None:
        raise RuntimeError("欧阳测试")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    asyncio.get_running_loop().call_exception_handler({"message": "x 欧阳测试", "exception": task.exception()})
    (line,) = read(log_lines)
    assert (line["library"], line["error"]) == ("asyncio", "RuntimeError")
    assert "欧阳" not in log_lines.getvalue()


def test_what_operators_need_stays(log_lines: io.StringIO) -> None:
    fields: dict[str, object] = {
        "contract": "credit-platform-1", "lane": "bulk", "step": "route", "count": 1000, "ms": 12.5,
        "method": "POST", "route": "/v1/contracts/{contract}/events", "status": 201, "code": "stale-listing",
        "error_id": "abcdefghij234567", "kid": "0i6qaEnt11sG2YIh3viNK4HUSEuR6oM79f41_uQTYI8",
        "record_id": "mfrggzdfmztwq2lkmfrggzdfmztwq2lk", "counts": {"listed": 3, "withdrawn": 1}, "party": None,
        "at": "gateway/intake.py:119",
    }  # fmt: skip
    structlog.get_logger().info("step", **fields)
    (line,) = read(log_lines)
    assert {name: line[name] for name in fields} == fields
    assert (line["event"], line["level"]) == ("step", "info")


def test_time_comes_from_the_clock() -> None:
    stream = fresh()
    structlog.get_logger().info("step")
    assert read(stream)[0]["timestamp"] == "2026-11-23T01:00:00.000Z"


def test_the_level_holds() -> None:
    stream = fresh("warning")
    structlog.get_logger().info("step")
    assert stream.getvalue() == ""


def test_p1_the_console_is_redacted_too() -> None:
    stream = io.StringIO()
    configure_logging("console", "info", stream=stream)
    try:
        {}["欧阳测试"]
    except KeyError:
        structlog.get_logger().exception("failed", name="欧阳测试", count=3)
    assert "欧阳" not in stream.getvalue()
    assert "KeyError" in stream.getvalue()
    assert "count" in stream.getvalue()


UNCAUGHT = """
import threading
from gateway.log import catch_uncaught, configure_logging
configure_logging("json", "info")
catch_uncaught()
def fail(): raise RuntimeError("欧阳测试")
class Dying:
    def __del__(self): fail()
thread = threading.Thread(target=fail); thread.start(); thread.join()
Dying()
fail()
"""


def test_p1_what_ends_a_process_or_a_thread_is_redacted_too() -> None:
    done = subprocess.run([sys.executable, "-c", UNCAUGHT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["error"]) for line in lines] == [("uncaught", "RuntimeError")] * 3
    assert "欧阳" not in done.stdout + done.stderr
