"""Binance's stream against a loopback venue that speaks its protocol."""

import asyncio
import logging
from dataclasses import replace
from itertools import pairwise

import pytest

from daemon.sources import configs
from daemon.sources.base import Wanted
from daemon.sources.streams import binance
from daemon.wire import binance as wire
from daemon.wire import binance_rest, binance_server
from rules.events import FundingRate, Liquidation, MarkPrice
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, Venue, house, rest, supervised, until
from tests.daemon.sources.streams.binance import (
    ALL,
    BTC,
    ETH,
    LIQUIDATIONS,
    LISTED,
    MARKS,
    NOW,
    answer,
    frames,
    mark,
    market,
    topics,
)


def refuse_doge(text: str) -> list[str]:
    request = binance_server.read_request(text)
    bad = [topic for topic in request.topics if topic.startswith("doge")]
    return binance_server.refuse(request, bad, "Invalid request") if bad else binance_server.acknowledge(request)


async def test_frames_go_in_and_events_come_out() -> None:
    """The whole way: socket, codec, sieve, house."""
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) == [wire.ALL_MARKS])
            await venue.send(*frames(mark()))
            await until(lambda: feed.status.state == "up" and home.facts != [])

            event = home.facts[0]
            assert (event.place[0], event.place[1], getattr(event, "price", None)) == ("binance", BTC, 85_000.0)
            assert (feed.status.events, feed.status.reconnects, home.health) == (1, 0, [])


async def test_only_what_is_wanted_is_subscribed_and_published() -> None:
    """BTC funding is wanted: one single stream, and its mark price stays outside."""
    wanted = Wanted([(FundingRate, "binance", Selection.of(["BTC", "NOPE"]))])
    async with Venue(answer) as venue, rest(LISTED) as host, house(wanted) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) == ["btcusdt@markPrice@1s"])
            funding = FundingRate(
                venue="binance", symbol=BTC, rate=1e-4, interval_h=8, settles_at_ms=NOW, at_ms=NOW, received_ms=NOW
            )
            await venue.send(*frames(mark(), funding))
            await until(lambda: home.facts != [])

            assert [FundingRate] == [type(event) for event in home.facts]


async def test_what_is_margined_in_coins_comes_to_those_who_name_it() -> None:
    """A coin, or everything, means USD-M. The stream of all is the one that is known to bring COIN-M."""
    coin, inverse = (FundingRate, None, Selection.of(["BTC"])), "BTC-USD-PERP"
    funding = [
        FundingRate(
            venue="binance", symbol=name, rate=1e-4, interval_h=8, settles_at_ms=NOW, at_ms=NOW, received_ms=NOW
        )
        for name in (inverse, BTC)
    ]

    async with Venue(answer) as venue, rest(LISTED) as host, house(Wanted([coin])) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) == ["btcusdt@markPrice@1s"])
            await venue.send(*frames(*funding))
            await until(lambda: home.facts != [])
            home.context.wanted.revise([coin, (FundingRate, "binance", Selection.of([inverse]))])
            await until(lambda: topics(venue)[-1:] == [wire.ALL_MARKS])
            await venue.send(*frames(*funding))
            await until(lambda: len(home.facts) == 3)
            home.context.wanted.revise([(FundingRate, None, ALL)])
            await venue.send(*frames(*funding))
            await until(lambda: len(home.facts) == 4)

    assert [BTC, inverse, BTC, BTC] == [event.place[1] for event in home.facts]


async def test_a_coin_that_is_not_listed_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    """A typing error in a rule must not look like a quiet market."""
    caplog.set_level(logging.INFO)
    wanted = Wanted([(MarkPrice, None, Selection.of(["BTC", "BTCC"]))])
    async with Venue(answer) as venue, rest(LISTED) as host, house(wanted) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            for connection in (1, 2):
                await until(lambda n=connection: len(venue.heard) == n and topics(venue) != [])  # type: ignore[misc]
                await venue.connections[-1].close()

    assert [record.coins for record in caplog.records if hasattr(record, "coins")] == [["BTCC"]]


async def test_funding_intervals_reach_the_decoder_before_the_first_rate() -> None:
    """A 4 h rate that passes for an 8 h rate halves every threshold."""
    wanted = Wanted([(FundingRate, "binance", Selection.of(["ETH"]))])
    async with Venue(answer) as venue, rest(LISTED) as host, house(wanted) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) != [])
            rate = FundingRate(
                venue="binance", symbol=ETH, rate=1e-4, interval_h=4, settles_at_ms=NOW, at_ms=NOW, received_ms=NOW
            )
            await venue.send(*frames(mark(ETH), rate))
            await until(lambda: home.facts != [])

            assert [event.rate_8h for event in home.facts if isinstance(event, FundingRate)] == [2e-4]


async def test_liquidations_alone_bring_a_control_stream() -> None:
    """A quiet liquidation stream is normal, so something that is never quiet shows that the path is alive."""
    timing = replace(QUICK, moves_within_s=0.05)
    async with Venue(answer) as venue, rest({}) as host, house(LIQUIDATIONS) as home:
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: len(venue.connections) >= 2 and topics(venue, 0) != [])

            assert topics(venue, 0) == [binance.CONTROL, wire.ALL_LIQUIDATIONS]
            assert home.facts == []


async def test_a_refused_item_is_named_and_the_rest_goes_on() -> None:
    """Binance's refusal names no item, so the request is asked again in halves until the bad one stands alone."""
    wanted = Wanted([(MarkPrice, None, Selection.of(["BTC", "ETH", "DOGE"]))])
    async with Venue(refuse_doge) as venue, rest(LISTED) as host, house(wanted) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: feed.status.rejected != {})
            await venue.send(*frames(mark(), mark(ETH)))
            await until(lambda: len(home.facts) == 2 and feed.status.state == "up")

            assert list(feed.status.rejected) == ["dogeusdt@markPrice@1s"]
            assert "Invalid request" in feed.status.rejected["dogeusdt@markPrice@1s"]


async def test_a_failed_discovery_is_said_once_and_tried_again() -> None:
    """A start without a network is a feed that is down, not a daemon that is."""
    wanted = Wanted([(MarkPrice, None, Selection.of(["BTC"]))])
    async with Venue(answer) as venue, rest({}) as host, house(wanted) as home:
        feed = market(venue, host, home)
        host.answers[binance_rest.PREMIUM_INDEX] = b"<html>maintenance</html>"
        async with supervised(feed):
            await until(lambda: len(host.asked) >= 3)
            assert [health.state for health in home.health] == ["down"]
            assert "web page" in home.health[0].reason

            host.answers.update(LISTED)
            await until(lambda: venue.heard != [] and topics(venue) != [])
            await venue.send(*frames(mark()))
            await until(lambda: len(home.health) == 2)

            assert [health.state for health in home.health] == ["down", "up"]


async def test_what_nobody_wants_is_not_started() -> None:
    """No wish, no connection."""
    async with rest({}) as host, house(Wanted([])) as home:
        config = configs.Binance(ws_url="ws://127.0.0.1:1", rest_url=host.url)

        assert binance.build(config, home.context) == []


async def test_many_wanted_coins_share_the_stream_of_all() -> None:
    """A connection takes 200 streams at most, and one for all is cheaper than 160 of them."""
    coins = [f"C{number}" for number in range(binance.SINGLES_MAX + 1)]
    listed = {
        **LISTED,
        binance_rest.PREMIUM_INDEX: binance_rest.encode_premium_index([mark(f"{coin}-USDT-PERP") for coin in coins]),
    }
    wanted = Wanted([(MarkPrice, None, Selection.of(coins[1:]))])
    more = Wanted([(MarkPrice, None, Selection.of(coins))])
    async with Venue(answer) as venue, rest(listed) as host:
        for wish, count in ((wanted, binance.SINGLES_MAX), (more, 1)):
            async with house(wish) as home, supervised(market(venue, host, home)):
                await until(lambda n=count: venue.heard != [] and len(topics(venue)) == n)  # type: ignore[misc]

        assert topics(venue) == [wire.ALL_MARKS]


async def test_requests_are_paced() -> None:
    """Binance drops whoever sends more than ten messages a second."""
    coins = [f"C{number}" for number in range(140)]
    listed = {
        **LISTED,
        binance_rest.PREMIUM_INDEX: binance_rest.encode_premium_index([mark(f"{coin}-USDT-PERP") for coin in coins]),
    }
    times: list[float] = []

    def timed(text: str) -> list[str]:
        times.append(asyncio.get_running_loop().time())
        return answer(text)

    wanted = Wanted([(MarkPrice, None, Selection.of(coins)), (Liquidation, None, ALL)])
    async with Venue(timed) as venue, rest(listed) as host, house(wanted) as home:
        feed = market(venue, host, home, replace(QUICK, sends_per_s=2))
        async with supervised(feed):
            await until(lambda: venue.heard != [] and len(topics(venue)) == 141)

    assert len(times) >= 2
    assert all(later - earlier >= 0.2 for earlier, later in pairwise(times))
