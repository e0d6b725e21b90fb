"""Waiting ends when it is told to, whatever else happens in that moment."""

import asyncio

from gateway.delivery.wakeup import POLL_SECONDS, Wakeup


async def test_a_signal_between_looking_and_waiting_is_not_lost() -> None:
    wakeup = Wakeup()
    ticket = wakeup.ticket()
    wakeup.signal()
    async with asyncio.timeout(POLL_SECONDS / 2):
        await wakeup.wait(ticket, 60)


async def test_a_cancellation_is_not_swallowed_by_a_signal_in_the_same_moment() -> None:
    wakeup = Wakeup()
    waiting = asyncio.create_task(wakeup.wait(wakeup.ticket(), 60))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    wakeup.signal()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
