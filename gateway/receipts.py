"""Receipts on their way in: each is checked against what was shown, then journalled as a record (rule D12)."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import orjson
import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.closing import Closing
from gateway.delivery.coverage import Agreement, read_agreement
from gateway.delivery.log import RUN, unpack
from gateway.delivery.versions import Versions
from gateway.errors import BadRequest, Refused
from gateway.intake import Along, Intake, Result, Submission
from gateway.journal.append import append_leaf, claim, read_nodes
from gateway.journal.engine import JournalEngine
from gateway.journal.statements import Statement, sign_statement
from gateway.journal.tables import delivery_log, entry, journal_head, provision
from gateway.journal.tables import lane as lane_table
from gateway.trust.documents import Lane, ReceiptEvent, TreeSize
from gateway.trust.documents import Receipt as SignedReceipt
from gateway.trust.keyring import Keyring
from gateway.trust.keys import KeySet
from gateway.trust.merkle import HASH_BYTES, frontier, root, root_from
from gateway.trust.receipt import read_receipt
from schemas.canonical import b64u
from schemas.catalog import RECEIPT
from schemas.feedback import ANSWERS
from schemas.reading import Accepted
from schemas.record_id import record_id
from schemas.records.receipt import Receipt

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 1000

# Made once: to build a statement costs as much as to carry it out.
_SHOWN: Final = select(provision.c.first, provision.c.leaves, provision.c.root).where(
    provision.c.contract == bindparam("contract"),
    provision.c.lane == bindparam("lane"),
    provision.c.first.between(bindparam("begin"), bindparam("last")),  # no run is longer than RUN
    provision.c.first + provision.c.numbers > bindparam("first"),
)
_ACKNOWLEDGE: Final = (
    update(lane_table)
    .where(
        lane_table.c.contract == bindparam("of_contract"),
        lane_table.c.lane == bindparam("of_lane"),
        lane_table.c.acknowledged >= bindparam("before"),
        lane_table.c.acknowledged < bindparam("reached"),
    )
    .values(acknowledged=bindparam("reached"))
)


class Receipts:
    """One receipt of a kind for one key: the first one stands, and sending it again changes nothing."""

    def __init__(
        self,
        engine: JournalEngine,
        clock: Clock,
        keyring: Keyring,
        intake: Intake,
        versions: Versions,
        closing: Closing,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._keyring = keyring
        self._intake = intake
        self._versions = versions
        self._closing = closing

    async def take(self, agency: str, body: bytes, signature: bytes, keys: KeySet) -> Result:
        """Journal signed receipts, a JSON array of compact JWS. All are taken or none; a closing receipt stands alone.

        Raises BadRequest (`receipt-unreadable`), Refused (`receipt-not-yours`, `receipt-unsent`, `receipt-of-receipt`,
        `receipt-mismatch`, `closing-not-alone`) and what `Closing.check` raises.
        """
        tokens = _read_tokens(body)
        items: list[Accepted] = []
        acknowledged: dict[tuple[str, Lane], list[tuple[int, int]]] = defaultdict(list)
        along: Along | None = None
        forked: Statement | None = None
        agreements: dict[str, Agreement | None] = {}
        ours: set[TreeSize] = set()  # receipts of one moment tell of one tree
        async with self._engine.single() as connection:  # what was shown stands
            for line, token in enumerate(tokens, start=1):
                payload = read_receipt(token, keys)
                if payload.agency != agency:
                    raise Refused("receipt-not-yours", "A receipt is signed by another party than the sender.")
                if payload.contract not in agreements:
                    agreements[payload.contract] = await read_agreement(connection, payload.contract)
                agreement = agreements[payload.contract]
                if agreement is None or agreement.subscriber != agency:
                    raise Refused("receipt-not-yours", "A receipt names a contract that is not the sender's.")
                if agreement.feed == RECEIPT.name:
                    raise Refused("receipt-of-receipt", "Receipts are not receipted; the cursor says what was read.")
                if payload.kind == "closing":
                    if len(tokens) > 1:
                        raise Refused("closing-not-alone", "Send a closing receipt by itself, behind all the others.")
                    await self._closing.check(payload)
                    along = partial(self._closing.close, payload)
                await self._check_shown(connection, agreement, payload)
                if payload.checkpoint is not None and payload.checkpoint not in ours:
                    if await _is_ours(connection, payload.checkpoint):
                        ours.add(payload.checkpoint)
                    else:
                        forked = Statement(
                            "journal-forked",
                            {"agency": agency, "contract": payload.contract, "size": payload.checkpoint.size},
                        )
                if payload.range is not None and payload.kind == "received":
                    acknowledged[payload.contract, payload.range.lane].append((payload.range.first, payload.range.last))
                items.append(Accepted(line, self._record(agreement, payload, token), token.encode()))
        submission = Submission(
            provider=agency,
            feed=RECEIPT.name,
            key="receipts/" + hashlib.sha256(body).hexdigest(),
            body=body,
            signature=signature,
        )
        result = await self._intake.submit_items(submission, RECEIPT, iter(items), along=along)
        if along is not None:
            log.debug("step", step="closed")
        await self._acknowledge(acknowledged)
        if forked is not None:
            await self._raise_alarm(forked)
        log.debug("step", step="receipt", count=len(items))
        return result

    async def _check_shown(self, connection: AsyncConnection, agreement: Agreement, payload: SignedReceipt) -> None:
        """A receipt must be for what was really shown: the leaf hash, the range's digest or the record says so."""
        if payload.event is not None:
            number = payload.event.number
            runs = await _runs_shown(connection, payload.contract, payload.event.lane, number, number)
            leaves = _leaves_shown(runs, number, number)
            matches = payload.event.leaf_hash in leaves[0] and await _is_meant(connection, payload, payload.event)
        elif payload.range is not None:
            asked = payload.range
            runs = await _runs_shown(connection, payload.contract, asked.lane, asked.first, asked.last)
            leaves = _leaves_shown(runs, asked.first, asked.last)
            # A number shown twice, otherwise the second time, has two leaves: what one run showed settles which.
            matches = any(run.root_of(asked.first, asked.last) == asked.digest_hash for run in runs) or (
                root([min(one) for one in leaves]) == asked.digest_hash
            )
        else:
            matches = await self._is_seen(connection, agreement, payload.record_id)
        if not matches:
            raise Refused("receipt-mismatch", "A receipt is for other content than was sent under that contract.")

    async def _is_seen(self, connection: AsyncConnection, agreement: Agreement, record: str | None) -> bool:
        """Whether the contract ever showed that record: a screening has no number that would say so."""
        positions = await connection.execute(
            select(entry.c.position).where(
                entry.c.feed == agreement.feed, entry.c.provider == agreement.provider, entry.c.record_id == record
            )
        )
        versions = await self._versions.read(connection, positions.scalars().all())
        policies = [coverage.policy for coverage in agreement.coverages if coverage.open]
        return any(
            version.values is None or any(policy.sees(version.values) for policy in policies)
            for version in versions.values()
        )

    async def _raise_alarm(self, statement: Statement) -> None:
        """The agency has verified a tree that is not ours: the receipt is kept, it is the evidence."""
        log.error("alarm", code=statement.code)
        document = sign_statement(self._clock, self._keyring.signing, statement)
        async with self._engine.begin() as connection:
            await append_leaf(connection, self._clock, await claim(connection, 1), "statement", document)

    def _record(self, agreement: Agreement, payload: SignedReceipt, token: str) -> Receipt:
        """The signed receipt as a record of the agency, for the court's own contract."""
        event, shown = payload.event, payload.range
        key = self._keyring.record_key(payload.agency)
        return Receipt(
            feed="receipt",
            schema_version=1,
            record_id=record_id(key, RECEIPT.name, payload.contract, payload.kind, payload.key),
            revision=1,
            status="listed",
            status_reason=None,
            agency=payload.agency,
            about=agreement.provider,
            contract=payload.contract,
            kind=payload.kind,
            key=payload.key,
            at=payload.at,
            lane=event.lane if event else shown.lane if shown else None,
            first=event.number if event else shown.first if shown else None,
            last=event.number if event else shown.last if shown else None,
            cause=event.cause if event else None,
            leaf=event.leaf if event else shown.digest if shown else None,
            reference=payload.reference,
            subject_record=payload.record_id,
            measure=payload.measure,
            row=payload.row,
            reason=payload.reason,
            jws=token,
        )

    async def _acknowledge(self, acknowledged: dict[tuple[str, Lane], list[tuple[int, int]]]) -> None:
        """Move each lane on, over ranges that leave no number out."""
        if not acknowledged:
            return
        async with self._engine.single() as connection:
            for (contract, lane), ranges in acknowledged.items():
                for first, last in _joined(ranges):
                    reached = {"of_contract": contract, "of_lane": lane, "before": first - 1, "reached": last}
                    await connection.execute(_ACKNOWLEDGE, reached)


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers in as few ranges as can be, in order."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


async def _is_ours(connection: AsyncConnection, seen: TreeSize) -> bool:
    """Whether the tree that an agency has verified is a beginning of this journal: cheap gossip (rule D12)."""
    leaves = (await connection.execute(select(journal_head.c.leaves))).scalar_one()
    if seen.size > leaves:
        return False
    return b64u(root_from(seen.size, await read_nodes(connection, frontier(seen.size)))) == seen.root


def _read_tokens(body: bytes) -> Sequence[str]:
    try:
        tokens = orjson.loads(body)
    except orjson.JSONDecodeError:
        tokens = None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise BadRequest("receipt-unreadable", "Send a JSON array of compact JWS.")
    if not 0 < len(tokens) <= MOST_AT_ONCE:
        raise BadRequest("receipt-unreadable", f"Send between 1 and {MOST_AT_ONCE} receipts at once.")
    return tokens


async def _is_meant(connection: AsyncConnection, receipt: SignedReceipt, event: ReceiptEvent) -> bool:
    """Whether the cause and the record that a receipt names beside the leaf are those of its number."""
    row = (
        await connection.execute(
            select(delivery_log).where(
                delivery_log.c.contract == receipt.contract,
                delivery_log.c.lane == event.lane,
                delivery_log.c.first.between(event.number - RUN + 1, event.number),  # no run is longer
                delivery_log.c.first + delivery_log.c.numbers > event.number,
            )
        )
    ).one()
    routed = unpack(row.packed)[event.number - row.first]
    record = (
        await connection.execute(select(entry.c.record_id).where(entry.c.position == routed.position))
    ).scalar()  # none where the number tells of the contract: what is done for it may be about any record
    if receipt.kind in ANSWERS and (routed.kind != "upsert" or record != receipt.record_id):
        return False  # there is something to say of a record alone, and only as it stood
    return event.cause == routed.cause and (None in (record, receipt.record_id) or record == receipt.record_id)


@dataclass(frozen=True, slots=True)
class Shown:
    """A run that was shown: the number that it begins with, its leaf hashes, and its root."""

    first: int
    leaves: Sequence[bytes]
    root: bytes

    def root_of(self, first: int, last: int) -> bytes | None:
        """The root over these numbers; None where the run has not all of them."""
        begin, end = first - self.first, last - self.first + 1
        if begin < 0 or end > len(self.leaves):
            return None
        return self.root if (begin, end) == (0, len(self.leaves)) else root(self.leaves[begin:end])


async def _runs_shown(connection: AsyncConnection, contract: str, lane: Lane, first: int, last: int) -> list[Shown]:
    """The runs that have any of these numbers."""
    where = {"contract": contract, "lane": lane, "begin": first - RUN + 1, "first": first, "last": last}
    rows = await connection.execute(_SHOWN, where)
    return [Shown(row.first, _cut(row.leaves), row.root) for row in rows]


def _leaves_shown(runs: Sequence[Shown], first: int, last: int) -> list[set[bytes]]:
    """For each number from first to last, the leaf hashes under which it was shown. Refused for an unsent one."""
    shown: dict[int, set[bytes]] = defaultdict(set)
    for run in runs:
        for number, leaf in enumerate(run.leaves, start=run.first):
            shown[number].add(leaf)
    if any(number not in shown for number in range(first, last + 1)):
        raise Refused("receipt-unsent", "A receipt is for a number that was not sent under that contract.")
    return [shown[number] for number in range(first, last + 1)]


def _cut(leaves: bytes) -> Sequence[bytes]:
    return [leaves[start : start + HASH_BYTES] for start in range(0, len(leaves), HASH_BYTES)]
