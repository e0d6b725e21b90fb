"""A contract's file means one thing, or it is refused without its values being repeated."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from contracts.load import ContractFileError, load_agreement, load_party
from contracts.model import Terms
from contracts.strict_yaml import LARGEST_FILE, YamlError, read_mapping

Document = Callable[..., dict[str, Any]]


def write(path: Path, members: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(members, allow_unicode=True), encoding="utf-8")
    return path


def test_an_agreement_is_read_as_written(tmp_path: Path, document: Document) -> None:
    signed = load_agreement(write(tmp_path / "one.yaml", document(signatures=["a.b.c"])))
    assert signed.terms == Terms.model_validate(document())
    assert signed.signatures == ("a.b.c",)
    assert load_agreement(write(tmp_path / "one.yaml", document())).signatures == ()


def test_a_measure_outside_the_catalogue_is_refused(tmp_path: Path, document: Document) -> None:
    effects = {**document()["effects"], "measure": "pillory"}
    with pytest.raises(ContractFileError, match=r"one\.yaml: effects\.measure"):
        load_agreement(write(tmp_path / "one.yaml", document(effects=effects)))


def test_a_refusal_names_the_member_and_not_its_value(tmp_path: Path, document: Document) -> None:
    with pytest.raises(ContractFileError) as refused:
        load_agreement(write(tmp_path / "one.yaml", document(on_end="王小明", signatures=["王小明"])))
    assert "on_end" in str(refused.value)
    assert "王小明" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractFileError, match="cannot be read"):
        load_agreement(tmp_path / "none.yaml")


def test_a_party_with_a_surprising_member_is_refused(tmp_path: Path) -> None:
    members = {"id": "abc", "name": {"zh": "甲", "en": "A"}, "roles": ["provider"], "contact": "x", "keys": []}
    assert load_party(write(tmp_path / "p.yaml", members)).name.zh == "甲"
    with pytest.raises(ContractFileError, match="surprise"):
        load_party(write(tmp_path / "p.yaml", {**members, "surprise": 1}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "line 2: a key that stands twice"),
        ("a: 1\n'a': 2\n", "line 2: a key that stands twice"),
        ("a: &x [1]\nb: *x\n", "alias"),
        ("a: &x {c: 1}\nb: {<<: {c: 1}}\n", "plain text"),
        ("on: 1\n", "line 1: a key that is not plain text"),
        ("1: 1\n", "plain text"),
        ("[a]: 1\n", "plain text"),
        ("a: !!python/object/apply:os.getcwd []\n", "line 1: a tag"),
        ("a:\n  !!set {b}\n", "line 2: a tag"),
        ("a: !!str 1\n", "a tag"),
        ("a: 2026-02-30\n", "cannot be"),
        ("- a\n", "not a mapping"),
        ("", "not a mapping"),
        ("a: 1\n---\nb: 1\n", "not YAML"),
        ("a: [\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("[" * 5_000, "not YAML"),
        ("#" * (LARGEST_FILE + 1), "too large"),
    ],
)
def test_yaml_that_could_mean_two_things_is_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(YamlError, match=why):
        read_mapping(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(YamlError):
        read_mapping(path)
