"""What runs beside a conversation speaks in turn with it."""

import asyncio

import pytest

from daemon.sources.base import Feed, Wanted
from daemon.sources.script import Beside, Plan, Script
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.supervisor import Transient
from daemon.wire import bybit as wire
from daemon.wire.control import Unreadable
from rules.events import MarkPrice
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Venue, house, supervised, until

BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"
MARKS = [(MarkPrice, None, Selection.of(["BTC"]))]


def mark(symbol: str = BTC, price: float = 1.0) -> MarkPrice:
    return MarkPrice(venue="bybit", symbol=symbol, price=price, at_ms=1, received_ms=1)


def answer(text: str) -> list[str]:
    return wire.acknowledge(wire.read_request(text))


def said(venue: Venue) -> list[tuple[str, tuple[str, ...]]]:
    requests = [wire.read_request(text) for text in venue.heard[-1]]
    return [(request.method, tuple(request.topics)) for request in requests if request.topics]


def stream(venue: Venue, home: House, script: Script) -> Feed:
    async def ask() -> Script:
        return script

    return Stream(
        name="bybit.market",
        venue="bybit",
        url=venue.url,
        context=home.context,
        sieve=Sieve(home.context.wanted, (MarkPrice,)),
        script=ask,
        timing=QUICK,
    )


async def test_what_runs_beside_publishes_through_the_sieve_and_asks_again() -> None:
    """Books need a snapshot in the middle of a conversation; what is not held is not asked for."""
    topic = wire.ticker_topic(BTC)

    async def beside(conversation: Beside) -> None:
        await conversation.publish([mark(), mark(ETH)], 1)
        await conversation.again([topic, wire.ticker_topic(ETH)])
        await asyncio.Event().wait()

    script = Script(dialect=wire, reader=wire.Decoder(), first=Plan(topics=[topic]), beside=beside)
    async with Venue(answer) as venue, house(Wanted(MARKS)) as home:
        feed = stream(venue, home, script)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and len(said(venue)) == 3 and feed.status.state == "up")

            assert [("subscribe", (topic,)), ("unsubscribe", (topic,)), ("subscribe", (topic,))] == said(venue)
            assert ([mark()], [], {}) == (home.facts, home.health, feed.status.rejected)


@pytest.mark.parametrize("trouble", [Transient("the snapshot is not there"), Unreadable("no book")])
async def test_trouble_beside_a_conversation_ends_it(trouble: Exception) -> None:
    """And the feed says why, and begins anew, with all its parts."""
    times = 0

    async def beside(_conversation: Beside) -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise trouble

    topic = wire.ticker_topic(BTC)
    script = Script(dialect=wire, reader=wire.Decoder(), first=Plan(topics=[topic]), beside=beside)
    async with Venue(answer) as venue, house(Wanted(MARKS)) as home:
        feed = stream(venue, home, script)
        async with supervised(feed):
            await until(lambda: times == 2 and feed.status.state == "up")

            assert ["down", "up"] == [health.state for health in home.health]
            assert str(trouble) == home.health[0].reason
