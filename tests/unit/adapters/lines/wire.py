"""Messages of the line, made without our own code, and what tests ask of a fault."""

import base64
import contextlib
from collections.abc import Callable
from xml.sax.saxutils import quoteattr

import pytest

from schemas.line import LineFault

BDHM = "20261123410811000001"
QUERY = {"BDHM": BDHM, "LB": "YH", "XZ": "1", "XM": "张三", "ZJLX": "01", "DSRZJHM": "410811199001010014"}


def coded(text: str, charset: str = "gb18030") -> str:
    return base64.b64encode(text.encode(charset)).decode("ascii")


def element(name: str, values: dict[str, str], inside: str = "") -> str:
    """An element of coded attributes."""
    return f"<{name}{''.join(f' {key}={quoteattr(coded(value))}' for key, value in values.items())}>{inside}</{name}>"


def payload(xml: str, charset: str = "utf-8") -> str:
    return base64.b64encode(f'<?xml version="1.0" encoding="UTF-8"?>{xml}'.encode(charset)).decode("ascii")


def fault_of(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(LineFault) as caught:
        call()
    return caught.value.code, caught.value.field


def nothing_but_a_fault(call: Callable[[], object]) -> None:
    """It may succeed, too."""
    with contextlib.suppress(LineFault):
        call()
