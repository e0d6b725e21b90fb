"""Who takes part, and what may be put in force: every refusal, and that a refusal leaves the journal as it was."""

from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from contracts.model import SignedContract
from gateway.delivery.cursor import Cursor
from gateway.errors import Conflict, FuyuanError, NotFound, Refused
from gateway.journal import tables
from gateway.trust.keys import SigningKey
from tests.small_gateway import AGENCY, COURT, Gateway, debtor

CONTRACT = "debtors-to-market-regulation"


async def leaves(gateway: Gateway) -> int:
    async with gateway.engine.connect() as connection:
        return (await connection.execute(select(tables.journal_head.c.leaves))).scalar_one()


async def refused(gateway: Gateway, signed: SignedContract, kind: type[FuyuanError]) -> str:
    """The code with which activation is refused; nothing of it may stand in the journal."""
    before = await leaves(gateway)
    with pytest.raises(kind) as caught:
        await gateway.registry.activate(signed)
    assert await leaves(gateway) == before
    return caught.value.code


async def test_a_contract_that_both_signed_comes_into_force_once(gateway: Gateway) -> None:
    place = await gateway.registry.activate(gateway.contract())
    assert place is not None
    after = await leaves(gateway)
    assert await gateway.registry.activate(gateway.contract()) is None
    assert await leaves(gateway) == after


@pytest.mark.parametrize("kept", [0, 1])
async def test_s7_a_contract_needs_both_signatures(gateway: Gateway, kept: int) -> None:
    signed = gateway.contract()
    half = signed.model_copy(update={"signatures": signed.signatures[:kept]})
    assert await refused(gateway, half, Refused) == "contract-unsigned"


async def test_s7_terms_changed_after_signing_are_not_signed(gateway: Gateway) -> None:
    signed = gateway.contract()
    wider = signed.terms.model_copy(update={"fields": (*signed.terms.fields, "subject.age")})
    assert await refused(gateway, signed.model_copy(update={"terms": wider}), Refused) == "contract-unsigned"


async def test_s7_a_revoked_key_signs_nothing(gateway: Gateway) -> None:
    signed = gateway.contract()
    key = (await gateway.registry.keys()).find(gateway.keys[COURT].kid)
    assert key is not None
    jwk = {**key.to_jwk(), "revoked_at": "2026-11-23T01:00:00.000Z"}
    await gateway.registry.enter_key(type(key).from_jwk(jwk))
    gateway.clock.advance(timedelta(minutes=1))
    assert await refused(gateway, signed, Refused) == "contract-unsigned"


@pytest.mark.parametrize(
    "period",
    [
        {"valid_from": "2026-11-24", "valid_until": "2027-11-23"},
        {"valid_from": "2025-11-23", "valid_until": "2026-11-22"},
    ],
)
async def test_a_contract_is_in_force_in_its_period_only(gateway: Gateway, period: dict[str, Any]) -> None:
    assert await refused(gateway, gateway.contract(**period), Refused) == "contract-not-in-period"


async def test_what_lint_finds_is_not_put_in_force(gateway: Gateway) -> None:
    assert await refused(gateway, gateway.contract(legal_basis=[]), Refused) == "contract-unsound"


async def test_a_version_is_newer_or_nothing(gateway: Gateway) -> None:
    await gateway.registry.activate(gateway.contract(2))
    assert await refused(gateway, gateway.contract(1), Conflict) == "contract-version-old"


async def test_an_id_is_never_handed_on_to_other_parties(gateway: Gateway) -> None:
    await gateway.registry.activate(gateway.contract())
    turned = {side: gateway.contract().terms.model_dump(mode="json")[side] for side in ("provider", "subscriber")}
    other = "shanyang-data-bureau"
    gateway.keys[other] = SigningKey.generate(other, gateway.clock.now())
    await gateway.registry.admit({"id": other}, [gateway.keys[other].public()])
    signed = gateway.contract(2, provider=turned["provider"], subscriber={**turned["subscriber"], "party": other})
    assert await refused(gateway, signed, Conflict) == "contract-of-others"


async def test_d7_a_revoked_contract_is_never_taken_up_again(gateway: Gateway) -> None:
    await gateway.registry.activate(gateway.contract())
    assert await gateway.registry.change_state(CONTRACT, "revoke") == "revoking"
    assert await refused(gateway, gateway.contract(2), Conflict) == "contract-state"
    with pytest.raises(Conflict, match="contract-state"):
        await gateway.registry.change_state(CONTRACT, "resume")
    with pytest.raises(NotFound, match="unknown-contract"):
        await gateway.registry.change_state("no-such-contract", "revoke")


async def test_a_key_speaks_for_one_party(gateway: Gateway) -> None:
    before = await leaves(gateway)
    with pytest.raises(Refused, match="key-of-another"):
        await gateway.registry.admit({"id": AGENCY}, [gateway.keys[COURT].public()])
    taken = {**gateway.keys[COURT].public().to_jwk(), "party": AGENCY}
    with pytest.raises(Conflict, match="key-of-another"):
        await gateway.registry.enter_key(type(gateway.keys[COURT].public()).from_jwk(taken))
    assert await leaves(gateway) == before


async def test_s7_an_old_file_brings_no_revoked_key_back(gateway: Gateway) -> None:
    key = gateway.keys[COURT].public()
    revoked = type(key).from_jwk({**key.to_jwk(), "revoked_at": "2026-11-23T01:00:00.000Z"})
    await gateway.registry.enter_key(revoked)
    gateway.clock.advance(timedelta(minutes=1))
    with pytest.raises(Conflict, match="key-ended"):
        await gateway.registry.admit({"id": COURT}, [key])
    later = type(key).from_jwk({**key.to_jwk(), "revoked_at": "2026-11-23T01:00:30.000Z"})
    with pytest.raises(Conflict, match="key-ended"):
        await gateway.registry.enter_key(later)
    assert await gateway.registry.find(key.kid) == revoked
    earlier = type(key).from_jwk({**revoked.to_jwk(), "compromised_since": "2026-11-23T01:00:00.000Z"})
    await gateway.registry.enter_key(earlier)


async def test_a_key_is_a_leaf_of_the_journal_and_so_is_its_end(gateway: Gateway) -> None:
    before = await leaves(gateway)
    key = gateway.keys[COURT].public()
    await gateway.registry.enter_key(key)
    assert await leaves(gateway) == before
    retired = type(key).from_jwk({**key.to_jwk(), "retired_at": "2027-01-01T00:00:00.000Z"})
    await gateway.registry.enter_key(retired)
    assert await leaves(gateway) == before + 1
    assert await gateway.registry.find(key.kid) == retired


async def test_d10_a_confirmation_says_what_lay_open_since_the_revocation(gateway: Gateway) -> None:
    await gateway.registry.activate(gateway.contract())
    await gateway.put(debtor("甲公司"), debtor("乙公司"))
    _, seen = await gateway.pull(CONTRACT, Cursor())
    await gateway.registry.change_state(CONTRACT, "revoke")
    await gateway.put("甲公司")
    await gateway.pull(CONTRACT, seen)
    await gateway.registry.change_state(CONTRACT, "confirm")
    async with gateway.engine.connect() as connection:
        documents = await connection.execute(
            select(tables.journal_leaf.c.document, tables.journal_leaf.c.first_position)
            .where(tables.journal_leaf.c.kind == "contract")
            .order_by(tables.journal_leaf.c.idx.desc())
            .limit(2)
        )
        (revoked, _), (revoking, since) = [(orjson.loads(row.document), row.first_position) for row in documents]
    assert revoking["lanes"] == {"bulk": {"acknowledged": 0, "shown": 2}, "priority": {"acknowledged": 0, "shown": 1}}
    assert (revoked["state"], revoked["confirmed_by"]) == ("revoked", "operator")
    assert revoked["open"] == {"since": since, "lanes": {"bulk": [1, 2], "priority": [1, 3]}}
