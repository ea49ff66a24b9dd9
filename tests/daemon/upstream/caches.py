"""A clock's hands, an upstream that is counted, and a cache between them."""

import asyncio
from collections.abc import Callable

from daemon.upstream.cache import Answer, Cache
from tests.patience import PATIENCE_S

FRESH_S, STALE_S = 10.0, 60.0


class Hands:
    """A clock whose hands a test moves."""

    def __init__(self) -> None:
        self.now_ms = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


class Upstream:
    """Counts questions; answers with their number, fails with `trouble`, and waits while its gate is shut."""

    def __init__(self) -> None:
        self.asked = 0
        self.under_way = 0
        self.trouble: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> int:
        self.asked += 1
        self.under_way += 1
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.trouble is not None:
            raise self.trouble
        return self.asked


async def get(cache: Cache, upstream: Upstream, key: str = "key", *, patience_s: float | None = None) -> Answer[int]:
    return await cache.get(key, upstream, fresh_s=FRESH_S, stale_s=STALE_S, patience_s=patience_s)


async def until(holds: Callable[[], bool]) -> None:
    """Let the others run until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0)
