"""Every command that the documents show is run: here, or by the part of the suite that the table names.

A command that stands in no table fails, so that a document cannot promise what nothing tries.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
MAKE = shutil.which("make") or "make"
# docs/run-a-district.md is run whole, by a test of its own.
AGREEMENT = "contracts/agreements/debtors-to-credit-platform.yaml"
ACCESS = "tests/integration/test_kafka_access.py"
CONSUMED = "127.0.0.1:9092 debtors-to-market-regulation jwks.json schemas/published/dishonest-debtor.v1.json"
CONSUMERS = "tests/integration/test_consume_without_us.py"
PUSH = (
    "fuyuan push dishonest-debtor list.ndjson --key court.jwk --keys jwks.json "
    "--kafka kafka-1:9092 --kafka-password court.password --kafka-ca ca.pem"
)
COMMANDS = "tests/end_to_end/test_commands.py"
ADAPTERS = "tests/unit/adapters/test_adapters_page.py"
FEEDBACK = "tests/integration/test_feedback.py"
DISPUTE = "fuyuan feedback give RECORD disputed --reason content-inaccurate --reference YY-2026-001"
LINE = "tests/end_to_end/test_line_command.py"
WAYS_IN = "tests/end_to_end/test_ways_in.py"
SFTP = (
    "fuyuan sftp dishonest-debtor sftp://court@exchange.example/out "
    "--key court.jwk --host-keys known_hosts --identity id_ed25519"
)
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "run-a-district.md"),
]


class Elsewhere(NamedTuple):
    """The file that runs a command, and the text in it that does."""

    path: str
    text: str


# Run by this test, in an empty folder: exit 0, and this text on stdout.
HERE = {
    ".venv/bin/fuyuan --help": "normalise",
    ".venv/bin/fuyuan settings": "FUYUAN_DATABASE_URL",
}
# Run by another part. `make` targets are also checked to exist, by a dry run.
ELSEWHERE = {
    "make demo": Elsewhere("Makefile", "$(BIN)/fuyuan demo"),
    "make kafka": Elsewhere("tests/servers/kafka.py", "kafka.broker.start()"),
    ".venv/bin/fuyuan demo --kafka 127.0.0.1:9092": Elsewhere("tests/end_to_end/test_demo.py", '"--kafka"'),
    ".venv/bin/fuyuan demo --story district": Elsewhere("tests/end_to_end/test_demo.py", '"--story", "district"'),
    f"python docs/examples/consume.py {CONSUMED}": Elsewhere(CONSUMERS, '"consume.py"'),
    "npm ci --prefix docs/examples": Elsewhere(CONSUMERS, '"ci"'),
    f"node docs/examples/consume.js {CONSUMED}": Elsewhere(CONSUMERS, '"consume.js"'),
    "make test": Elsewhere(".ci/run", "make test"),
    "make check": Elsewhere(".ci/run", "make lint types arrows"),
    "make bench": Elsewhere("Makefile", "$(BIN)/python -m tests.bench"),
    "deploy/prepare.sh": Elsewhere("tests/unit/deploy/test_prepare.py", 'DEPLOY / "prepare.sh"'),
    ".venv/bin/python -m tests.bench district": Elsewhere("tests/bench/__main__.py", '"district": district.run'),
    ".venv/bin/python -m tests.bench size": Elsewhere("tests/bench/__main__.py", '"size": size.run'),
    "fuyuan kafka access": Elsewhere(ACCESS, "show_access(mend=False)"),
    "fuyuan kafka access --mend": Elsewhere(ACCESS, "show_access(mend=True)"),
    "fuyuan kafka user shanyang-market-regulation": Elsewhere(ACCESS, "new_user("),
    PUSH: Elsewhere("tests/integration/test_push_processes.py", '"--kafka-password"'),
    "make lock": Elsewhere("Makefile", "$(BIN)/pip-compile"),
    f"fuyuan contract lint {AGREEMENT}": Elsewhere(COMMANDS, '"contract", "lint"'),
    f"fuyuan contract preview {AGREEMENT}": Elsewhere(COMMANDS, '"contract", "preview"'),
    f"fuyuan contract sign {AGREEMENT} --key court.jwk": Elsewhere(COMMANDS, '"contract", "sign"'),
    ".venv/bin/fuyuan database upgrade": Elsewhere(COMMANDS, '"database", "upgrade"'),
    ".venv/bin/fuyuan database check": Elsewhere(COMMANDS, '"database", "check"'),
    "fuyuan watch dishonest-debtor /srv/exchange/out --key court.jwk": Elsewhere(COMMANDS, '"watch"'),
    "fuyuan front sxbzxr.toml --key court.jwk": Elsewhere(COMMANDS, '"front"'),
    "fuyuan front sxbzxr.toml --key court.jwk --refresh": Elsewhere(COMMANDS, '"--refresh"'),
    "fuyuan front sxbzxr.toml --key court.jwk --once --allow 812": Elsewhere(COMMANDS, '"--allow"'),
    "fuyuan front sxbzxr.toml --key court.jwk --refused": Elsewhere(COMMANDS, '"--refused"'),
    "fuyuan line bank /srv/line/desk": Elsewhere(LINE, '"line", "bank", "desk", "--once"'),
    "fuyuan line bank /srv/line/desk --refused": Elsewhere(LINE, '"--refused"'),
    "fuyuan fetch fetch.toml --key court.jwk": Elsewhere(WAYS_IN, '"fetch", "fetch.toml"'),
    "fuyuan sheet dishonest-debtor list.xlsx --key court.jwk": Elsewhere(WAYS_IN, '"sheet", FEED, "list.xlsx"'),
    SFTP: Elsewhere(WAYS_IN, '"sftp", FEED'),
    "fuyuan feedback holds licence-1": Elsewhere(FEEDBACK, 'run("holds", "licence-1"'),
    DISPUTE: Elsewhere(FEEDBACK, 'run("give", record, "disputed"'),
    "fuyuan doctor": Elsewhere(COMMANDS, 'desk.run("doctor")'),
    "fuyuan doctor --json": Elsewhere(COMMANDS, '"doctor", "--json"'),
    "fuyuan doctor --agent": Elsewhere(COMMANDS, '"doctor", "--agent"'),
    "fuyuan normalise public-arrears arrears.csv": Elsewhere(ADAPTERS, '"normalise", "public-arrears"'),
    ".venv/bin/python -m schemas.catalog": Elsewhere(ADAPTERS, '"-m", "schemas.catalog"'),
    "fuyuan keys new shanyang-court court.jwk": Elsewhere(COMMANDS, '"keys", "new"'),
}


def commands(text: str) -> list[str]:
    """The commands of a document's `sh` blocks: one a line, comments and blank lines left out."""
    lines = (line.partition("  #")[0].strip() for block in FENCE.findall(text) for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


SHOWN = sorted({command for document in DOCUMENTS for command in commands(document.read_text("utf-8"))})


def test_the_documents_show_commands() -> None:
    assert "make demo" in SHOWN
    assert "make test" in SHOWN
    assert commands("```sh\nmake demo   # why\n# not this\n\nmake test\n```\n") == ["make demo", "make test"]


@pytest.mark.parametrize("command", SHOWN)
def test_every_command_in_the_documents_is_run(command: str, tmp_path: Path) -> None:
    assert (command in HERE) != (command in ELSEWHERE), "say in this module how the suite runs this command"
    if command in HERE:
        program, *arguments = command.split()
        script = Path(sys.executable).with_name(Path(program).name)
        done = subprocess.run(
            [script, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        assert HERE[command] in done.stdout
        return
    place = ELSEWHERE[command]
    assert place.text in (ROOT / place.path).read_text("utf-8")
    if command.startswith("make "):
        subprocess.run([MAKE, "--dry-run", *command.split()[1:]], cwd=ROOT, capture_output=True, check=True)


def test_the_tables_hold_nothing_that_is_no_longer_shown() -> None:
    assert sorted([*HERE, *ELSEWHERE]) == SHOWN


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_first_screen_has_both_commands_and_the_place_for_the_demo(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    first = "\n".join(text.splitlines()[:24])
    assert "make demo" in first
    assert "make test" in first
    assert text.count("<!-- what the demo prints: begin -->") == text.count("<!-- what the demo prints: end -->") == 1


LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text("utf-8")):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_a_document_names_is_there(page: Path) -> None:
    named = re.findall(
        r"`((?:adapters|contracts|deploy|docs|gateway|schemas|tests)/[\w./*-]+)`", page.read_text("utf-8")
    )
    made = "deploy/local"  # by deploy/prepare.sh
    assert [path for path in named if path != made and not list(ROOT.glob(path))] == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text("utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings], anchor
