"""The gateway's own statements in the journal: alarms, missed clocks, erasures. They say who speaks (rule P3)."""

from dataclasses import dataclass

from gateway.clock import Clock, stamp
from gateway.trust import jws
from gateway.trust.keys import SigningKey
from schemas.canonical import JsonObject


@dataclass(frozen=True, slots=True)
class Statement:
    """`code` is stable; `about` holds ids and counts, never a personal value."""

    code: str
    about: JsonObject


def sign_statement(clock: Clock, key: SigningKey, statement: Statement) -> bytes:
    """The statement as the document of a journal leaf: a compact JWS, of `typ` `jws.STATEMENT`."""
    payload: JsonObject = {
        "type": "statement/1",
        "gateway": key.party,
        "code": statement.code,
        "about": statement.about,
        "at": stamp(clock.now()),
    }
    return jws.sign(key, jws.STATEMENT, payload).encode()
