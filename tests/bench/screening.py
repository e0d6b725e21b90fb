"""Exact screening in process against a million live records, on one core, with a bare LMDB get beside it."""

import random
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from contracts.load import load_agreement
from gateway.agent.applicant import Keyed
from gateway.agent.event import EventRef
from gateway.agent.index import Change, Index
from gateway.agent.receipts import Scribe
from gateway.agent.records import Live, put_live
from gateway.agent.screen import Screener
from gateway.agent.standing import Standing, write_standing
from gateway.clock import SystemClock, stamp
from gateway.trust.keys import SigningKey
from schemas.canonical import JsonObject
from schemas.identifiers import id_check
from tests.bench.figure import Figure, seconds

CONTRACT = "debtors-to-market-regulation"
AGREEMENT = Path(__file__).parents[2] / "contracts/agreements" / f"{CONTRACT}.yaml"
LIVE = 1_000_000
ASKED = 100_000
IN_A_CHANGE = 20_000
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂"


def person(serial: int) -> tuple[str, str]:
    """A name and a number whose check holds, in regions that do not exist; the same for the same serial."""
    dice = random.Random(serial)
    born_on = f"{dice.randint(1950, 2000)}{dice.randint(1, 12):02}{dice.randint(1, 28):02}"
    digits = f"{990000 + serial % 9999}{born_on}{serial % 1000:03}"
    name = dice.choice(SURNAMES) + dice.choice(GIVEN) + dice.choice(GIVEN) + chr(0x4E00 + serial % 5000)
    return name, digits + id_check(digits)


def record(serial: int) -> JsonObject:
    name, number = person(serial)
    return {
        "feed": "dishonest-debtor",
        "schema_version": 1,
        "record_id": f"r{serial}",
        "status": "listed",
        "status_reason": None,
        "subject": {
            "kind": "person",
            "name": name,
            "name_masked": False,
            "identifiers": [{"scheme": "cn-id", "value": number, "masked": False, "check": "pass"}],
        },
        "doubts": [],
        "grounds": ["able-but-refuses"],
        "published_on": "2025-07-13",
        "listed_until": None,
        "case": {"number": f"（2025）豫0811执{serial}号", "court": "焦作市山阳区人民法院"},
        "performance": "none",
    }


def fill(index: Index, keyed: Keyed, count: int) -> None:
    for first in range(0, count, IN_A_CHANGE):
        index.write(_putting(keyed, range(first, min(first + IN_A_CHANGE, count))))


def _putting(keyed: Keyed, serials: range) -> Callable[[Change], None]:
    def work(change: Change) -> None:
        for serial in serials:
            ref = EventRef("bulk", serial + 1, serial + 1, "A" * 43)
            put_live(change, keyed, Live(f"r{serial}", ref, record(serial)))

    return work


def open_screener(directory: Path, live: int) -> tuple[Index, Keyed, Screener]:
    """An index with `live` records, and a screener over it whose list is fresh."""
    clock = SystemClock()
    index = Index(directory)
    keyed = Keyed(index.key, CONTRACT)
    fill(index, keyed, live)
    terms = load_agreement(AGREEMENT).terms
    standing = replace(
        Standing(), state="active", beat="active", version=1, bulk=live, cause=live, fresh_at=stamp(clock.now())
    )

    def ready(change: Change) -> None:
        change.put("terms", CONTRACT.encode(), terms.model_dump_json().encode())
        write_standing(change, CONTRACT, standing)

    index.write(ready)
    scribe = Scribe(SigningKey.generate("shanyang-market-regulation", clock.now()), CONTRACT, clock)
    return index, keyed, Screener(index, scribe, clock, directory / "kill-switch")


def run(*, quick: bool = False) -> Iterator[Figure]:
    live, asked = (20_000, 5_000) if quick else (LIVE, ASKED)
    with tempfile.TemporaryDirectory() as folder:
        index, keyed, screener = open_screener(Path(folder), live)
        strangers = [(name, [("cn-id", number)], None) for name, number in map(person, range(live, live + asked))]
        every = range(0, live, live // (asked // 10))
        listed = [(name, [("cn-id", number)], None) for name, number in map(person, every)]
        decided = screener.decide_many(strangers)
        cleared = sum(one.decision == "clear" for one in decided)
        blocked = sum(one.decision == "block" for one in screener.decide_many(listed))
        if cleared < 0.99 * len(strangers) or blocked != len(listed):
            raise AssertionError("the bench does not measure what it says")
        keys = [keyed.plain("cn-id", number) or b"" for _, ((_, number),), _ in strangers]

        def bare() -> None:
            with index.read() as view:
                find = view.finder("identifiers")
                for key in keys:
                    find(key)

        exact = seconds(lambda: screener.decide_many(strangers), times=3)
        alone = seconds(bare, times=3)
        hits = seconds(lambda: screener.decide_many(listed), times=3)
        one_by_one = seconds(lambda: [screener.decide(*one) for one in strangers[: asked // 10]], times=3)
        index.close()
    yield Figure(
        f"exact screening, {live:,} live records",
        len(strangers) / exact,
        "1/s",
        ">= 100,000",
        "a bare LMDB get of the same keys",
        alone / exact,
    )
    yield Figure("the bare LMDB get", len(strangers) / alone, "1/s", "for comparison")
    yield Figure("screening of listed persons, with reasons", len(listed) / hits, "1/s", "for comparison")
    yield Figure("screening one at a time, a transaction each", asked // 10 / one_by_one, "1/s", "for comparison")
