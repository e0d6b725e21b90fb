"""Verify before use: what the gateway sends counts only where its seals hold under keys that this agency pinned.

The keys are a file that the agency got and compared by another way than the gateway's own address. Of a page, every
event must hold, or none is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson
from pydantic import ValidationError

from contracts.model import Terms
from gateway.agent.event import Arrived, EventRef
from gateway.agent.standing import Standing
from gateway.client import EventPage
from gateway.clock import Clock
from gateway.errors import Broken, Refused
from gateway.trust import jws
from gateway.trust.documents import LANES, BadDocument, Heartbeat, TreeSize
from gateway.trust.jws import BadJws
from gateway.trust.keys import BadKey, KeySet
from gateway.trust.merkle import BadProof, verify_consistency
from gateway.trust.verify import open_heartbeat, verify_contract, verify_event
from schemas.canonical import CanonicalError, JsonObject, b64u, unb64u

# feed -> schema version that this agent can follow; whom a record may block is for `match` to say
FEEDS: Final = {
    "dishonest-debtor": 1,
    "consumption-restriction": 1,
    "judgment-debtor": 1,
    "service-address": 1,
    "service-result": 1,
    "control-officer": 1,
    "control-request": 1,
    "control-feedback": 1,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """A page whose seals hold. `offsets`, by lane: up to where a topic was read, where Kafka brought it."""

    events: list[Arrived]
    heartbeat: Heartbeat | None
    offsets: dict[str, int] | None = None


def read_trusted_keys(path: Path) -> KeySet:
    """Raises Refused (`trusted-keys`) where the file is no key set."""
    try:
        return KeySet.from_jwks(path.read_bytes())
    except (OSError, BadKey, CanonicalError) as error:
        raise Refused("trusted-keys", f"The trusted keys cannot be read ({type(error).__name__}).") from None


class Trust:
    """What one agency trusts under one contract: `gateway` is the party id of the gateway it pinned."""

    def __init__(self, keys: KeySet, gateway: str, contract: str, agency: str, clock: Clock) -> None:
        self._keys = keys
        self._gateway = gateway
        self._contract = contract
        self._agency = agency
        self._clock = clock
        self._sealing: dict[str, KeySet] = {}

    def terms(self, signed: JsonObject) -> Terms:
        """The terms of a contract that both parties signed.

        Raises Broken (`contract-unverified`), Refused (`contract-not-ours`, `feed-unsupported`).
        """
        verdict = verify_contract(signed, self._keys)
        if verdict.status != "valid":
            raise Broken("contract-unverified", f"The contract does not hold: {verdict.reason}.")
        try:
            terms = Terms.model_validate_json(orjson.dumps(signed["terms"]))
        except ValidationError:
            raise Broken("contract-unverified", "The terms are not such as this agent knows.") from None
        if (terms.id, terms.subscriber.party) != (self._contract, self._agency):
            raise Refused("contract-not-ours", "The contract is another one, or with another agency.")
        if FEEDS.get(terms.feed) != terms.schema_version:
            raise Refused("feed-unsupported", "This agent cannot match records of the contract's feed and version.")
        return terms

    def page(self, page: EventPage, terms: Terms, standing: Standing) -> Checked:
        """The page, every event of it and the heartbeat verified. Raises Broken, and then nothing of it may be used.

        `standing` is what it was asked for behind: what it tells may lie ahead of that, never behind.
        """
        heartbeat = self.heartbeat(page.heads)
        if any(heartbeat.heads.of(lane) < standing.applied(lane) for lane in LANES):
            raise Broken("heads-behind", "The gateway's lanes end before what it has sent; its journal was set back.")
        if heartbeat.checkpoint.size < standing.tree_size:
            raise Broken("journal-set-back", "The gateway's journal is shorter than it was; it was set back.")
        return Checked(self.events(page.events, terms), heartbeat)

    def heartbeat(self, token: str) -> Heartbeat:
        """What a heartbeat of the contract says, sealed by a key of the gateway that is current. Raises Broken."""
        try:
            heartbeat, _ = open_heartbeat(token, self._current())
        except (BadJws, BadDocument) as error:
            raise Broken("heartbeat-unverified", f"The heartbeat does not hold: {error}.") from None
        if heartbeat.contract != self._contract:
            raise Broken("heartbeat-unverified", "The heartbeat is another contract's.")
        return heartbeat

    def events(self, events: Sequence[JsonObject], terms: Terms) -> list[Arrived]:
        """Each event verified, its run sealed by a current key. Raises Broken for all where one does not hold."""
        arrived = [self._event(event, terms) for event in events]
        current = self._current()
        for token in {one.run for one in arrived}:
            try:
                jws.verify(token, jws.RUN, current)
            except BadJws as error:
                raise Broken("run-unverified", f"A run is not sealed by a current key: {error}.") from None
        return arrived

    def _current(self) -> KeySet:
        return KeySet(self._keys.of_party(self._gateway)).current(self._clock.now())

    def _event(self, event: JsonObject, terms: Terms) -> Arrived:
        verdict = verify_event(event, self._keys_for(terms.provider.party))
        # A batch may be older than its key's end. Then the run, sealed today by the gateway, vouches for its age.
        if verdict.status == "invalid" or verdict.leaf is None or verdict.by[-1:] != (self._gateway,):
            raise Broken("event-unverified", f"An event does not hold: {verdict.reason or 'sealed by another party'}.")
        if event["contract"] != self._contract:
            raise Broken("event-unverified", "An event is another contract's.")
        leaf = b64u(verdict.leaf)
        match event:  # that the members are of these types was verified
            case {"lane": "priority" | "bulk" as lane, "number": int(number), "cause": int(cause), "kind": str(kind)}:
                record, notice = event["record"], event["notice"]
                return Arrived(
                    EventRef(lane, number, cause, leaf),
                    kind,
                    record if isinstance(record, dict) else None,
                    notice if isinstance(notice, dict) else None,
                    _run_of(event),
                    event,
                )
        raise Broken("event-unverified", "An event is not whole.")

    def _keys_for(self, provider: str) -> KeySet:
        """Only the gateway and the contract's own provider may seal; the same object each time, so seals are cached."""
        if provider not in self._sealing:
            self._sealing[provider] = KeySet(key for key in self._keys if key.party in (self._gateway, provider))
        return self._sealing[provider]


def check_tree(standing: Standing, shown: TreeSize, proof: JsonObject) -> None:
    """That the journal's tree goes on from the one that was seen last; `proof` as the gateway gave it (RFC 9162).

    Raises Broken (`journal-forked`). A gateway that shows two readers two journals must keep them apart for ever;
    receipts carry what was seen, so that the court can compare.
    """
    if standing.tree_root is None:
        return
    path = proof.get("path")
    try:
        nodes = [unb64u(str(node)) for node in path] if isinstance(path, list) else []
        verify_consistency(standing.tree_size, shown.size, nodes, unb64u(standing.tree_root), unb64u(shown.root))
    except (BadProof, CanonicalError):
        raise Broken("journal-forked", "The gateway's journal is not the one that was seen before.") from None


def _run_of(event: JsonObject) -> str:
    proof = event["proof"]
    return str(proof["run"]) if isinstance(proof, dict) else ""
