"""Endpoints over the real market, whose exchanges and vendors answer with records that a test has written."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from daemon.server.sources import Sources
from daemon.server.tzone.endpoint import Endpoint, Params, Spec
from daemon.supervisor import Transient
from daemon.upstream.cache import Cache
from daemon.upstream.icons import Icons
from daemon.upstream.market import Market
from daemon.upstream.providers import Providers
from daemon.upstream.records import (
    CoinInfo,
    Contract,
    DailyPrices,
    DailyRates,
    DerivativeExchange,
    FearGreedDay,
    FundingPoint,
    GlobalMarket,
    MarketCapPoint,
    OiPricePoint,
    OptionsInterest,
    PricePoint,
    Provider,
    Stablecoin,
    SupplyPoint,
    VenueVolume,
)
from daemon.views.all import Views
from tests.patience import PATIENCE_S

NOW_MS = 1_790_000_000_000  # 2026-09-21 14:13:20 UTC
T = TypeVar("T")
FIVE = ("binance", "bybit", "okx", "deribit", "hyperliquid")


@dataclass
class RecordDesk:
    """One exchange. `trouble` makes every answer a failure; `gate`, while unset, keeps everybody waiting."""

    venue: str
    provider: Provider = "venue"
    rows: list[Contract] = field(default_factory=list)
    volumes: dict[str, float | None] = field(default_factory=dict)  # by pair
    funding: dict[str, list[FundingPoint]] = field(default_factory=dict)
    interest: dict[str, list[OiPricePoint]] = field(default_factory=dict)
    trouble: str | None = None
    history_trouble: str | None = None
    gate: asyncio.Event | None = None  # before volumes and history
    asked: list[tuple[str, str]] = field(default_factory=list)
    asks_by_coin: bool = False
    fresh_s: float = 5.0

    async def listing(self) -> list[Contract]:
        return await self.contracts(None)

    async def contracts(self, coins: Collection[str] | None) -> list[Contract]:
        self.asked.append(("contracts", ""))
        if self.trouble is not None:
            raise Transient(self.trouble)
        return self.rows

    async def volume_2h(self, pair: str) -> float | None:
        await self._about("volume_2h", pair)
        return self.volumes.get(pair)

    async def volume_24h(self, pair: str) -> VenueVolume | None:
        await self._about("volume_24h", pair)
        row = next((row for row in self.rows if row.pair == pair), None)
        if row is None or row.volume_24h_usd is None:
            return None
        raw = {"symbol": pair, "quoteVolume": str(row.volume_24h_usd)}
        return VenueVolume(venue=self.venue, instrument=pair, volume_usd=row.volume_24h_usd, raw=raw)

    async def funding_history(
        self, pair: str, *, start_ms: int | None, end_ms: int | None, limit: int, interval_h: float | None
    ) -> list[FundingPoint]:
        await self._about("funding_history", pair)
        return [
            point
            for point in self.funding.get(pair, [])
            if (start_ms or 0) <= point.at_ms and (end_ms is None or point.at_ms <= end_ms)
        ][-limit:]

    async def oi_price_history(self, pair: str, *, start_ms: int, end_ms: int, hours: bool) -> list[OiPricePoint]:
        await self._about(f"oi_price_history by {'hours' if hours else 'days'}", pair)
        return [point for point in self.interest.get(pair, []) if start_ms <= point.at_ms <= end_ms]

    async def _about(self, what: str, pair: str) -> None:
        self.asked.append((what, pair))
        if self.gate is not None:
            await self.gate.wait()
        trouble = self.trouble or self.history_trouble
        if trouble is not None:
            raise Transient(trouble)


@dataclass
class RecordVendors:
    """CoinGecko, DefiLlama, alternative.me and Deribit's options in one; None is a failure.

    `gate`, while unset, keeps everybody waiting for pictures.
    """

    whole: GlobalMarket | None = None
    infos: list[CoinInfo] | None = None
    charts_of_coins: dict[str, list[PricePoint]] | None = None
    exchanges: list[DerivativeExchange] | None = None
    stables: list[Stablecoin] | None = None
    market_caps: list[MarketCapPoint] | None = None
    daily_prices: list[DailyPrices] | None = None
    daily_rates: list[DailyRates] | None = None
    supplies: dict[str, list[SupplyPoint]] | None = None
    days: list[FearGreedDay] | None = None
    options: list[OptionsInterest] | None = None
    gate: asyncio.Event | None = None

    async def global_market(self) -> GlobalMarket:
        return _said(self.whole)

    async def coins(self, ids: Sequence[str], vs_currency: str) -> list[CoinInfo]:
        return [info for info in _said(self.infos) if info.id in ids and info.vs_currency == vs_currency]

    async def largest(self) -> list[CoinInfo]:
        if self.gate is not None:
            await self.gate.wait()
        return [info for info in _said(self.infos) if info.vs_currency == "usd"]

    async def chart(self, coin_id: str, vs_currency: str, days: int) -> list[PricePoint]:
        return _said(self.charts_of_coins).get(coin_id, [])

    async def derivative_exchanges(self) -> list[DerivativeExchange]:
        if self.gate is not None:
            await self.gate.wait()
        return _said(self.exchanges)

    async def stablecoins(self) -> list[Stablecoin]:
        return _said(self.stables)

    async def charts(self) -> list[MarketCapPoint]:
        return _said(self.market_caps)

    async def prices(self) -> list[DailyPrices]:
        return _said(self.daily_prices)

    async def rates(self) -> list[DailyRates]:
        return _said(self.daily_rates)

    async def supply(self, stablecoin_id: str) -> list[SupplyPoint]:
        return _said(self.supplies).get(stablecoin_id, [])

    async def fear_greed(self, limit: int) -> list[FearGreedDay]:
        return _said(self.days)[: limit or None]

    async def options_interest(self, coin: str) -> list[OptionsInterest]:
        return _said(self.options)


class RecordMarket(Market):
    """The real market with its cache and its way with names; only who is asked is ours."""

    def __init__(self, house: "House") -> None:
        self._cache, self._clock = house.cache, house.clock
        vendors = house.vendors
        provider: Provider = next((desk.provider for desk in house.desks.values()), "venue")
        self._from = Providers(
            desks=house.desks, provider=provider, coins=vendors, stablecoins=vendors, mood=vendors, options=vendors
        )
        self._icons = Icons(house.cache, vendors, vendors)


class House:
    """Sources made of records, a clock that stands still, and frames as clients would read them.

    Exchanges that a test does not bring are there and have nothing.
    """

    def __init__(self, *desks: RecordDesk, vendors: RecordVendors | None = None, label: str | None = None) -> None:
        self.now_ms = NOW_MS
        self.cache = Cache(self.clock)
        provider: Provider = desks[0].provider if desks else "venue"
        self.desks = {venue: RecordDesk(venue, provider) for venue in FIVE} | {desk.venue: desk for desk in desks}
        self.vendors = vendors or RecordVendors()
        self.views = Views()
        self.sources = Sources(
            market=RecordMarket(self), views=self.views, clock=self.clock, label=label, live=frozenset({"BTC"})
        )

    def clock(self) -> int:
        """Milliseconds; tests set `now_ms`."""
        return self.now_ms

    def endpoint(self, spec: Spec[Any]) -> Endpoint[Any]:
        """The endpoint at work here."""
        return Endpoint(spec, self.sources)

    async def frame(self, spec: Spec[Any], query: str, *messages: Mapping[str, object]) -> dict[str, Any]:
        """What a client reads after this query string, and then these messages."""
        return await read(self.endpoint(spec), query, *messages, now_ms=self.now_ms)


@asynccontextmanager
async def house(
    *desks: RecordDesk, vendors: RecordVendors | None = None, label: str | None = None
) -> AsyncIterator[House]:
    """A house whose cache is open."""
    built = House(*desks, vendors=vendors, label=label)
    async with built.cache:
        yield built


def asked(endpoint: Endpoint[Any], query: str, *messages: Mapping[str, object]) -> Params[Any]:
    """The parameters of a query string as printed, changed by messages."""
    params = endpoint.parse(dict(parse_qsl(query, keep_blank_values=True)), None)
    for message in messages:
        params = endpoint.parse(message, params)
    return params


async def read(
    endpoint: Endpoint[Any], query: str, *messages: Mapping[str, object], now_ms: int = NOW_MS
) -> dict[str, Any]:
    """One frame of an endpoint."""
    answer = await endpoint.answer(asked(endpoint, query, *messages), now_ms, None)
    frame: dict[str, Any] = msgspec.json.decode(answer.payload)
    return frame


async def until(holds: Callable[[], bool]) -> None:
    """Let the others run until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0)


def _said(value: T | None) -> T:
    if value is None:
        raise Transient("the vendor is down")
    return value
