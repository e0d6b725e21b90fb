"""An agent over a real index, with terms, records and a register kept in memory behind the same protocol."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest

from contracts.load import load_agreement
from contracts.model import Terms
from gateway.agent.applicant import Keyed, UnreadableApplicant, read_applicant
from gateway.agent.apply import Applied, apply_events
from gateway.agent.enforce import Row, Task, next_task, settle
from gateway.agent.event import Arrived, EventRef
from gateway.agent.holds import read_hold
from gateway.agent.index import Change, Index
from gateway.agent.receipts import Scribe
from gateway.agent.records import live_records
from gateway.agent.screen import Screener
from gateway.agent.standing import Standing, read_standing, read_terms, write_standing
from gateway.clock import ManualClock, china_date, stamp
from gateway.trust.keys import SigningKey
from schemas.canonical import JsonObject, b64u
from schemas.identifiers import ORG_WEIGHTS, USCC_ALPHABET, USCC_WEIGHTS, id_check

CONTRACT = "debtors-to-market-regulation"
AGENCY = "shanyang-market-regulation"
AGREEMENT = Path(__file__).parents[3] / "contracts/agreements" / f"{CONTRACT}.yaml"


def person_id(serial: int = 1, born: str = "19800101") -> str:
    """A number in a region that does not exist, whose check holds."""
    digits = f"999999{born}{serial:03}"
    return digits + id_check(digits)


def org_code(serial: int) -> str:
    digits = f"{serial:08}"
    total = sum(weight * int(digit) for weight, digit in zip(ORG_WEIGHTS, digits, strict=True))
    return f"{digits}-{'0X987654321'[total % 11]}"


def credit_code(serial: int, region: str = "999999") -> str:
    digits = f"91{region}{org_code(serial).replace('-', '')}"
    total = sum(weight * USCC_ALPHABET.index(one) for weight, one in zip(USCC_WEIGHTS, digits, strict=True))
    return digits + USCC_ALPHABET[-total % 31]


def entry(scheme: str, value: str, *, masked: bool = False, check: str = "pass") -> JsonObject:
    return {"scheme": scheme, "value": value, "masked": masked, "check": check}


def debtor(name: str | None = "张三", *identifiers: JsonObject, **changed: object) -> JsonObject:
    """A record as this contract shows it. `changed` replaces members; `kind` and `name_masked` are the subject's."""
    subject = {
        "kind": changed.pop("kind", "person"),
        "name": name,
        "name_masked": changed.pop("name_masked", False),
        "identifiers": list(identifiers) or [entry("cn-id", person_id())],
    }
    record = {
        "feed": "dishonest-debtor",
        "schema_version": 1,
        "record_id": "r1",
        "status": "listed",
        "status_reason": None,
        "subject": subject,
        "doubts": [],
        "grounds": ["able-but-refuses"],
        "published_on": "2025-07-13",
        "listed_until": None,
        "case": {"number": "（2025）豫0811执1号", "court": "焦作市山阳区人民法院"},
        "performance": "none",
    }
    return {**record, **changed}


@dataclass(frozen=True)
class KeptRow:
    id: str
    name: str | None
    identifiers: tuple[tuple[str, str], ...]


@dataclass
class KeptRegister:
    """A register in memory: what is held now, and every operation by its id."""

    rows: list[KeptRow] = field(default_factory=list)
    held: set[tuple[str, str]] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    away: bool = False

    def find(self, wanted: Sequence[tuple[str, str]]) -> list[KeptRow]:
        self._check()
        keyed = Keyed(b"k" * 32, "x")
        keys = {keyed.identifier(one) for one in read_applicant(None, wanted).identifiers}
        return [row for row in self.rows if keys & set(map(keyed.identifier, _readable(row)))]

    def hold(self, op_id: str, row: str, measure: str, order: JsonObject) -> None:
        self._check()
        assert order["contact"]
        assert order["legal_basis"]
        if op_id not in self.done:
            self.done.append(op_id)
            self.held.add((row, measure))

    def release(self, op_id: str, row: str, measure: str) -> None:
        self._check()
        if op_id not in self.done:
            self.done.append(op_id)
            self.held.discard((row, measure))

    def close(self) -> None:
        pass

    def _check(self) -> None:
        if self.away:
            raise ConnectionError("away")


def _readable(row: Row) -> list:
    found = []
    for pair in row.identifiers:
        try:
            found += read_applicant(None, [pair]).identifiers
        except UnreadableApplicant:
            continue
    return found


@dataclass
class Agent:
    """The parts that a follower has, with a page made by hand in place of the gateway's."""

    index: Index
    scribe: Scribe
    keyed: Keyed
    clock: ManualClock
    register: KeptRegister
    screener: Screener
    directory: Path

    @property
    def today(self) -> date:
        return china_date(self.clock.now())

    def apply(self, *events: Arrived) -> Applied:
        def work(change: Change) -> Applied:
            standing = read_standing(change, CONTRACT)
            applied = apply_events(change, self.scribe, self.keyed, standing, events, self.today)
            write_standing(change, CONTRACT, applied.standing)
            return applied

        return self.index.write(work)

    def look_up(self) -> int:
        """What waits is looked up in the register, as a follower with a fresh list does it."""
        count = 0
        while (task := next_task(self.index, self.keyed)) is not None:
            with self.index.read() as view:
                standing, terms = read_standing(view, CONTRACT), read_terms(view, CONTRACT)
            if standing.state != "active":
                break
            rows = self.register.find(task.wanted) if task.wanted else []
            count += self._settle(task, rows, terms)
        return count

    def _settle(self, task: Task, rows: list[KeptRow], terms: Terms | None) -> int:
        effects = terms.effects if terms else None
        return self.index.write(lambda change: settle(change, self.scribe, self.keyed, effects, task, rows, self.today))

    def put_terms(self, terms: Terms) -> None:
        self.index.write(lambda change: change.put("terms", CONTRACT.encode(), terms.model_dump_json().encode()))

    def be_fresh(self, **changed: object) -> None:
        """As after a heartbeat whose heads are all applied."""

        def work(change: Change) -> None:
            standing = replace(
                read_standing(change, CONTRACT),
                state="active",
                version=1,
                beat="active",
                fresh_at=stamp(self.clock.now()),
                **changed,
            )
            write_standing(change, CONTRACT, standing)

        self.index.write(work)

    def standing(self) -> Standing:
        with self.index.read() as view:
            return read_standing(view, CONTRACT)

    def live(self) -> dict[str, JsonObject]:
        with self.index.read() as view:
            return {live.record_id: live.record for live in live_records(view, self.keyed)}

    def holds(self) -> dict[str, tuple[str, ...]]:
        """Row or reference -> the record ids that support its hold."""
        with self.index.read() as view:
            found = [read_hold(view, key) for key, _ in view.items("holds")]
            return {hold.row: tuple(record for _, record in hold.supports) for hold in found if hold is not None}


RUN = "run"


def ref(lane: str, number: int, cause: int) -> EventRef:
    return EventRef(lane, number, cause, b64u(hashlib.sha256(f"{lane}{number}{cause}".encode()).digest()))


def upsert(lane: str, number: int, cause: int, record: JsonObject, revision: int | None = None) -> Arrived:
    whole = None if revision is None else {"proof": {"revision": revision}}
    return Arrived(ref(lane, number, cause), "upsert", record, None, RUN, whole)


def withdrawn(number: int, cause: int, record_id: str, reason: str = "performed") -> Arrived:
    record = {
        "feed": "dishonest-debtor",
        "schema_version": 1,
        "record_id": record_id,
        "status": "withdrawn",
        "status_reason": reason,
    }
    return Arrived(ref("priority", number, cause), "withdrawn", record, None, RUN)


def drop(number: int, cause: int, record_id: str) -> Arrived:
    return Arrived(
        ref("priority", number, cause), "drop", {"feed": "dishonest-debtor", "record_id": record_id}, None, RUN
    )


def told(number: int, cause: int, state: str, on_end: str = "release", version: int = 1) -> Arrived:
    return Arrived(
        ref("priority", number, cause), "contract", None, {"state": state, "version": version, "on_end": on_end}, RUN
    )


@pytest.fixture(scope="session")
def terms() -> Terms:
    return load_agreement(AGREEMENT).terms


@pytest.fixture
def make_agent(tmp_path: Path, terms: Terms) -> Callable[[], Agent]:
    """Agents, each with an index of its own."""
    key = SigningKey.generate(AGENCY, ManualClock().now())
    made: list[Agent] = []

    def make() -> Agent:
        clock = ManualClock()
        directory = tmp_path / f"agent-{len(made)}"
        index = Index(directory, map_bytes=1 << 24)
        scribe = Scribe(key, CONTRACT, clock)
        agent = Agent(
            index,
            scribe,
            Keyed(index.key, CONTRACT),
            clock,
            KeptRegister(),
            Screener(index, scribe, clock, directory / "kill-switch"),
            directory,
        )
        agent.put_terms(terms)
        made.append(agent)
        return agent

    yield make
    for agent in made:
        agent.index.close()


@pytest.fixture
def agent(make_agent: Callable[[], Agent]) -> Agent:
    return make_agent()
