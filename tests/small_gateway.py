"""A gateway's journal, routing and sending over a real database, with records made by hand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.load import load_agreement
from contracts.model import SignedContract, Terms, signature_payload
from gateway.admin.registry import Registry
from gateway.clock import ManualClock
from gateway.control.admission import Admission
from gateway.control.limits import limits_of
from gateway.delivery.cursor import Cursor
from gateway.delivery.route import Router
from gateway.delivery.send import Sender
from gateway.delivery.versions import Versions
from gateway.intake import Intake, Result, Submission
from gateway.journal.engine import open_engine
from gateway.journal.schema import upgrade
from gateway.precedence import Precedence
from gateway.reading.reading import Reading
from gateway.settings import Settings
from gateway.trust import jws
from gateway.trust.keyring import Keyring, load_keyring
from gateway.trust.keys import SigningKey
from schemas.catalog import DISHONEST_DEBTOR
from schemas.reading import Accepted, Item, Withdrawal
from schemas.record_id import record_id
from schemas.records.debtor import DishonestDebtor

ROOT = Path(__file__).parents[1]
COURT, AGENCY = "shanyang-court", "shanyang-market-regulation"


def id_of(name: str) -> str:
    return record_id(b"k" * 32, "dishonest-debtor", name)


def debtor(name: str, **changed: Any) -> DishonestDebtor:
    """A listed debtor; `province` and `obligation` are there to be changed."""
    return DishonestDebtor.model_validate_json(
        json.dumps(
            {
                "feed": "dishonest-debtor",
                "schema_version": 1,
                "record_id": id_of(name),
                "revision": 1,
                "status": "listed",
                "status_reason": None,
                "doubts": [],
                "subject": {
                    "kind": "organisation",
                    "name": name,
                    "name_masked": False,
                    "identifiers": [],
                    "sex": None,
                    "age": None,
                    "birth_year": None,
                },
                "responsible_persons": [],
                "case": {
                    "number": f"（2019）皖1122执{len(name)}号",
                    "court": "来安县人民法院",
                    "province": changed.get("province", "安徽"),
                    "filed_on": "2019-07-09",
                },
                "basis": [],
                "obligation": changed.get("obligation"),
                "performance": "none",
                "performed": None,
                "unperformed": None,
                "grounds": ["evades"],
                "published_on": changed.get("published_on", "2019-07-13"),
                "listed_until": None,
                "source_updated_at": None,
                "source": {"system": "test", "record": None, "digest": "0" * 64},
                "warnings": [],
            }
        )
    )


def no_reader(feed: str, data: bytes, key: bytes, today: date) -> Iterator[Item]:
    raise AssertionError("these tests hand in items that were read already")


NOTHING_READ = Reading(no_reader, 0)


def admission(clock: ManualClock, keyring: Keyring, versions: Versions) -> Admission:
    return Admission(clock, keyring, versions, limits_of(Settings()))


@dataclass
class Gateway:
    engine: AsyncEngine
    clock: ManualClock
    keyring: Keyring
    registry: Registry
    intake: Intake
    router: Router
    sender: Sender
    keys: dict[str, SigningKey]
    sent: int = field(default=0)

    async def put(self, *items: DishonestDebtor | str, relist: bool = False) -> Result:
        """Records to list, and names to withdraw, as one submission."""
        self.sent += 1
        read: list[Item] = [
            Withdrawal(line, (id_of(item),), "performed", b"{}")
            if isinstance(item, str)
            else Accepted(line, item, b"{}")
            for line, item in enumerate(items, start=1)
        ]
        submission = Submission(COURT, "dishonest-debtor", f"put-{self.sent}", str(self.sent).encode(), relist=relist)
        return await self.intake.submit_items(submission, DISHONEST_DEBTOR, iter(read))

    def contract(self, version: int = 1, **changed: Any) -> SignedContract:
        """The district's agreement with market regulation, changed and signed by both."""
        terms = load_agreement(ROOT / "contracts/agreements/debtors-to-market-regulation.yaml").terms
        members = {**terms.model_dump(mode="json"), "version": version, **changed}
        for side in ("provider", "subscriber"):
            members[side] = {**members[side], "keys": [self.keys[members[side]["party"]].kid]}
        terms = Terms.model_validate(members)
        tokens = tuple(
            jws.sign(self.keys[party], jws.CONTRACT, signature_payload(terms, party))
            for party in (terms.provider.party, terms.subscriber.party)
        )
        return SignedContract(terms=terms, signatures=tokens)

    async def pull(self, contract: str, after: Cursor, limit: int = 500) -> tuple[list[dict[str, Any]], Cursor]:
        await self.router.catch_up(contract)
        page = await self.sender.page(contract, after, limit)
        return page.events, page.next


async def open_test_gateway(folder: Path, database_url: str) -> Gateway:
    clock = ManualClock()
    keyring = load_keyring(folder / "keys", "fuyuan-gateway", clock, make=True)
    engine = open_engine(database_url)
    await upgrade(engine)
    registry = Registry(engine, clock, keyring)
    await registry.admit({"id": "fuyuan-gateway"}, [keyring.signing.public()])
    keys = {party: SigningKey.generate(party, clock.now()) for party in (COURT, AGENCY)}
    for party, key in keys.items():
        await registry.admit({"id": party}, [key.public()])
    versions = Versions(keyring.vault)
    return Gateway(
        engine,
        clock,
        keyring,
        registry,
        Intake(
            engine,
            clock,
            keyring,
            NOTHING_READ,
            admission(clock, keyring, versions),
            precedence=Precedence(),
            batch_records=3,
            appended=versions.note,
        ),
        Router(engine, clock, versions),
        Sender(engine, clock, keyring, versions),
        keys,
    )
