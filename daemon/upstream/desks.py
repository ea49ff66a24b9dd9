"""Exchanges that answer for themselves, without a key."""

import asyncio
from collections.abc import Collection
from typing import Final, Protocol

import msgspec

from daemon.clock import Clock, wall_ms
from daemon.upstream.binance import Binance
from daemon.upstream.deribit import Deribit
from daemon.upstream.hyperliquid import Hyperliquid
from daemon.upstream.records import Contract, FundingPoint, OiPricePoint, Provider, VenueVolume
from daemon.upstream.series import is_in_dollars, times
from rules.instruments import coin_of

MOST_TRADED = 50  # contracts whose open interest is asked for at once: one call each
TICKERS_FOR_MS = 4_000


class Exchange(Protocol):
    """A client that knows the present and the past (Bybit, OKX)."""

    @property
    def venue(self) -> str: ...

    async def contracts(self) -> list[Contract]: ...

    async def volume_2h(self, pair: str, /) -> float | None: ...

    async def volume_24h(self, pair: str, /) -> VenueVolume | None: ...

    async def funding_history(
        self, pair: str, /, *, start_ms: int | None, end_ms: int | None, limit: int, interval_h: float | None
    ) -> list[FundingPoint]: ...

    async def oi_price_history(
        self, pair: str, /, *, start_ms: int, end_ms: int, hours: bool
    ) -> list[OiPricePoint]: ...


class ExchangeDesk:
    """An exchange that tells of all its contracts in a few answers."""

    provider: Final[Provider] = "venue"
    asks_by_coin: Final = False
    fresh_s: Final = 5.0

    def __init__(self, client: Exchange) -> None:
        self.venue = client.venue
        self._client = client

    async def listing(self) -> list[Contract]:
        return await self._client.contracts()

    async def contracts(self, coins: Collection[str] | None) -> list[Contract]:
        return await self._client.contracts()

    async def volume_2h(self, pair: str) -> float | None:
        return await self._client.volume_2h(pair)

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        return await self._client.volume_24h(pair)

    async def funding_history(
        self, pair: str, *, start_ms: int | None, end_ms: int | None, limit: int, interval_h: float | None = None
    ) -> list[FundingPoint]:
        return await self._client.funding_history(
            pair, start_ms=start_ms, end_ms=end_ms, limit=limit, interval_h=interval_h
        )

    async def oi_price_history(self, pair: str, *, start_ms: int, end_ms: int, hours: bool) -> list[OiPricePoint]:
        return await self._client.oi_price_history(pair, start_ms=start_ms, end_ms=end_ms, hours=hours)


class BinanceDesk:
    """Binance, where open interest costs a call for each contract: only what is wanted, or traded most, has it."""

    venue: Final = "binance"
    provider: Final[Provider] = "venue"
    asks_by_coin: Final = True
    fresh_s: Final = 15.0

    def __init__(self, client: Binance, *, clock: Clock = wall_ms) -> None:
        self._client, self._clock = client, clock
        self._turn = asyncio.Lock()
        self._rows: list[Contract] = []
        self._rows_ms: int | None = None

    async def listing(self) -> list[Contract]:
        """All contracts; none has open interest."""
        return await self._tickers()

    async def contracts(self, coins: Collection[str] | None) -> list[Contract]:
        """Those of these coins, each with its open interest; or all, of which the most traded have it."""
        rows = await self._tickers()
        if coins is not None:
            rows = [row for row in rows if coin_of(row.symbol) in coins]
        most_traded = sorted(rows, key=lambda row: -(row.volume_24h_usd or 0.0))[:MOST_TRADED]
        interest = await self._client.open_interest([row.pair for row in most_traded])
        return [_counted(row, interest.get(row.pair)) for row in rows]

    async def volume_2h(self, pair: str) -> float | None:
        return await self._client.volume_2h(pair)

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        return await self._client.volume_24h(pair)

    async def funding_history(
        self, pair: str, *, start_ms: int | None, end_ms: int | None, limit: int, interval_h: float | None = None
    ) -> list[FundingPoint]:
        del interval_h  # the client knows the intervals
        return await self._client.funding_history(pair, start_ms=start_ms, end_ms=end_ms, limit=limit)

    async def oi_price_history(self, pair: str, *, start_ms: int, end_ms: int, hours: bool) -> list[OiPricePoint]:
        return await self._client.oi_price_history(pair, start_ms=start_ms, end_ms=end_ms, hours=hours)

    async def _tickers(self) -> list[Contract]:
        """All without open interest, asked once for everybody who wants some coins of it."""
        async with self._turn:
            now_ms = self._clock()
            if self._rows_ms is None or not 0 <= now_ms - self._rows_ms < TICKERS_FOR_MS:
                self._rows = await self._client.contracts(interest_of=0)
                self._rows_ms = self._clock()
            return self._rows


class SnapshotDesk:
    """An exchange of which we know the present only: Deribit and Hyperliquid. Its charts are empty."""

    provider: Final[Provider] = "venue"
    asks_by_coin: Final = False
    fresh_s: Final = 5.0

    def __init__(self, client: Deribit | Hyperliquid) -> None:
        self.venue = client.venue
        self._client = client

    async def listing(self) -> list[Contract]:
        return await self._client.contracts()

    async def contracts(self, coins: Collection[str] | None) -> list[Contract]:
        return await self._client.contracts()

    async def volume_2h(self, pair: str) -> float | None:
        return None

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        """Hyperliquid has no answer about a single contract: its row is ours."""
        if isinstance(self._client, Deribit):
            return await self._client.volume_24h(pair)
        for row in await self._client.contracts():
            if row.pair == pair and row.volume_24h_usd is not None:
                raw = msgspec.to_builtins(row)
                return VenueVolume(venue=self.venue, instrument=pair, volume_usd=row.volume_24h_usd, raw=raw)
        return None

    async def funding_history(
        self, pair: str, *, start_ms: int | None, end_ms: int | None, limit: int, interval_h: float | None = None
    ) -> list[FundingPoint]:
        return []

    async def oi_price_history(self, pair: str, *, start_ms: int, end_ms: int, hours: bool) -> list[OiPricePoint]:
        return []


def _counted(row: Contract, oi_base: float | None) -> Contract:
    """The row with its open interest: base coins times the mark price."""
    if oi_base is None:
        return row
    oi_usd = times(oi_base, row.mark) if is_in_dollars(row.symbol) else None
    return msgspec.structs.replace(row, oi_base=oi_base, oi_usd=oi_usd)
