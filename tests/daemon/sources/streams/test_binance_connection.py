"""Binance's stream when the connection drops, falls silent, is renewed, or brings what nobody can read."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from rules.events import Event, MarkPrice
from tests.daemon.sources.loopback import QUICK, Venue, house, rest, supervised, until
from tests.daemon.sources.streams.binance import (
    ETH,
    LIQUIDATIONS,
    LISTED,
    MARKS,
    NOW,
    answer,
    frames,
    liquidation,
    mark,
    market,
    topics,
)


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


async def test_a_frame_of_fifty_megabytes_is_refused_and_counted() -> None:
    """It costs the connection, never the house."""
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: len(venue.connections) == 1 and topics(venue) != [])
            with suppress(ConnectionClosed):  # it may be cut off while it still sends
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

    timing = replace(QUICK, silence_s=1.0, ping_every_s=0.01, moves_within_s=1.0)
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
            await until(lambda: asyncio.get_running_loop().time() > began + 1.5)
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


@pytest.mark.parametrize("status", [503, 401], ids=["busy", "refused"])
async def test_a_renewal_that_fails_costs_nothing(status: int) -> None:
    """The connection that stands is as good as ever until the venue cuts it."""
    is_refusing, refused = True, 0

    def gate(connection: ServerConnection, _request: Request) -> Response | None:
        nonlocal refused
        if not (venue.connections and is_refusing):
            return None
        refused += 1
        return connection.respond(status, "maintenance")

    timing = replace(QUICK, lifetime_s=0.1, renew_again_s=0.01)
    async with Venue(answer, gate=gate) as venue, rest(LISTED) as host, house(MARKS) as home:
        feed = market(venue, host, home, timing)
        async with supervised(feed):
            await until(lambda: refused >= 3)
            await until(lambda: topics(venue) != [])
            await venue.send(*frames(mark()))
            await until(lambda: home.facts != [])

            assert (home.health, len(venue.connections)) == ([], 1)
            is_refusing = False
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


async def test_a_house_that_stops_while_a_connection_is_renewed_stops() -> None:
    """A cancellation that meets the end of a connection must not be forgotten: the house would hang."""
    timing = replace(QUICK, lifetime_s=0.02)
    async with Venue(answer) as venue, rest(LISTED) as host, house(MARKS) as home:
        for _ in range(15):
            before = len(venue.connections)
            async with supervised(market(venue, host, home, timing)):
                await until(lambda n=before: len(venue.connections) >= n + 2)  # type: ignore[misc]

        assert home.health == []
