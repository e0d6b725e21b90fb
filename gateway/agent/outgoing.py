"""What a change puts into the outbox, in its own transaction (rule M7). One numbering orders both queues.

Each stands with the trace in which it was decided, so that carrying it out goes on in that, whichever process does it.
"""

from typing import Literal

from contracts.model import Effects
from gateway.agent.index import Change
from gateway.trace import write_parent
from schemas.canonical import JsonObject

OrderKind = Literal["hold", "renew", "release"]


def order(effects: Effects, record: JsonObject, disputed: str | None = None) -> JsonObject:
    """What whoever meets the block is told (PIPL Art 24): basis, department, court and contact, and why; and since when
    the agency disputes it.
    """
    case = record.get("case")
    shown = case if isinstance(case, dict) else {}
    return {
        "legal_basis": "；".join(f"{basis.law} {basis.article}" for basis in effects.legal_basis),
        "executing_department": effects.executing_department,
        "contact": effects.contact,
        "explanation": effects.explanation,
        "court": shown.get("court"),
        "case_number": shown.get("number"),
        "expires_on": record.get("listed_until"),
        "disputed": disputed,
    }


def put_order(change: Change, kind: OrderKind, row: str, measure: str, told: JsonObject | None = None) -> None:
    """The agency's register is to hold a row under a measure, to keep other words beside its hold, or to release it."""
    change.append("orders", {"kind": kind, "row": row, "measure": measure, "told": told, "trace": write_parent()})


def put_receipt(change: Change, token: str, row: str | None, *, soon: bool) -> None:
    """A signed receipt is to be sent, behind the orders that stand for its row. One that is not for `soon` may wait
    for others, and be sent with them.
    """
    change.append("receipts", {"row": row, "token": token, "soon": soon, "trace": write_parent()})
