"""Binance's trading feeds against the box, which speaks both routes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from daemon.simulator.box import Box
from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.streams import binance
from daemon.views.books import Books
from daemon.wishes import Wish
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    InsuranceFund,
    LongShortRatio,
    MarkPrice,
    OpenInterest,
    Ticker,
    Trade,
)
from rules.selection import Selection
from tests.daemon.simulator.far_end import BTC, NOW_MS, Clock, opened
from tests.daemon.sources.loopback import QUICK, House, house, supervised, until
from tests.patience import PATIENCE_S

ETH = "ETH-USDT-PERP"


@dataclass
class Market:
    """The box, the feeds that listen to it, and the house that takes what they say."""

    box: Box
    clock: Clock
    feeds: list[Feed]
    home: House

    def of(self, kind: type[Event], symbol: str = BTC) -> list[Event]:
        return [event for event in self.home.facts if type(event) is kind and event.place == ("binance", symbol)]

    def topics(self, route: str) -> set[str]:
        """What the connections of this route have subscribed."""
        connections = self.box.subscriptions("binance").connections
        return {topic for connection in connections if connection.route == route for topic in connection.topics}

    def feed(self, name: str) -> Feed:
        return next(feed for feed in self.feeds if feed.name == name)

    def book(self) -> Books:
        """Folded from all that was told."""
        books = Books()
        for event in self.home.facts:
            books.observe(event)
        return books

    def is_whole(self, symbol: str = BTC) -> bool:
        """Whether our book is the box's own, level by level."""
        theirs = self.box.venues["binance"].trading.book(symbol, self.clock())
        return theirs is not None and self.book().levels("binance", symbol) == (theirs.bids, theirs.asks)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Let time pass in the box until this has become true."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self.clock.now_ms += 250
                await self.box.step()
                await asyncio.sleep(0.002)


@asynccontextmanager
async def market(*wishes: Wish) -> AsyncIterator[Market]:
    """What is wanted, listened to."""
    async with AsyncExitStack() as stack:
        clock = Clock()
        box = await stack.enter_async_context(opened(clock=clock))
        home = await stack.enter_async_context(house(Wanted(wishes)))
        config = configs.Binance.model_validate(box.sources_config()["binance"])
        feeds = binance.build(config, home.context, timing=QUICK)
        await stack.enter_async_context(supervised(*feeds))
        yield Market(box, clock, feeds, home)


def wish(*kinds: type[Event], names: Iterable[str] = ("BTC",)) -> list[Wish]:
    return [(kind, "binance", Selection.of(names)) for kind in kinds]


async def test_trades_and_best_prices_come_by_the_public_route_and_show_the_mark_price() -> None:
    """The mark price is heard on the other route, because the two must not be mixed on one connection."""
    async with market(*wish(Trade, Ticker)) as on:
        await on.until(
            lambda: on.of(Trade) != [] and any(getattr(event, "mark_price", None) for event in on.of(Ticker))
        )

        assert ["binance.market", "binance.public"] == [feed.name for feed in on.feeds]
        assert {"btcusdt@trade", "btcusdt@bookTicker"} == on.topics("public")
        assert {"btcusdt@markPrice@1s"} == on.topics("market")
        assert [] == on.of(MarkPrice)
        trade, ticker = on.of(Trade)[-1], on.of(Ticker)[-1]

    assert isinstance(trade, Trade)
    assert isinstance(ticker, Ticker)
    assert ticker.bid is not None
    assert ticker.ask is not None
    assert ticker.mark_price is not None
    assert ticker.bid < ticker.ask
    assert abs(ticker.mark_price / ticker.bid - 1) < 0.001
    assert abs(trade.price / ticker.bid - 1) < 0.001


async def test_trades_alone_bring_a_stream_that_is_never_quiet() -> None:
    """Nobody may trade for minutes; that the path is alive is seen by the best prices, which nobody gets."""
    async with market(*wish(Trade)) as on:
        await on.until(lambda: on.of(Trade) != [])

        assert {"btcusdt@trade", "btcusdt@bookTicker"} == on.topics("public")
        assert {Trade} == {type(event) for event in on.home.facts}
        assert "up" == on.feed("binance.public").status.state


async def test_a_book_begins_with_the_snapshot_and_stays_the_venues_own() -> None:
    """Updates that come before the snapshot are kept and follow it."""
    async with market(*wish(BookSnapshot, BookUpdate)) as on:
        await on.until(lambda: len(on.of(BookUpdate)) > 20)
        await on.until(on.is_whole)

        assert ["asked"] == [getattr(event, "why", "") for event in on.of(BookSnapshot)]
        assert isinstance(on.home.facts[0], BookSnapshot)
        assert 0 == on.feed("binance.public").status.gaps


async def test_a_lost_update_brings_a_new_snapshot_is_counted_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    async with market(*wish(BookSnapshot, BookUpdate)) as on:
        await on.until(lambda: len(on.of(BookUpdate)) > 5)
        with caplog.at_level(logging.INFO):
            on.box.misbehave("binance", "lose")
            await on.until(lambda: len(on.of(BookSnapshot)) == 2)
            count = len(on.of(BookUpdate))
            await on.until(lambda: len(on.of(BookUpdate)) > count + 5)
        await on.until(on.is_whole)

        assert ["asked", "gap"] == [getattr(event, "why", "") for event in on.of(BookSnapshot)]
        assert (1, 0) == (on.feed("binance.public").status.gaps, on.book().gaps)
    said = [record.message for record in caplog.records if "order book" in record.message]
    assert ["order book lost an update and is asked for anew", "order book is whole again"] == said


async def test_a_book_that_cannot_be_fetched_costs_the_trades_nothing() -> None:
    """The REST host is asked again; the stream goes on."""
    async with market(*wish(Trade, BookSnapshot, BookUpdate)) as on:
        await on.until(lambda: on.of(BookUpdate) != [])
        on.box.misbehave("binance", "unavailable")
        on.box.misbehave("binance", "lose")
        await on.until(lambda: on.feed("binance.public").status.gaps == 1)
        count = len(on.of(Trade))
        await on.until(lambda: len(on.of(Trade)) > count + 3)
        on.box.behave("binance")
        await on.until(lambda: len(on.of(BookSnapshot)) == 2)
        await on.until(on.is_whole)

        assert 0 == on.feed("binance.public").status.reconnects


async def test_after_a_drop_everything_is_subscribed_again_and_the_book_is_made_anew() -> None:
    async with market(*wish(Trade, BookSnapshot, BookUpdate)) as on:
        await on.until(lambda: on.of(BookUpdate) != [])
        topics = on.topics("public")
        on.box.misbehave("binance", "drop")
        await on.until(lambda: len(on.of(BookSnapshot)) == 2 and on.feed("binance.public").status.state == "up")
        await on.until(on.is_whole)

        assert topics == on.topics("public")
        assert ["asked", "gap"] == [getattr(event, "why", "") for event in on.of(BookSnapshot)]
        assert (["down", "up"], 1) == (
            [health.state for health in on.home.health], on.feed("binance.public").status.reconnects,
        )  # fmt: skip


async def test_a_new_wish_is_followed_on_the_living_connection_and_a_lost_one_let_go() -> None:
    async with market(*wish(BookUpdate, BookSnapshot)) as on:
        await on.until(lambda: on.of(BookUpdate) != [])
        on.home.context.wanted.revise(wish(BookUpdate, BookSnapshot, names=["BTC", "ETH"]))
        await on.until(lambda: on.of(BookUpdate, ETH) != [])
        await on.until(lambda: on.is_whole(ETH))
        on.home.context.wanted.revise(wish(BookUpdate, BookSnapshot, names=["ETH"]))
        await on.until(lambda: on.topics("public") == {"ethusdt@depth@100ms"})
        on.home.context.wanted.revise(wish(BookUpdate, BookSnapshot, names=["BTC", "ETH"]))
        await on.until(lambda: len(on.of(BookSnapshot)) == 2)
        await on.until(on.is_whole)

        assert ["asked", "asked"] == [getattr(event, "why", "") for event in on.of(BookSnapshot)]
        status = on.feed("binance.public").status
        assert (0, 0) == (status.gaps, status.reconnects)


async def test_the_last_closed_candle_comes_at_once_and_then_the_one_that_moves() -> None:
    async with market(*wish(Candle)) as on:
        await until(lambda: on.of(Candle) != [])  # no time passes in the box meanwhile
        await on.until(lambda: len(on.of(Candle)) > 3)
        first = next(event for event in on.of(Candle) if isinstance(event, Candle) and event.is_closed)
        moving = [event for event in on.of(Candle) if isinstance(event, Candle) and not event.is_closed]
        await on.until(lambda: len([event for event in on.of(Candle) if getattr(event, "is_closed", False)]) == 2)
        closed = [event for event in on.of(Candle) if isinstance(event, Candle) and event.is_closed]

        assert NOW_MS // 60_000 * 60_000 - 60_000 == first.opened_ms
        assert {first.opened_ms + 60_000} == {event.opened_ms for event in moving}
        assert first.opened_ms + 60_000 == closed[-1].opened_ms
        assert {"btcusdt@kline_1m", binance.CONTROL} == on.topics("market")
        assert ["binance.market"] == [feed.name for feed in on.feeds]


async def test_everything_takes_the_stream_of_all_best_prices() -> None:
    async with market(*wish(Ticker, names=["*"])) as on:
        await on.until(lambda: on.of(Ticker) != [] and on.of(Ticker, ETH) != [])

        assert {"!bookTicker"} == on.topics("public")


async def test_more_than_a_connection_carries_is_cut_and_said(caplog: pytest.LogCaptureFixture) -> None:
    """Twelve instruments fit; a limit of eight shows what happens to the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("daemon.wire.binance.MAX_TOPICS", 8)
        async with market(*wish(Trade, names=["*"])) as on:
            await on.until(lambda: on.home.facts != [])

            assert 8 == len(on.topics("public"))
    assert ["more is wanted than one connection carries"] == [
        record.message for record in caplog.records if "carries" in record.message
    ]


async def test_accounts_the_insurance_fund_and_open_interest_are_asked_for() -> None:
    """Of any instrument that somebody wants, whether or not a rule names it."""
    wishes = wish(LongShortRatio, OpenInterest, names=["SOL"])
    async with market(*wishes, (InsuranceFund, None, Selection.of(["USDT"]))) as on:
        sol = "SOL-USDT-PERP"
        await on.until(lambda: on.of(LongShortRatio, sol) != [] and on.of(InsuranceFund, "USDT") != [])
        await on.until(lambda: on.of(OpenInterest, sol) != [])
        [ratio], [fund] = on.of(LongShortRatio, sol)[:1], on.of(InsuranceFund, "USDT")[:1]

        assert ["open_interest", "long_short_ratio", "insurance_fund"] == [
            feed.name.removeprefix("binance.") for feed in on.feeds
        ]
    assert isinstance(ratio, LongShortRatio)
    assert isinstance(fund, InsuranceFund)
    assert 1.0 == pytest.approx(ratio.long_share + ratio.short_share)
    assert ratio.ratio == pytest.approx(ratio.long_share / ratio.short_share, rel=1e-3)
    assert fund.amount == fund.amount_usd


async def test_what_nobody_wants_has_no_connection() -> None:
    async with market() as on:
        assert [] == on.feeds
        assert set() == on.box.subscriptions("binance").connections
