import pytest

from gateway.errors import Broken, Unavailable
from gateway.retry import Patience, retrying


class Flaky:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


QUICK = Patience(attempts=3, first_seconds=0.001, longest_seconds=0.002)
BUSY = Unavailable("busy", "Later.")


async def test_what_passes_is_tried_again() -> None:
    assert await retrying(Flaky(BUSY, BUSY), QUICK) == 3


async def test_attempts_are_bounded_and_the_error_is_the_last_one() -> None:
    call = Flaky(BUSY, BUSY, BUSY)
    with pytest.raises(Unavailable):
        await retrying(call, QUICK)
    assert call.calls == 3


@pytest.mark.parametrize("error", [Broken("seal", "No."), ValueError("a bug")])
async def test_what_does_not_pass_is_raised_at_once(error: Exception) -> None:
    call = Flaky(error)
    with pytest.raises(type(error)):
        await retrying(call, QUICK)
    assert call.calls == 1
