"""Lag: which lanes wait for a number, a pull or a receipt, and what stands in quarantine or was left unfinished."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.model import Duties, SignedContract
from gateway.clock import stamp, unstamp
from gateway.delivery.lag import LaneLag, read_lags
from gateway.doctor.finding import Finding, since
from gateway.journal.tables import contract, contract_version, quarantine, submission

COURT_READS: Final = timedelta(days=1)  # a court reads its receipts when it wants to, and has no agent that always does
NEWS: Final = timedelta(days=7)  # what is in quarantine longer was told before
UNFINISHED: Final = timedelta(hours=1)


async def check_lag(connection: AsyncConnection, now: datetime, ready_lag: timedelta) -> list[Finding]:
    """`ready_lag` is how long an entry may wait for its number."""
    lags = await read_lags(connection)
    duties = await _duties(connection)
    found = [finding for lag in lags for finding in _lane(lag, duties[lag.contract], now, ready_lag)]
    return found or [Finding("ok", "lag", "lag", f"All {len(lags)} lanes are routed, pulled and receipted in time.")]


async def _duties(connection: AsyncConnection) -> Mapping[str, Duties]:
    rows = await connection.execute(
        select(contract.c.id, contract_version.c.document).join(
            contract_version,
            (contract_version.c.contract == contract.c.id) & (contract_version.c.version == contract.c.version),
        )
    )
    return {row.id: SignedContract.model_validate(orjson.loads(row.document)).terms.duties for row in rows}


def _lane(lag: LaneLag, duties: Duties, now: datetime, ready_lag: timedelta) -> Iterator[Finding]:
    lease = timedelta(seconds=duties.heartbeat_lease_seconds)
    lane = f"{lag.contract}, lane {lag.lane}"
    if lag.unrouted_since is not None and now - lag.unrouted_since > ready_lag:
        yield Finding(
            "error",
            "lag",
            "routing-behind",
            f"{lane}: an entry waits since {since(lag.unrouted_since, now)} for its number.",
            "See that `fuyuan serve` runs and what its log says of routing.",
        )
    if lag.sent is not None and lag.unsent_since is not None and now - lag.unsent_since > ready_lag:
        yield Finding(
            "error",
            "lag",
            "topic-behind",
            f"{lane}: {lag.last - lag.sent} events, the oldest since {since(lag.unsent_since, now)}, "
            "are not in its topic; its subscriber must pull them.",
            "See what is found of the broker, that `fuyuan serve` runs, and what its log says of lane-delayed.",
        )
    if not lag.receipted:
        if lag.undelivered_since is not None and now - lag.undelivered_since > COURT_READS:
            words = f"{lane}: {lag.last - lag.delivered} events, the oldest since {since(lag.undelivered_since, now)}, "
            yield Finding(
                "warning",
                "lag",
                "receipts-unread",
                f"{words}were not read by {lag.subscriber}.",
                "Remind it: `fuyuan receipts` reads them.",
            )
        return
    if lag.sent is None and lag.undelivered_since is not None and now - lag.undelivered_since > lease:
        yield Finding(
            "error",
            "lag",
            "agency-not-pulling",
            f"{lane}: {lag.last - lag.delivered} events, the oldest since {since(lag.undelivered_since, now)}, "
            f"were not pulled by {lag.subscriber}.",
            "Call the agency: its agent is down or cannot reach this gateway; `fuyuan doctor` there says which.",
        )
    elif lag.unreceipted_since is not None and now - lag.unreceipted_since > lease:
        owed = timedelta(minutes=duties.receipt_within_minutes or 0)
        late = now - lag.unreceipted_since > owed
        yield Finding(
            "error" if late else "warning",
            "lag",
            "agency-silent",
            f"{lane}: {lag.subscriber} {'pulls, and' if lag.sent is None else 'reads a topic, and'} "
            f"gives no receipt since {since(lag.unreceipted_since, now)}"
            f"{', longer than its contract allows' if late else ''}.",
            "Call the agency: `fuyuan doctor` there says what holds its receipts up.",
        )


async def check_quarantine(connection: AsyncConnection, now: datetime) -> list[Finding]:
    """What came into quarantine lately, by feed, provider and code, and submissions that were left in the middle."""
    rows = await connection.execute(
        select(
            quarantine.c.provider,
            quarantine.c.feed,
            quarantine.c.code,
            func.count().label("count"),
            func.min(quarantine.c.at).label("oldest"),
        )
        .where(quarantine.c.at > stamp(now - NEWS))
        .group_by(quarantine.c.provider, quarantine.c.feed, quarantine.c.code)
        .order_by(quarantine.c.provider, quarantine.c.feed, quarantine.c.code)
    )
    found = [
        Finding(
            "warning",
            "quarantine",
            "quarantined",
            f"{row.count} records of {row.provider} for {row.feed} are in quarantine as {row.code}, "
            f"the oldest since {since(unstamp(row.oldest), now)}.",
            "Tell the provider, who mends them and sends them again.",
        )
        for row in rows
    ]
    unfinished = await connection.execute(
        select(submission.c.provider, submission.c.started_at)
        .where(submission.c.finished.is_(False), submission.c.started_at < stamp(now - UNFINISHED))
        .order_by(submission.c.started_at)
    )
    found += [
        Finding(
            "warning",
            "quarantine",
            "submission-unfinished",
            f"A submission of {row.provider} is in part journalled since {since(unstamp(row.started_at), now)}.",
            "Tell the provider to send the same file again; it goes on where it stopped.",
        )
        for row in unfinished
    ]
    if found:
        return found
    older = (await connection.execute(select(func.count()).select_from(quarantine))).scalar_one()
    return [Finding("ok", "quarantine", "quarantine", f"Nothing new in {NEWS.days} days, {older} older.")]
