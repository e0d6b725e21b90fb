"""Receipts (回执): made once, signed with the agency's key, kept in the outbox as the bytes that are sent (D12)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.agent.event import EventRef
from gateway.agent.index import Change
from gateway.agent.outgoing import put_receipt
from gateway.clock import Clock, stamp
from gateway.trust import jws, merkle
from gateway.trust.documents import Lane
from gateway.trust.keys import Signer
from schemas.canonical import JsonObject, b64u, unb64u
from schemas.feedback import Answer
from schemas.records.receipt import ReceiptKind


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes the agency's receipts under one contract. Each (kind, key) is written once, whatever is done again."""

    key: Signer
    contract: str
    clock: Clock

    def received(self, change: Change, refs: Sequence[EventRef], checkpoint: JsonObject | None) -> None:
        """For consecutive events of one lane, in order."""
        lane, first, last = refs[0].lane, refs[0].number, refs[-1].number
        digest = b64u(merkle.root([unb64u(ref.leaf) for ref in refs]))
        span: JsonObject = {"lane": lane, "first": first, "last": last, "digest": digest}
        self._write(
            change, "received", f"{self.contract}/{lane}/{first}-{last}", {"range": span, "checkpoint": checkpoint}
        )

    def about_row(
        self,
        change: Change,
        kind: ReceiptKind,
        ref: EventRef,
        *,
        record_id: str | None,
        row: str,
        measure: str,
        reference: str | None = None,
        reason: str | None = None,
    ) -> None:
        """What was done to a row for an event; the row of a screening's hold is its reference."""
        self._write(
            change,
            kind,
            f"{self._event_id(ref.lane, ref.number)}/{row}",
            {
                "event": _event(ref),
                "record_id": record_id,
                "row": row,
                "measure": measure,
                "reference": reference,
                "reason": reason,
            },
            row,
        )

    def about_screening(
        self,
        change: Change,
        kind: ReceiptKind,
        reference: str,
        *,
        record_id: str,
        measure: str | None,
        reason: str | None = None,
    ) -> None:
        members: JsonObject = {"reference": reference, "record_id": record_id, "measure": measure, "reason": reason}
        self._write(change, kind, reference, members)

    def refused(self, change: Change, ref: EventRef, reason: str) -> None:
        """An event that verified and yet cannot be used."""
        self._write(change, "refused", self._event_id(ref.lane, ref.number), {"event": _event(ref), "reason": reason})

    def feedback(
        self,
        change: Change,
        kind: Answer,
        ref: EventRef,
        *,
        record_id: str,
        row: str | None,
        reference: str,
        reason: str | None,
    ) -> None:
        """What the agency says of a record as `ref` showed it. It waits for no row: nothing is done by it."""
        members: JsonObject = {"record_id": record_id, "row": row, "reference": reference, "reason": reason}
        self._write(change, kind, reference, {"event": _event(ref), **members})

    def closing(self, ref: EventRef, checkpoint: JsonObject | None) -> str:
        """For the event that told the contract's end. Not kept: it is signed when nothing else waits, and sent then."""
        return self._sign(
            "closing", self._event_id(ref.lane, ref.number), {"event": _event(ref), "checkpoint": checkpoint}
        )

    def _event_id(self, lane: Lane, number: int) -> str:
        return f"{self.contract}/{lane}/{number}"

    def _write(self, change: Change, kind: ReceiptKind, key: str, members: JsonObject, row: str | None = None) -> None:
        made = self.contract.encode() + b"\0" + hashlib.sha256(f"{kind} {key}".encode()).digest()
        if change.value("receipted", made) is not None:
            return
        if kind != "received":  # ranges follow one another, and an applied number is never applied again
            change.put("receipted", made)
        put_receipt(change, self._sign(kind, key, members), row, soon=kind != "received")

    def _sign(self, kind: ReceiptKind, key: str, members: JsonObject) -> str:
        payload: JsonObject = {
            "type": "receipt/1",
            "agency": self.key.party,
            "contract": self.contract,
            "kind": kind,
            "key": key,
            "at": stamp(self.clock.now()),
            "event": None,
            "range": None,
            "reference": None,
            "record_id": None,
            "measure": None,
            "row": None,
            "reason": None,
            "checkpoint": None,
            **members,
        }
        return jws.sign(self.key, jws.RECEIPT, payload)


def _event(ref: EventRef) -> JsonObject:
    return {"lane": ref.lane, "number": ref.number, "cause": ref.cause, "leaf": ref.leaf}
