"""The district's own agreements: signed, without findings, each as narrow as its purpose."""

from pathlib import Path

import pytest

import contracts
from contracts.lint import lint
from contracts.load import load_agreement, load_party
from contracts.model import signature_payload
from contracts.policy import compile_policy, expand
from contracts.preview import preview
from gateway.trust import jws
from gateway.trust.keys import KeySet, PublicKey
from gateway.trust.verify import verify_contract
from schemas.catalog import feed

HERE = Path(contracts.__file__).parent
AGREEMENTS = sorted((HERE / "agreements").glob("*.yaml"))
PARTIES = sorted((HERE / "parties").glob("*.yaml"))
DEBTORS = [path for path in AGREEMENTS if path.stem.startswith("debtors-to-")]

# What nobody gets: other people's data, and what no purpose here needs.
NOBODYS = [
    "obligation",
    "performed",
    "unperformed",
    "subject.sex",
    "subject.age",
    "subject.birth_year",
    "responsible_persons[].name",
    "responsible_persons[].role",
    "responsible_persons[].identifiers",
]


def keys() -> KeySet:
    return KeySet(PublicKey.from_jwk(dict(jwk)) for path in PARTIES for jwk in load_party(path).keys)


def shown(path: Path) -> frozenset[str]:
    terms = load_agreement(path).terms
    return frozenset(slot for field in terms.fields for slot in expand(field, feed(terms.feed).slots))


def test_the_six_agreements_and_five_parties_are_there() -> None:
    agencies = ["credit-platform", "market-regulation", "public-resource-trading"]
    assert [path.stem for path in AGREEMENTS] == [
        *(f"debtors-to-{agency}" for agency in agencies),
        *(f"receipts-from-{agency}" for agency in agencies),
    ]
    assert [path.stem for path in PARTIES] == [
        "shanyang-court",
        "shanyang-credit-platform",
        "shanyang-data-bureau",
        "shanyang-market-regulation",
        "shanyang-public-resource-trading",
    ]


@pytest.mark.parametrize("path", AGREEMENTS, ids=lambda path: path.stem)
def test_s7_both_parties_signed_these_very_terms_with_the_keys_that_stand_in_them(path: Path) -> None:
    signed = load_agreement(path)
    sides = (signed.terms.provider, signed.terms.subscriber)
    assert len(signed.signatures) == 2
    for side, signature in zip(sides, signed.signatures, strict=True):
        payload, key = jws.verify(signature, "fuyuan-contract+jws", keys())
        assert payload == signature_payload(signed.terms, side.party)
        assert (key.party, key.kid) == (side.party, side.keys[0])
    assert verify_contract(signed.model_dump(mode="json"), keys()).status == "valid"


@pytest.mark.parametrize("path", AGREEMENTS, ids=lambda path: path.stem)
def test_s7_a_changed_word_breaks_the_signatures(path: Path) -> None:
    document = load_agreement(path).model_dump(mode="json")
    document["terms"]["fields"].append("obligation")
    assert verify_contract(document, keys()).status == "invalid"


@pytest.mark.parametrize("path", AGREEMENTS, ids=lambda path: path.stem)
def test_an_agreement_is_named_as_its_file_and_lint_finds_nothing(path: Path) -> None:
    terms = load_agreement(path).terms
    assert terms.id == path.stem
    assert lint(terms, feed(terms.feed)) == []
    compile_policy(terms, feed(terms.feed))


@pytest.mark.parametrize("path", DEBTORS, ids=lambda path: path.stem)
def test_nobody_sees_other_peoples_data(path: Path) -> None:
    assert shown(path).isdisjoint(NOBODYS)
    assert set(NOBODYS) < set(feed("dishonest-debtor").slots)


def test_each_agency_sees_something_else() -> None:
    assert len({(shown(path), repr(load_agreement(path).terms.rows)) for path in DEBTORS}) == len(DEBTORS)


@pytest.mark.parametrize("path", [path for path in AGREEMENTS if path not in DEBTORS], ids=lambda path: path.stem)
def test_the_court_sees_receipts_about_its_own_records_only(path: Path) -> None:
    policy = compile_policy(load_agreement(path).terms, feed("receipt"))
    about = feed("receipt").slots.index("about")

    def receipt(party: str | None) -> tuple[str | None, ...]:
        return tuple(party if place == about else "x" for place in range(len(feed("receipt").slots)))

    assert policy.sees(receipt("shanyang-court"))
    assert not policy.sees(receipt("another-court"))
    assert not policy.sees(receipt(None))
    assert policy.terms.effects is None


@pytest.mark.parametrize("path", PARTIES, ids=lambda path: path.stem)
def test_a_party_has_public_keys_of_its_own_only(path: Path) -> None:
    party = load_party(path)
    assert party.id == path.stem
    assert party.keys
    assert {key["party"] for key in party.keys} == {party.id}
    assert all("d" not in key for key in party.keys)


@pytest.mark.parametrize("path", DEBTORS, ids=lambda path: path.stem)
def test_an_official_can_preview_it_without_a_record(path: Path) -> None:
    terms = load_agreement(path).terms
    made = preview(terms, feed(terms.feed), [])
    assert made.seen == 0
    assert {field.slot for field in made.fields if field.how != "withheld"} == shown(path)
