"""Rules J1-J7 over a real database: what was accepted is there once, in order, and nowhere half-done."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text

from gateway.errors import Conflict, NotFound, Unavailable
from gateway.intake import Submission
from gateway.journal import tables
from gateway.journal.erase import erase_record
from gateway.journal.plan import fingerprint
from schemas.catalog import DISHONEST_DEBTOR
from schemas.reading import Accepted, Rejected, Replaced, Withdrawal
from tests.small_gateway import COURT, Gateway, debtor, id_of

TEN = tuple("名" * length for length in range(1, 11))


async def positions(gateway: Gateway) -> list[int]:
    async with gateway.engine.connect() as connection:
        return list((await connection.execute(select(tables.entry.c.position).order_by("position"))).scalars())


async def live(gateway: Gateway) -> set[str]:
    async with gateway.engine.connect() as connection:
        rows = await connection.execute(
            select(tables.entry.c.record_id).where(
                tables.entry.c.superseded_by.is_(None), tables.entry.c.status != "withdrawn"
            )
        )
        return set(rows.scalars())


async def test_j2_positions_follow_each_other_without_a_gap(gateway: Gateway) -> None:
    before = await head(gateway)
    await gateway.put(*map(debtor, TEN))
    assert await positions(gateway) == list(range(before + 1, before + 11))


async def head(gateway: Gateway) -> int:
    async with gateway.engine.connect() as connection:
        return (await connection.execute(select(tables.journal_head.c.size))).scalar_one()


async def test_j2_rival_writers_share_no_position(gateway: Gateway) -> None:
    before = await head(gateway)
    results = await asyncio.gather(*(gateway.put(debtor("企" * n)) for n in range(1, 13)))
    assert sum(result.counts["listed"] for result in results) == 12
    assert await positions(gateway) == list(range(before + 1, before + 13))


async def test_j3_a_submission_is_cut_into_batches(gateway: Gateway) -> None:
    result = await gateway.put(*map(debtor, TEN))  # this gateway seals three at a time
    assert [batch["count"] for batch in result.batches] == [3, 3, 3, 1]


async def test_j3_the_same_key_and_body_give_the_same_answer(gateway: Gateway) -> None:
    submission = Submission(COURT, "dishonest-debtor", "one-key", b"body")
    items = [Accepted(1, debtor("甲"), b"{}")]
    first = await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, iter(items))
    again = await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, iter(items))
    assert again.document() == first.document()
    with pytest.raises(Conflict, match="idempotency-key-reused"):
        await gateway.intake.submit_items(replace(submission, body=b"other"), DISHONEST_DEBTOR, iter(items))


async def test_j3_a_submission_that_broke_off_is_taken_up_where_it_stopped(gateway: Gateway) -> None:
    submission = Submission(COURT, "dishonest-debtor", "one-key", b"body")
    items = [Accepted(line, debtor(name), b"{}") for line, name in enumerate(TEN, start=1)]

    def breaks_off():
        yield from items[:7]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, breaks_off())
    assert len(await positions(gateway)) == 6
    result = await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, iter(items))
    assert result.counts["listed"] == 10
    assert result.counts["unchanged"] == 0
    assert len(await positions(gateway)) == 10


async def test_j4_another_provider_neither_amends_nor_withdraws(gateway: Gateway) -> None:
    await gateway.put(debtor("甲"))
    other = Submission("another-court", "dishonest-debtor", "one-key", b"body")
    withdrawal = Withdrawal(1, (id_of("甲"),), "performed", b"{}")
    result = await gateway.intake.submit_items(other, DISHONEST_DEBTOR, iter([withdrawal]))
    assert result.counts["unmatched"] == 1
    assert await live(gateway) == {id_of("甲")}


async def test_j4_yesterdays_list_after_a_withdrawal_lists_nobody(gateway: Gateway) -> None:
    await gateway.put(debtor("甲"), debtor("乙乙"))
    await gateway.put("甲")
    result = await gateway.put(debtor("甲"), debtor("乙乙"))
    assert [refused["code"] for refused in result.quarantine] == ["stale-listing"]
    assert result.counts["unchanged"] == 1
    assert await live(gateway) == {id_of("乙乙")}


async def test_j4_listing_and_withdrawing_in_one_submission_keeps_the_order(gateway: Gateway) -> None:
    result = await gateway.put(debtor("甲"), "甲")
    assert (result.counts["listed"], result.counts["withdrawn"]) == (1, 1)
    assert await live(gateway) == set()


async def test_two_that_differ_under_one_id_are_both_quarantined(gateway: Gateway) -> None:
    result = await gateway.put(debtor("甲"), debtor("甲", obligation="another"), debtor("乙乙"))
    assert [refused["code"] for refused in result.quarantine] == ["alike-in-batch", "alike-in-batch"]
    assert await live(gateway) == {id_of("乙乙")}


async def test_the_same_record_twice_in_one_submission_is_one(gateway: Gateway) -> None:
    result = await gateway.put(debtor("甲"), debtor("甲"))
    assert (result.counts["listed"], result.counts["unchanged"]) == (1, 1)


async def test_j5_a_withdrawal_that_matches_nothing_is_an_alarm_in_the_journal(gateway: Gateway) -> None:
    result = await gateway.put("nobody")
    assert result.counts["unmatched"] == 1
    async with gateway.engine.connect() as connection:
        kinds = await connection.execute(select(tables.journal_leaf.c.kind).order_by(tables.journal_leaf.c.idx))
        assert kinds.scalars().all()[-1] == "statement"


async def test_j6_live_as_of_a_position_is_one_query(gateway: Gateway) -> None:
    await gateway.put(debtor("甲"))
    then = await head(gateway)
    await gateway.put(debtor("甲", obligation="more"))
    await gateway.put("甲")
    entry = tables.entry
    async with gateway.engine.connect() as connection:
        rows = await connection.execute(
            select(entry.c.revision).where(
                entry.c.position <= then, (entry.c.superseded_by.is_(None)) | (entry.c.superseded_by > then)
            )
        )
        assert list(rows.scalars()) == [1]


async def test_j7_an_erased_record_leaves_its_proofs_and_nothing_else(gateway: Gateway) -> None:
    await gateway.put(debtor("甲"), debtor("乙乙"))
    await erase_record(gateway.engine, gateway.clock, gateway.keyring.signing, "dishonest-debtor", COURT, id_of("甲"))
    async with gateway.engine.connect() as connection:
        bodies = (await connection.execute(select(tables.entry.c.body).order_by("position"))).scalars().all()
        secrets = (await connection.execute(select(func.count()).select_from(tables.secret))).scalar_one()
    assert bodies[0] is None
    assert bodies[1] is not None
    assert secrets == 1
    with pytest.raises(NotFound):
        await erase_record(gateway.engine, gateway.clock, gateway.keyring.signing, "dishonest-debtor", COURT, "none")


async def test_rejected_lines_are_kept_with_their_raw_bytes_encrypted(gateway: Gateway) -> None:
    raw = "{坏的一行".encode() + b"\xff"
    submission = Submission(COURT, "dishonest-debtor", "one-key", b"body")
    items = [Rejected(1, "unparseable", "it is no JSON", raw), Accepted(2, debtor("甲"), b"{}")]
    result = await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, iter(items))
    assert (result.counts["quarantined"], result.counts["listed"]) == (1, 1)
    async with gateway.engine.connect() as connection:
        row = (await connection.execute(select(tables.quarantine))).one()
    assert gateway.keyring.vault.unwrap(row.raw) == raw
    assert raw not in row.raw


FULL = {
    "sqlite": ["CREATE TRIGGER is_full BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'full'); END"],
    "postgresql": [
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER is_full BEFORE INSERT ON entry EXECUTE FUNCTION full_disk()",
    ],
}


async def test_j1_where_the_journal_cannot_be_written_nothing_is_accepted(gateway: Gateway) -> None:
    async with gateway.engine.begin() as connection:
        for statement in FULL[gateway.engine.dialect.name]:
            await connection.execute(text(statement))
    with pytest.raises(Unavailable):
        await gateway.put(debtor("甲"))
    assert await positions(gateway) == []
    async with gateway.engine.connect() as connection:
        assert (await connection.execute(select(tables.submission))).first() is None


async def test_j3_an_answer_names_no_more_bad_lines_than_can_be_read(gateway: Gateway) -> None:
    """It is written again with each chunk, so a body of nothing but bad lines would cost their square."""
    lines = (Rejected(line, "unknown-shape", "no record", b"7") for line in range(1, 1501))
    submission = Submission(COURT, "dishonest-debtor", "bad-lines", b"7")
    result = await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, lines)
    assert (result.counts["quarantined"], len(result.quarantine)) == (1500, 1000)
    async with gateway.engine.connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(tables.quarantine))).scalar_one() == 1500


async def test_j4_a_resumed_version_is_known_by_the_records_key_like_any_other(gateway: Gateway) -> None:
    """Its fingerprint is of all its words, and whoever checks the key (fuyuan doctor) makes the same one."""
    record = debtor("甲").model_copy(update={"status_reason": "resumed"})
    await gateway.put(debtor("甲"))
    suspended = Withdrawal(1, (id_of("甲"),), "suspended", b"{}")
    for key, item in (("suspended", suspended), ("resumed", Accepted(1, record, b"{}"))):
        submission = Submission(COURT, "dishonest-debtor", key + "-key", b"body")
        await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, iter([item]))
    assert await live(gateway) == {id_of("甲")}
    async with gateway.engine.connect() as connection:
        latest = select(tables.entry.c.content_mac).order_by(tables.entry.c.position.desc()).limit(1)
        mac = (await connection.execute(latest)).scalar_one()
    assert mac == fingerprint(gateway.intake._keyring, DISHONEST_DEBTOR, DISHONEST_DEBTOR.values(record))


async def test_j4_a_listing_that_takes_the_place_of_another_stands_with_its_withdrawal_or_neither(
    gateway: Gateway,
) -> None:
    await gateway.put(debtor("甲"), debtor("乙乙"))
    replaces = Replaced((id_of("甲"), id_of("never listed")), "corrected")
    submission = Submission(COURT, "dishonest-debtor", "corrected-key", b"body")
    item = Accepted(1, debtor("丙丙丙"), b"{}", replaces)
    result = await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, iter([item]))
    assert (result.counts["listed"], result.counts["withdrawn"], result.counts["unmatched"]) == (1, 1, 0)
    assert len(result.batches) == 1
    assert await live(gateway) == {id_of("乙乙"), id_of("丙丙丙")}
    await gateway.put("丙丙丙")
    again = Submission(COURT, "dishonest-debtor", "another-key", b"body")
    stale = Accepted(1, debtor("丙丙丙"), b"{}", Replaced((id_of("乙乙"),), "corrected"))
    result = await gateway.intake.submit_items(again, DISHONEST_DEBTOR, iter([stale]))
    assert result.counts["quarantined"] == 1
    assert await live(gateway) == {id_of("乙乙")}, "what is refused replaces nobody"


async def test_j4_a_listing_behind_one_that_replaced_it_in_the_same_submission_is_stale(gateway: Gateway) -> None:
    submission = Submission(COURT, "dishonest-debtor", "both-key", b"body")
    first = Accepted(1, debtor("甲"), b"{}")
    second = Accepted(2, debtor("乙乙"), b"{}", Replaced((id_of("甲"),), "corrected"))
    result = await gateway.intake.submit_items(
        submission, DISHONEST_DEBTOR, iter([first, second, replace(first, line=3)])
    )
    assert (result.counts["listed"], result.counts["withdrawn"], result.counts["quarantined"]) == (2, 1, 1)
    assert await live(gateway) == {id_of("乙乙")}
