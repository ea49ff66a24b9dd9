"""What Hyperliquid allows one address."""

import logging

import pytest

from daemon.sources import configs
from daemon.sources.base import Wanted
from daemon.sources.streams import hyperliquid
from daemon.wire import hyperliquid_stream as wire
from rules.events import FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection
from tests.daemon.sources.loopback import house

EVERYTHING = [(kind, None, Selection(None)) for kind in (MarkPrice, FundingRate, OpenInterest, Liquidation)]


async def test_everything_is_heard_over_one_of_the_ten_connections() -> None:
    """One topic a coin, whatever kinds are wanted of it."""
    async with house(Wanted(EVERYTHING)) as home:
        feeds = hyperliquid.build(configs.Hyperliquid(), home.context)
        plan = hyperliquid._plan(home.context, ["BTC-USDT-PERP", "1000PEPE-USDT-PERP"])

    assert ["hyperliquid.market"] == [feed.name for feed in feeds]
    assert ["activeAssetCtx:kPEPE", "activeAssetCtx:BTC"] == list(plan.topics)


async def test_more_than_a_thousand_subscriptions_are_not_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    """The thousand and first would be refused: what is left out is said."""
    listed = [f"C{number:04}-USDT-PERP" for number in range(wire.SUBSCRIPTIONS_MAX + 2)]
    async with house(Wanted(EVERYTHING)) as home:
        with caplog.at_level(logging.WARNING):
            plan = hyperliquid._plan(home.context, listed)

    assert 1_000 == len(plan.topics)
    [told] = caplog.records
    assert ["activeAssetCtx:C1000", "activeAssetCtx:C1001"] == told.__dict__["left_out"]


async def test_a_wish_for_liquidations_alone_builds_nothing() -> None:
    """Nobody is told of them there."""
    async with house(Wanted([(Liquidation, None, Selection(None))])) as home:
        assert [] == hyperliquid.build(configs.Hyperliquid(), home.context)


def test_hundreds_of_coins_are_asked_for_within_the_limit_of_messages() -> None:
    """2,000 a minute, our pings among them."""
    assert wire.SENDS_PER_S * 60 < 2_000
