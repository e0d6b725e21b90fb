"""Whether the keys behind a document were in force when they signed (rule S7). No clock: what was signed decides.

- A signature's own time must lie within its key's validity; nothing signed after `compromised_since` verifies.
- While every key is current that is enough.
- Of a key that has ended, a seal counts that a checkpoint from before its end includes. The checkpoint's own key may
  have been retired since, but not revoked: whoever holds a lost key can write any time into a checkpoint.
- What no journal includes (a run header) has only its signer's word: good after a retirement, not after a revocation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from gateway.trust.keys import PublicKey

Standing: TypeAlias = Literal["valid", "unproven-time"]


class BadTime(ValueError):
    """Signed before the key was valid or after its end."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A key, and when it signed: by the journal's leaf where `journalled`, else by its own word; None where untold."""

    key: PublicKey
    at: datetime | None
    journalled: bool = False


def judge(signatures: Sequence[Signed], checkpoint: Signed | None = None) -> Standing:
    """How a document stands that these keys signed and that this checkpoint includes. Raises `BadTime`."""
    for one in (*signatures, checkpoint):
        if one is not None and one.at is not None and not one.key.validity.current_at(one.at):
            raise BadTime("signed when its key was not in force")
    ends = [(one, end) for one in signatures if (end := one.key.validity.end) is not None]
    if not ends:
        return "valid"
    if checkpoint is None or checkpoint.at is None or checkpoint.key.validity.distrusted:
        return "unproven-time"
    for one, end in ends:
        if checkpoint.at >= end or (one.key.validity.distrusted and not one.journalled):
            return "unproven-time"
    return "valid"
