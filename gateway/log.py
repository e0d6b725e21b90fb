"""Logs without a personal value (rule P1): a field comes out only where its name is known and its value has the shape
of that name. Everything else is `[redacted]`.

An exception is logged as its type, its code and where it went (file:line); its message and its locals may carry a
record. Messages of libraries are not repeated either: a line says which library spoke, and from where.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Literal, TextIO, TypeAlias

import orjson
import structlog
from opentelemetry.trace import get_current_span

from gateway.clock import Clock, SystemClock, stamp
from gateway.errors import FuyuanError

REDACTED = "[redacted]"
FRAMES = 12  # the innermost frames of an exception, enough to find the place
LARGEST_NUMBER = 10**14  # an identity number read as a number is longer

# No digits in a row long enough for an identity, organisation, passport or telephone number, and no Han text.
LONG_DIGITS = re.compile(r"\d{7}")

SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
TYPE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,79}")
METHOD = re.compile(r"[A-Z]{3,7}")
TOPIC = re.compile(r"fuyuan\.[a-z0-9.-]{1,140}")
ROUTE = re.compile(r"none|/[a-z0-9/{}._-]{0,99}")
PLACE = re.compile(r"[a-zA-Z0-9_./<>-]{1,120}:\d{1,6}")
BASE32 = re.compile(r"[a-z2-7]{10,64}")
TRACE_ID = re.compile(r"[0-9a-f]{32}")
THUMBPRINT = re.compile(r"[A-Za-z0-9_-]{43}")
KEY = re.compile(r"[a-z_]{1,40}")

TEXTS: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys(
        (
            "event", "level", "code", "feed", "contract", "lane", "kind", "state", "step", "party", "provider",
            "subscriber", "measure", "decision", "action", "verdict", "lease",
        ),
        SLUG,
    ),
    **dict.fromkeys(("error", "cause", "library"), TYPE_NAME),
    **dict.fromkeys(("error_id", "record_id"), BASE32),
    "at": PLACE,
    "frames": PLACE,
    "host": SLUG,
    "kid": THUMBPRINT,
    "method": METHOD,
    "route": ROUTE,
    "topic": TOPIC,
    "user": SLUG,
    "trace_id": TRACE_ID,
}  # fmt: skip
NUMBERS = frozenset(
    {
        "attempt", "cause", "count", "first", "last", "leaves", "line", "ms", "number", "port", "position", "positions",
        "records", "seconds", "size", "status", "version",
    }
)  # fmt: skip
RANDOM = frozenset({"trace_id"})  # digits in a row mean nothing; gateway/trace.py takes over none that may
COUNTS = frozenset({"counts"})  # name -> number

Event: TypeAlias = MutableMapping[str, object]


def configure_logging(
    format: Literal["json", "console"],  # noqa: A002 - the setting's name
    level: str,
    *,
    stream: TextIO | None = None,
    clock: Clock | None = None,
) -> None:
    """Send every log line of this process, our own and the libraries', redacted to `stream` (stderr)."""
    out = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if format == "json"
        else structlog.dev.ConsoleRenderer(colors=out.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            add_trace_id,
            describe_exception,
            redact,
            _stamper(clock or SystemClock()),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers = [Bridge()]
    root.setLevel(max(threshold, logging.WARNING))  # without their text, lesser lines of libraries say nothing
    # It says many times a second that a broker is away, and we say it ourselves.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy"):
        library = logging.getLogger(name)
        library.handlers, library.propagate = [], True


def catch_uncaught() -> None:
    """Log what would end a server process or a thread of it with a traceback: its message may hold a record."""

    def hook(_: type[BaseException], error: BaseException | None, __: TracebackType | None) -> None:
        structlog.get_logger().critical("uncaught", exc_info=error)

    sys.excepthook = hook
    threading.excepthook = lambda thread: hook(thread.exc_type, thread.exc_value, thread.exc_traceback)
    sys.unraisablehook = lambda ignored: hook(ignored.exc_type, ignored.exc_value, ignored.exc_traceback)


class Bridge(logging.Handler):
    """Carries the libraries' log records over: the name, the place and the exception's type, never the message."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger().log(
            record.levelno,
            "library",
            library=record.name,
            at=_place(record.pathname, record.lineno),
            **({"exc_info": record.exc_info} if record.exc_info else {}),
        )


def add_trace_id(_: object, __: str, event: Event) -> Event:
    """The trace that the line belongs to, where there is one."""
    current = get_current_span().get_span_context()
    if current.is_valid:
        event["trace_id"] = f"{current.trace_id:032x}"
    return event


def describe_exception(_: object, __: str, event: Event) -> Event:
    """`exc_info` becomes `error`, `code` and `frames`."""
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    error = _exception(given)
    if error is None:
        return event
    event["error"] = type(error).__name__
    if isinstance(error, FuyuanError):
        event["code"] = error.code
    inner = error.__cause__ or error.__context__
    if inner is not None:
        event["cause"] = type(inner).__name__
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    event["frames"] = [_place(frame.filename, frame.lineno or 0) for frame in frames]
    return event


def redact(_: object, __: str, event: Event) -> Event:
    """Only known fields of the right shape stay."""
    return {(name if KEY.fullmatch(name) else REDACTED): _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: object) -> object:
    match value:
        case None | bool():
            return value
        case int() | float() if name in NUMBERS and abs(value) < LARGEST_NUMBER:
            return value
        case str() if _is_known(name, value):
            return value
        case list() | tuple() if name in TEXTS:
            return [_redacted(name, one) for one in value]
        case dict() if name in COUNTS:
            return {key: count for key, count in value.items() if _is_count(key, count)}
    return REDACTED


def _is_known(name: str, value: str) -> bool:
    return name in TEXTS and bool(TEXTS[name].fullmatch(value)) and (name in RANDOM or not LONG_DIGITS.search(value))


def _is_count(key: object, count: object) -> bool:
    named = isinstance(key, str) and SLUG.fullmatch(key) and not LONG_DIGITS.search(key)
    return bool(named) and isinstance(count, int) and abs(count) < LARGEST_NUMBER


def _exception(given: object) -> BaseException | None:
    """From what `exc_info` may be: an exception, the triple, or True for the one being handled."""
    match given:
        case BaseException():
            return given
        case (_, BaseException() as error, _):
            return error
        case True | 1:
            return sys.exception()
    return None


def _place(file: str, line: int) -> str:
    """The last two parts of the path are enough; the rest is the machine's."""
    return f"{'/'.join(Path(file).parts[-2:])}:{line}"


def _stamper(clock: Clock) -> Callable[[object, str, Event], Event]:
    def add(_: object, __: str, event: Event) -> Event:
        return {"timestamp": stamp(clock.now()), **event}

    return add


def _json(value: object, **_: object) -> str:
    return orjson.dumps(value).decode()
