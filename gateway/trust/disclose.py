"""Disclosing: of a sealed record, the salts of what a contract shows and the digests of all the rest (rule S2)."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from contracts.policy import Projected
from gateway.trust.merkle import HASH_BYTES
from gateway.trust.seal import SALT_BYTES, SALT_PURPOSE
from schemas.canonical import JsonObject, JsonValue, b64u

# A node stands in the paths of all the leaves below it.
spell_node = lru_cache(maxsize=8192)(b64u)


class _Split(NamedTuple):
    """Where in a record's salts the shown slots' stand, and where in its digests those of all others, run by run."""

    salts: tuple[tuple[str, slice], ...]
    digests: tuple[slice, ...]


def disclose(
    *,
    projected: Projected,
    slots: tuple[str, ...],
    secret: bytes,
    digests: bytes,
    batch: str,
    index: int,
    path: Sequence[bytes],
) -> JsonObject:
    """The `proof` of an event that shows `projected`, the run's members still empty.

    `slots` and `digests` (32 bytes a slot) stand in slot order.
    """
    split = _split(slots, projected.hidden_paths)
    stream = hashlib.shake_256(SALT_PURPOSE + secret).digest(SALT_BYTES * len(slots))
    return _proof(
        treated=list(projected.treated),
        batch=batch,
        index=index,
        path=[spell_node(node) for node in path],
        revision=projected.revision,
        salts={slot: b64u(stream[place]) for slot, place in split.salts},
        hidden=b64u(b"".join([digests[place] for place in split.digests])),
    )


def nothing_disclosed() -> JsonObject:
    """The proof of an event that shows no record."""
    return _proof(treated=[], batch=None, index=None, path=None, revision=None, salts=None, hidden=None)


@lru_cache(maxsize=1024)
def _split(slots: tuple[str, ...], hidden: tuple[str, ...]) -> _Split:
    """The same for every event of one contract version."""
    apart = frozenset(hidden)
    salts = [
        (slot, slice(place * SALT_BYTES, (place + 1) * SALT_BYTES))
        for place, slot in enumerate(slots)
        if slot not in apart
    ]
    digests = []
    for is_hidden, run in groupby(enumerate(slots), key=lambda one: one[1] in apart):
        places = [place for place, _ in run]
        if is_hidden:
            digests.append(slice(places[0] * HASH_BYTES, (places[-1] + 1) * HASH_BYTES))
    return _Split(tuple(salts), tuple(digests))


def _proof(**parts: JsonValue) -> JsonObject:
    return {"run": "", "run_index": 0, "run_path": [], "journal": None, **parts}
