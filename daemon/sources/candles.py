"""The last closed candle of a contract, asked for when somebody begins to want it: the next may be a minute away."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from daemon.sources.newcomers import Newcomers
from daemon.sources.poller import each
from daemon.sources.script import Beside
from daemon.supervisor import Refused, Transient
from daemon.wire.control import Unreadable
from daemon.wire.history import Bar
from rules.events import Candle

log = logging.getLogger(__name__)

MINUTE_MS = 60_000
ROWS = 2  # the one that is running, and the one before

Ask = Callable[[str], Awaitable[Sequence[Bar]]]  # symbol -> its latest minutes, oldest first


def last_closed(bars: Iterable[Bar], *, venue: str, symbol: str, now_ms: int) -> list[Candle]:
    """The newest of these minutes that is over; none if none is."""
    over = [bar for bar in bars if bar.at_ms + MINUTE_MS <= now_ms]
    if not over:
        return []
    bar = max(over, key=lambda bar: bar.at_ms)
    return [
        Candle(
            venue=venue,
            symbol=symbol,
            opened_ms=bar.at_ms,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume_base or 0.0,
            at_ms=bar.at_ms + MINUTE_MS,
            received_ms=now_ms,
        )
    ]


async def greet(newcomers: Newcomers, ask: Ask, conversation: Beside, *, venue: str, clock: Callable[[], int]) -> None:
    """For ever: one candle for each newcomer. What cannot be had is left to the stream, which will bring the next."""
    is_told = False

    async def one(symbol: str) -> None:
        nonlocal is_told
        try:
            bars = await ask(symbol)
        except (Transient, Refused, Unreadable) as exc:
            level = logging.DEBUG if is_told else logging.WARNING
            is_told = True
            log.log(level, "last candle could not be had", extra={"symbol": symbol, "error": str(exc)})
            return
        now_ms = clock()
        if candles := last_closed(bars, venue=venue, symbol=symbol, now_ms=now_ms):
            await conversation.publish(candles, now_ms)

    while True:
        await each(await newcomers.next(), one)
