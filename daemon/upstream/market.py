"""The one door to what upstreams know: each question goes to who can answer it, and the answers are kept for a while.

Exchanges are asked themselves, or CoinDesk for them when it has a key. A method answers with an `Answer`, which may be
old or not whole and then says so; it raises Unavailable with a sentence when there is nothing at all, and UnknownExchange
for a name that nobody knows.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from daemon.clock import Clock, wall_ms
from daemon.upstream import exchanges, pairs, providers
from daemon.upstream.cache import Answer, Cache, Fetch, Unavailable
from daemon.upstream.http import Http
from daemon.upstream.icons import Icons
from daemon.upstream.market_config import MarketConfig
from daemon.upstream.pairs import UnknownContract
from daemon.upstream.ports import Desk
from daemon.upstream.records import (
    CoinInfo,
    Contract,
    DailyPrices,
    DailyRates,
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
from rules.instruments import coin_of

T = TypeVar("T")
Point = TypeVar("Point", FundingPoint, OiPricePoint)
Ask = Callable[[], Coroutine[Any, Any, Answer[list[T]]]]

PATIENCE_S = 10.0  # how long a table waits for what it has never seen
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MOST_POINTS = 5_000
IDS_A_PAGE = 250
CHART_DAYS = (1, 7, 30, 90, 365)
HISTORY_DAYS = (31, 92, 366, 1_100)
A_YEAR_OF_DAYS = 400  # of fear and greed; more than that is asked for as `all`


@dataclass(frozen=True)
class Keep:
    """How long an answer is fresh, and how long it is then served while it is asked for again."""

    fresh_s: float
    stale_s: float


TICKERS = Keep(5, 15)
LISTING = Keep(3_600, 86_400)
HISTORY = Keep(100, 300)  # longer than the 80 s between two frames: asked for ahead, it is fresh in each
OPTIONS = Keep(30, 120)
COINGECKO = Keep(300, 900)
DEFILLAMA = Keep(300, 1_800)  # rebuilt about hourly
DAILY = Keep(1_800, 43_200)
FEAR_GREED = Keep(1_800, 43_200)


class Market:
    """Asks upstreams for the endpoints. It holds nothing of its own: the cache owns what is under way."""

    def __init__(self, http: Http, cache: Cache, config: MarketConfig, clock: Clock = wall_ms) -> None:
        self._cache, self._clock = cache, clock
        self._from = providers.build(http, config, clock)
        self._icons = Icons(cache, self._from.coins, self._from.stablecoins)

    # exchanges

    @property
    def venues(self) -> tuple[str, ...]:
        """The exchanges that can be asked; those that have closed are valid names too and answer with nothing."""
        return tuple(self._from.desks)

    @property
    def provider(self) -> Provider:
        """Who answers for exchanges: CoinDesk when it has a key, else the exchanges themselves."""
        return self._from.provider

    def canonical(self, venue: str) -> str:
        """CoinDesk-Binance -> binance. UnknownExchange says which names are known."""
        return exchanges.canonical(venue, self._from.desks)

    async def contracts(self, venue: str, coins: Collection[str] | None = None) -> Answer[list[Contract]]:
        """The open contracts of one exchange: of these coins (BTC, PEPE), or of all."""
        desk = self._desk(venue)
        if desk is None:
            return self._nothing()
        wanted = None if coins is None else frozenset(coin.strip().upper() for coin in coins)
        asked = wanted if desk.asks_by_coin else None
        keep = TICKERS if asked is not None else Keep(desk.fresh_s, 3 * desk.fresh_s)
        answer = await self._get(("contracts", desk.venue, asked), partial(desk.contracts, asked), keep)
        if wanted is None:
            return answer
        return _with(answer, [row for row in answer.value if coin_of(row.symbol) in wanted])

    async def contracts_of(self, venues: Sequence[str], coins: Collection[str] | None = None) -> Answer[list[Contract]]:
        """The contracts of several exchanges, asked at the same time; who fails is named in `error`, the others' rows stay."""
        return await self._together({self.canonical(venue): partial(self.contracts, venue, coins) for venue in venues})

    async def contract(self, venue: str, name: str) -> Contract | None:
        """Which contract a client means by BTC, BTCUSDT, BTC-USDT-SWAP or BTC-USDT-PERP; its numbers may be hours old.

        A coin alone is its perpetual that is traded most. None at an exchange that has closed. UnknownContract, with a
        sentence, if the exchange has nothing of that name.
        """
        desk = self._desk(venue)
        return None if desk is None else await self._named(desk, name)

    async def volume_2h(self, venue: str, pair: str) -> Answer[float | None]:
        """What was traded in the last two hours in US dollars; `pair` is any name that `contract` knows."""
        desk = self._desk(venue)
        if desk is None:
            return Answer(None, self._clock())
        own = (await self._named(desk, pair)).pair
        return await self._get(("volume_2h", desk.venue, own), lambda: desk.volume_2h(own), HISTORY)

    async def funding_history(
        self, venue: str, coin: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 100
    ) -> Answer[list[FundingPoint]]:
        """What the coin's main perpetual paid, oldest first: the newest `limit` points of the range.

        `coin` may be any name that `contract` knows. Rates are per `interval_h` of each point; average exchanges by
        `rate_8h`. An exchange has a point for each settlement, CoinDesk one a day.
        """
        desk = self._desk(venue)
        if desk is None:
            return self._nothing()
        row, limit = await self._named(desk, coin), max(1, min(limit, MOST_POINTS))
        # whole hours in the key, so that a range that moves with the clock is one question an hour
        end = _hour_after(end_ms)
        start = None if start_ms is None else _usual_start(start_ms, self._clock() if end is None else end)
        answer = await self._get(
            ("funding", desk.venue, row.pair, start, end, limit),
            lambda: desk.funding_history(
                row.pair, start_ms=start, end_ms=end, limit=limit, interval_h=row.funding_interval_h
            ),
            HISTORY,
        )
        return _with(answer, _between(answer.value, start_ms, end_ms)[-limit:])

    async def oi_price_history(
        self, venue: str, pair: str, *, start_ms: int, end_ms: int, hours: bool
    ) -> Answer[list[OiPricePoint]]:
        """Price and open interest in US dollars, one point an hour or a day, oldest first.

        `pair` is any name that `contract` knows. Exchanges remember about a month (Binance) or more, CoinDesk all of it.
        """
        desk = self._desk(venue)
        if desk is None:
            return self._nothing()
        own = (await self._named(desk, pair)).pair
        start, end = start_ms // HOUR_MS * HOUR_MS, -(-end_ms // HOUR_MS) * HOUR_MS
        answer = await self._get(
            ("oi_price", desk.venue, own, start, end, hours),
            lambda: desk.oi_price_history(own, start_ms=start, end_ms=end, hours=hours),
            HISTORY,
        )
        return _with(answer, _between(answer.value, start_ms, end_ms))

    async def derivative_volumes(
        self, coin: str = "BTC", venues: Sequence[str] = exchanges.VENUES
    ) -> Answer[list[VenueVolume]]:
        """What was traded in the coin's main perpetual in 24 hours in US dollars, by exchange; unknown ones left out."""

        async def of(venue: str) -> Answer[list[VenueVolume]]:
            desk = self._desk(venue)
            if desk is None:
                return self._nothing()
            pair = (await self._named(desk, coin)).pair
            answer = await self._get(("volume_24h", desk.venue, pair), lambda: desk.volume_24h(pair), TICKERS)
            return _with(answer, [] if answer.value is None else [answer.value])

        return await self._together({self.canonical(venue): partial(of, venue) for venue in venues})

    async def options_interest(self, coin: str = "BTC") -> Answer[list[OptionsInterest]]:
        """Open interest of each option of the coin on Deribit, in US dollars."""
        coin = coin.upper()
        return await self._get(("options", coin), lambda: self._from.options.options_interest(coin), OPTIONS)

    async def exchange_logo(self, venue: str) -> str | None:
        """The address of an exchange's picture, or None while nobody knows one."""
        return await self._icons.exchange(venue)

    # coins

    async def global_market(self) -> Answer[GlobalMarket]:
        """The value of all coins together, and the shares of bitcoin and ether."""
        return await self._get("global", self._from.coins.global_market, COINGECKO)

    async def coins(self, ids: Sequence[str], vs_currency: str = "usd") -> Answer[list[CoinInfo]]:
        """Prices, images and market values of coins by CoinGecko's ids; ids it does not know are left out."""
        currency = vs_currency.strip().lower()
        wanted = sorted(set(ids))
        pages = [tuple(wanted[at : at + IDS_A_PAGE]) for at in range(0, len(wanted), IDS_A_PAGE)]

        def page(ids: tuple[str, ...]) -> Ask[CoinInfo]:
            return lambda: self._get(("coins", currency, ids), lambda: self._from.coins.coins(ids, currency), COINGECKO)

        return await self._together({f"coins from {ids[0]}": page(ids) for ids in pages})

    async def coin_by_symbol(self, symbol: str) -> CoinInfo | None:
        """The largest coin that goes by this ticker, for its name and picture; None when unknown. Waits 1 s at most."""
        return await self._icons.coin(symbol)

    async def coins_by_symbol(self, symbols: Collection[str]) -> dict[str, CoinInfo]:
        """The same for a whole table; tickers in capitals, unknown ones left out."""
        return await self._icons.coins(symbols)

    async def coin_chart(self, coin_id: str, vs_currency: str = "usd", days: int = 7) -> Answer[list[PricePoint]]:
        """Prices of one coin, oldest first: every 5 minutes for 1 day, hourly up to 90, daily beyond.

        Unavailable also for an id that is neither among the largest coins nor a stablecoin.
        """
        coin_id, currency = coin_id.strip().lower(), vs_currency.strip().lower()
        if not await self._icons.knows(coin_id):
            raise Unavailable(f"'{coin_id[:40]}' is not a coin we know; ids are like tether or usd-coin")
        length = next((length for length in CHART_DAYS if days <= length), days)  # few lengths, so that many share one
        answer = await self._get(
            ("chart", coin_id, currency, length), lambda: self._from.coins.chart(coin_id, currency, length), COINGECKO
        )
        since_ms = answer.value[-1].at_ms - days * DAY_MS if answer.value and days < length else 0
        return _with(answer, [point for point in answer.value if point.at_ms >= since_ms])

    async def fear_greed(self, limit: int = 1) -> Answer[list[FearGreedDay]]:
        """The newest `limit` days of fear and greed, newest first; 0 for all. Days may be missing."""
        asked = A_YEAR_OF_DAYS if 0 < limit <= A_YEAR_OF_DAYS else 0
        answer = await self._get(("fear_greed", asked), lambda: self._from.mood.fear_greed(asked), FEAR_GREED)
        return _with(answer, answer.value[:limit]) if limit else answer

    # stablecoins

    async def stablecoins(self) -> Answer[list[Stablecoin]]:
        """All stablecoins with their chains, largest first; amounts in US dollars."""
        return await self._get("stablecoins", self._from.stablecoins.stablecoins, DEFILLAMA)

    async def stablecoin_charts(self) -> Answer[list[MarketCapPoint]]:
        """The value of all stablecoins, a point a day, oldest first; the newest is now."""
        return await self._get("stablecoin_charts", self._from.stablecoins.charts, DEFILLAMA)

    async def stablecoin_prices(self) -> Answer[list[DailyPrices]]:
        """The last price of each day by CoinGecko's id, oldest first."""
        return await self._get("stablecoin_prices", self._from.stablecoins.prices, DAILY)

    async def stablecoin_supply(self, stablecoin_id: str) -> Answer[list[SupplyPoint]]:
        """How many units of one stablecoin (DefiLlama's id) there were each day, oldest first."""
        return await self._get(("supply", stablecoin_id), lambda: self._from.stablecoins.supply(stablecoin_id), DAILY)

    async def fx_rates(self) -> Answer[list[DailyRates]]:
        """Units of each currency for one US dollar, a row a day, oldest first."""
        return await self._get("fx_rates", self._from.stablecoins.rates, DAILY)

    # how

    def _desk(self, venue: str) -> Desk | None:
        """Who answers for this exchange; None if it has closed."""
        return self._from.desks.get(self.canonical(venue))

    async def _named(self, desk: Desk, name: str) -> Contract:
        pairs.check(name)
        answer = await self._get(("listing", desk.venue), desk.listing, LISTING)
        return pairs.find(desk.venue, name, answer.value)

    def _nothing(self) -> Answer[list[T]]:
        return Answer([], self._clock())

    async def _get(self, key: object, fetch: Fetch[T], keep: Keep) -> Answer[T]:
        return await self._cache.get(key, fetch, fresh_s=keep.fresh_s, stale_s=keep.stale_s, patience_s=PATIENCE_S)

    async def _together(self, asks: Mapping[str, Ask[T]]) -> Answer[list[T]]:
        """All at once: the rows of those who answered, and in `error` the names and reasons of those who did not."""
        if not asks:
            return self._nothing()
        answers: list[Answer[list[T]]] = []
        reasons: list[str] = []

        async def one(name: str, ask: Ask[T]) -> Answer[list[T]] | None:
            try:
                return await ask()
            except (Unavailable, UnknownContract) as exc:
                reasons.append(f"{name}: {exc}")
                return None

        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(one(name, ask), name=f"market: {name}") for name, ask in asks.items()}
        for name, task in tasks.items():
            answer = task.result()
            if answer is not None:
                answers.append(answer)
                if answer.error is not None:
                    reasons.append(f"{name}: {answer.error}")
        if not answers:
            raise Unavailable("; ".join(reasons))
        return Answer(
            [row for answer in answers for row in answer.value],
            min(answer.at_ms for answer in answers),
            any(answer.is_stale for answer in answers),
            "; ".join(reasons) or None,
        )


def _with(answer: Answer[Any], value: T) -> Answer[T]:
    """The same answer about less."""
    return Answer(value, answer.at_ms, answer.is_stale, answer.error)


def _between(points: list[Point], start_ms: int | None, end_ms: int | None) -> list[Point]:
    return [
        point
        for point in points
        if (start_ms is None or point.at_ms >= start_ms) and (end_ms is None or point.at_ms <= end_ms)
    ]


def _usual_start(start_ms: int, end_ms: int) -> int:
    """The midnight from which to ask: few lengths, so that clients who make up ranges do not use up what we may ask."""
    last_day = -(-end_ms // DAY_MS)
    asked = last_day - start_ms // DAY_MS
    return (last_day - next((days for days in HISTORY_DAYS if asked <= days), asked)) * DAY_MS


def _hour_after(at_ms: int | None) -> int | None:
    return None if at_ms is None else -(-at_ms // HOUR_MS) * HOUR_MS
