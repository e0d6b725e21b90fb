"""What goes wrong with the real parts while the district works: each trouble comes, stays a while, and is put right.

A trouble is a coroutine that ends when it is over. What works beside it insists until it is answered.
"""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from deploy.kafka.broker import Broker
from gateway.trust.documents import LANES
from schemas.envelope import topic_of
from tests.faults.ordeal import Kill, Ordeal
from tests.faults.proxy import Mood, Proxy
from tests.servers.postgres import Postgres

ZOMBIE_SECONDS = 17.0  # a little longer than the lease of a lane
AGAIN = 200  # messages of a topic that come a second time


@dataclass(frozen=True)
class Scene:
    """`database` is the journal's, by name; `disk` the broker's own small file system."""

    ordeal: Ordeal
    broker: Broker
    bootstrap: str
    postgres: Postgres
    database: str
    proxy: Proxy
    disk: Path

    @property
    def topics(self) -> list[TopicPartition]:
        return [TopicPartition(topic_of(self.ordeal.contract, lane), 0) for lane in LANES]


async def gateway_killed(scene: Scene, random_: random.Random) -> None:
    await _kill(scene, random_, random_.choice(scene.ordeal.gateways))


async def agent_killed(scene: Scene, random_: random.Random) -> None:
    await _kill(scene, random_, "agent")


async def _kill(scene: Scene, random_: random.Random, victim: str) -> None:
    """It is started anew, and dies at a random step of what it does then."""
    await scene.ordeal.kill(victim)
    await scene.ordeal.start(victim, Kill(victim, "any", random_.randint(1, 6 if victim == "agent" else 15)))


async def zombie_gateway(scene: Scene, random_: random.Random) -> None:
    """One of two stands still until its leases are over and the other has taken its lanes, then it goes on."""
    process = scene.ordeal.processes[random_.choice(scene.ordeal.gateways)]
    if process.returncode is None:
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(ZOMBIE_SECONDS)
        process.send_signal(signal.SIGCONT)


async def broker_restarted(scene: Scene, random_: random.Random) -> None:
    await asyncio.to_thread(scene.broker.stop)
    await asyncio.sleep(random_.uniform(0, 2))
    await asyncio.to_thread(scene.broker.start)


async def broker_killed(scene: Scene, random_: random.Random) -> None:
    await asyncio.sleep(random_.uniform(0, 0.5))
    scene.broker.kill()
    await asyncio.to_thread(scene.broker.start)


async def broker_paused(scene: Scene, random_: random.Random) -> None:
    scene.broker.pause()
    await asyncio.sleep(random_.uniform(1, 4))
    scene.broker.resume()


async def disk_full(scene: Scene, random_: random.Random) -> None:
    """The broker's disk has no byte left; it stops by itself when it needs one. Then there is room again."""
    filler = scene.disk / "filler"
    await asyncio.to_thread(_fill, filler)
    await asyncio.sleep(random_.uniform(1, 3))
    filler.unlink()
    await asyncio.to_thread(scene.broker.restart)


def _fill(file: Path) -> None:
    with suppress(OSError), file.open("wb", buffering=0) as out:
        while out.write(bytes(1 << 16)):
            pass


async def messages_repeated(scene: Scene, random_: random.Random) -> None:
    """Old messages of both lanes come again, in any order, among the new ones."""
    old = await _newest(scene)
    random_.shuffle(old)
    producer = AIOKafkaProducer(bootstrap_servers=scene.bootstrap, acks="all")
    await producer.start()
    try:
        for message in old:
            await producer.send_and_wait(message.topic, message.value, headers=list(message.headers))
    finally:
        await producer.stop()


async def _newest(scene: Scene) -> list[ConsumerRecord[bytes, bytes]]:
    found: list[ConsumerRecord[bytes, bytes]] = []
    consumer = AIOKafkaConsumer(bootstrap_servers=scene.bootstrap, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(scene.topics)
        ends = await consumer.end_offsets(scene.topics)
        for topic, end in ends.items():
            consumer.seek(topic, max(0, end - AGAIN))
        while pages := await consumer.getmany(timeout_ms=500):
            found += [message for page in pages.values() for message in page]
    finally:
        await consumer.stop()
    return found


async def retention_over(scene: Scene, random_: random.Random) -> None:
    """The broker deletes what it holds, read or not: what is missing comes by pull."""
    admin = AIOKafkaAdminClient(bootstrap_servers=scene.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({topic: RecordsToDelete(before_offset=-1) for topic in scene.topics})
    finally:
        await admin.close()


async def database_restarted(scene: Scene, random_: random.Random) -> None:
    await _restart(scene, random_, signal.SIGINT)


async def database_crashed(scene: Scene, random_: random.Random) -> None:
    await _restart(scene, random_, signal.SIGQUIT)


async def _restart(scene: Scene, random_: random.Random, how: signal.Signals) -> None:
    await asyncio.sleep(random_.uniform(0, 0.5))
    await asyncio.to_thread(scene.postgres.stop, how)
    await asyncio.sleep(random_.uniform(0, 1))
    await asyncio.to_thread(scene.postgres.start)


async def connections_cut(scene: Scene, random_: random.Random) -> None:
    cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{scene.database}'"  # noqa: S608
    for _ in range(random_.randint(1, 6)):
        await asyncio.to_thread(scene.postgres.say, cut)
        await asyncio.sleep(random_.uniform(0, 0.4))


async def slow_peer(scene: Scene, random_: random.Random) -> None:
    await _line(scene, "slow", random_.uniform(1, 4))


async def half_open_peer(scene: Scene, random_: random.Random) -> None:
    await _line(scene, "half-open", random_.uniform(1, 4))


async def line_cut(scene: Scene, random_: random.Random) -> None:
    await _line(scene, "cut", random_.uniform(1, 3))


async def _line(scene: Scene, mood: Mood, seconds: float) -> None:
    """Between the agent and the gateways."""
    scene.proxy.turn(mood)
    await asyncio.sleep(seconds)
    await scene.proxy.hang_up()
    scene.proxy.turn("pass")


TROUBLES: Sequence[Callable[[Scene, random.Random], Awaitable[None]]] = (
    gateway_killed,
    agent_killed,
    zombie_gateway,
    broker_restarted,
    broker_killed,
    broker_paused,
    disk_full,
    messages_repeated,
    retention_over,
    database_restarted,
    database_crashed,
    connections_cut,
    slow_peer,
    half_open_peer,
    line_cut,
)
