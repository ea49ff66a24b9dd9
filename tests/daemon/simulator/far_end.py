"""What a client of the box needs: a plain socket of a foreign library, and JSON both ways."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from daemon.simulator.box import Box
from daemon.simulator.scenario import Scenario, parse
from rules.events import FundingRate, Liquidation, MarkPrice, OpenInterest
from tests.patience import PATIENCE_S

NOW_MS = 1_790_000_000_000
BTC = "BTC-USDT-PERP"


class Clock:
    """A time that moves when told to."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def scenario(text: str = "") -> Scenario:
    return parse(text.encode(), "test.yaml")


@asynccontextmanager
async def opened(text: str = "", clock: Callable[[], int] | None = None) -> AsyncIterator[Box]:
    """A box that is open and does nothing by itself."""
    async with Box(scenario(text), clock=clock or Clock()) as box:
        yield box


@asynccontextmanager
async def dialled(url: str, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(
        url, proxy=None, max_size=None, ping_interval=None, open_timeout=PATIENCE_S, close_timeout=0.5, **options
    ) as ws:
        yield ws


async def ask(ws: ClientConnection, request: Any) -> Any:
    """Send one request and take the next frame as its answer."""
    await ws.send(request if isinstance(request, str) else json.dumps(request))
    return await hear(ws)


async def hear(ws: ClientConnection) -> Any:
    return json.loads(await ws.recv())


def mark(venue: str, price: float, *, at_ms: int = NOW_MS, symbol: str = BTC, index: float | None = None) -> MarkPrice:
    return MarkPrice(venue=venue, symbol=symbol, price=price, index_price=index, at_ms=at_ms, received_ms=at_ms)


def rate(venue: str, value: float, *, symbol: str = BTC, interval_h: float = 8.0, at_ms: int = NOW_MS) -> FundingRate:
    settles = NOW_MS + 3_600_000
    return FundingRate(
        venue=venue,
        symbol=symbol,
        rate=value,
        interval_h=interval_h,
        settles_at_ms=settles,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def interest(venue: str, base: float, usd: float) -> OpenInterest:
    return OpenInterest(venue=venue, symbol=BTC, oi_base=base, oi_usd=usd, at_ms=NOW_MS, received_ms=NOW_MS)


def forced(
    venue: str, quantity: float = 2.0, price: float = 85_000.0, *, symbol: str = BTC, at_ms: int = NOW_MS
) -> Liquidation:
    return Liquidation(
        venue=venue,
        symbol=symbol,
        side="long",
        quantity=quantity,
        price=price,
        price_kind={"binance": "fill", "bybit": "bankruptcy"}.get(venue, "mark"),  # type: ignore[arg-type]  # three literals
        notional_usd=quantity * price,
        at_ms=at_ms,
        received_ms=at_ms,
    )
