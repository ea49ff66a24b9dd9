"""Trading of Bybit and OKX, from the venues in the box over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest

from daemon.simulator.box import Box
from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.streams import bybit, okx
from daemon.views.books import Books
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    MarkPrice,
    OpenInterest,
    Ticker,
    Trade,
)
from rules.selection import Selection
from tests.daemon.simulator.far_end import Clock, scenario
from tests.daemon.sources.loopback import QUICK, House, house, supervised, until
from tests.patience import PATIENCE_S

BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
BOOK: tuple[type[Event], ...] = (BookSnapshot, BookUpdate)
SOURCES: dict[str, tuple[ModuleType, type[Any]]] = {"bybit": (bybit, configs.Bybit), "okx": (okx, configs.Okx)}

Wish = tuple[type[Event], str | None, Selection]


def wish(venue: str, *kinds: type[Event], symbol: str = BTC) -> list[Wish]:
    return [(kind, venue, Selection.of([symbol])) for kind in kinds]


class Stage:
    """A venue in the box with a clock that moves when told to, and its source."""

    def __init__(self, box: Box, home: House, feeds: list[Feed], venue: str, clock: Clock) -> None:
        self.box, self.home, self.feeds, self.venue, self.clock = box, home, feeds, venue, clock

    def topics(self) -> list[str]:
        """What is subscribed now."""
        return sorted(self.box.subscriptions(self.venue).topics)

    def told(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.home.facts if isinstance(event, kind)]

    async def step(self, ms: int = 250) -> None:
        """The market moves on."""
        self.clock.now_ms += ms
        await self.box.step()

    async def step_until(self, holds: Any) -> None:
        """Let the market move until something has become true."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await self.step()
                await asyncio.sleep(0.005)

    def wish(self, wishes: Iterable[Wish]) -> None:
        self.home.context.wanted.revise(wishes)


@asynccontextmanager
async def stage(venue: str, wishes: Iterable[Wish], **settings: str) -> AsyncIterator[Stage]:
    clock = Clock()
    module, config = SOURCES[venue]
    async with Box(scenario(), clock=clock) as box, house(Wanted(wishes)) as home:
        home.context.clock = clock
        feeds = module.build(config(**box.sources_config()[venue], **settings), home.context, timing=QUICK)
        async with supervised(*feeds):
            yield Stage(box, home, feeds, venue, clock)


venues = pytest.mark.parametrize("venue", ["bybit", "okx"])


@venues
async def test_trades_prices_candles_and_books_come_as_the_venue_tells_them(venue: str) -> None:
    """Everything at once, of one contract; nothing else is subscribed."""
    async with stage(venue, wish(venue, Trade, Ticker, Candle, *BOOK)) as play:
        await play.step_until(lambda: {Trade, Ticker, Candle, *BOOK} <= {type(event) for event in play.home.facts})
        topics = play.topics()

        assert {(venue, BTC)} == {event.place for event in play.home.facts}
        assert all(trade.price > 0 and trade.quantity > 0 and trade.trade_id for trade in play.told(Trade))
        assert all(ticker.bid < ticker.ask for ticker in play.told(Ticker))
        expected = {
            "bybit": ["kline.1.BTCUSDT", "orderbook.50.BTCUSDT", "publicTrade.BTCUSDT", "tickers.BTCUSDT"],
            "okx": ["books", "candle1m", "instruments:SWAP", "tickers", "trades"],
        }[venue]
        assert expected == [topic.replace(":BTC-USDT-SWAP", "") for topic in topics]


@venues
async def test_nothing_is_subscribed_that_nobody_wants(venue: str) -> None:
    """A wish for mark prices brings no trades; without any wish there is no feed."""
    async with stage(venue, wish(venue, MarkPrice)) as play:
        await play.step_until(lambda: bool(play.told(MarkPrice)))
        topics = [topic for topic in play.topics() if not topic.startswith("instruments")]

        assert {"bybit": ["tickers.BTCUSDT"], "okx": ["mark-price:BTC-USDT-SWAP"]}[venue] == topics
        assert {MarkPrice} == {type(event) for event in play.home.facts}
    async with stage(venue, []) as play:
        assert [] == play.feeds


@venues
async def test_a_book_that_is_followed_is_the_book_of_the_venue(venue: str) -> None:
    """Folded from a snapshot and what changed: the same levels as the venue has, and never crossed."""
    books = Books()
    async with stage(venue, wish(venue, *BOOK)) as play:
        await play.step_until(lambda: len(play.told(BookUpdate)) >= 20)
        for event in play.home.facts:
            books.observe(event)
            best = books.best(venue, BTC)
            assert best is not None
            assert best[0] is not None
            assert best[1] is not None
            assert best[0][0] < best[1][0]
        theirs = play.box.venues[venue].trading.book(BTC, play.clock.now_ms)
        assert theirs is not None

        assert 0 == books.gaps
        assert (theirs.bids, theirs.asks) == books.levels(venue, BTC)
        assert [None, *(u.sequence for u in play.told(BookUpdate))][1:-1] == [u.follows for u in play.told(BookUpdate)][
            1:
        ]


@venues
async def test_a_lost_update_brings_a_new_snapshot_that_says_so(venue: str) -> None:
    """Updates stop where one is missing, the topic is asked for again, and they go on after a snapshot."""
    books = Books()
    async with stage(venue, wish(venue, *BOOK)) as play:
        await play.step_until(lambda: len(play.told(BookUpdate)) >= 3)
        play.box.misbehave(venue, "lose")
        await play.step_until(lambda: len(play.told(BookSnapshot)) == 2)
        count = len(play.told(BookUpdate))
        await play.step_until(lambda: len(play.told(BookUpdate)) >= count + 3)
        for event in play.home.facts:
            books.observe(event)

        assert ["asked", "gap"] == [event.why for event in play.told(BookSnapshot)]
        assert (0, 1, 0) == (books.gaps, play.feeds[0].status.gaps, play.feeds[0].status.reconnects)


@venues
async def test_after_a_reconnect_the_book_begins_with_a_gap(venue: str) -> None:
    """What the venue said meanwhile was missed."""
    async with stage(venue, wish(venue, *BOOK)) as play:
        await play.step_until(lambda: len(play.told(BookUpdate)) >= 2)
        play.box.misbehave(venue, "drop")
        await play.step_until(lambda: len(play.told(BookSnapshot)) == 2)

        assert ["asked", "gap"] == [event.why for event in play.told(BookSnapshot)]


@venues
@pytest.mark.parametrize("how", ["duplicate", "reorder", "garbage"])
async def test_a_venue_without_manners_makes_no_wrong_book(venue: str, how: str) -> None:
    """What comes twice counts once; what comes in the wrong order is a gap, and mended when the venue behaves."""
    books = Books()
    async with stage(venue, wish(venue, *BOOK)) as play:
        await play.step_until(lambda: len(play.told(BookUpdate)) >= 2)
        play.box.misbehave(venue, how)
        for _ in range(8):
            await play.step()
        play.box.behave(venue)
        count = len(play.home.facts)
        await play.step_until(lambda: len([e for e in play.home.facts[count:] if isinstance(e, BookUpdate)]) >= 6)
        for event in play.home.facts:
            books.observe(event)
        theirs = play.box.venues[venue].trading.book(BTC, play.clock.now_ms)
        assert theirs is not None

        assert 0 == books.gaps
        assert (theirs.bids, theirs.asks) == books.levels(venue, BTC)


@venues
async def test_a_candle_that_is_newly_wanted_is_told_at_once(venue: str) -> None:
    """The last one that is over comes from REST; the market need not move for it."""
    async with stage(venue, wish(venue, Candle)) as play:
        await until(lambda: bool(play.told(Candle)))
        [first] = play.told(Candle)
        play.wish(wish(venue, Candle) + wish(venue, Candle, symbol=ETH))
        await until(lambda: len(play.told(Candle)) == 2)
        minute = play.clock.now_ms // 60_000 * 60_000

        assert (True, minute - 60_000, BTC) == (first.is_closed, first.opened_ms, first.symbol)
        assert [BTC, ETH] == [candle.symbol for candle in play.told(Candle)]


@venues
async def test_a_candle_closes_once(venue: str) -> None:
    """It moves, and then it is over; the one from REST and that of the stream are one fact."""
    async with stage(venue, wish(venue, Candle)) as play:
        await play.step_until(lambda: len({c.opened_ms for c in play.told(Candle) if not c.is_closed}) >= 2)
        closed = [candle.opened_ms for candle in play.told(Candle) if candle.is_closed]

        assert 2 <= len(closed) == len(set(closed))
        assert {60_000} == {candle.interval_ms for candle in play.told(Candle)}


@venues
async def test_any_instrument_can_be_newly_wanted_on_the_living_connection(venue: str) -> None:
    """Also funding, open interest, liquidations and marks; what nobody wants any more is given up."""
    kinds = (MarkPrice, FundingRate, OpenInterest, Liquidation, Trade, Ticker)
    async with stage(venue, wish(venue, MarkPrice)) as play:
        await play.step_until(lambda: bool(play.told(MarkPrice)))
        before = play.topics()
        play.wish(wish(venue, MarkPrice) + wish(venue, *kinds, symbol=ETH))
        await play.step_until(lambda: {MarkPrice, FundingRate, OpenInterest, Trade, Ticker} <= kinds_of(play, ETH))
        during = play.topics()
        play.wish(wish(venue, MarkPrice))
        await until(lambda: play.topics() == before)

        assert set(before) < set(during)
        assert any(topic.startswith(("allLiquidation.ETH", "liquidation-orders")) for topic in during)
        assert (0, "up") == (play.feeds[0].status.reconnects, play.feeds[0].status.state)


def kinds_of(play: Stage, symbol: str) -> set[type[Event]]:
    return {type(event) for event in play.home.facts if event.place[1] == symbol}


async def test_more_of_a_known_ticker_is_told_without_waiting_for_a_change() -> None:
    """Bybit's ticker tells only what changes: whoever wants its funding now gets a whole one."""
    async with stage("bybit", wish("bybit", MarkPrice)) as play:
        await until(lambda: bool(play.told(MarkPrice)))
        play.wish(wish("bybit", MarkPrice, FundingRate, OpenInterest, Ticker))
        await until(lambda: {MarkPrice, FundingRate, OpenInterest, Ticker} <= kinds_of(play, BTC))

        assert ["tickers.BTCUSDT"] == play.topics()
        assert 0 == play.feeds[0].status.reconnects


async def test_best_prices_are_left_out_while_nobody_wants_them() -> None:
    """The same topic carries them; without a wish they are not even made."""
    async with stage("bybit", wish("bybit", MarkPrice, Ticker)) as play:
        await play.step_until(lambda: bool(play.told(Ticker)))
        play.wish(wish("bybit", MarkPrice))
        count = len(play.told(Ticker))
        marks = len(play.told(MarkPrice))
        await play.step_until(lambda: len(play.told(MarkPrice)) >= marks + 3)

        assert 1 >= len(play.told(Ticker)) - count  # one may have been on its way


@venues
async def test_who_is_long_and_what_the_fund_holds_is_asked_for(venue: str) -> None:
    """Shares add up to one; every coin of the fund has an amount."""
    everything: list[Wish] = [(InsuranceFund, venue, Selection(None)), *wish(venue, LongShortRatio)]
    async with stage(venue, everything) as play:
        await until(lambda: bool(play.told(LongShortRatio)) and len(play.told(InsuranceFund)) >= 4)
        [ratio] = play.told(LongShortRatio)
        funds = {fund.coin: fund for fund in play.told(InsuranceFund)}

        assert 1.0 == pytest.approx(ratio.long_share + ratio.short_share)
        assert ratio.ratio == pytest.approx(ratio.long_share / ratio.short_share)
        assert {"USDT", "USDC", "BTC", "ETH"} <= funds.keys()
        assert funds["USDT"].amount_usd == pytest.approx(funds["USDT"].amount)
        assert ("USD" in funds) is (venue == "okx")


@venues
async def test_a_ratio_is_told_once_a_period(venue: str) -> None:
    """However often it is asked for."""
    async with stage(venue, wish(venue, LongShortRatio), long_short_ratio_every="20ms") as play:
        [feed] = play.feeds
        await until(lambda: feed.status.frames >= 4)
        first = len(play.told(LongShortRatio))
        play.clock.now_ms += 300_000
        await play.box.step()
        await until(lambda: len(play.told(LongShortRatio)) == 2)

        assert 1 == first
        assert [300_000] == [later.at_ms - earlier.at_ms for earlier, later in pairwise(play.told(LongShortRatio))]
