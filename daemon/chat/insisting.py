"""Asks a chat again when it must wait, a few times and not for ever."""

import logging
from collections.abc import Awaitable, Callable

from sinks.base import SinkTrouble

log = logging.getLogger(__name__)

TRIES = 3
WAIT_S, WAIT_MAX_S = 1.0, 60.0


class Insisting:
    """One bot's. What it could not be asked is logged once, until it is over."""

    def __init__(self, name: str, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._name = name
        self._sleep = sleep
        self._trouble: str | None = None

    async def ask(
        self,
        method: str,
        ask: Callable[[], Awaitable[object]],
        pause_s: Callable[[SinkTrouble, int], float | None],
    ) -> SinkTrouble | None:
        """None once it was done, else why it was not. `pause_s` says how long to wait after try `n`; None: give up."""
        trouble = await self._insist(ask, pause_s)
        reason = None if trouble is None else str(trouble)
        if reason is not None:
            level = logging.DEBUG if reason == self._trouble else logging.WARNING
            log.log(level, "bot could not answer", extra={"sink": self._name, "method": method, "reason": reason})
        self._trouble = reason
        return trouble

    async def _insist(
        self, ask: Callable[[], Awaitable[object]], pause_s: Callable[[SinkTrouble, int], float | None]
    ) -> SinkTrouble | None:
        number = 0
        while True:
            try:
                await ask()
            except SinkTrouble as exc:
                wait_s = pause_s(exc, number)
                number += 1
                if wait_s is None or wait_s > WAIT_MAX_S or number == TRIES:
                    return exc  # whoever must wait for minutes is not asked meanwhile, and nobody waits for them here
            else:
                return None
            await self._sleep(wait_s)


def growing_s(number: int, advice_s: float | None = None) -> float:
    """As long as the far end says, else twice as long as before."""
    return WAIT_S * 2.0**number if advice_s is None else max(advice_s, 0.1)
