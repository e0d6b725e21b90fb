"""What a gateway takes of any run of answers, withdrawn answers and cancels is what the state machine says."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from contracts.load import load_agreement
from contracts.model import Terms
from gateway.clock import ManualClock, stamp
from gateway.control.clocks import CODE
from gateway.demo.cast import sign
from gateway.intake import Result, Submission
from gateway.journal.tables import control_clock, journal_leaf
from gateway.running import Running
from gateway.settings import Settings
from gateway.trust.keys import SigningKey
from gateway.wiring import open_gateway
from schemas.canonical import JsonObject, parse_strict, unb64u
from schemas.control_states import Answer, State, objection
from tests.unit.adapters.feeds.controls import COURT, POLICE, answer, officer, request

AGREEMENTS = Path(__file__).parents[3] / "contracts/agreements"
ANSWERS: tuple[Answer, ...] = get_args(Answer)
LAST_DAY = date(2026, 12, 22)


@dataclass(repr=False)
class Played:
    """A gateway with the parties' contract on requests in force and the officer registered."""

    runner: asyncio.Runner
    running: Running
    clock: ManualClock
    numbers: Iterator[int] = field(default_factory=count)

    def submit(self, provider: str, line: JsonObject) -> Result:
        submission = Submission(provider, str(line["feed"]), f"key-{next(self.numbers):08}", orjson.dumps(line))
        return self.runner.run(self.running.intake.submit(submission))

    def ask(self) -> tuple[str, str]:
        """A fresh request's number and record id."""
        number = f"XK-{next(self.numbers)}"
        assert self.submit(COURT, request(number)).counts["listed"] == 1

        async def newest() -> str:
            async with self.running.engine.connect() as connection:
                rows = await connection.execute(
                    select(control_clock.c.request).where(control_clock.c.owed == "acknowledge")
                )
                return next(one for one in rows.scalars() if one not in seen)

        found = self.runner.run(newest())
        seen.add(found)
        return number, found


seen: set[str] = set()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    clock = ManualClock()
    with asyncio.Runner() as runner:

        async def open_one() -> Running:
            running = await open_gateway(Settings(data_dir=tmp_path_factory.mktemp("control")), clock)
            keys = {party: SigningKey.generate(party, clock.now()) for party in (COURT, POLICE)}
            for party, key in keys.items():
                await running.registry.admit({"id": party}, [key.public()])
            terms = load_agreement(AGREEMENTS / "control-requests-to-police.yaml").terms.model_dump(mode="json")
            for side, party in (("provider", COURT), ("subscriber", POLICE)):
                terms[side]["keys"] = [keys[party].kid]
            await running.registry.activate(sign(Terms.model_validate(terms), list(keys.values())))
            return running

        one = Played(runner, runner.run(open_one()), clock)
        assert one.submit(COURT, officer()).counts["listed"] == 1
        yield one
        runner.run(one.running.stop())


# An answer some days behind the first; the withdrawal of the newest answer; the cancel.
happenings = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(ANSWERS), st.sampled_from([0, 0, 0, 31])), st.just("mistaken"), st.just("cancel")
    ),
    max_size=7,
)


@settings(max_examples=30, deadline=None)
@given(run=happenings)
def test_the_journal_takes_what_the_state_machine_allows(played: Played, run: list[tuple[Answer, int] | str]) -> None:
    began = played.clock.at = ManualClock().at
    number, asked = played.ask()
    stood: list[tuple[str, Answer]] = []
    cancelled = False
    for one in run:
        state = State(stood[-1][1] if stood else None, cancelled, LAST_DAY)
        if one == "cancel":
            took = played.submit(COURT, {"feed": "control-request", "number": number, "status": "withdrawn"})
            assert took.counts["unchanged" if cancelled else "withdrawn"] == 1
            cancelled = True
        elif one == "mistaken":
            if stood:
                reference, _ = stood.pop()
                line: JsonObject = {"request": asked, "reference": reference, "status": "withdrawn"}
                assert played.submit(POLICE, {"feed": "control-feedback", **line}).counts["withdrawn"] == 1
        elif isinstance(one, tuple):
            word, days = one
            played.clock.at = began + timedelta(days=days)
            reference = f"A-{next(played.numbers)}"
            said = answer(word, reference, asked, occurred_at=stamp(played.clock.at))
            took = played.submit(POLICE, said)
            expected = objection(state, word, (began + timedelta(days=days)).date())
            assert [item["code"] for item in took.quarantine] == ([expected] if expected else [])
            if expected is None:
                stood.append((reference, word))
    played.clock.at = began + timedelta(days=60)
    over = State(stood[-1][1] if stood else None, cancelled, LAST_DAY).over

    async def missed() -> list[str]:
        await played.running.clocks.tell_missed()
        async with played.running.engine.connect() as connection:
            rows = await connection.execute(
                select(journal_leaf.c.document).where(journal_leaf.c.kind == "statement").order_by(journal_leaf.c.idx)
            )
            said = [parse_strict(unb64u(row.document.decode().split(".")[1])) for row in rows]
        return [one["about"]["owed"] for one in said if one["code"] == CODE and one["about"]["request"] == asked]

    told = played.runner.run(missed())
    assert len(told) == len(set(told)), "each once"
    assert ("cancel" in told) == (cancelled and not over)
    assert ("expire" in told) == (not cancelled and not over)
    assert ("acknowledge" in told) == (not cancelled and not stood)
