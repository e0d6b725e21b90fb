"""Trying again, in one place: bounded, with full jitter, and only what may be done twice.

The caller answers for the second half: it hands in calls that are idempotent or carry an idempotency key.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from gateway.errors import FuyuanError, Unavailable

T = TypeVar("T")

# 502 and 504 come from a proxy that got no answer, 503 from the gateway itself.
PASSING = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long: the wait before try n is random within 0 .. first_seconds * 2^(n-1), at most longest."""

    attempts: int = 5
    first_seconds: float = 0.2
    longest_seconds: float = 5.0


def passing(error: BaseException) -> bool:
    """Whether the same call may succeed a moment later."""
    return isinstance(error, Unavailable) or (isinstance(error, FuyuanError) and error.status in PASSING)


async def retrying(call: Callable[[], Awaitable[T]], patience: Patience) -> T:
    """The call's result. The last error is raised as it is when the attempts are used up or waiting is no use."""
    tries = AsyncRetrying(
        retry=retry_if_exception(passing),
        wait=wait_random_exponential(multiplier=patience.first_seconds, max=patience.longest_seconds),
        stop=stop_after_attempt(patience.attempts),
        reraise=True,
    )
    async for attempt in tries:
        with attempt:
            return await call()
    raise AssertionError("the last error is raised above")
