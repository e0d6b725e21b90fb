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
RECEIPTS = [path for path in AGREEMENTS if path.stem.startswith("receipts-from-")]
RESTRICTIONS = HERE / "agreements/restrictions-to-natural-resources.yaml"
ENFORCEMENT = HERE / "agreements/enforcement-to-credit-platform.yaml"
ADDRESSES = sorted((HERE / "agreements").glob("addresses-from-*.yaml"))
CONTROL = sorted((HERE / "agreements").glob("control-*.yaml"))
RESULTS = sorted((HERE / "agreements").glob("service-results-to-*.yaml"))

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


def test_the_sixteen_agreements_and_eight_parties_are_there() -> None:
    agencies = ["credit-platform", "market-regulation", "public-resource-trading"]
    assert [path.stem for path in AGREEMENTS] == [
        *(f"addresses-from-{side}" for side in ["bank", "market-regulation"]),
        "control-feedback-from-police",
        "control-officers-to-police",
        "control-requests-to-police",
        *(f"debtors-to-{agency}" for agency in agencies),
        "enforcement-to-credit-platform",
        *(f"receipts-from-{agency}" for agency in ["credit-platform", "market-regulation", "natural-resources"]),
        "receipts-from-public-resource-trading",
        "restrictions-to-natural-resources",
        *(f"service-results-to-{side}" for side in ["bank", "market-regulation"]),
    ]
    assert [path.stem for path in PARTIES] == [
        "shanyang-bank",
        "shanyang-court",
        "shanyang-credit-platform",
        "shanyang-data-bureau",
        "shanyang-market-regulation",
        "shanyang-natural-resources",
        "shanyang-police",
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


@pytest.mark.parametrize("path", RECEIPTS, ids=lambda path: path.stem)
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


def test_what_an_order_blocks_is_not_what_a_dishonest_debtor_meets() -> None:
    restricted = load_agreement(RESTRICTIONS).terms.effects
    assert restricted is not None
    assert (restricted.measure, restricted.action) == ("spending-restriction", ("property",))
    for path in DEBTORS:
        effects = load_agreement(path).terms.effects
        assert effects is not None
        assert effects.measure != restricted.measure
        assert set(effects.action).isdisjoint(restricted.action)


def test_the_office_sees_waivers_and_not_who_asked_for_the_enforcement() -> None:
    assert {slot for slot in feed("consumption-restriction").slots if slot.startswith("waivers[]")} < shown(
        RESTRICTIONS
    )
    assert shown(RESTRICTIONS).isdisjoint(["applicant", "amount", "order_url", "subjects[].role"])


def test_m5_being_under_enforcement_has_no_effects_and_is_shown_of_units_alone() -> None:
    terms = load_agreement(ENFORCEMENT).terms
    assert (terms.effects, terms.review) == (None, None)
    assert {"state", "amount", "unpaid"} < shown(ENFORCEMENT)
    assert shown(ENFORCEMENT).isdisjoint(["responsible_persons[].name", "subject.sex"])
    kind = feed("judgment-debtor").slots.index("subject.kind")
    policy = compile_policy(terms, feed("judgment-debtor"))
    seen = [policy.sees(tuple(value if place == kind else None for place in range(len(policy.feed.slots))))
            for value in ("organisation", "person", "unknown")]  # fmt: skip
    assert seen == [True, False, False]


def sees(path: Path, **slots: str | None) -> bool:
    """Whether the agreement shows a record with these values; names with __ for the dot."""
    terms = load_agreement(path).terms
    values = {name.replace("__", "."): value for name, value in slots.items()}
    return compile_policy(terms, feed(terms.feed)).sees(tuple(values.get(slot) for slot in feed(terms.feed).slots))


def test_a_registry_states_units_addresses_alone_and_a_bank_what_a_contract_confirms() -> None:
    bank, registry = ADDRESSES
    assert [sees(registry, subject__kind=kind) for kind in ("organisation", "person", "unknown")] == [
        True,
        False,
        False,
    ]
    assert sees(bank, occasion="confirmation", loan__number="1")
    assert not sees(bank, occasion="confirmation")
    assert not sees(bank, occasion="change", loan__number="1")
    assert shown(bank).isdisjoint(["domicile.address", "spare.address", "state", "contact.name"])
    assert shown(registry).isdisjoint(["confirmed.address", "loan.number", "loan.lender"])
    for path in ADDRESSES:
        assert load_agreement(path).terms.effects is None
        assert {"effective_from", "effective_until", "electronic.consent", "electronic.consented_at"} < shown(path)


def test_what_became_of_service_goes_back_to_who_stated_the_address_without_names_or_numbers() -> None:
    bank, registry = RESULTS
    for path in RESULTS:
        assert shown(path).isdisjoint(["subject.name", "reference", "statement.record_id", "statement.from_party"])
        assert load_agreement(path).terms.provider.party == "shanyang-court"
    regulator = {"statement__from_party": "shanyang-market-regulation"}
    assert sees(registry, **regulator, subject__kind="organisation")
    assert not sees(registry, **regulator, subject__kind="person")
    assert not sees(registry, statement__from_party="shanyang-bank", subject__kind="organisation")
    assert sees(bank, statement__from_party="shanyang-bank", subject__kind="person")
    assert not sees(bank, **regulator)


def test_the_police_see_requests_to_them_alone_and_a_court_answers_to_its_own() -> None:
    feedback, officers, requests = CONTROL
    assert sees(requests, to="shanyang-police")
    assert not sees(requests, to="another-police")
    assert sees(feedback, request__from_party="shanyang-court")
    assert not sees(feedback, request__from_party="another-court")
    for path in CONTROL:
        assert load_agreement(path).terms.effects is None
    assert {"documents[].digest", "officers[].certificate", "contact.phone", "valid_until"} < shown(requests)
    assert {"certificate", "name", "valid_until"} < shown(officers)


@pytest.mark.parametrize(
    "path", [*DEBTORS, RESTRICTIONS, ENFORCEMENT, *ADDRESSES, *RESULTS, *CONTROL], ids=lambda path: path.stem
)
def test_an_official_can_preview_it_without_a_record(path: Path) -> None:
    terms = load_agreement(path).terms
    made = preview(terms, feed(terms.feed), [])
    assert made.seen == 0
    assert {field.slot for field in made.fields if field.how != "withheld"} == shown(path)
