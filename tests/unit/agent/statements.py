"""Statements of addresses for the tests, as a contract shows them, and what was told of them."""

import hashlib
from typing import Any

from gateway.agent.event import EventRef
from gateway.agent.history import KEPT, Told
from schemas.canonical import JsonObject, b64u
from schemas.identifiers import Identifier

UNIT = Identifier("cn-uscc", "91999999MA3X12345U", masked=False, check="pass")
OTHER = Identifier("cn-uscc", "91999999MA45678A3B", masked=False, check="pass")
NOWHERE = {"address": None, "postcode": None}


def statement(record_id: str = "s1", begins: str = "2026-01-06", **changed: Any) -> JsonObject:
    """A registry's statement; `changed` replaces members, and `party` the identifier."""
    party: Identifier = changed.pop("party", UNIT)
    identifier = {"scheme": party.scheme, "value": party.value, "masked": party.masked, "check": party.check}
    return {
        "feed": "service-address",
        "schema_version": 1,
        "record_id": record_id,
        "status": "listed",
        "status_reason": None,
        "doubts": [],
        "subject": {"kind": "organisation", "name": "某公司", "name_masked": False, "identifiers": [identifier]},
        "occasion": "change",
        "number": None,
        "state": "operating",
        "effective_from": begins,
        "effective_until": None,
        "domicile": {"address": f"住所{record_id}", "postcode": None},
        "spare": NOWHERE,
        "while_suspended": NOWHERE,
        "confirmed": NOWHERE,
        "electronic": {"email": None, "consent": "unstated", "consented_at": None},
        "contact": {"name": None, "phone": None},
        "loan": {"number": None, "lender": None},
        "source_updated_at": None,
        **changed,
    }


def confirmation(record_id: str, begins: str, address: str, loan: str = "借1", **changed: Any) -> JsonObject:
    """A bank's: what a loan contract says."""
    return statement(
        record_id, begins, occasion="confirmation", state="unknown", domicile=NOWHERE,
        confirmed={"address": address, "postcode": None}, loan={"number": loan, "lender": "某银行"}, **changed,
    )  # fmt: skip


def ref(cause: int, number: int = 1, lane: Any = "bulk") -> EventRef:
    return EventRef(lane, number, cause, b64u(hashlib.sha256(f"{cause}".encode()).digest()))


def told(record: JsonObject, cause: int = 1, taken_at: str = "2026-11-23T01:00:00.000Z") -> Told:
    kept = {name: record[name] for name in KEPT}
    return Told(record["record_id"], "upsert", ref(cause), taken_at, 1, None, kept, record, None)


def taken_back(record_id: str, cause: int, taken_at: str = "2026-11-23T01:00:00.000Z") -> Told:
    return Told(record_id, "withdrawn", ref(cause, lane="priority"), taken_at, 2, "mistaken", {}, None, None)
