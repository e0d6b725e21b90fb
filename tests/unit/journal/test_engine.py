"""The engine: reading in one snapshot, writing in turn, and single statements that stand by themselves."""

from sqlalchemy import func, insert, select

from gateway.journal.bulk import insert_unless_there, padded
from gateway.journal.tables import request_nonce
from tests.small_gateway import Gateway

NONCE = {"kid": "k", "nonce": "n", "until": "2026-01-01T00:00:00.000Z"}


async def count(gateway: Gateway) -> int:
    async with gateway.engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(request_nonce))).scalar_one())


async def test_a_single_statement_stands_at_once(gateway: Gateway) -> None:
    async with gateway.engine.single() as connection:
        await connection.execute(insert(request_nonce).values(NONCE))
        assert await count(gateway) == 1  # for others too, and nothing is to be committed
    assert await count(gateway) == 1


async def test_behind_a_single_statement_a_transaction_is_one_again(gateway: Gateway) -> None:
    async with gateway.engine.single() as connection:
        await connection.execute(select(func.count()).select_from(request_nonce))
    async with gateway.engine.connect() as connection:
        await connection.execute(insert(request_nonce).values(NONCE))
    assert await count(gateway) == 0


async def test_what_is_there_already_stands(gateway: Gateway) -> None:
    async with gateway.engine.begin() as connection:
        await insert_unless_there(connection, request_nonce, dict(NONCE))
        await insert_unless_there(connection, request_nonce, dict(NONCE) | {"until": "2027-01-01T00:00:00.000Z"})
        assert (await connection.execute(select(request_nonce.c.until))).scalars().all() == [NONCE["until"]]


def test_lists_of_many_lengths_make_few_statements() -> None:
    assert {len(padded([*range(length)])) for length in range(1, 501)} == {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
    assert all(set(padded([*range(length)])) == set(range(length)) for length in range(1, 501))
