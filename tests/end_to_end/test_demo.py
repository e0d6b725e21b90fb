"""The whole story as a newcomer runs it, and a look at everything it printed and kept (rule P1)."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from gateway.demo import papers
from gateway.demo.listing import COURT_LIST, NAMESAKE, NAMESAKE_ID
from gateway.demo.papers import COMPANY_CODE
from tests.servers.kafka import Kafka

HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
PERSONAL = ("iname", "cardNum", "businessEntity", "duty", "caseCode", "pname", "partyCardNum")


@dataclass(frozen=True)
class Run:
    story: str
    folder: Path

    @property
    def logs(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("*.log")))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return play_demo(tmp_path_factory.mktemp("demo"))


def play_demo(folder: Path, *options: str) -> Run:
    """One run of `fuyuan demo`, by its command line, in the shell of an operator whose gateway is another."""
    live = folder.with_name(f"{folder.name}-live.sqlite")

    async def play() -> tuple[int | None, bytes]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FUYUAN_")}
        environment |= {"FUYUAN_DATABASE_URL": f"sqlite+aiosqlite:///{live}", "FUYUAN_PARTY": "another"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "demo", "--data", str(folder), *options,
            env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        return process.returncode, output

    code, output = asyncio.run(play())
    assert code == 0, output.decode()
    assert not live.exists(), "what an operator's shell names is let be"
    return Run(output.decode(), folder)


def lines() -> Iterator[dict[str, object]]:
    for line in COURT_LIST.read_bytes().splitlines():
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue


def personal_values() -> set[str]:
    """Every value of the list that names somebody, a unit's included, and the applicants' of the demo."""
    found = {str(record[key]).strip() for record in lines() for key in PERSONAL if record.get(key)}
    return found | {NAMESAKE_ID, COMPANY_CODE}


def persons() -> set[str]:
    """Names and numbers of natural persons."""
    natural = [record for record in lines() if str(record.get("partyTypeName")) in ("580", "0") or "pname" in record]
    names = {str(record[key]) for record in natural for key in ("iname", "pname", "cardNum") if record.get(key)}
    return names | {str(record["businessEntity"]) for record in lines() if record.get("businessEntity")} | {NAMESAKE}


def test_the_story_is_told_to_its_end(run: Run) -> None:
    for told in ("18 lines in: 15 listed, 3 quarantined", "BLOCKED", "CLEAR", "REVIEW", "released", "invalid"):
        assert told in run.story


def test_p1_no_personal_value_in_any_log(run: Run) -> None:
    logs = run.logs
    assert logs.count("\n") > 20, "the run has logged something to look at"
    assert not [value for value in personal_values() if value in logs]
    assert not HAN.search(logs), "a log line has no need of Chinese text"


def test_p1_the_story_names_no_person(run: Run) -> None:
    assert len(persons()) > 6
    assert not [value for value in persons() if value in run.story]
    assert NAMESAKE_ID not in run.story
    assert COMPANY_CODE not in run.story


def test_the_journal_keeps_no_personal_value_in_the_clear(run: Run) -> None:
    kept = b"".join(path.read_bytes() for path in (run.folder / "gateway").glob("journal.sqlite*"))
    assert len(kept) > 50_000
    assert not [value for value in personal_values() if value.encode() in kept]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_shows_what_the_demo_prints(run: Run, readme: str) -> None:
    """But for the figures of one run: times, counts of proofs, the byte that is flipped."""
    text = (Path(__file__).parents[2] / readme).read_text(encoding="utf-8")
    block = re.search(r"<!-- what the demo prints: begin -->\n```text\n(.*?)\n```\n", text, re.DOTALL)
    assert block is not None
    assert _without_figures(block[1]) == _without_figures(run.story)


def _without_figures(story: str) -> list[str]:
    return [re.sub(r"\d+", "N", line).rstrip() for line in story.strip().splitlines()]


def test_the_same_story_over_kafka(kafka: Kafka, tmp_path: Path) -> None:
    run = play_demo(tmp_path, "--kafka", kafka.bootstrap)
    assert f"every agency follows by Kafka at {kafka.bootstrap}" in run.story
    assert "it came by Kafka: 15 messages" in run.story, run.story
    assert not {"message-refused", "page-refused", "lane-lost"} & {
        orjson.loads(line)["event"] for line in run.logs.splitlines() if line.startswith("{")
    }


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return play_demo(tmp_path_factory.mktemp("day"), "--story", "district")


def test_a_district_day_has_every_flow_in_it(day: Run) -> None:
    for told in (
        "16 contracts",
        "the registry's export, put into a watched folder: taken, 3 statements",
        "quarantined as rounded-identifier",
        "blocked at 3 agencies",
        "the company's title is blocked at natural resources",
        "CLEAR for one application",
        "the registry is told returned",
        "the vehicle is sighted",
        "a sighting in between is refused",
        "released at 3 agencies",
        "2 quarantined as stale-listing, 0 listed",
        "16 contracts,",
        "no alarm in them",
    ):
        assert told in day.story


def test_p1_no_personal_value_in_any_log_of_the_day(day: Run) -> None:
    values = [papers.HEAD, papers.HEAD_ID, papers.NAMESAKE_ID, papers.OFFICER, papers.LOAN, papers.PLATE]
    values += [papers.DOMICILE, papers.BORROWERS, papers.CROSSING, papers.EMAIL, papers.PHONE]
    assert day.logs.count("\n") > 40, "the run has logged something to look at"
    assert not [value for value in [*values, papers.COMPANY, papers.COMPANY_CODE] if value in day.logs]
    assert not [value for value in values if value in day.story]
    kept = b"".join(path.read_bytes() for path in (day.folder / "gateway").glob("journal.sqlite*"))
    assert not [value for value in values if value.encode() in kept]
