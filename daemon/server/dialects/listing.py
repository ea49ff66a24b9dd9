"""Whether an exchange has an instrument, as far as the house can tell."""

import asyncio
from collections.abc import Awaitable, Callable

from daemon.upstream.cache import Unavailable
from daemon.upstream.market import Market
from daemon.upstream.pairs import UnknownContract

PATIENCE_S = 3.0
Lists = Callable[[str, str], Awaitable[bool | None]]


def lists(market: Market) -> Lists:
    """`await lists(venue, symbol)`: True, False, or None when that cannot be said."""

    async def asked(venue: str, symbol: str) -> bool | None:
        if venue not in market.venues or symbol.split("-")[1:2] == ["USD"]:  # inverse contracts are listed elsewhere
            return None
        try:
            async with asyncio.timeout(PATIENCE_S):
                found = await market.contract(venue, symbol)
        except UnknownContract:
            return False
        except (Unavailable, TimeoutError):
            return None
        return None if found is None else found.symbol == symbol

    return asked
