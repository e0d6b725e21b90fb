"""Contracts: do their signatures hold, can both parties still sign, and which come to their end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.lifecycle import IN_FORCE
from contracts.model import Side, SignedContract, Terms
from gateway.clock import china_date, unstamp
from gateway.doctor.finding import SOON, Finding, in_words, since
from gateway.doctor.keys import check_end
from gateway.journal.tables import activation, contract, contract_version, journal_leaf, party_key
from gateway.trust.keys import KeySet, PublicKey
from gateway.trust.verify import verify_contract

REVOKING_LONG: Final = timedelta(days=1)


async def check_contracts(connection: AsyncConnection, now: datetime, *, kafka: bool) -> list[Finding]:
    """`kafka`: whether brokers are set."""
    keys = KeySet(
        PublicKey.from_jwk(orjson.loads(jwk))
        for jwk in (await connection.execute(select(party_key.c.jwk).order_by(party_key.c.kid))).scalars()
    )
    rows = (
        await connection.execute(
            select(contract, contract_version.c.document)
            .join(
                contract_version,
                (contract_version.c.contract == contract.c.id) & (contract_version.c.version == contract.c.version),
            )
            .order_by(contract.c.id)
        )
    ).all()
    found: list[Finding] = []
    parties: dict[str, Side] = {}
    for row in rows:
        signed = orjson.loads(row.document)
        if row.state == "revoking":
            found += await _revoking(connection, row.id, now)
        if row.state not in IN_FORCE:
            continue
        if verify_contract(signed, keys.as_of(now)).status == "invalid":
            found.append(
                Finding(
                    "error",
                    "contracts",
                    "contract-unverified",
                    f"The signatures of {row.id} version {row.version} do not hold.",
                    "Suspend it with `fuyuan contract change`, and have both parties sign a new version.",
                )
            )
        terms = SignedContract.model_validate(signed).terms
        found += _ends(terms, now)
        if "kafka" in terms.delivery and not kafka:
            found.append(
                Finding(
                    "error",
                    "contracts",
                    "broker-missing",
                    f"{row.id} is delivered over Kafka, and FUYUAN_KAFKA_BOOTSTRAP is not set.",
                    "Set it; until then the agency must pull.",
                )
            )
        parties |= {side.party: side for side in (terms.provider, terms.subscriber)}
        for side in (terms.provider, terms.subscriber):
            found += _can_sign(terms, side, keys, now)
    for party in sorted(parties):
        found += _ending_keys(party, keys, now)
    if not found:
        in_force = sum(row.state in IN_FORCE for row in rows)
        return [Finding("ok", "contracts", "contracts", f"{in_force} in force, signed and in their period.")]
    return found


def _ends(terms: Terms, now: datetime) -> Iterator[Finding]:
    left = terms.valid_until - china_date(now)
    remedy = "Agree on a new version; what becomes of standing holds is told by on_end."
    if left < timedelta():
        yield Finding(
            "error",
            "contracts",
            "contract-over",
            f"{terms.id} is past its last day, {terms.valid_until}, and is ended at its subscriber's next pull.",
            remedy,
        )
    elif left < SOON:
        yield Finding("warning", "contracts", "contract-ends-soon", f"{terms.id} ends on {terms.valid_until}.", remedy)


def _can_sign(terms: Terms, side: Side, keys: KeySet, now: datetime) -> Iterator[Finding]:
    known = [key for kid in side.keys if (key := keys.find(kid)) is not None]
    if not any(key.validity.current_at(now) for key in known):
        yield Finding(
            "error",
            "contracts",
            "party-without-key",
            f"No key that {terms.id} names for {side.party} is in force.",
            "Have the party make a key, admit it, and sign a new version that names it.",
        )


def _ending_keys(party: str, keys: KeySet, now: datetime) -> list[Finding]:
    """Where the last key of a party comes to its end; one of several is no news."""
    current = [key for key in keys.of_party(party) if key.validity.current_at(now)]
    if not current or any(key.validity.end is None for key in current):
        return []
    last = max(current, key=lambda key: key.validity.end or now)
    return check_end(last, now, f"The last key of {party}")


async def _revoking(connection: AsyncConnection, contract_id: str, now: datetime) -> list[Finding]:
    last = select(func.max(activation.c.position)).where(activation.c.contract == contract_id).scalar_subquery()
    at = (
        await connection.execute(select(journal_leaf.c.appended_at).where(journal_leaf.c.first_position == last))
    ).scalar_one()
    if now - unstamp(at) < REVOKING_LONG:
        return []
    return [
        Finding(
            "error",
            "contracts",
            "contract-revoking",
            f"{contract_id} is revoked since {since(unstamp(at), now)} and not confirmed: "
            f"its subscriber may still read what it was sent. More than {in_words(REVOKING_LONG)} is too long.",
            f"See that nothing can be read, then `fuyuan contract change {contract_id} confirm`.",
        )
    ]
