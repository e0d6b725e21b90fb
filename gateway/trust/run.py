"""Sealing a run: what the gateway adds on the way out, the numbers and treated values, under one signature (S6, D3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from gateway.trust import jws
from gateway.trust.disclose import spell_node
from gateway.trust.keys import Signer
from gateway.trust.merkle import Tree
from schemas.canonical import JsonObject, b64u


@dataclass(frozen=True, slots=True)
class SealedRun:
    """Complete events `first` to `last` of a lane, their delivery leaf hashes, and the root of the tree over those.

    `at` is the time that its header tells.
    """

    lane: str
    first: int
    last: int
    at: str
    events: list[JsonObject]
    leaves: list[bytes]
    root: bytes
    header: str


def seal_run(
    key: Signer,
    *,
    gateway: str,
    contract: str,
    lane: str,
    first: int,
    events: Sequence[JsonObject],
    leaves: Sequence[bytes],
    at: str,
) -> SealedRun:
    """Complete the proofs of consecutive events, each as `disclose` left it; `leaves` hash their delivery leaves.

    Raises ValueError where there is no event, or one is not in its place: such a run would not verify.
    """
    if not events:
        raise ValueError("a run holds at least one event")
    for number, event in enumerate(events, start=first):
        if (event["contract"], event["lane"], event["number"]) != (contract, lane, number):
            raise ValueError("an event is not in its place in the run")
    tree = Tree(leaves)
    header = jws.sign(
        key,
        jws.RUN,
        {
            "type": "run/1",
            "gateway": gateway,
            "contract": contract,
            "lane": lane,
            "first": first,
            "count": len(events),
            "root": b64u(tree.root),
            "at": at,
        },
    )
    completed = [_complete(event, header, index, tree) for index, event in enumerate(events)]
    return SealedRun(lane, first, first + len(events) - 1, at, completed, list(leaves), tree.root, header)


def _complete(event: JsonObject, header: str, index: int, tree: Tree) -> JsonObject:
    proof = event["proof"]
    path = [spell_node(node) for node in tree.path(index)]
    return {**event, "proof": {**cast("JsonObject", proof), "run": header, "run_index": index, "run_path": path}}
