"""Whether this gateway process is ready: its database answers, and its lanes are caught up with the journal."""

import asyncio
from datetime import timedelta
from typing import Final

from gateway.errors import Unavailable
from gateway.journal.schema import newest_revision
from gateway.metrics import Reading
from gateway.running import Running

ANSWER_SECONDS: Final = 5  # whoever asks whether to send somebody here waits no longer


async def check_ready(running: Running) -> Reading:
    """What the database says. Anybody may ask, so words and codes name no contract.

    Brokers that are away make no gateway unready: what Kafka does not bring, every agency pulls.

    Raises Unavailable (`stopping`, `journal-away`, `schema-outdated`, `background-ended`, `routing-behind`), and
    OperationalError where the database says that it is away.
    """
    if running.wakeup.closed:
        raise Unavailable("stopping", "This gateway has been told to stop; ask another one.")
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            reading = await running.metrics.read()
    except TimeoutError:
        raise Unavailable("journal-away", "The journal does not answer in time.") from None
    if reading.revision != newest_revision():
        raise Unavailable(
            "schema-outdated",
            f"The database stands at revision {reading.revision or 'none'} and this gateway needs "
            f"{newest_revision()}; run one version of fuyuan everywhere.",
        )
    if running.background_ended:
        raise Unavailable("background-ended", "Background work ended in this process; start it again, and tell us.")
    longest = running.settings.ready_lag_seconds
    oldest = reading.at - timedelta(seconds=longest)
    behind = [one for one in reading.lanes if one.unrouted_since is not None and one.unrouted_since < oldest]
    if behind:
        raise Unavailable(
            "routing-behind",
            f"In {len(behind)} lanes entries wait longer than {longest:g} s for their number; "
            "`fuyuan doctor` names them.",
        )
    return reading
