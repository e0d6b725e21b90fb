"""docs/adapters.md: its blocks are put where they say, in a copy of the project, and the feed is there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/adapters.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w+) ([\w/.-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("adapters", "schemas", "tests/data/conformance", "tests/unit/adapters/test_conformance.py", "pyproject.toml")


def changed(text: str, diff: str) -> str:
    """The text with one place of it changed: what stands there, and what shall."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    assert text.count(before) == 1, f"the page shows what stands there no more, or more than once: {before}"
    return text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))


def run(folder: Path, *arguments: str) -> str:
    """A Python command on the copy."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_adds_a_feed_in_under_a_hundred_lines() -> None:
    blocks = [(kind, block.splitlines()) for kind, _, block in BLOCK.findall(PAGE)]
    code = [line for kind, lines in blocks if kind == "python" for line in lines if line.strip()]
    code += [line for kind, lines in blocks if kind == "diff" for line in lines if line[0] == "+" and line[1:].strip()]
    assert 50 < len(code) < 100


def test_the_feed_of_the_page_is_read_and_conforms(tmp_path: Path) -> None:
    for name in COPIED:
        source, place = ROOT / name, tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, place)
    for kind, name, block in BLOCK.findall(PAGE):
        place = tmp_path / name
        place.write_text(changed(place.read_text("utf-8"), block) if kind == "diff" else block, "utf-8")
    told = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/adapters", "-k", "arrears")
    assert " passed" in told
    assert "3 passed" in told, told
    (line,) = run(tmp_path, "-m", "gateway.cli", "normalise", "public-arrears", "arrears.csv").splitlines()
    record = orjson.loads(line)["record"]
    assert (record["subject"]["kind"], record["unpaid"]) == ("organisation", "125000.00")
    run(tmp_path, "-m", "schemas.catalog")
    assert (tmp_path / "schemas/published/public-arrears.v1.json").exists()
