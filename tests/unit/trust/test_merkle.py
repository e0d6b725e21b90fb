"""Merkle trees (RFC 9162), against third-party vectors and against the RFC's recursive definition."""

import base64
import hashlib
import json
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.trust.merkle import (
    BadProof,
    KnownTree,
    Tree,
    append_nodes,
    consistency_nodes,
    consistency_path,
    frontier,
    inclusion_nodes,
    leaf_hash,
    root,
    root_from,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[2] / "data/vectors"
SIZES = st.integers(1, 130)


class Inclusion(TypedDict):
    name: str
    leafIdx: int
    treeSize: int
    root: str
    leafHash: str
    proof: list[str] | None
    wantErr: bool


class Consistency(TypedDict):
    name: str
    size1: int
    size2: int
    root1: str
    root2: str
    proof: list[str] | None
    wantErr: bool


INCLUSION: list[Inclusion] = json.loads((VECTORS / "merkle-inclusion.json").read_bytes())
CONSISTENCY: list[Consistency] = json.loads((VECTORS / "merkle-consistency.json").read_bytes())


def test_all_third_party_vectors_are_here() -> None:
    assert (len(INCLUSION), len(CONSISTENCY)) == (98, 98)
    assert len({vector["name"] for vector in (*INCLUSION, *CONSISTENCY)}) == 196
    assert {vector["wantErr"] for vector in INCLUSION} == {vector["wantErr"] for vector in CONSISTENCY} == {True, False}


@pytest.mark.parametrize("vector", INCLUSION, ids=lambda vector: vector["name"])
def test_third_party_inclusion(vector: Inclusion) -> None:
    def check() -> None:
        verify_inclusion(
            base64.b64decode(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            [base64.b64decode(node) for node in vector["proof"] or []],
            base64.b64decode(vector["root"]),
        )

    if vector["wantErr"]:
        with pytest.raises(BadProof):
            check()
    else:
        check()


@pytest.mark.parametrize("vector", CONSISTENCY, ids=lambda vector: vector["name"])
def test_third_party_consistency(vector: Consistency) -> None:
    def check() -> None:
        verify_consistency(
            vector["size1"],
            vector["size2"],
            [base64.b64decode(node) for node in vector["proof"] or []],
            base64.b64decode(vector["root1"]),
            base64.b64decode(vector["root2"]),
        )

    if vector["wantErr"]:
        with pytest.raises(BadProof):
            check()
    else:
        check()


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 section 2.1.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def leaves(size: int) -> list[bytes]:
    return [b"leaf %d" % number for number in range(size)]


def hashed(size: int) -> list[bytes]:
    return [leaf_hash(leaf) for leaf in leaves(size)]


def stored(size: int) -> dict[tuple[int, int], bytes]:
    return {(level, index): node for level, index, node in append_nodes(0, hashed(size), {})}


@given(st.integers(0, 130))
def test_root_is_the_rfc_definition(size: int) -> None:
    assert root(hashed(size)) == by_definition(leaves(size))
    assert root_from(size, stored(size)) == by_definition(leaves(size))


@given(SIZES, st.data())
def test_every_path_leads_to_the_root_from_memory_and_from_the_store(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = Tree(hashed(size)).path(index)
    verify_inclusion(hashed(size)[index], index, size, path, root(hashed(size)))
    plan = inclusion_nodes(index, size)
    nodes = stored(size)
    assert plan.fold({at: nodes[at] for at in plan.coordinates}) == path
    assert len(plan.coordinates) <= 2 * size.bit_length()


@given(SIZES, st.data())
def test_consistency_from_memory_and_from_the_store(size: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, size))
    path = consistency_path(hashed(size), first)
    verify_consistency(first, size, path, root(hashed(first)), root(hashed(size)))
    plan = consistency_nodes(first, size)
    nodes = stored(size)
    assert plan.fold({at: nodes[at] for at in plan.coordinates}) == path
    assert len(plan.coordinates) <= 2 * size.bit_length()


@given(st.lists(st.integers(1, 40), max_size=6))
def test_appending_needs_the_frontier_alone_and_stores_each_node_once(batches: list[int]) -> None:
    store: dict[tuple[int, int], bytes] = {}
    size = 0
    everything = hashed(sum(batches))
    for count in batches:
        edge = {at: store[at] for at in frontier(size)}
        new = append_nodes(size, everything[size : size + count], edge)
        assert len(new) <= 2 * count + size.bit_length()
        for level, index, node in new:
            assert (level, index) not in store
            store[level, index] = node
        size += count
    assert root_from(size, store) == root(everything)


@given(st.integers(2, 130), st.data())
def test_a_path_proves_one_leaf_at_one_place_only(size: int, data: st.DataObject) -> None:
    index, other = data.draw(
        st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda p: p[0] != p[1])
    )
    path, top = Tree(hashed(size)).path(index), root(hashed(size))
    with pytest.raises(BadProof):
        verify_inclusion(hashed(size)[other], index, size, path, top)
    with pytest.raises(BadProof):
        verify_inclusion(hashed(size)[index], other, size, path, top)


@given(st.integers(1, 40), st.data())
def test_a_known_tree_decides_as_the_rfc_does_whatever_it_remembers(size: int, data: st.DataObject) -> None:
    everything, top = hashed(size), root(hashed(size))
    known = KnownTree(size, top)
    nodes = st.sampled_from([*everything, *stored(size).values(), bytes(32), bytes(31)])
    for _ in range(data.draw(st.integers(1, 12))):
        index = data.draw(st.integers(0, size - 1))
        leaf, path = everything[index], Tree(everything).path(index)
        match data.draw(st.sampled_from(["honest", "leaf", "index", "path", "shorter", "longer"])):
            case "leaf":
                leaf = data.draw(nodes)
            case "index":
                index = data.draw(st.integers(-1, size + 1))
            case "path" if path:
                path[data.draw(st.integers(0, len(path) - 1))] = data.draw(nodes)
            case "shorter":
                path = path[:-1]
            case "longer":
                path = [*path, data.draw(nodes)]
        try:
            verify_inclusion(leaf, index, size, path, top)
        except BadProof:
            with pytest.raises(BadProof):
                known.verify(leaf, index, path)
        else:
            known.verify(leaf, index, path)


def test_s2_hashes_that_are_not_32_bytes_are_refused() -> None:
    with pytest.raises(BadProof):
        verify_inclusion(hashed(2)[0], 0, 2, [hashed(2)[1][:31]], root(hashed(2)))
    with pytest.raises(BadProof):
        verify_inclusion(b"", 0, 1, [], b"")


def test_what_is_not_there_has_no_path() -> None:
    for outside in (-1, 3):
        with pytest.raises(IndexError):
            Tree(hashed(3)).path(outside)
        with pytest.raises(IndexError):
            inclusion_nodes(outside, 3)
    for first in (0, 4):
        with pytest.raises(IndexError):
            consistency_nodes(first, 3)
