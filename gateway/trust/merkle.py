"""Merkle trees as RFC 9162 section 2.1 hashes them: whole trees in memory, and big trees over stored nodes.

The tree over n leaves is made of perfect subtrees, each named (level, index): it covers the leaves from
index << level to (index + 1) << level. A perfect subtree never changes once its last leaf stands, so a store keeps each
once, writes O(k + log n) of them for k new leaves, and reads O(log n) for a root or a proof.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

HASH_BYTES: Final = 32
Coordinate: TypeAlias = tuple[int, int]
Range: TypeAlias = tuple[int, int]  # leaves from the first number up to, without, the second

_sha256 = hashlib.sha256


class BadProof(ValueError):
    """The path does not lead from the leaf, or the older tree, to the root."""


def leaf_hash(data: bytes) -> bytes:
    return _sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return _sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The Merkle tree hash over leaf hashes (2.1.1)."""
    return Tree(hashes).root


class Tree:
    """A whole tree in memory, every level kept: the root costs n hashes, each path none."""

    __slots__ = ("_levels",)

    def __init__(self, hashes: Iterable[bytes]) -> None:
        level = list(hashes)
        self._levels = [level]
        while len(level) > 1:
            # An odd node at the right end rises as it is (2.1.1: the split is at the largest power of two).
            level = [
                _sha256(b"\x01" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
            ] + level[len(level) & ~1 :]
            self._levels.append(level)

    def __len__(self) -> int:
        return len(self._levels[0])

    @property
    def root(self) -> bytes:
        return self._levels[-1][0] if self._levels[0] else _sha256(b"").digest()

    def path(self, index: int) -> list[bytes]:
        """The inclusion path of a leaf, from the bottom up (2.1.3.1). Raises IndexError where there is no such leaf."""
        if not 0 <= index < len(self):
            raise IndexError("no such leaf")
        found = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                found.append(level[index ^ 1])
            index >>= 1
        return found


class KnownTree:
    """A tree known by its size and root, which remembers the nodes that were verified.

    Leaves of one tree share most of their paths: 500 of one run then cost two hashes each instead of nine. Every node
    of a path is still compared, so nothing passes here that `verify_inclusion` would refuse.
    """

    __slots__ = ("_nodes", "_size")

    def __init__(self, size: int, root: bytes) -> None:
        if size < 1:
            raise BadProof("the tree is empty")
        _check_hashes((root,))
        self._size = size
        self._nodes: dict[Coordinate, bytes] = {((size - 1).bit_length(), 0): root}

    def verify(self, leaf: bytes, index: int, path: Sequence[bytes]) -> None:
        """As `verify_inclusion`. Raises `BadProof`."""
        if not 0 <= index < self._size:
            raise BadProof("the index lies outside the tree")
        nodes, climbed = self._nodes, []
        level, width, node = 0, self._size, leaf
        steps = iter(path)
        while (known := nodes.get((level, index))) is None:
            climbed.append(((level, index), node))
            if index ^ 1 < width:
                sibling = next(steps, None)
                if sibling is None:
                    raise BadProof("the path is too short")
                _check_hashes((node, sibling))
                climbed.append(((level, index ^ 1), sibling))
                node = node_hash(sibling, node) if index & 1 else node_hash(node, sibling)
            level, index, width = level + 1, index >> 1, width + 1 >> 1
        if node != known:
            raise BadProof("the path leads to another root")
        while width > 1:  # above a known node every sibling is known
            if index ^ 1 < width and next(steps, None) != nodes[level, index ^ 1]:
                raise BadProof("the path is another one")
            level, index, width = level + 1, index >> 1, width + 1 >> 1
        if next(steps, None) is not None:
            raise BadProof("the path is too long")
        nodes.update(climbed)


def consistency_path(hashes: Sequence[bytes], first: int) -> list[bytes]:
    """The proof that the tree over `hashes` begins with the tree over the first `first` of them (2.1.4.1)."""
    return [root(hashes[start:end]) for start, end in _consistency_ranges(first, len(hashes))]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2, its variables by their names there. Raises `BadProof`."""
    _check_hashes((leaf, root, *path))
    if not 0 <= index < size:
        raise BadProof("the index lies outside the tree")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise BadProof("the path is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise BadProof("the path is too short")
    if r != root:
        raise BadProof("the path leads to another root")


def verify_consistency(first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """RFC 9162 section 2.1.4.2, its variables by their names there. Raises `BadProof`."""
    if not 0 < first <= second:
        raise BadProof("the sizes are out of order")
    if first == second:  # nothing is hashed: the roots are compared as they are
        if path or first_root != second_root:
            raise BadProof("two trees of one size are the same tree, and need no path")
        return
    _check_hashes((first_root, second_root, *path))
    steps = list(path)
    if first & (first - 1) == 0:  # a power of two: the older root is a node of the newer tree
        steps.insert(0, first_root)
    if not steps:
        raise BadProof("the path is too short")
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for c in steps[1:]:
        if sn == 0:
            raise BadProof("the path is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise BadProof("the path is too short")
    if fr != first_root or sr != second_root:
        raise BadProof("the path leads to other roots")


@dataclass(frozen=True, slots=True)
class Plan:
    """A proof over stored nodes: for each of its hashes, the perfect subtrees that make it, from left to right."""

    pieces: tuple[tuple[Coordinate, ...], ...]

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """What to fetch: O(log n) nodes."""
        return tuple(coordinate for piece in self.pieces for coordinate in piece)

    def fold(self, nodes: Mapping[Coordinate, bytes]) -> list[bytes]:
        """The proof. Raises KeyError where a node was not fetched."""
        return [_fold([nodes[coordinate] for coordinate in piece]) for piece in self.pieces]


def frontier(size: int) -> tuple[Coordinate, ...]:
    """The perfect subtrees that make a tree of `size` leaves, from left to right."""
    return _cover((0, size))


def root_from(size: int, nodes: Mapping[Coordinate, bytes]) -> bytes:
    """The root of a tree of `size` leaves, from the nodes of its `frontier`."""
    return _fold([nodes[coordinate] for coordinate in frontier(size)]) if size else _sha256(b"").digest()


def inclusion_nodes(index: int, size: int) -> Plan:
    """The inclusion path of a leaf in a tree of `size` leaves. Raises IndexError where there is no such leaf."""
    return Plan(tuple(map(_cover, _inclusion_ranges(index, size))))


def consistency_nodes(first: int, second: int) -> Plan:
    """The proof that the tree of `second` leaves begins with the tree of `first`. Raises IndexError for wrong sizes."""
    return Plan(tuple(map(_cover, _consistency_ranges(first, second))))


def append_nodes(
    size: int, leaf_hashes: Iterable[bytes], edge: Mapping[Coordinate, bytes]
) -> list[tuple[int, int, bytes]]:
    """The perfect subtrees that new leaves complete, as (level, index, hash), the leaves themselves among them.

    `edge` holds the nodes of `frontier(size)`, the tree before.
    """
    known = dict(edge)
    new = []
    for number, leaf in enumerate(leaf_hashes, start=size):
        level, index, hashed = 0, number, leaf
        known[level, index] = hashed
        new.append((level, index, hashed))
        while index & 1:
            hashed = node_hash(known[level, index - 1], hashed)
            level, index = level + 1, index >> 1
            known[level, index] = hashed
            new.append((level, index, hashed))
    return new


def _inclusion_ranges(index: int, size: int) -> list[Range]:
    """PATH(index, D[size]) of 2.1.3.1, each hash as the leaves it covers."""
    if not 0 <= index < size:
        raise IndexError("no such leaf")
    start, end = 0, size
    ranges: list[Range] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def _consistency_ranges(first: int, second: int) -> list[Range]:
    """PROOF(first, D[second]) of 2.1.4.1, each hash as the leaves it covers."""
    if not 0 < first <= second:
        raise IndexError("sizes out of order")
    start, end = 0, second
    ranges: list[Range] = []
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start:  # else the older tree is itself a node that the verifier knows
        ranges.append((start, end))
    return ranges[::-1]


def _split(leaves: int) -> int:
    """The largest power of two smaller than `leaves`."""
    return 1 << (leaves - 1).bit_length() - 1


def _cover(span: Range) -> tuple[Coordinate, ...]:
    """The perfect subtrees of a range that starts where a subtree of its size may start."""
    start, end = span
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return tuple(found)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """One hash over subtrees that shrink from left to right."""
    hashed = hashes[-1]
    for left in hashes[-2::-1]:
        hashed = node_hash(left, hashed)
    return hashed


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise BadProof("a hash is not 32 bytes")
