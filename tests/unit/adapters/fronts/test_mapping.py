"""A mapping file that does not fit is told by its member, before anything is read."""

from pathlib import Path

import pytest

from adapters.fronts.mapping import read_front_mapping
from adapters.fronts.sql import SqlFront
from schemas.front import Brake, FrontFault

WHOLE = """
feed = "dishonest-debtor"
table = "sxbzxr"
schema = "dsj"
key = ["id"]
[columns]
caseCode = "ah"
[named]
case_number = "ah"
name = "mc"
[changes]
by = "state"
column = "zt"
new = ["0"]
taken = "1"
refused = "9"
"""


def test_every_column_is_named_once(tmp_path: Path) -> None:
    file = tmp_path / "front.toml"
    file.write_text(WHOLE, encoding="utf-8")
    mapping = read_front_mapping(file)
    assert mapping.all_columns() == ("id", "ah", "mc", "zt")
    assert (mapping.schema_, mapping.brake.percent, mapping.brake.rows) == ("dsj", 10, 20)


def test_the_mapping_in_the_documents_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs/departments.md").read_text("utf-8")
    file = tmp_path / "front.toml"
    file.write_text(page.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")
    assert read_front_mapping(file).changes.verdict == "fhxx"


@pytest.mark.parametrize(
    ("old", "new", "member"),
    [
        ("key = [", "key = ", "no TOML"),
        ('key = ["id"]', "key = []", "key"),
        ('table = "sxbzxr"', "", "table"),
        ('by = "state"', 'by = "refresh"', "changes"),
        ('by = "state"', 'by = "watermark"', "changes"),
        ('column = "zt"', "", "changes"),
        ('taken = "1"', 'taken = "0"', "changes"),
        ('new = ["0"]', "", "changes"),
        ("[changes]", "surplus = 1\n[changes]", "named.surplus"),
        ("[named]", "[naming]", "named"),
    ],
)
def test_a_member_that_does_not_fit_is_named(tmp_path: Path, old: str, new: str, member: str) -> None:
    file = tmp_path / "front.toml"
    file.write_text(WHOLE.replace(old, new), encoding="utf-8")
    with pytest.raises(FrontFault, match=member):
        read_front_mapping(file)


@pytest.mark.parametrize("url", ["oracle://a:secret@b/c", "sqlite:///x", "no url, but a secret"])
def test_a_url_of_another_database_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    file = tmp_path / "front.toml"
    file.write_text(WHOLE, encoding="utf-8")
    with pytest.raises(FrontFault) as refused:
        SqlFront(url, read_front_mapping(file))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(("known", "limit"), [(0, 20), (100, 20), (1_000, 100), (1_000_000, 100_000)])
def test_the_brake_is_a_share_and_never_less_than_a_number(known: int, limit: int) -> None:
    assert Brake(10, 20).limit(known) == limit
