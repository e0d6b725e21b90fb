"""Signatures already used, in the shared store, so that a replay fails at every gateway process (rule P2)."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError, OperationalError

from gateway.clock import Clock, stamp
from gateway.errors import Unavailable
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import request_nonce

SWEEP_EVERY = timedelta(minutes=1)

_REMEMBER: Final = insert(request_nonce)


class Nonces:
    """The store behind `verify_request`; it forgets what is stale by itself.

    What is stale here may not be at a gateway whose clock is behind: it is kept for as long as they may be `apart`.
    """

    def __init__(self, engine: JournalEngine, clock: Clock, apart: timedelta = timedelta()) -> None:
        self._engine = engine
        self._clock = clock
        self._apart = apart
        self._swept = clock.now()

    async def remember(self, kid: str, nonce: str, until: datetime) -> bool:
        """True the first time, False for a replay. `until` is when the signature is stale by itself."""
        now = self._clock.now()
        try:
            async with self._engine.single() as connection:
                await connection.execute(_REMEMBER, {"kid": kid, "nonce": nonce, "until": stamp(until)})
        except IntegrityError:
            return False
        except OperationalError as error:
            raise Unavailable("journal-unwritable", "The journal cannot be written now; send it again.") from error
        if now - self._swept > SWEEP_EVERY:
            self._swept = now
            async with self._engine.single() as connection:
                await connection.execute(delete(request_nonce).where(request_nonce.c.until < stamp(now - self._apart)))
        return True
