"""Pictures and names for tables: nobody waits for them, and what is unknown is null."""

import asyncio
from collections.abc import Awaitable, Collection
from typing import TypeVar

from daemon.server.sources import Sources
from daemon.upstream.records import CoinInfo

T = TypeVar("T")

PATIENCE_S = 1.0
AT_ONCE_S = 0.02  # for streams: what is kept already


async def soon(question: Awaitable[T], otherwise: T, patience_s: float) -> T:
    """Its answer, or `otherwise` if that takes longer; the market goes on asking, so that the next one has it."""
    try:
        async with asyncio.timeout(patience_s):
            return await question
    except TimeoutError:
        return otherwise


async def logos(sources: Sources, venues: Collection[str], patience_s: float = PATIENCE_S) -> dict[str, str | None]:
    """Addresses of exchanges' pictures."""
    return {venue: await soon(sources.market.exchange_logo(venue), None, patience_s) for venue in dict.fromkeys(venues)}


async def coins(sources: Sources, symbols: Collection[str], patience_s: float = PATIENCE_S) -> dict[str, CoinInfo]:
    """Names and pictures by ticker in capitals; unknown ones are left out, and do not hold up the others."""
    async with asyncio.TaskGroup() as group:
        tasks = {
            symbol: group.create_task(soon(sources.market.coin_by_symbol(symbol), None, patience_s), name="picture")
            for symbol in set(symbols)
        }
    found = {symbol: task.result() for symbol, task in tasks.items()}
    return {symbol: info for symbol, info in found.items() if info is not None}
