"""What Binance does not stream: open interest, funding that was paid, how accounts stand, books and candles to begin with."""

import asyncio
import logging

from daemon.sources.base import Context, Feed
from daemon.sources.listing import chosen
from daemon.sources.poller import Ask, Poller, each
from daemon.sources.sieve import Sieve
from daemon.supervisor import Refused
from daemon.upstream.limits import Budget, Window
from daemon.wire import binance as wire
from daemon.wire import binance_books as books
from daemon.wire import binance_rest as rest
from daemon.wire import binance_statistics as statistics
from daemon.wire.binance_trading import Marks
from rules.events import (
    BookSnapshot,
    Candle,
    Event,
    FundingRate,
    InsuranceFund,
    LongShortRatio,
    MarkPrice,
    OpenInterest,
)

log = logging.getLogger(__name__)

BUDGET = Budget(weight=2_000, per_s=60)  # Binance allows 2,400 a minute and address; others may share ours
USED_HEADER = "X-MBX-USED-WEIGHT-1M"
FUNDING_BUDGET_ROWS = 1_000
STATISTICS = Budget(weight=600, per_s=300)  # /futures/data: 1,000 in 5 minutes, and the tables ask there too
LISTED_FOR_MS = 60_000  # wishes may change many times a second; what is listed does not
LOOK_BACK_MS = 9 * 3_600_000  # at the start: the latest settlement of an 8 h contract


class Desk:
    """One client for Binance's REST host, and what we have learnt there."""

    def __init__(self, context: Context, rest_url: str) -> None:
        self.context = context
        self.intervals_h: dict[str, float] = {}  # shared with the stream's decoder
        self.mark_prices: Marks = {}  # heard on /market, shown beside the tickers of /public
        self._url = rest_url
        self._client = context.http.client(rest_url, budget=BUDGET, used_header=USED_HEADER)
        self._settled_ms: int | None = None
        self._refused: set[tuple[str, str]] = set()
        self._statistics = Window(STATISTICS, now=asyncio.get_running_loop().time)
        self._ratios_ms: dict[str, int] = {}  # symbol -> time of the last ratio told
        self._listed: dict[str, float] = {}
        self._listed_ms: int | None = None

    async def learn_intervals(self) -> tuple[Event, ...]:
        """Hours between settlements of the symbols that differ from the usual eight."""
        found = rest.decode_funding_info(await self._client.get(self._url + rest.FUNDING_INFO))
        self.intervals_h.clear()
        self.intervals_h.update(found)
        return ()

    async def marks(self) -> dict[str, float]:
        """The mark price of every instrument that is listed."""
        body = await self._client.get(self._url + rest.PREMIUM_INDEX, weight=10)
        events = rest.decode_premium_index(body, self.context.clock(), self.intervals_h)
        self._listed = {event.symbol: event.price for event in events if isinstance(event, MarkPrice)}
        self._listed_ms = self.context.clock()
        return self._listed

    async def listed(self) -> list[str]:
        """Every instrument, as of the last minute."""
        if self._listed_ms is None or not 0 <= self.context.clock() - self._listed_ms < LISTED_FOR_MS:
            await self.marks()
        return list(self._listed)

    async def book(self, symbol: str) -> BookSnapshot:
        """The whole order book, as deep as Binance tells it."""
        params: dict[str, str | int] = {"symbol": wire.from_symbol(symbol), "limit": books.DEPTH_ROWS}
        body = await self._client.get(self._url + books.DEPTH, params=params, weight=books.DEPTH_WEIGHT)
        return books.decode_depth(body, symbol, self.context.clock())

    async def last_candle(self, symbol: str) -> list[Candle]:
        """The last minute that is over, if there was one."""
        params: dict[str, str | int] = {"symbol": wire.from_symbol(symbol), "interval": "1m", "limit": 2}
        body = await self._client.get(self._url + books.KLINES, params=params)
        return [candle for candle in books.decode_candles(body, symbol, self.context.clock()) if candle.is_closed]

    async def open_interest(self) -> list[Event]:
        """Of every wanted instrument, one call each."""
        marks = await self.marks()
        events: list[Event] = []

        async def ask(symbol: str) -> None:
            try:
                body = await self._client.get(
                    self._url + rest.OPEN_INTEREST, params={"symbol": wire.from_symbol(symbol)}
                )
            except Refused as exc:  # listed, but closed for trading: the others go on
                self.refuse("open interest", symbol, exc)
                return
            events.append(rest.decode_open_interest(body, self.context.clock(), marks[symbol]))

        await each(chosen(self.context.wanted.selection(OpenInterest, venue=wire.VENUE), marks), ask)
        return events

    async def long_short_ratio(self) -> list[Event]:
        """Of every wanted instrument, one call each; what is told already is left out."""
        wanted = chosen(self.context.wanted.selection(LongShortRatio, venue=wire.VENUE), await self.listed())
        events: list[Event] = []

        async def ask(symbol: str) -> None:
            params: dict[str, str | int] = {"symbol": wire.from_symbol(symbol), "period": statistics.PERIOD, "limit": 1}
            await self._statistics.take()
            try:
                body = await self._client.get(self._url + statistics.LONG_SHORT_RATIO, params=params, weight=0)
            except Refused as exc:  # Binance does not count it
                self.refuse("long/short ratio", symbol, exc)
                return
            for event in statistics.decode_ratios(body, self.context.clock())[-1:]:
                if event.at_ms > self._ratios_ms.get(symbol, 0):
                    self._ratios_ms[symbol] = event.at_ms
                    events.append(event)

        self._ratios_ms = {symbol: at_ms for symbol, at_ms in self._ratios_ms.items() if symbol in set(wanted)}
        await each(wanted, ask)
        return events

    async def insurance_fund(self) -> list[InsuranceFund]:
        """What it holds of every coin."""
        marks = await self.marks()
        body = await self._client.get(self._url + statistics.INSURANCE)
        return statistics.decode_insurance(body, self.context.clock(), marks)

    def refuse(self, what: str, symbol: str, why: Refused) -> None:
        """Say once that this cannot be had."""
        if (what, symbol) not in self._refused:
            self._refused.add((what, symbol))
            log.warning("was refused, the others go on", extra={"what": what, "symbol": symbol, "error": str(why)})

    async def settled_funding(self) -> list[FundingRate]:
        """Paid since the last look, of all instruments in one call; a full page means that there is more."""
        if not self.intervals_h:
            await self.learn_intervals()
        now = self.context.clock()
        start = now - LOOK_BACK_MS if self._settled_ms is None else self._settled_ms
        events: list[FundingRate] = []
        while True:
            body = await self._client.get(
                self._url + rest.FUNDING_RATE, params={"startTime": start, "endTime": now, "limit": FUNDING_BUDGET_ROWS}
            )
            page = rest.decode_funding_rates(body, self.context.clock(), self.intervals_h)
            events += page
            latest = max((event.at_ms for event in page), default=start)
            if len(page) < FUNDING_BUDGET_ROWS or latest <= start:
                break
            start = latest
        if events:
            # asked again from there, because rows of one settlement do not all appear at once; repeats are sieved out
            self._settled_ms = max(event.at_ms for event in events) - 60_000
        return events


def desk_of(context: Context, rest_url: str) -> Desk:
    """The desk at this address; the feeds of the house share it, also those that begin later."""
    desk = context.desks.get(rest_url)
    if not isinstance(desk, Desk):
        desk = context.desks[rest_url] = Desk(context, rest_url)
    return desk


def build(
    desk: Desk,
    *,
    open_interest_every_ms: int,
    settled_funding_every_ms: int,
    intervals_every_ms: int,
    long_short_ratio_every_ms: int,
    insurance_fund_every_ms: int,
) -> list[Feed]:
    """The pollers of which anything is wanted."""
    context = desk.context
    feeds: list[Feed] = []

    def add(name: str, kind: type[Event], every_ms: int, ask: Ask) -> None:
        if context.wanted.any_of((kind,), venue=wire.VENUE):
            feeds.append(
                Poller(
                    name=f"binance.{name}",
                    venue=wire.VENUE,
                    context=context,
                    sieve=Sieve(context.wanted, (kind,), context.once),
                    every_ms=every_ms,
                    ask=ask,
                )
            )

    add("open_interest", OpenInterest, open_interest_every_ms, desk.open_interest)
    add("long_short_ratio", LongShortRatio, long_short_ratio_every_ms, desk.long_short_ratio)
    add("insurance_fund", InsuranceFund, insurance_fund_every_ms, desk.insurance_fund)
    add("settled_funding", FundingRate, settled_funding_every_ms, desk.settled_funding)
    if context.wanted.any_of((FundingRate,), venue=wire.VENUE):
        feeds.append(
            Poller(
                name="binance.intervals",
                venue=wire.VENUE,
                context=context,
                sieve=Sieve(context.wanted, (), context.once),
                every_ms=intervals_every_ms,
                ask=desk.learn_intervals,
                carries=("funding_interval",),  # no event: rates keep coming, with the intervals that we know
            )
        )
    return feeds
