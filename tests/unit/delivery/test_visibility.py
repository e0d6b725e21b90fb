"""Rules D1-D7: whatever happens to records and contract, in whatever order the lanes are read, the subscriber ends with
exactly what it may see now, numbers without gaps, and nothing that was taken back."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.delivery.cursor import Cursor
from gateway.trust.keys import KeySet
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from tests.databases import Databases
from tests.small_gateway import Gateway, debtor, id_of, open_test_gateway

CONTRACT = "debtors-to-market-regulation"
NAMES = ("甲", "乙乙", "丙丙丙")
PROVINCES = ("安徽", "河南")
ROWS = ({"all": []}, {"slot": "case.province", "equals": "安徽"})
WITHHELD = "performance"  # the one field that the agreement shows and no block needs

operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.sampled_from(PROVINCES), st.sampled_from(["a", "b"])),
        st.tuples(st.just("relist"), st.sampled_from(NAMES), st.sampled_from(PROVINCES), st.sampled_from(["a", "b"])),
        st.tuples(st.just("withdraw"), st.sampled_from(NAMES)),
        st.tuples(st.just("version"), st.sampled_from([0, 1]), st.booleans()),
        st.tuples(st.just("state"), st.sampled_from(["suspend", "resume", "revoke"])),
        st.tuples(st.just("pull"), st.sampled_from(["priority", "bulk", "both"]), st.integers(1, 4)),
    ),
    max_size=14,
)


class Subscriber:
    """Reads each lane on its own, as slowly as it likes, and keeps the greatest cause of each record (D4)."""

    def __init__(self) -> None:
        self.at = {"priority": 0, "bulk": 0}
        self.state: dict[str, tuple[int, Any]] = {}

    async def read(self, gateway: Gateway, keys: KeySet, lanes: str, limit: int) -> bool:
        # A cursor at a lane's end shows nothing of that lane, so one lane can be read while the other waits.
        far = 2**40
        after = Cursor(
            priority=self.at["priority"] if lanes in ("priority", "both") else far,
            bulk=self.at["bulk"] if lanes in ("bulk", "both") else far,
        )
        events, _ = await gateway.pull(CONTRACT, after, limit)
        for event in events:
            assert verify_line(canonical(event), keys).status == "valid"
            assert event["number"] == self.at[event["lane"]] + 1, "D1: numbers have no gaps"
            self.at[event["lane"]] = event["number"]
            self._apply(event)
        return bool(events)

    def _apply(self, event: dict[str, Any]) -> None:
        if event["kind"] in ("void", "contract"):
            return
        record_id = event["record"]["record_id"]
        if event["cause"] > self.state.get(record_id, (0, None))[0]:
            self.state[record_id] = (event["cause"], event["record"] if event["kind"] == "upsert" else None)

    @property
    def seen(self) -> dict[str, Any]:
        return {record_id: record for record_id, (_, record) in self.state.items() if record is not None}


async def play(steps: list[tuple[Any, ...]], folder: Path, database_url: str) -> None:
    gateway = await open_test_gateway(folder, database_url)
    try:
        await _play(gateway, steps)
    finally:
        await gateway.engine.dispose()


async def _play(gateway: Gateway, steps: list[tuple[Any, ...]]) -> None:
    await gateway.registry.activate(gateway.contract())
    keys = await gateway.registry.keys()
    fields = [path for path in gateway.contract().terms.fields if path != WITHHELD]
    reader = Subscriber()
    live: dict[str, tuple[str, str]] = {}
    ever: set[str] = set()
    version, rows, narrow, state = 1, 0, False, "active"
    for step in steps:
        match step:
            case ("put", name, province, text):
                if name in live or name not in ever:
                    await gateway.put(debtor(name, province=province, obligation=text))
                    live[name] = (province, text)
                    ever.add(name)
            case ("relist", name, province, text):
                await gateway.put(debtor(name, province=province, obligation=text), relist=True)
                live[name] = (province, text)
                ever.add(name)
            case ("withdraw", name):
                await gateway.put(name)
                live.pop(name, None)
            case ("version", rows_wanted, narrow_wanted) if state == "active":
                version, rows, narrow = version + 1, rows_wanted, narrow_wanted
                changed: dict[str, Any] = {"rows": ROWS[rows]} | ({"fields": fields} if narrow else {})
                await gateway.registry.activate(gateway.contract(version, **changed))
            case ("state", "suspend") if state == "active":
                state = await gateway.registry.change_state(CONTRACT, "suspend")
            case ("state", "resume") if state == "suspended":
                state = await gateway.registry.change_state(CONTRACT, "resume")
            case ("state", "revoke") if state in ("active", "suspended"):
                state = await gateway.registry.change_state(CONTRACT, "revoke")
            case ("pull", lanes, limit):
                await reader.read(gateway, keys, lanes, limit)
    for lanes in ("bulk", "both"):  # the slower lane last or first, it must not matter
        while await reader.read(gateway, keys, lanes, 500):
            pass
    gone = {id_of(name) for name in ever if name not in live}
    assert not gone & reader.seen.keys(), "D7: a withdrawal always arrives"
    if state != "active":
        return
    visible = {id_of(name) for name, (province, _) in live.items() if rows == 0 or province == "安徽"}
    assert reader.seen.keys() == visible, "D5, D6: exactly what may be seen now"
    shown = {frozenset(record) for record in reader.seen.values()}
    assert all((WITHHELD in record) != narrow for record in shown), "D6: under the version in force"


EXAMPLES = {"sqlite": 60, "postgresql": 12}  # each has a database of its own


def test_d5_d6_d7_visibility_is_a_transition(databases: Databases) -> None:
    @settings(max_examples=EXAMPLES[databases.engine], suppress_health_check=[HealthCheck.too_slow])
    @given(operations)
    def holds(steps: list[tuple[Any, ...]]) -> None:
        with tempfile.TemporaryDirectory() as folder, databases.fresh() as database_url:
            asyncio.run(play(steps, Path(folder), database_url))

    holds()
