"""What Bybit does not stream: the list of instruments, funding that was paid, who is long, and the insurance fund."""

import asyncio
from collections.abc import Sequence
from functools import partial

from daemon.sources.base import Context, Feed
from daemon.sources.candles import ROWS as CANDLE_ROWS
from daemon.sources.configs import Bybit as Config
from daemon.sources.forgiving import Forgiving
from daemon.sources.latest import Latest
from daemon.sources.listing import chosen
from daemon.sources.poller import Ask, Poller, each
from daemon.sources.sieve import Sieve
from daemon.upstream.limits import Budget
from daemon.wire import bybit as wire
from daemon.wire import bybit_market as market
from daemon.wire import bybit_rest as rest
from daemon.wire.history import Bar
from rules.events import Event, FundingRate, InsuranceFund, LongShortRatio
from rules.instruments import PERPETUAL

BUDGET = Budget(weight=300, per_s=5)  # Bybit allows 600; a 403 bans the address for ten minutes
CATEGORY = "linear"
ROWS = 10
LISTED_FOR_S = 60.0  # wishes may change every second; what is listed does not


class Desk:
    """One client for Bybit's REST host, and what we have learnt there."""

    def __init__(self, context: Context, rest_url: str) -> None:
        self.context = context
        self.intervals_h: dict[str, float] = {}  # shared with the stream's decoder
        self._url = rest_url
        self._client = context.http.client(rest_url, budget=BUDGET)
        self._ratios = Forgiving("long/short ratio", wire.VENUE)
        self._listed: list[str] = []
        self._listed_at: float | None = None
        self._next_ms: dict[str, int | None] = {}  # symbol -> the settlement that was next when we last looked

    async def listed(self) -> list[str]:
        """All instruments, as of a minute ago at most."""
        now = asyncio.get_running_loop().time()
        if self._listed_at is None or now - self._listed_at > LISTED_FOR_S:
            self._listed, self._listed_at = rest.decode_symbols(await self._tickers()), now
        return self._listed

    async def settled_funding(self) -> list[Event]:
        """Of each wanted contract whose settlement has passed since the last look, and of all at the first."""
        events = rest.decode_tickers(await self._tickers(), self.context.clock())
        running = {event.symbol: event for event in events if isinstance(event, FundingRate)}
        self.intervals_h.update({symbol: event.interval_h for symbol, event in running.items()})
        wanted = chosen(self.context.wanted.selection(FundingRate, venue=wire.VENUE), running)
        due = [symbol for symbol in wanted if self._next_ms.get(symbol) != running[symbol].settles_at_ms]
        paid: list[Event] = []

        async def ask(symbol: str) -> None:
            body = await self._client.get(
                self._url + rest.FUNDING_HISTORY,
                params={"category": CATEGORY, "symbol": wire.from_symbol(symbol), "limit": ROWS},
            )
            rows = rest.decode_funding_history(body, self.context.clock(), self.intervals_h)
            expected_ms = self._next_ms.get(symbol)
            # the row of a settlement may come a little later than the settlement: then ask again next time
            if expected_ms is None or (rows and rows[-1].at_ms >= expected_ms):
                self._next_ms[symbol] = running[symbol].settles_at_ms
            paid.extend(rows[-1:] if expected_ms is None else rows)

        await each(due, ask)
        return paid

    async def account_ratios(self, told: Latest) -> list[Event]:
        """Of every wanted contract, one call each, unless it was told already; quarterly ones have none."""
        found: list[LongShortRatio] = []

        async def ask(symbol: str) -> None:
            query: dict[str, str | int] = {
                "category": CATEGORY,
                "symbol": wire.from_symbol(symbol),
                "period": rest.RATIO_PERIOD,
                "limit": 1,
            }
            body = await self._client.get(self._url + rest.ACCOUNT_RATIO, params=query)
            found.extend(rest.decode_account_ratio(body, self.context.clock()))

        wanted = self.context.wanted.selection(LongShortRatio, venue=wire.VENUE)
        symbols = [symbol for symbol in chosen(wanted, await self.listed()) if symbol.endswith(PERPETUAL)]
        await self._ratios.each(symbols, ask)
        told.keep(symbols)
        return [event for event in found if told.is_news(event.symbol, event.at_ms)]

    async def insurance(self) -> list[Event]:
        """Of all coins in one call."""
        body = await self._client.get(self._url + rest.INSURANCE)
        return [*rest.decode_insurance(body, self.context.clock())]

    async def minutes(self, symbol: str) -> Sequence[Bar]:
        """The latest candles of one contract."""
        query: dict[str, str | int] = {
            "category": CATEGORY,
            "symbol": wire.from_symbol(symbol),
            "interval": "1",
            "limit": CANDLE_ROWS,
        }
        return market.decode_klines(await self._client.get(self._url + market.KLINE, params=query))

    async def _tickers(self) -> bytes:
        return await self._client.get(self._url + rest.TICKERS, params={"category": CATEGORY})


def desk_of(context: Context, rest_url: str) -> Desk:
    """The desk at this address; the feeds of the house share it, also those that begin later."""
    desk = context.desks.get(rest_url)
    if not isinstance(desk, Desk):
        desk = context.desks[rest_url] = Desk(context, rest_url)
    return desk


def build(desk: Desk, config: Config) -> list[Feed]:
    """The pollers of which anything is wanted."""

    def poller(name: str, kind: type[Event], every_ms: int, ask: Ask) -> list[Feed]:
        context = desk.context
        if not context.wanted.any_of((kind,), venue=wire.VENUE):
            return []
        sieve = Sieve(context.wanted, (kind,), context.once)
        return [Poller(name=name, venue=wire.VENUE, context=context, sieve=sieve, every_ms=every_ms, ask=ask)]

    return [
        *poller("bybit.settled_funding", FundingRate, config.settled_funding_every, desk.settled_funding),
        *poller(
            "bybit.long_short_ratio",
            LongShortRatio,
            config.long_short_ratio_every,
            partial(desk.account_ratios, Latest()),
        ),
        *poller("bybit.insurance_fund", InsuranceFund, config.insurance_fund_every, desk.insurance),
    ]
