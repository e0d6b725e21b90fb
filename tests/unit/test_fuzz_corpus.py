"""The kept corpus of the fuzzing modules: no parser is without one, and no folder without a parser."""

import importlib
from pathlib import Path

import pytest

from tests.fuzzing import CORPUS, LARGEST, Parser

UNIT = Path(__file__).parent
OF_ANOTHER_KIND = {"jws": [1], "receipt": [1]}  # a heartbeat, signed as a receipt is
MODULES = sorted(UNIT.rglob("test_fuzz.py"))


def parsers() -> dict[str, Parser]:
    found: dict[str, Parser] = {}
    for module in MODULES:
        name = ".".join(("tests", "unit", *module.relative_to(UNIT).with_suffix("").parts))
        own: dict[str, Parser] = importlib.import_module(name).PARSERS
        assert found.keys().isdisjoint(own)
        found |= own
    return found


def test_every_parser_keeps_a_small_corpus_and_every_folder_has_a_parser() -> None:
    assert len(MODULES) >= 7
    folders = {folder.name: sorted(folder.iterdir()) for folder in CORPUS.iterdir()}
    assert set(folders) == set(parsers())
    for name, files in folders.items():
        assert files, name
        assert all(file.stat().st_size <= LARGEST for file in files), name


@pytest.mark.parametrize("name", parsers())
def test_every_parser_takes_its_samples_before_they_are_spoilt(name: str) -> None:
    """Else damage would be tried on what is refused at its first byte."""
    parser = parsers()[name]
    refused = [place for place, sample in enumerate(parser.samples) if not taken(parser, sample)]
    assert refused == OF_ANOTHER_KIND.get(name, [])


def taken(parser: Parser, sample: bytes) -> bool:
    try:
        parser.run(sample)
    except parser.refuses:
        return False
    return True
