"""Closing (终止): where a contract is over and nothing is left to undo or to tell, the agency says so (rule D7).

With `on_end: release` every hold goes with the end; with `keep-until-withdrawn` the last goes when nothing supports it.
"""

import asyncio
from dataclasses import replace
from typing import Final

import structlog

from gateway.agent.holds import any_hold
from gateway.agent.index import Change, View
from gateway.agent.outbox import Send
from gateway.agent.parts import Parts
from gateway.agent.standing import Standing, read_standing, write_standing
from gateway.errors import FuyuanError

log = structlog.get_logger(__name__)

OVER: Final = frozenset({"revoked", "ended"})
STILL_TO_DO: Final = ("orders", "receipts", "aside")  # a receipt that was set aside is not delivered


class Closing:
    """Nothing of it is stored until the gateway has answered: what it answered twice closes once."""

    def __init__(self, parts: Parts, send: Send) -> None:
        self._parts = parts
        self._send = send

    def is_closed(self) -> bool:
        with self._parts.index.read() as view:
            return read_standing(view, self._parts.contract).state == "closed"

    async def close_if_done(self) -> bool:
        """Send the closing receipt where it is time; False where it was sent and is to be sent again."""
        token = self._due()
        if token is None:
            return True
        try:
            await self._send([token])
        except FuyuanError as error:
            log.warning("contract-not-closed", code=error.code)
            return False
        log.debug("step", step="close")
        await asyncio.to_thread(self._parts.index.write, self._note)
        log.info("contract-closed", contract=self._parts.contract)
        return True

    def _due(self) -> str | None:
        parts = self._parts
        with parts.index.read() as view:
            standing = read_standing(view, parts.contract)
            if standing.opened_by is None or not self._is_done(view, standing):
                return None
        return parts.scribe.closing(standing.opened_by, standing.checkpoint)

    def _is_done(self, view: View, standing: Standing) -> bool:
        return (
            standing.state in OVER
            and not any(view.count(database) for database in STILL_TO_DO)
            and not any_hold(view, self._parts.keyed)
        )

    def _note(self, change: Change) -> None:
        contract = self._parts.contract
        write_standing(change, contract, replace(read_standing(change, contract), state="closed"))
