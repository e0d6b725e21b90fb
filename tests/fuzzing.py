"""What every `test_fuzz` module shares: bytes that nobody foresaw, real samples spoilt, and the corpus that is kept.

A parser of what comes from outside may refuse in its own words, or quarantine. It never raises anything else, never
hangs, and drops nothing. `tests/data/fuzz/<parser>/` keeps small inputs: one of each family, and one of each finding.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "data/fuzz"
FUZZES = "FUYUAN_FUZZ_EXAMPLES" in os.environ  # as `make fuzz` does
FUZZ_EXAMPLES = int(os.environ.get("FUYUAN_FUZZ_EXAMPLES", "100"))
LARGEST = 20_000  # bytes of one input
_TOKENS = (
    b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"\r", b"\t", b"\x00", b"\xff", b"\xef\xbb\xbf", b"<", b">",
    b"&", b"=", b"-", b"null", b"true", b"1e999", b"9" * 5000, b"0.1", b"\\ud800", b"\xed\xa0\x80", "（".encode(),
    "号".encode(), "号".encode("gb18030"), b"<!DOCTYPE", b"&e;", b"*a", b"!!", b"..", b'{"a":' * 500, b"[" * 2000,
)  # fmt: skip


@dataclass(frozen=True)
class Parser:
    """`run` parses an input and checks what it made of it; `refuses` are the errors in which it says no."""

    run: Callable[[bytes], object]
    samples: Sequence[bytes]
    refuses: tuple[type[Exception], ...] = ()
    inputs: st.SearchStrategy[bytes] | None = None

    def __call__(self, data: bytes) -> None:
        with contextlib.suppress(*self.refuses):
            self.run(data)

    def any_input(self) -> st.SearchStrategy[bytes]:
        own = () if self.inputs is None else (self.inputs,)
        return st.one_of(*own, mutated(self.samples), st.binary(max_size=300), rubble())


def of_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """A parser of files, run on bytes."""

    def run(data: bytes) -> object:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return read(Path(file.name))

    return run


def examples(usual: int) -> int:
    """How many inputs a test tries; `make fuzz` says so for all."""
    return FUZZ_EXAMPLES if FUZZES else usual


def rubble() -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(_TOKENS), max_size=12).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn, samples: Sequence[bytes]) -> bytes:
    """A sample flipped, cut, spliced with another or with tokens, or repeated in part, a few times over."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        end = place + draw(st.integers(0, 40))
        match draw(st.sampled_from(["flip", "cut", "splice", "repeat", "token", "end"])):
            case "flip" if place < len(data):
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[place:end]
            case "splice":
                other = draw(st.sampled_from(samples))
                begin = draw(st.integers(0, len(other)))
                data[place:end] = other[begin : begin + draw(st.integers(0, 200))]
            case "repeat":
                data[place:place] = data[place:end] * draw(st.integers(1, 5))
            case "token":
                data[place:end] = draw(st.sampled_from(_TOKENS))
            case "end":
                del data[place:]
    return bytes(data[:LARGEST])


def kept(parsers: dict[str, Parser]) -> list[object]:
    """The corpus of these parsers: (name, file), for `parametrize`."""
    files = [(name, file) for name in parsers for file in sorted((CORPUS / name).iterdir())]
    return [pytest.param(name, file, id=f"{name}/{file.name}") for name, file in files]
