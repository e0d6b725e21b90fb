"""An agency's register in SQL, on a real SQLite file: what is found, and that each operation counts once (rule M7)."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from adapters.registers.sql import MappingError, RegisterAway, RegisterMapping, SqlRegister, read_mapping

MAPPING = """
table = "licences"
row = "licence_no"
name = "holder"
held = "blocked"

[identifiers]
cn-uscc = "credit_code"
cn-id = "holder_id"
"""
# Codes that nobody has: regions of nines.
CREDIT = "91999999691912868T"
ORG = "69191286-8"
PERSON = "99999919800101001X"


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'register.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE licences (licence_no INTEGER, holder TEXT, credit_code TEXT, holder_id TEXT, blocked INT)"
            )
        )
        row = text("INSERT INTO licences VALUES (:no, :holder, :code, :person, 0)")
        connection.execute(row, {"no": 1, "holder": "某公司", "code": CREDIT, "person": None})
        connection.execute(row, {"no": 2, "holder": "张三", "code": "", "person": PERSON.lower()})
    engine.dispose()
    return url


@pytest.fixture
def register(url: str, tmp_path: Path) -> SqlRegister:
    path = tmp_path / "mapping.toml"
    path.write_text(MAPPING, encoding="utf-8")
    register = SqlRegister(url, read_mapping(path))
    yield register
    register.close()


def blocked(url: str) -> dict[int, int]:
    engine = create_engine(url)
    with engine.begin() as connection:
        found = {row.licence_no: row.blocked for row in connection.execute(text("SELECT * FROM licences"))}
    engine.dispose()
    return found


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ([("cn-uscc", CREDIT)], ["1"]),
        ([("cn-org", ORG)], ["1"]),
        ([("cn-id", PERSON)], ["2"]),
        ([("cn-id", PERSON), ("cn-org", ORG)], ["1", "2"]),
        ([("passport", "E12345678")], []),
        ([], []),
    ],
)
def test_m1_a_row_is_found_by_its_code_and_by_the_organisation_code_in_it(
    register: SqlRegister, wanted: list[tuple[str, str]], rows: list[str]
) -> None:
    assert sorted(row.id for row in register.find(wanted)) == rows


def test_empty_cells_are_no_identifiers(register: SqlRegister) -> None:
    (row,) = register.find([("cn-id", PERSON)])
    assert row.identifiers == (("cn-id", PERSON.lower()),)
    assert row.name == "张三"


def test_many_wanted_are_asked_for_in_parts(register: SqlRegister) -> None:
    wanted = [("cn-id", f"{n:018}") for n in range(1000)] + [("cn-id", PERSON)]
    assert [row.id for row in register.find(wanted)] == ["2"]


def test_m7_an_operation_counts_once(register: SqlRegister, url: str) -> None:
    register.hold("a/1", "1", "market-entry-restriction", {"court": "x", "case_number": "y"})
    assert blocked(url) == {1: 1, 2: 0}
    register.release("a/2", "1", "market-entry-restriction")
    register.hold("a/1", "1", "market-entry-restriction", {})  # what was killed behind its commit and done again
    assert blocked(url) == {1: 0, 2: 0}
    register.hold("a/3", "1", "market-entry-restriction", {})
    register.release("a/2", "1", "market-entry-restriction")
    assert blocked(url) == {1: 1, 2: 0}


def test_a_hold_in_other_words_stands_since_the_same_moment(register: SqlRegister, url: str) -> None:
    """An extended period, a corrected case: what is told changes, not since when the row is held."""
    register.hold("a/1", "1", "market-entry-restriction", {"expires_on": "2026-12-31"})
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE fuyuan_holds SET held_at = '2026-01-01 00:00:00'"))
    register.hold("a/2", "1", "market-entry-restriction", {"expires_on": "2027-12-31"})
    with engine.begin() as connection:
        held = connection.execute(text("SELECT op_id, held_at, expires_on FROM fuyuan_holds")).one()
    engine.dispose()
    assert tuple(held) == ("a/2", "2026-01-01 00:00:00", "2027-12-31")
    assert blocked(url)[1] == 1


def test_m4_a_row_stays_marked_while_another_measure_holds_it(register: SqlRegister, url: str) -> None:
    register.hold("a/1", "1", "tender-restriction", {})
    register.hold("a/2", "1", "market-entry-restriction", {})
    register.release("a/3", "1", "tender-restriction")
    assert blocked(url)[1] == 1
    register.release("a/4", "1", "market-entry-restriction")
    assert blocked(url)[1] == 0


def test_a_register_that_is_away_says_so(tmp_path: Path) -> None:
    with pytest.raises(RegisterAway):
        SqlRegister(f"sqlite:///{tmp_path / 'no' / 'folder.sqlite'}", RegisterMapping("t", "r", "n", {"cn-id": "c"}))


@pytest.mark.parametrize(
    "text_",
    [
        "not toml",
        'table = "t"',
        MAPPING + '\nextra = "x"',
        MAPPING.replace("cn-uscc", "cn-nothing"),
        MAPPING.replace('"holder"', "3"),
        MAPPING.replace('cn-uscc = "credit_code"\ncn-id = "holder_id"', ""),
    ],
)
def test_a_mapping_that_is_wrong_is_refused(tmp_path: Path, text_: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(text_, encoding="utf-8")
    with pytest.raises(MappingError):
        read_mapping(path)


def test_a_table_that_an_older_version_made_gets_what_was_added_since(
    register: SqlRegister, url: str, tmp_path: Path
) -> None:
    register.hold("a/1", "1", "market-entry-restriction", {"court": "x"})
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE fuyuan_holds DROP COLUMN disputed"))
    register.close()
    later = SqlRegister(url, read_mapping(tmp_path / "mapping.toml"))
    later.hold("a/2", "1", "market-entry-restriction", {"court": "x", "disputed": "2026-11-27 to-be-deleted"})
    later.close()
    with engine.begin() as connection:
        held = connection.execute(text("SELECT op_id, court, disputed FROM fuyuan_holds")).one()
    engine.dispose()
    assert tuple(held) == ("a/2", "x", "2026-11-27 to-be-deleted")


def test_a_table_that_cannot_be_widened_holds_without_what_was_added(
    register: SqlRegister, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_words_for(*_: object) -> None:
        raise KeyError("dm")  # what Alembic says of a database that it does not know

    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE fuyuan_holds DROP COLUMN disputed"))
    register.close()
    monkeypatch.setattr("adapters.registers.sql._widen", no_words_for)
    later = SqlRegister(url, read_mapping(tmp_path / "mapping.toml"))
    later.hold("a/1", "1", "market-entry-restriction", {"court": "x", "disputed": "2026-11-27 to-be-deleted"})
    later.close()
    with engine.begin() as connection:
        assert connection.execute(text("SELECT op_id, court FROM fuyuan_holds")).one() == ("a/1", "x")
    engine.dispose()
