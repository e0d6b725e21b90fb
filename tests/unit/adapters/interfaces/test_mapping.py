"""The mapping of an interface: told by its member where it does not fit, and no secret in it."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.interfaces.mapping import Sign, read_interface_mapping
from adapters.interfaces.sign import signed
from schemas.front import FrontFault

PAGE = Path(__file__).parents[4] / "docs/departments.md"
WHOLE = PAGE.read_text("utf-8").split("```toml\n")[2].partition("```")[0]


def test_the_mapping_in_the_documents_is_one(tmp_path: Path) -> None:
    file = tmp_path / "fetch.toml"
    file.write_text(WHOLE, encoding="utf-8")
    mapping = read_interface_mapping(file)
    assert (mapping.pages.size, mapping.sign.prefix, mapping.changes.by) == (200, "x-tif-", "watermark")


@pytest.mark.parametrize(
    ("old", "new", "member"),
    [
        ("key = [", "key = ", "no TOML"),
        ("https://share", "ftp://share", "url"),
        ("https://share", "https://user:hunter2@share", "url: .*no password"),
        ("sxbzxr\"", "sxbzxr?token=hunter2\"", "url"),
        ("https://share", "http://share", "mapping: .*https"),
        ('by = "number"', 'by = "cursor"', "pages"),
        ('parameter = "since" ', "# ", "changes"),
        ('ok = "code"', "", "answer.ok"),
        ('values = ["0", "200"]', "values = []", "answer.values"),
        ('by = "tif"', 'by = "guess"', "sign.by"),
        ('id = "shanyang-court"', 'id = "a\\r\\nb"', "sign.id"),
        ("[named]", "[naming]", "named"),
    ],
)  # fmt: skip
def test_a_member_that_does_not_fit_is_named(tmp_path: Path, old: str, new: str, member: str) -> None:
    assert old in WHOLE
    file = tmp_path / "fetch.toml"
    file.write_text(WHOLE.replace(old, new), encoding="utf-8")
    with pytest.raises(FrontFault, match=member) as refused:
        read_interface_mapping(file)
    assert "hunter2" not in str(refused.value)


def test_the_digests_of_government_platforms() -> None:
    at = datetime(2026, 11, 23, 1, 0, 0, 500_000, tzinfo=UTC)
    tif = signed(Sign(by="tif", id="court"), "token", at, "nonce")
    time = str(int(at.timestamp()))
    assert tif.headers == {
        "x-tif-paasid": "court",
        "x-tif-timestamp": time,
        "x-tif-nonce": "nonce",
        "x-tif-signature": hashlib.sha256(f"{time}tokennonce{time}".encode()).hexdigest(),
    }
    app = signed(Sign(by="app", id="court", milliseconds=True), "token", at, "nonce")
    assert app.parameters["timestamp"] == f"{time}500"
    assert app.parameters["sign"] == hashlib.sha256(f"courttoken{time}500".encode()).hexdigest()
    assert signed(Sign(), "token", at, "nonce") == ({}, {})
