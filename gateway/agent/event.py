"""An event as the agent applies it, after it was verified."""

from dataclasses import dataclass

from gateway.trust.documents import Lane
from schemas.canonical import JsonObject


@dataclass(frozen=True, slots=True)
class EventRef:
    """Which event something was done for. `leaf` is its delivery leaf's Merkle hash, base64url."""

    lane: Lane
    number: int
    cause: int
    leaf: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A verified event: `record` nested as delivered, `notice` for a contract event, `run` the seal it came under.

    `whole` is the event with its proof, as it came.
    """

    ref: EventRef
    kind: str
    record: JsonObject | None
    notice: JsonObject | None
    run: str
    whole: JsonObject | None = None

    @property
    def revision(self) -> int | None:
        """The record's, as it was sealed; None where no record came."""
        proof = self.whole.get("proof") if self.whole else None
        revision = proof.get("revision") if isinstance(proof, dict) else None
        return revision if isinstance(revision, int) else None
