"""Both topics of one contract, read from places that the caller keeps: no group, and nothing is committed (rule M7)."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from gateway.broker import UNREADABLE, end_reader
from gateway.clock import unstamp
from gateway.errors import Unavailable
from gateway.trust.documents import LANES, Lane
from schemas.canonical import JsonObject
from schemas.envelope import PARTITION, BadMessage, read_message, read_number, topic_of

OPEN_SECONDS: Final = 10.0
ALIVE_SECONDS: Final = 5.0  # how long nothing may come before the broker is asked whether there is anything
ANSWER_SECONDS: Final = 3.0
PRIORITY_IN_A_ROW: Final = 4  # fetches; then it is the list's turn, for withdrawals without end must not stop it
MOST: Final = 250  # messages in one fetch: as long as a withdrawal may have to wait for a page of bulk
MARGIN: Final = timedelta(minutes=10)  # clocks of brokers and gateways lie less apart


@dataclass(slots=True)
class Fetched:
    """What came, by lane in the order of its topic, still unread and unverified.

    `heartbeat` is the last token that came, `offsets` the next place to read in each topic.
    """

    events: dict[Lane, list[ConsumerRecord]] = field(default_factory=dict)
    heartbeat: str | None = None
    offsets: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """Messages behind the place where reading goes on. `since` is the first one's time; None where it tells none."""

    messages: int
    since: datetime | None


class Topics:
    """`open` it, `fetch` again and again, `close` it; and open it anew behind an error."""

    def __init__(self, make: Callable[[], AIOKafkaConsumer], contract: str) -> None:
        self._make = make
        self._places: dict[TopicPartition, Lane] = {
            TopicPartition(topic_of(contract, lane), PARTITION): lane for lane in LANES
        }
        # The library hands over what it fetched of one topic before the next, and a long list fills many a page.
        self._by_lane = {lane: place for place, lane in self._places.items()}
        self._priority_in_a_row = 0
        self._consumer: AIOKafkaConsumer | None = None
        self._heard = 0.0

    async def open(self, offsets: Mapping[str, int], since: datetime | None) -> None:
        """Read on at these offsets. Where a lane has none: a little before `since`, else from the beginning.

        Raises Unavailable (`kafka-away`).
        """
        consumer = self._consumer = self._make()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await consumer.start()
                consumer.assign(list(self._places))
                for place, lane in self._places.items():
                    if lane in offsets:
                        consumer.seek(place, offsets[lane])
                    elif since is None:
                        await consumer.seek_to_beginning(place)
                    else:
                        await _seek_to(consumer, place, since - MARGIN)
        except (KafkaError, OSError) as error:
            await self.close()
            raise _away(error) from error
        except BaseException:
            await self.close()
            raise
        self._heard = asyncio.get_running_loop().time()

    async def fetch(self, seconds: float, *, rest: float = 0.0) -> Fetched:
        """What there is, waiting up to `seconds` for it; what has priority comes first, by itself. Where the list is to
        `rest`, nothing else is read, and it is waited for so many seconds.

        Where one message cannot be opened, all is passed over that lies there by now: the numbers tell what is missing,
        and pull has it. Raises Unavailable (`kafka-away`).
        """
        consumer, now = self._consumer, asyncio.get_running_loop().time
        if consumer is None:
            raise _away(None)
        try:
            first: Lane = "priority" if rest or self._priority_in_a_row < PRIORITY_IN_A_ROW else "bulk"
            came = await consumer.getmany(self._by_lane[first], timeout_ms=int(rest * 1000), max_records=MOST)
            self._priority_in_a_row = self._priority_in_a_row + 1 if came and first == "priority" else 0
            if not came and not rest:
                came = await consumer.getmany(timeout_ms=int(seconds * 1000), max_records=MOST)
            if came:
                self._heard = now()
            elif now() - self._heard > ALIVE_SECONDS:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await consumer.end_offsets(list(self._places))
                self._heard = now()
        except OffsetOutOfRangeError as error:
            # Retention took what lies there, or the topic is another one now. The numbers will tell what is missing.
            await consumer.seek_to_beginning(*error.args[0])
            return Fetched()
        except UNREADABLE:
            await self._pass_over()
            return Fetched(unreadable=1)
        except (KafkaError, OSError) as error:
            raise _away(error) from error
        fetched = Fetched()
        for place, records in came.items():
            self._sort(fetched, self._places[place], records)
        return fetched

    async def unread(self) -> dict[Lane, Unread]:
        """What lies behind the places that it was opened at, of lanes where anything does; to be closed afterwards.

        Raises Unavailable (`kafka-away`).
        """
        consumer, found = self._consumer, dict[Lane, Unread]()
        if consumer is None:
            raise _away(None)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                ends = await consumer.end_offsets(list(self._places))
                for place, lane in self._places.items():
                    count = ends[place] - await consumer.position(place)
                    if count > 0:
                        found[lane] = Unread(count, await _first_time(consumer, place))
        except (KafkaError, OSError) as error:
            raise _away(error) from error
        return found

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await end_reader(consumer)

    async def _pass_over(self) -> None:
        """The library does not tell which message it was, and may have lost what came with it."""
        assert self._consumer is not None  # noqa: S101 - it has just fetched
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                ends = await self._consumer.end_offsets(list(self._places))
        except (KafkaError, OSError) as error:
            raise _away(error) from error
        for place, end in ends.items():
            self._consumer.seek(place, end)

    def _sort(self, fetched: Fetched, lane: Lane, records: Iterable[ConsumerRecord]) -> None:
        for record in records:
            fetched.offsets[lane] = record.offset + 1
            if read_number(record.headers) is not None:
                fetched.events.setdefault(lane, []).append(record)
                continue
            try:
                token = read_message(record.value, record.headers)
            except BadMessage:
                token = {}
            if isinstance(token, str):
                fetched.heartbeat = token
            else:
                fetched.unreadable += 1


def read_event(record: ConsumerRecord) -> JsonObject:
    """The event in a message, not verified. Raises BadMessage."""
    event = read_message(record.value, record.headers)
    if isinstance(event, str) or event.get("number") != read_number(record.headers):
        raise BadMessage("the headers do not agree on its number")
    return event


async def _seek_to(consumer: AIOKafkaConsumer, place: TopicPartition, at: datetime) -> None:
    """The first message of that time or later; the end where there is none."""
    found = (await consumer.offsets_for_times({place: int(at.timestamp() * 1000)}))[place]
    if found is None:
        await consumer.seek_to_end(place)
    else:
        consumer.seek(place, found.offset)


async def _first_time(consumer: AIOKafkaConsumer, place: TopicPartition) -> datetime | None:
    """The time that the first message tells, by the gateway's clock; nothing of it is verified."""
    try:
        while not (came := await consumer.getmany(place, timeout_ms=1000, max_records=1)):
            pass
    except (OffsetOutOfRangeError, *UNREADABLE):
        return None  # retention took it, or it cannot be opened
    told = dict(came[place][0].headers).get("ce_time") or b""
    try:
        return unstamp(told.decode("ascii"))
    except ValueError:
        return None


def _away(error: BaseException | None) -> Unavailable:
    return Unavailable("kafka-away", f"Kafka cannot be read now ({type(error).__name__}); the list comes by pull.")
