"""docs/errors.md against the code: every code of an error or of quarantine stands there, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from gateway import errors
from schemas.control_states import Reason

ROOT = Path(__file__).parents[2]
STATUS = {name: kind.status for name, kind in vars(errors).items() if isinstance(kind, type)}
PAGE = (ROOT / "docs/errors.md").read_text("utf-8")
ROW = re.compile(r"^\| (`[^|]*`) +\| ([\d, ]+?) +\|", re.MULTILINE)


def nodes(*folders: str) -> Iterator[ast.AST]:
    for file in (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))):
        if "demo" not in file.parts:
            yield from ast.walk(ast.parse(file.read_text("utf-8")))


def raised() -> Iterator[tuple[str, int]]:
    """Each code with the status of its kind. The demo's own say that it failed, and nothing more."""
    for node in nodes("gateway"):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(code)), *_]) if name in STATUS:
                yield code, STATUS[name]
            case ast.Call(func=ast.Name(id="GatewayProblem"), args=[ast.Name(), ast.Constant(value=str(code)), *_]):
                yield code, 502  # the gateway's own answer is what is wrong
            case ast.Call(func=ast.Name(id="read_body"), args=[_, _, ast.Constant(value=str(code)), *_]):
                yield code, STATUS["BadRequest"]  # raised under the code it was given


def documented() -> Iterator[tuple[str, int]]:
    """A row tells one status for all its codes, one for each, or several for its one code."""
    for codes, statuses in ROW.findall(PAGE):
        names = re.findall(r"`([a-z-]+)`", codes)
        numbers = [int(one) for one in statuses.split(",")]
        if len(names) == len(numbers):
            yield from zip(names, numbers, strict=True)
        else:
            yield from ((name, number) for name in names for number in numbers)


def test_every_code_is_documented_and_no_other() -> None:
    assert set(documented()) == set(raised())
    assert len(list(documented())) == len(set(documented())), "a code stands twice"


def test_every_code_of_quarantine_is_documented_and_no_other() -> None:
    codes = set(get_args(Reason))  # why an answer of the police may not follow, which becomes Rejected
    for node in nodes("adapters", "gateway"):
        match node:
            case ast.Call(func=ast.Name(id="Rejected"), args=[_, ast.Constant(value=code), *_]):
                codes.add(code)
    for node in nodes("adapters"):
        match node:  # an error of the adapters' own, which becomes Rejected
            case ast.Call(func=ast.Name(id="Refused" | "Fault"), args=[ast.Constant(value=code), *_]):
                codes.add(code)
    section = PAGE.partition("## Quarantine")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)} == codes


def test_every_code_of_a_courts_line_is_documented_and_no_other() -> None:
    """Those that have no status: faults of a message, an item or an answer, and what an outcome may say."""
    codes = {f"{kind}-missing" for kind in ("document", "certificate")}  # adapters/lines/items.py: attachment
    for node in nodes("adapters", "gateway"):
        match node:
            case ast.Call(func=ast.Name(id="LineFault"), args=[code, *_]):
                codes.update(constants(code))
            case ast.Call(func=ast.Attribute(attr="ended"), keywords=keywords):
                codes.update(text for one in keywords if one.arg == "code" for text in constants(one.value))
            case ast.Call(func=ast.Attribute(attr="mark"), args=[_, code, *_]):
                codes.update(constants(code))
    section = PAGE.partition("## A court's line")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)} == codes


def constants(node: ast.expr) -> Iterator[str]:
    """The texts that an expression may be."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from constants(body)
            yield from constants(orelse)
