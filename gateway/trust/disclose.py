"""Disclosing: of a sealed record, the salts of what a contract shows and the digests of all the rest (rule S2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.policy import Projected
from gateway.trust.merkle import HASH_BYTES
from gateway.trust.seal import salts
from schemas.canonical import JsonObject, JsonValue, b64u


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One event's proof before its run is sealed. `shown_salts`: 16 bytes for each slot shown as it is."""

    batch: str
    index: int
    path: tuple[bytes, ...]
    revision: int
    treated: tuple[str, ...]
    shown_salts: dict[str, bytes]
    hidden: bytes

    def proof(self) -> JsonObject:
        """The event's `proof`, the run's members still empty."""
        return _proof(
            treated=list(self.treated),
            batch=self.batch,
            index=self.index,
            path=[b64u(node) for node in self.path],
            revision=self.revision,
            salts={path: b64u(salt) for path, salt in self.shown_salts.items()},
            hidden=b64u(self.hidden),
        )

    @staticmethod
    def none() -> JsonObject:
        """The proof of an event that shows no record."""
        return _proof(treated=[], batch=None, index=None, path=None, revision=None, salts=None, hidden=None)


def disclose(
    *,
    projected: Projected,
    slots: Sequence[str],
    secret: bytes,
    digests: bytes,
    batch: str,
    index: int,
    path: Sequence[bytes],
) -> Disclosure:
    """The proof parts of what `projected` shows. `slots` and `digests` (32 bytes a slot) stand in slot order."""
    shown_salts: dict[str, bytes] = {}
    hidden = []
    for place, (slot, salt) in enumerate(zip(slots, salts(secret, len(slots)), strict=True)):
        if slot in projected.shown:
            shown_salts[slot] = salt
        else:
            hidden.append(digests[place * HASH_BYTES : (place + 1) * HASH_BYTES])
    return Disclosure(
        batch=batch,
        index=index,
        path=tuple(path),
        revision=projected.revision,
        treated=tuple(projected.treated),
        shown_salts=shown_salts,
        hidden=b"".join(hidden),
    )


def _proof(**parts: JsonValue) -> JsonObject:
    return {"run": "", "run_index": 0, "run_path": [], "journal": None, **parts}
