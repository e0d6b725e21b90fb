"""An agency's topics: does the broker answer, may they be read, and does the agent read them."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from gateway.agent.standing import due_within
from gateway.agent.status import Status
from gateway.agent.topics import Topics
from gateway.broker import agent_broker, make_reader
from gateway.doctor.finding import Finding, since
from gateway.errors import FuyuanError
from gateway.settings import Settings

REMEDY: Final = (
    "See that the brokers run, what FUYUAN_AGENT_KAFKA_* says of address, user, password and certificates, and ask the "
    "gateway's operator whether this agency has a user there."
)


async def check_topics(settings: Settings, agency: str, status: Status, now: datetime) -> list[Finding]:
    """Reads, and keeps nothing; empty where no broker is set. What Kafka does not bring comes by pull."""
    broker, terms = agent_broker(settings, agency), status.terms
    if broker is None:
        return []
    if terms is not None and "kafka" not in terms.delivery:
        words = f"Brokers are set, and {status.contract} names no Kafka: its list comes by pull."
        return [Finding("warning", "broker", "kafka-not-agreed", words, "Unset FUYUAN_AGENT_KAFKA_BOOTSTRAP.")]
    topics = Topics(partial(make_reader, broker), status.contract)
    try:
        await topics.open(status.standing.offsets, None)
        try:
            unread = await topics.unread()
        finally:
            await topics.close()
    except FuyuanError as error:
        return [Finding("error", "broker", error.code, error.detail, REMEDY)]
    due = timedelta() if terms is None else due_within(terms)  # heartbeats come faster, so who reads leaves none so old
    late = {lane: one for lane, one in unread.items() if one.since is None or now - one.since > due}
    found = [
        Finding(
            "warning",
            "broker",
            "topic-unread",
            f"{status.contract}, lane {lane}: {one.messages} messages in its topic were not read"
            f"{'' if one.since is None else f', the oldest since {since(one.since, now)}'}; the list comes by pull.",
            "See that `fuyuan agent` runs with these settings, and what its log says of kafka-left.",
        )
        for lane, one in late.items()
    ]
    return found or [Finding("ok", "broker", "broker", "It answers, and both topics are read.")]
