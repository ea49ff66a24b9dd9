"""Binance's stream against a loopback venue that speaks its protocol."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, pairwise

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response
from websockets.protocol import State

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.script import Timing
from daemon.sources.streams import binance
from daemon.wire import binance as wire
from daemon.wire import binance_rest, binance_server
from rules.events import Event, FundingRate, Liquidation, MarkPrice
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Rest, Venue, house, rest, supervised, until

NOW = 1_791_269_856_000
BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
ALL = Selection(None)


def mark(symbol: str = BTC, price: float = 85_000.0, at_ms: int = NOW) -> MarkPrice:
    return MarkPrice(venue="binance", symbol=symbol, price=price, index_price=price, at_ms=at_ms, received_ms=at_ms)


def liquidation(price: float = 85_000.0, at_ms: int = NOW) -> Liquidation:
    return Liquidation(
        venue="binance",
        symbol=BTC,
        side="long",
        quantity=2.0,
        price=price,
        price_kind="fill",
        notional_usd=2.0 * price,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def frames(*events: Event) -> list[bytes]:
    return binance_server.encode(events, NOW)


def answer(text: str) -> list[str]:
    return binance_server.acknowledge(binance_server.read_request(text))


def refuse_doge(text: str) -> list[str]:
    request = binance_server.read_request(text)
    bad = [topic for topic in request.topics if topic.startswith("doge")]
    return binance_server.refuse(request, bad, "Invalid request") if bad else binance_server.acknowledge(request)


def topics(venue: Venue, connection: int = -1) -> list[str]:
    requests = (binance_server.read_request(text) for text in venue.heard[connection])
    return list(chain.from_iterable(request.topics for request in requests))


LISTED = {
    binance_rest.PREMIUM_INDEX: binance_rest.encode_premium_index(
        [mark(), mark(ETH, 4_000.0), mark("DOGE-USDT-PERP", 0.1)]
    ),
    binance_rest.FUNDING_INFO: binance_rest.encode_funding_info({ETH: 4.0}),
}

LIQUIDATIONS = Wanted([(Liquidation, None, ALL)])
MARKS = Wanted([(MarkPrice, "binance", ALL)])


def market(venue: Venue, host: Rest, home: House, timing: Timing = QUICK) -> Feed:
    config = configs.Binance(ws_url=venue.url, rest_url=host.url)
    return binance.build(config, home.context, timing=timing)[0]


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


async def test_a_dropped_connection_is_opened_and_subscribed_again() -> None:
    """And the house hears once that it broke and once that it is back."""
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: len(venue.connections) == 1 and topics(venue) != [])
            await venue.send(*frames(mark()))
            await until(lambda: feed.status.state == "up")
            await venue.connections[-1].close(1001, "maintenance")
            await until(lambda: len(venue.connections) == 2 and topics(venue) != [])
            await venue.send(*frames(mark(at_ms=NOW + 1)))
            await until(lambda: feed.status.state == "up" and len(home.facts) == 2)

            assert [health.state for health in home.health] == ["down", "up"]
            assert "maintenance" in home.health[0].reason
            assert feed.status.reconnects == 1


async def test_acknowledged_then_silent_is_reconnected_and_reported_once() -> None:
    """The trap of the unrouted path: it acknowledges like the right one, and never delivers."""
    timing = replace(QUICK, moves_within_s=0.05)
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: len(venue.connections) >= 3)

            assert [health.state for health in home.health] == ["down"]
            assert "acknowledged 1 topics, then sent no market data" in home.health[0].reason
            assert feed.status.state != "up"


async def test_liquidations_alone_bring_a_control_stream() -> None:
    """A quiet liquidation stream is normal, so something that is never quiet shows that the path is alive."""
    timing = replace(QUICK, moves_within_s=0.05)
    async with Venue(answer) as venue, rest({}) as host, house(LIQUIDATIONS) as home:
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: len(venue.connections) >= 2 and topics(venue, 0) != [])

            assert topics(venue, 0) == [binance.CONTROL, wire.ALL_LIQUIDATIONS]
            assert home.facts == []


async def test_a_frame_of_fifty_megabytes_is_refused_and_counted() -> None:
    """It costs the connection, never the house."""
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: len(venue.connections) == 1 and topics(venue) != [])
            await venue.send(b"[" + b" " * 50_000_000 + b"]")
            await until(lambda: len(venue.connections) == 2 and topics(venue) != [])
            await venue.send(*frames(mark()))
            await until(lambda: home.facts != [])

            assert feed.status.unreadable == 1
            assert "size limit" in home.health[0].reason


async def test_garbage_is_counted_kept_once_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    """The frames around it arrive."""
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) != [])
            await venue.send(*frames(mark()), "not json", '{"e":"markPriceUpdate","s":7}', *frames(mark(ETH)))
            await until(lambda: len(home.facts) == 2)

            assert (feed.status.unreadable, feed.status.sample) == (2, "not json")
            assert (home.health, len(venue.connections)) == ([], 1)

    assert len([record for record in caplog.records if "unreadable" in record.message]) == 1


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


async def test_repeated_liquidations_are_counted_once_even_across_a_reconnect() -> None:
    """A venue replays its latest frames to a new connection; two equal orders inside one frame are two."""
    async with Venue(answer) as venue, rest({}) as host, house(LIQUIDATIONS) as home:
        feed = market(venue, host, home)
        twice = b"[" + b",".join(frames(liquidation(price=90_000.0)) * 2) + b"]"
        async with supervised(feed):
            await until(lambda: len(venue.connections) == 1 and topics(venue) != [])
            await venue.send(*frames(liquidation()), *frames(liquidation()), twice, twice)
            await venue.send(*frames(liquidation(at_ms=NOW + 1)))
            await until(lambda: len(home.facts) == 4)
            await venue.connections[-1].close()
            await until(lambda: len(venue.connections) == 2 and topics(venue) != [])
            await venue.send(*frames(liquidation()), twice, *frames(liquidation(at_ms=NOW + 2)))
            await until(lambda: NOW + 2 in [event.at_ms for event in home.facts])

            assert [event.at_ms for event in home.facts] == [NOW, NOW, NOW, NOW + 1, NOW + 2]


async def test_a_slow_house_holds_the_venue_back_and_loses_nothing() -> None:
    """Awaiting publish is the backpressure: frames wait in the socket, and the silence is not the venue's."""
    taken: list[Event] = []
    gate = asyncio.Event()

    async def slowly(events: Sequence[Event]) -> None:
        if not taken:
            await gate.wait()
        taken.extend(events)

    timing = replace(QUICK, silence_s=0.05, ping_every_s=0.01, moves_within_s=0.05)
    count = 3_000
    texts = [frames(mark(at_ms=NOW + n))[0] for n in range(count)]  # before: writing them takes as long as the patience
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        home.context.publish = slowly
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) != [])
            sending = asyncio.create_task(venue.send(*texts))
            await until(lambda: feed.status.frames >= 2)
            read, began = feed.status.frames, asyncio.get_running_loop().time()
            await until(lambda: asyncio.get_running_loop().time() > began + 4 * 0.05)
            assert (read, 1, []) == (feed.status.frames, len(venue.connections), taken)
            gate.set()
            await until(lambda: len(taken) >= count)
            await sending

    marks = [event.at_ms for event in taken if isinstance(event, MarkPrice)]
    assert [NOW + n for n in range(count)] == marks[:count]


async def test_the_connection_is_renewed_before_the_venue_cuts_it() -> None:
    """Planned, so nobody is told that anything broke; the next one stands before the last one is given up."""
    others: list[list[State]] = []

    async def look(venue: Venue, _connection: ServerConnection) -> None:
        others.append([connection.state for connection in venue.connections[:-1]][-1:])

    timing = replace(QUICK, lifetime_s=0.05)
    async with Venue(answer, greet=look) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: len(venue.connections) >= 3)

            assert others[:3] == [[], [State.OPEN], [State.OPEN]]
            assert (home.health, feed.status.reconnects >= 1) == ([], True)


async def test_a_renewal_that_fails_costs_nothing() -> None:
    """The connection that stands is as good as ever until the venue cuts it."""
    refusing = False

    def gate(connection: ServerConnection, _request: Request) -> Response | None:
        return connection.respond(503, "maintenance") if refusing else None

    timing = replace(QUICK, lifetime_s=0.1, renew_again_s=0.01)
    async with Venue(answer, gate=gate) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) != [])
            refusing = True
            began = asyncio.get_running_loop().time()
            await until(lambda: asyncio.get_running_loop().time() > began + 0.3)
            await venue.send(*frames(mark()))
            await until(lambda: home.facts != [])

            assert (home.health, len(venue.connections)) == ([], 1)
            refusing = False
            await until(lambda: len(venue.connections) >= 2)


async def test_a_venue_that_vanishes_without_a_word_is_noticed() -> None:
    """No frame and no pong for so long means dead, whatever TCP believes."""

    async def deaf(_venue: Venue, connection: ServerConnection) -> None:
        connection.transport.pause_reading()

    timing = replace(QUICK, silence_s=0.05, ping_every_s=0.01)
    async with Venue(answer, greet=deaf) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: len(venue.connections) >= 2)

            assert "no sign of life" in home.health[0].reason


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


async def test_a_house_that_stops_while_a_connection_is_renewed_stops() -> None:
    """A cancellation that meets the end of a connection must not be forgotten: the house would hang."""
    timing = replace(QUICK, lifetime_s=0.02)
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        for _ in range(15):
            before = len(venue.connections)
            async with supervised(market(venue, host, home, timing)):
                await until(lambda n=before: len(venue.connections) >= n + 2)  # type: ignore[misc]

        assert home.health == []


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
        feed = market(venue, host, home, replace(QUICK, sends_per_s=20))
        async with supervised(feed):
            await until(lambda: venue.heard != [] and len(topics(venue)) == 141)

    assert len(times) >= 2
    assert all(later - earlier >= 0.04 for earlier, later in pairwise(times))
