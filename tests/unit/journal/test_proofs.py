"""The journal's own tree: every leaf is in every later checkpoint, and every tree begins with the older ones."""

import pytest
from sqlalchemy import select

from gateway.errors import BadRequest
from gateway.journal.proofs import Proofs
from gateway.journal.tables import journal_leaf
from gateway.trust import jws
from gateway.trust.merkle import leaf_hash, verify_consistency, verify_inclusion
from schemas.canonical import canonical, unb64u
from tests.small_gateway import Gateway, debtor


async def test_every_leaf_and_every_size(gateway: Gateway) -> None:
    proofs = Proofs(gateway.engine, gateway.clock, gateway.keyring.signing)
    keys = await gateway.registry.keys()
    roots = {}
    for number in range(1, 9):
        await gateway.put(debtor("名" * number))
        payload, _ = jws.verify(await proofs.checkpoint(), jws.CHECKPOINT, keys)
        roots[payload["size"]] = unb64u(payload["root"], 32)
    for size, root in roots.items():
        for index in range(size):
            proof = await proofs.inclusion(index, size)
            path = [unb64u(node, 32) for node in proof["path"]]
            verify_inclusion(leaf_hash(canonical(proof["leaf"])), index, size, path, root)
        for older in (known for known in roots if known <= size):
            path = [unb64u(node, 32) for node in (await proofs.consistency(older, size))["path"]]
            verify_consistency(older, size, path, roots[older], root)


async def test_s7_the_leaf_says_when_it_was_appended(gateway: Gateway) -> None:
    await gateway.put(debtor("甲"))
    async with gateway.engine.connect() as connection:
        row = (await connection.execute(select(journal_leaf).order_by(journal_leaf.c.idx.desc()).limit(1))).one()
    proof = await Proofs(gateway.engine, gateway.clock, gateway.keyring.signing).inclusion(row.idx, row.idx + 1)
    assert proof["leaf"]["appended_at"] == row.appended_at


@pytest.mark.parametrize(("leaf", "size"), [(0, 0), (5, 3), (0, 10**6)])
async def test_what_is_not_there_is_refused(gateway: Gateway, leaf: int, size: int) -> None:
    with pytest.raises(BadRequest):
        await Proofs(gateway.engine, gateway.clock, gateway.keyring.signing).inclusion(leaf, size)
