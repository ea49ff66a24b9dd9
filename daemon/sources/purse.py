"""How often we may speak: a purse that refills evenly, so that much can be said at once but not for ever."""

import asyncio
from collections.abc import Awaitable, Callable


class Purse:
    """Requests to a venue that counts them by the hour."""

    def __init__(
        self,
        per_hour: float,
        *,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Half of them at once and half over the hour: never more than `per_hour` in any hour."""
        self._most = max(1.0, per_hour / 2)
        self._per_s = per_hour / 2 / 3600
        self._left, self._at = self._most, now()
        self._now, self._sleep = now, sleep

    async def take(self) -> None:
        """Return when one more may be made. For one caller at a time."""
        while True:
            now = self._now()
            self._left = min(self._most, self._left + (now - self._at) * self._per_s)
            self._at = now
            if self._left >= 1.0:
                self._left -= 1.0
                return
            await self._sleep(max((1.0 - self._left) / self._per_s, 1e-3))
