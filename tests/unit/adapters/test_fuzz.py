"""The mapping files of front-end tables and of registers: any file is a mapping, or is refused in a sentence."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.fronts.mapping import read_front_mapping
from adapters.registers.sql import MappingError, read_mapping
from schemas.front import FrontFault
from tests.fuzzing import Parser, examples, kept, of_file

FRONT = b"""feed = "dishonest-debtor"
table = "sxbzxr"
key = ["id"]
[columns]
caseCode = "ah"
iname = "bzxrmc"
[named]
case_number = "ah"
name = "bzxrmc"
[changes]
by = "state"
column = "zt"
new = ["0"]
taken = "1"
refused = "9"
[deletions]
column = "czlx"
values = ["D"]
[brake]
percent = 10
"""
REGISTER = b'table = "licences"\nrow = "no"\nname = "holder"\nheld = "blocked"\n[identifiers]\ncn-uscc = "code"\n'


PARSERS = {
    "front-mapping": Parser(of_file(read_front_mapping), [FRONT], (FrontFault,)),
    "register-mapping": Parser(of_file(read_mapping), [REGISTER], (MappingError,)),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(200))
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name](data.draw(PARSERS[name].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())
