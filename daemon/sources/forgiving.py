"""Asks about many instruments one by one; one that the venue refuses does not cost the others theirs."""

import logging
from collections.abc import Awaitable, Callable, Sequence

from daemon.sources.poller import each
from daemon.supervisor import Refused
from daemon.wire.control import Throttled, Unreadable

log = logging.getLogger(__name__)


class Forgiving:
    """Says once which instruments were refused, and raises only if all were."""

    def __init__(self, what: str, venue: str) -> None:
        self._what, self._venue = what, venue
        self._told: set[str] = set()

    async def each(self, symbols: Sequence[str], ask: Callable[[str], Awaitable[None]]) -> None:
        """Ask for all; Throttled, Transient and the refusal of everything are raised."""
        refused: dict[str, Unreadable | Refused] = {}

        async def one(symbol: str) -> None:
            try:
                await ask(symbol)
            except Throttled:
                raise
            except (Unreadable, Refused) as exc:
                refused[symbol] = exc

        await each(symbols, one)
        if refused and len(refused) == len(symbols):
            raise next(iter(refused.values()))
        news = sorted(refused.keys() - self._told)
        self._told = set(refused)
        if news:
            extra = {"what": self._what, "venue": self._venue, "symbols": news, "error": str(refused[news[0]])}
            log.warning("some instruments were refused, the rest goes on", extra=extra)
