"""The Kafka brokers: do they answer, and do topics, ACLs and users stand there as the contracts want them."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from gateway.delivery.access import MENDED
from gateway.delivery.reconcile import Reconciler
from gateway.doctor.finding import Finding
from gateway.errors import FuyuanError

NAMED: Final = 3  # of one kind in a line
OPEN: Final = frozenset({"acl-extra", "acl-wide", "user-extra", "acls-off"})  # somebody may do more than was agreed
REMEDIES: Final = {
    "user-missing": "Make it with `fuyuan kafka user`, and hand its password over.",
    "acls-off": "Set an authorizer and allow.everyone.if.no.acl.found=false at the brokers.",
}


async def check_broker(open_reconciler: Callable[[], Reconciler]) -> list[Finding]:
    """Looks, and mends nothing."""
    try:
        compared = await open_reconciler().compare()
    except FuyuanError as error:
        remedy = "See that the brokers run, and what FUYUAN_KAFKA_* says of address, user, password and certificates."
        return [Finding("error", "broker", error.code, error.detail, remedy)]
    kinds: dict[str, list[str]] = defaultdict(list)
    for drift in compared.drifts:
        kinds[drift.kind].append(drift.name)
    found = [_drift(kind, names) for kind, names in sorted(kinds.items())]
    told = f"They answer; {len(compared.wanted.topics)} topics stand as the contracts want them."
    return found or [Finding("ok", "broker", "broker", told)]


def _drift(kind: str, names: list[str]) -> Finding:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    remedy = REMEDIES.get(kind) or (
        "A running gateway mends it within FUYUAN_KAFKA_RECONCILE_SECONDS, `fuyuan kafka access --mend` at once."
        if kind in MENDED
        else "`fuyuan kafka access` shows it; undo it by hand at the brokers."
    )
    text = f"The brokers differ from the contracts, {kind}: {', '.join(names[:NAMED])}{more}."
    return Finding("error" if kind in OPEN else "warning", "broker", kind, text, remedy)
