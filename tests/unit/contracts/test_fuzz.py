"""Agreements and parties: any file is one, or is refused in a sentence that names member or line."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import contracts
from contracts.load import ContractFileError, load_agreement, load_party
from contracts.strict_yaml import YamlError, read_mapping
from tests.fuzzing import Parser, examples, kept, of_file

FOLDER = Path(contracts.__file__).parent


def files(folder: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((FOLDER / folder).iterdir())]


PARSERS = {
    "agreement": Parser(of_file(load_agreement), files("agreements"), (ContractFileError,)),
    "party": Parser(of_file(load_party), files("parties"), (ContractFileError,)),
    "strict-yaml": Parser(of_file(read_mapping), [*files("parties"), b"a: 2026-01-31\nb: [1, x]\n"], (YamlError,)),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(120))
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name](data.draw(PARSERS[name].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())
