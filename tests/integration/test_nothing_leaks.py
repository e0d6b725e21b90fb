"""Rule P1 and deny by default, over random records and contracts: what a contract does not list is nowhere to be found.

Each slot of a record holds a text that stands nowhere else. The subscriber then takes all it can get over HTTP, and
everything is searched: bodies, headers, what is inside the proofs, problem documents, and the log, which holds no
slot at all. Plain digests of the hidden texts are searched for too: one would be as good as the text (S5).
"""

import asyncio
import base64
import hashlib
import json
import re
import tempfile
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import orjson
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.policy import expand
from gateway.demo.cast import COURT
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from schemas.catalog import DISHONEST_DEBTOR
from tests.captured_log import captured_log
from tests.integration.district import (
    BATCHES,
    FEED,
    MARKET,
    NDJSON,
    RECEIPTS,
    TRADING,
    District,
    Founded,
    open_district,
)

Terms = dict[str, Any]

CONTRACT = "any-terms-at-all"
SLOTS = DISHONEST_DEBTOR.slots
DATED = ("case.filed_on", "published_on", "listed_until")
HAN = "晟曜璟翊宸珩瑄琰璇珏瑾瑜玥琮琦璐"  # sixteen characters that nothing else here has
BLOB = re.compile(r"[A-Za-z0-9_-]{16,}")
fresh = count(1)


def han() -> str:
    """Eight characters that no other call gives."""
    number = next(fresh) * 0x9E3779B1 % 2**32  # odd, so each number gives another
    return "".join(HAN[number >> shift & 15] for shift in range(0, 32, 4))


@dataclass(frozen=True)
class Planted:
    """A record as the court sends it. `marks`: by slot, the text that stands in that slot alone."""

    line: dict[str, Any]
    marks: dict[str, str]
    never: tuple[str, ...]


def plant(present: frozenset[str]) -> Planted:
    """A record with a mark in each slot of `present` that can hold one, and null in the others that may be null."""
    serial = next(fresh)
    marks = {slot: han() for slot in SLOTS}
    marks["subject.identifiers[].value"] = f"E{serial:09d}"  # nine characters may be an organisation code
    marks["case.number"] = f"（2019）皖1122执{10_000_000 + serial}号"
    month_day = f"0{1 + serial % 9}-1{serial % 10}"
    years = {"case.filed_on": 2003, "published_on": 2012, "listed_until": 2028, "source_updated_at": 2021}
    marks |= {slot: f"{year + serial % 7}-{month_day}" for slot, year in years.items()}
    marks["source_updated_at"] += f"T03:04:{10 + serial % 50}.{serial % 1000:03d}Z"
    never = (han(), han(), hashlib.sha256(str(serial).encode()).hexdigest())

    def mark(slot: str) -> str | None:
        return marks[slot] if slot in present else None

    def identifier(value: str) -> dict[str, Any]:
        return {"scheme": "passport", "value": value, "masked": False, "check": "none"}

    hidden_person = f"G{serial:09d}"
    marks["responsible_persons[].identifiers"] = hidden_person
    line = {
        "feed": FEED, "schema_version": 1, "status": "listed", "status_reason": mark("status_reason"),
        "subject": {
            "kind": "person", "name": marks["subject.name"], "name_masked": False,
            "identifiers": [identifier(marks["subject.identifiers[].value"])], "sex": "male", "age": 55,
            "birth_year": None,
        },
        "responsible_persons": [
            {"name": marks["responsible_persons[].name"], "role": mark("responsible_persons[].role"),
             "identifiers": [identifier(hidden_person)]}
        ],
        "case": {"number": marks["case.number"], "court": mark("case.court"), "province": mark("case.province"),
                 "filed_on": mark("case.filed_on")},
        "basis": [{"number": mark("basis[].number"), "issuer": mark("basis[].issuer")}],
        "obligation": mark("obligation"), "performance": "none", "performed": mark("performed"),
        "unperformed": mark("unperformed"), "grounds": ["evades"], "published_on": mark("published_on"),
        "listed_until": mark("listed_until"), "source_updated_at": mark("source_updated_at"),
        "source": {"system": never[0], "record": never[1], "digest": never[2]},
    }  # fmt: skip
    text = json.dumps(line, ensure_ascii=False)
    return Planted(line, {slot: text_ for slot, text_ in marks.items() if text_ in text}, never)


@dataclass
class Wire:
    """Everything that came over the wire, and everything inside it."""

    district: District
    texts: list[str]

    async def get(self, target: str, party: str = MARKET) -> httpx.Response:
        return await self._keep(self.district.signed(party, "GET", target))

    async def post(self, target: str, body: bytes, party: str, kind: str) -> httpx.Response:
        headers = {"content-type": kind, "idempotency-key": f"push-{next(fresh):08d}"}
        return await self._keep(self.district.signed(party, "POST", target, body, headers))

    async def _keep(self, request: httpx.Request) -> httpx.Response:
        response = await self.district.send(request)
        self.texts += [response.text, *response.headers, *response.headers.values()]
        return response

    async def everything(self) -> list[dict[str, Any]]:
        """All that a subscriber can ask for, and some that it cannot: the events."""
        after, events = "", []
        while True:
            page = (await self.get(f"/v1/contracts/{CONTRACT}/events?limit=3&after={after}")).json()
            if not page["events"]:
                break
            events += page["events"]
            after = page["next"]
        size = await self.district.tree_head()
        for target in (
            f"/v1/contracts/{CONTRACT}", "/v1/log/checkpoint", f"/v1/log/consistency?first=1&second={size.size}",
            *(f"/v1/log/inclusion?leaf={leaf}&size={size.size}" for leaf in range(size.size - 3, size.size + 1)),
            "/.well-known/jwks.json", "/healthz", "/readyz", "/metrics", "/openapi.json", "/v1/feeds",
            f"/v1/contracts/{CONTRACT}/events?after=x", f"/v1/contracts/{CONTRACT}/events?limit=0",
        ):  # fmt: skip
            await self.get(target)
        await self.get(f"/v1/contracts/{CONTRACT}/events", TRADING)
        await self.post(RECEIPTS, b'["x.y.z"]', MARKET, "application/json")
        return events

    def found(self, marks: dict[str, str]) -> set[str]:
        """The slots whose mark stands somewhere, as it is, escaped, inside base64url, or as a plain digest."""
        layers = ["\n".join(self.texts).encode()]
        for _ in range(2):  # a JWS holds base64url that holds base64url
            blobs = set(BLOB.findall(layers[-1].decode("utf-8", "replace")))
            layers.append(b"\n".join(unpacked(blob) for blob in blobs if len(blob) % 4 != 1))
        haystack = b"\n".join(layers)
        return {slot for slot, mark in marks.items() if any(form in haystack for form in forms(mark))}


def unpacked(blob: str) -> bytes:
    return base64.urlsafe_b64decode(blob + "=" * (-len(blob) % 4))


def forms(mark: str) -> list[bytes]:
    digests = [hashlib.sha256(text).digest() for text in (mark.encode(), canonical([mark])[1:-1])]
    return [
        mark.encode(),
        json.dumps(mark)[1:-1].encode(),
        base64.urlsafe_b64encode(mark.encode()).rstrip(b"="),
        *digests,
        *(digest.hex().encode() for digest in digests),
        *(base64.urlsafe_b64encode(digest).rstrip(b"=") for digest in digests),
    ]


paths = st.sampled_from([*SLOTS, "subject.identifiers[]", "responsible_persons[]", "basis[]"])


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Any fields, treated in any way, for any of a few row filters."""
    fields = draw(st.lists(paths, min_size=1, max_size=12, unique=True))
    listed = sorted({slot for path in fields for slot in expand(path, SLOTS)})
    treated = draw(st.lists(st.sampled_from(listed), max_size=3, unique=True))
    treatments = {slot: "year" if slot in DATED and draw(st.booleans()) else "mask" for slot in treated}
    rows = draw(
        st.sampled_from(
            [
                {"all": []},
                {"slot": "case.province", "present": True},
                {"not": {"slot": "subject.kind", "equals": "person"}},
            ]
        )
    )
    return {"fields": fields, "treatments": treatments, "rows": rows, "effects": None, "review": None}


def listed_in(terms: Terms) -> frozenset[str]:
    return frozenset(slot for path in terms["fields"] for slot in expand(path, SLOTS))


async def play(founded: Founded, wide: Terms, narrow: Terms, present: frozenset[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, captured_log() as log:
        async with open_district(founded, Path(folder), log) as district:
            first, second = plant(present), plant(present)
            await district.activate(CONTRACT, version=1, **wide)
            court, wire = Wire(district, []), Wire(district, [])
            pushed = await court.post(BATCHES, lines(first, second), COURT, NDJSON)
            assert pushed.json()["counts"]["listed"] == 2
            events = await wire.everything()

            # The court amends one and takes the other back; then both parties agree on other terms.
            amended = plant(present)
            said_anew = Planted({}, {slot: amended.marks[slot] for slot in ("obligation",) if slot in present}, ())
            changed = first.line | {"obligation": amended.line["obligation"], "performance": "partial"}
            await court.post(BATCHES, canonical(changed), COURT, NDJSON)
            words = {"case_number": second.line["case"]["number"], "name": second.line["subject"]["name"]}
            await court.post(f"/v1/feeds/{FEED}/withdrawals", canonical(words), COURT, "application/json")
            events += await wire.everything()
            await check(district, wire, wide, [first, second, said_anew], events)

            await district.activate(CONTRACT, version=2, **narrow)
            later = Wire(district, [])
            events = await later.everything()
            await check(district, later, narrow, [first, second, said_anew], events)

            # The provider's own answers and the log name nobody at all.
            said = Wire(district, [log.getvalue(), *court.texts])
            for planted in (first, second, amended):
                assert said.found(planted.marks | never_of(planted)) == set()


def lines(*planted: Planted) -> bytes:
    return b"\n".join(canonical(one.line) for one in planted)


def never_of(planted: Planted) -> dict[str, str]:
    return {f"never-{place}": text for place, text in enumerate(planted.never)}


async def check(
    district: District, wire: Wire, terms: Terms, planted: list[Planted], events: list[dict[str, Any]]
) -> None:
    listed, treated = listed_in(terms), set(terms["treatments"])
    keys = await district.keys()
    for event in events:
        assert verify_line(canonical(event), keys).status == "valid"
        if event["kind"] in ("upsert", "withdrawn"):
            proof = event["proof"]
            assert set(proof["salts"]) == listed - treated, "a salt opens its slot"
            assert set(proof["treated"]) == treated
            assert len(unpacked(proof["hidden"])) == 32 * (len(SLOTS) - len(proof["salts"]))
    for one in planted:
        shown = {event["record"]["record_id"] for event in events if event["kind"] == "upsert"}
        assert wire.found(never_of(one)) == set()
        leaked = wire.found(one.marks) - (listed - treated if shown else set())
        assert leaked == set()


# An example takes a second; the marks of a failing one tell enough, and are not worth minutes of shrinking.
@settings(
    max_examples=12,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(terms(), terms(), st.frozensets(st.sampled_from(SLOTS)))
def test_what_a_contract_does_not_list_is_nowhere(
    founded: Founded, wide: Terms, narrow: Terms, present: frozenset[str]
) -> None:
    with founded.copied() as copy:
        asyncio.run(play(copy, wide, narrow, present))


def test_the_search_finds_what_is_there(founded_copy: Founded) -> None:
    """A contract that lists every slot shows every mark: the search above is not blind."""

    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder, captured_log() as log:
            async with open_district(founded_copy, Path(folder), log) as district:
                everything = {"fields": list(SLOTS), "treatments": {}, "effects": None, "review": None}
                await district.activate(CONTRACT, **everything)
                planted = plant(frozenset(SLOTS))
                await Wire(district, []).post(BATCHES, lines(planted), COURT, NDJSON)
                wire = Wire(district, [])
                await wire.everything()
                markable = {slot for slot in SLOTS if slot in planted.marks}
                assert wire.found(planted.marks) == markable
                assert len(markable) >= 18
                assert wire.found(never_of(planted)) == set()
                packed = base64.urlsafe_b64encode(orjson.dumps(planted.marks)).decode()
                assert Wire(district, [packed]).found(planted.marks) == markable

    asyncio.run(run())
