"""A run that ends with a request: what it did not write down is not known to the next."""

from gateway.client import PushResult
from gateway.provider import Pusher


class Killed(BaseException):
    pass


class KilledAt:
    """Ends the run at its `left`th request: before the gateway has it, or right after."""

    def __init__(self, client: Pusher, left: int, *, after: bool) -> None:
        self.client, self.left, self.after = client, left, after

    async def push(
        self, feed: str, body: bytes, content_type: str, idempotency_key: str, *, relist: bool = False
    ) -> PushResult:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        result = await self.client.push(feed, body, content_type, idempotency_key, relist=relist)
        if self.left == 0:
            raise Killed
        return result
