"""Our source of each dialect plugged into our endpoint of it: what goes in comes out, over real sockets."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.streams import amberdata, datamaxi
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    Ticker,
)
from rules.selection import Selection
from tests.daemon.server.dialects.booth import Booth, booth
from tests.daemon.sources.loopback import QUICK, House, house, supervised, until
from tests.daemon.wire.amber_events import NOW, PLACES, SAID

VENUES = tuple(PLACES)
COINS = ("BTC", "EOS", "USDT")
_KEPT = frozenset((InsuranceFund, LongShortRatio, Candle, BookSnapshot))  # a newcomer is told the newest at once
Asked = list[tuple[type[Event], str | None, Selection]]


def asks_for(kind: type[Event]) -> Asked:
    """Every place by name: some channels have no wildcard."""
    if kind is InsuranceFund:
        return [(kind, venue, Selection.of(COINS)) for venue in VENUES]
    kinds = (kind, BookSnapshot) if kind is BookUpdate else (kind,)
    return [(each, venue, Selection.of(symbols)) for each in kinds for venue, symbols in PLACES.items()]


def amber(place: Booth, home: House) -> list[Feed]:
    config = configs.Amberdata(key=SecretStr("k"), ws_url=place.url(), exchanges=VENUES)
    return amberdata.build(config, home.context, timing=QUICK)


async def through(kind: type[Event], events: Sequence[Event]) -> list[Event]:
    """What our source publishes of what our endpoint is told."""
    async with booth(messages_per_s=1_000.0) as place, house(Wanted(asks_for(kind))) as home:
        home.context.clock = lambda: NOW
        (feed,) = amber(place, home)
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")
            assert {} == feed.status.rejected
            await place.hear(*events)
            heard = expected(kind, events)
            await until(lambda: len(home.facts) >= len(heard))
            return home.facts


def expected(kind: type[Event], events: Sequence[Event]) -> list[Event]:
    """What the language can carry of these."""
    return [arrived for event in events for arrived in SAID[kind].arrives(event)]


def once_each(kind: type[Event]) -> Callable[[Event], object]:
    """Events that the endpoint or the source would take for one and the same are not generated twice."""
    if kind is Ticker:
        return lambda event: event.place  # the endpoint tells one a second, and the clock may jump
    return lambda event: (event.once_key and event.place, event.once_key) if event.once_key else id(event)


@pytest.mark.parametrize("kind", SAID)
def test_what_goes_into_our_endpoint_comes_out_of_our_source(kind: type[Event]) -> None:
    """For every channel; what the language has no field for is named in amber_events, one by one."""

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(SAID[kind].events, min_size=1, max_size=12, unique_by=once_each(kind)))
    def law(events: list[Event]) -> None:
        assert expected(kind, events) == asyncio.run(through(kind, events))

    law()


PAIRS = ("BTC-USDT-PERP", "ETH-USDC-PERP", "1000PEPE-USDT-PERP")
pairs = st.sampled_from(PAIRS)
times = st.integers(1_600_000_000_000, NOW - 1)


@st.composite
def rates(draw: st.DrawFn) -> FundingRate:
    """A prediction is about a time to come, a payment about one that has passed."""
    at_ms, is_settled = draw(times), draw(st.booleans())
    away_ms = draw(st.integers(1, 28_800_000))
    return FundingRate(
        venue=draw(st.sampled_from(["binance", "okx"])), symbol=draw(pairs), rate=draw(st.floats(-0.05, 0.05)),
        interval_h=draw(st.sampled_from([1.0, 4.0, 8.0])), settles_at_ms=at_ms + (-away_ms if is_settled else away_ms),
        is_settled=is_settled, at_ms=at_ms, received_ms=NOW,
    )  # fmt: skip


@st.composite
def liquidations(draw: st.DrawFn) -> Liquidation:
    """What the price means has no key there: our source takes it for a fill."""
    quantity = draw(st.floats(1e-6, 1e6))
    return Liquidation(
        venue=draw(st.sampled_from(["binance", "okx"])), symbol=draw(pairs), side=draw(st.sampled_from(["long", "short"])),
        quantity=quantity, price=draw(st.floats(1e-6, 1e6)), price_kind="fill", notional_usd=draw(st.floats(1e-3, 1e9)),
        at_ms=draw(times), received_ms=NOW,
    )  # fmt: skip


async def through_datamaxi(events: Sequence[Event], feed_name: str) -> list[Event]:
    """The source asks which pairs there are, subscribes, and publishes."""
    kind = type(events[0])
    known = [
        FundingRate(
            venue=venue,
            symbol=symbol,
            rate=0.0,
            interval_h=8,
            settles_at_ms=1,
            is_settled=True,
            at_ms=1,
            received_ms=NOW,
        )
        for venue in ("binance", "okx")
        for symbol in PAIRS
    ]
    wanted = Wanted([(kind, None, Selection(None))])
    async with booth(messages_per_s=1_000.0) as place, house(wanted) as home:
        home.context.clock = lambda: NOW
        await place.hear(*known)
        config = configs.DataMaxi(
            key=SecretStr("k"),
            ws_url=place.url("/ws/v1/funding-rate"),
            rest_url=place.url("", "http"),
            exchanges=("binance", "okx"),
        )
        (feed,) = [feed for feed in datamaxi.build(config, home.context, timing=QUICK) if feed.name == feed_name]
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")
            assert {} == feed.status.rejected
            greeting = known if kind is FundingRate else []
            await until(lambda: len(home.facts) == len(greeting))
            await place.hear(*events)
            await until(lambda: len(home.facts) == len(greeting) + len(events))
            return home.facts[len(greeting) :]


@pytest.mark.parametrize(("events", "feed"), [(rates(), "datamaxi.funding"), (liquidations(), "datamaxi.liquidations")])
def test_the_same_for_datamaxi(events: st.SearchStrategy[Event], feed: str) -> None:
    """Pairs are discovered at our own REST path, and the newest rates come at once."""

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(events, min_size=1, max_size=12, unique_by=lambda event: event.once_key or id(event)))
    def law(events: list[Event]) -> None:
        assert events == asyncio.run(through_datamaxi(events, feed))

    law()
