"""The delivery log: which journal position each number of a lane stands for, and why (rules D1, D2).

One row a run of numbers. `packed` holds 17 bytes a number: position and cause (8 bytes each, big-endian), kind (1).
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["upsert", "withdrawn", "drop", "contract"]

RUN = 500  # numbers in one row at most, and in one sealed run (D3)

_KINDS: tuple[Kind, ...] = get_args(Kind)
_NUMBER = struct.Struct(">QQB")


@dataclass(frozen=True, slots=True)
class Routed:
    """One number's meaning. `position` is the record version's (or the activation's), `cause` gives order (D4)."""

    position: int
    cause: int
    kind: Kind


def pack(run: Iterable[Routed]) -> bytes:
    return b"".join(_NUMBER.pack(one.position, one.cause, _KINDS.index(one.kind)) for one in run)


def unpack(packed: bytes) -> list[Routed]:
    return [Routed(position, cause, _KINDS[kind]) for position, cause, kind in _NUMBER.iter_unpack(packed)]
