"""docs/coverage.md: every test that it names is there, and no item that comes first is without a line."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/coverage.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in PAGE.splitlines() if line.startswith("| ")][
    1:
]
FIRST = {"2-21", "1-4(2)", "2-22", "2-19", "1-4(3)", "1-4(5)"}
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def named_in(path: str) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse((ROOT / path).read_text("utf-8")).body if isinstance(node, functions)}


def test_every_line_names_one_test_that_is_there_or_says_that_there_is_none() -> None:
    for _, what, by in ROWS[1:]:
        found = NAMED.fullmatch(by)
        assert found or by == "none yet", what
        assert not found or found[2] in named_in(found[1]), by


def test_every_item_that_comes_first_has_a_line() -> None:
    assert {item for items, *_ in ROWS for item in items.split(", ")} >= FIRST
