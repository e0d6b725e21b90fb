"""Who plays in the demo: the district's parties with keys made for this run, and its agreements signed with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.load import Party, load_agreement, load_party
from contracts.model import SignedContract, Terms, signature_payload
from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.trust import jws
from gateway.trust.keys import SigningKey

COURT = "shanyang-court"
LISTED = frozenset({"dishonest-debtor", "receipt"})  # the feeds of the first story
AGENCIES = ("shanyang-credit-platform", "shanyang-market-regulation", "shanyang-public-resource-trading")


@dataclass(frozen=True, slots=True)
class Cast:
    """Parties' documents, their private keys, and the signed contracts, by id."""

    parties: dict[str, Party]
    keys: dict[str, SigningKey]
    contracts: dict[str, SignedContract]

    def contract(self, provider: str, subscriber: str, feed: str) -> Terms:
        """The contract under which one party sees that feed of another. Raises NotFound."""
        for signed in self.contracts.values():
            sides = (signed.terms.provider.party, signed.terms.subscriber.party, signed.terms.feed)
            if sides == (provider, subscriber, feed):
                return signed.terms
        raise NotFound("no-agreement", f"There is no agreement on {feed} from {provider} to {subscriber}.")

    def contract_to(self, agency: str) -> Terms:
        """The contract under which an agency sees the court's list."""
        return self.contract(COURT, agency, "dishonest-debtor")

    def contract_from(self, agency: str) -> Terms:
        """The contract under which the court sees an agency's receipts."""
        return self.contract(agency, COURT, "receipt")


def make_cast(
    agreements: Path,
    documents: Path,
    keys: Path,
    clock: Clock,
    *,
    feeds: frozenset[str] = LISTED,
    parties: Sequence[str] = (COURT, *AGENCIES),
    kafka: str | None = None,
) -> Cast:
    """Fresh keys under `keys`, and the district's agreements on these feeds between these parties, signed anew with
    them; `documents` describe the parties.

    The private keys behind the published agreements are nobody's to use; a run has its own. `kafka`: the contracts
    with agencies name it, and end in this word, so that a run has topics of its own.
    """
    known = {party.id: party for party in map(load_party, sorted(documents.glob("*.yaml")))}
    signing = {party: SigningKey.generate(party, clock.now()) for party in parties}
    for party, key in signing.items():
        key.save(keys / f"{party}.jwk")
    contracts = {}
    for path in sorted(agreements.glob("*.yaml")):
        terms = load_agreement(path).terms
        if terms.feed not in feeds or not {terms.provider.party, terms.subscriber.party} <= signing.keys():
            continue
        terms = _with_keys(terms, signing)
        if kafka is not None and terms.feed != "receipt":
            terms = terms.model_copy(update={"id": f"{terms.id}-{kafka}", "delivery": ("pull", "kafka")})
        contracts[terms.id] = sign(terms, [signing[terms.provider.party], signing[terms.subscriber.party]])
    return Cast(known, signing, contracts)


def _with_keys(terms: Terms, keys: dict[str, SigningKey]) -> Terms:
    return terms.model_copy(
        update={
            side: party.model_copy(update={"keys": (keys[party.party].kid,)})
            for side, party in (("provider", terms.provider), ("subscriber", terms.subscriber))
        }
    )


def sign(terms: Terms, keys: list[SigningKey]) -> SignedContract:
    """The contract with one signature for each key."""
    tokens = [jws.sign(key, jws.CONTRACT, signature_payload(terms, key.party)) for key in keys]
    return SignedContract(terms=terms, signatures=tokens)
