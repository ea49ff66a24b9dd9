"""Wishes come and go while a stream lives: one connection, and only the difference is said on it."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection

from daemon.demand import Demand, Lease
from daemon.sources.base import Feed, Wanted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.supervisor import Refused, Transient
from daemon.wire import binance as wire
from daemon.wire import binance_server
from daemon.wishes import Wish
from rules.events import FundingRate, MarkPrice
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Venue, house, supervised, until

COINS = ["BTC", "ETH", "SOL", "DOGE"]
SYMBOLS = {coin: f"{coin}-USDT-PERP" for coin in COINS}
NOW = 1_791_269_856_000


def wish(*coins: str) -> Wish:
    return MarkPrice, "binance", Selection.of(coins)


def topic(coin: str) -> str:
    return wire.mark_topic(SYMBOLS[coin])


def frames(*coins: str, at_ms: int = NOW) -> list[bytes]:
    marks = [
        MarkPrice(venue="binance", symbol=SYMBOLS[coin], price=1.0, at_ms=at_ms, received_ms=at_ms) for coin in coins
    ]
    return binance_server.encode(marks, NOW)


class Market:
    """A venue that keeps, for each connection, what is subscribed there; it refuses `bad`."""

    def __init__(self, bad: Iterable[str] = ()) -> None:
        self.bad = {topic(coin) for coin in bad}
        self.venue = Venue(self._answer)
        self.said: list[tuple[str, tuple[str, ...]]] = []
        self._number = -1
        self._held: set[str] = set()

    @property
    def held(self) -> set[str]:
        """What is subscribed on the newest connection."""
        return self._held if self._number == len(self.venue.connections) - 1 else set()

    def _answer(self, text: str) -> list[str]:
        request = binance_server.read_request(text)
        if self._number != len(self.venue.connections) - 1:
            self._number, self._held = len(self.venue.connections) - 1, set()
        if request.method in ("subscribe", "unsubscribe"):
            self.said.append((request.method, tuple(request.topics)))
        if request.method == "subscribe":
            if bad := [one for one in request.topics if one in self.bad]:
                return binance_server.refuse(request, bad, "Invalid request")
            self._held.update(request.topics)
        elif request.method == "unsubscribe":
            self._held.difference_update(request.topics)
        return binance_server.acknowledge(request)


def stream(market: Market, home: House, *, timing: Timing = QUICK, look: Callable[[], None] = lambda: None) -> Feed:
    """Mark prices of four coins; `look` is what it does over REST before it knows what to say."""

    async def script() -> Script:
        look()
        wanted = home.context.wanted.selection(MarkPrice, venue="binance")
        topics = [topic(coin) for coin in COINS if wanted is not None and wanted.matches(SYMBOLS[coin])]
        moves = frozenset((MarkPrice,))
        plan = Plan(topics=topics, moving=frozenset(topics), moves=moves)
        return Script(dialect=wire, reader=wire.Decoder(), first=plan)

    return Stream(
        name="binance.market",
        venue="binance",
        url=market.venue.url,
        context=home.context,
        sieve=Sieve(home.context.wanted, (MarkPrice,)),
        script=script,
        timing=timing,
    )


async def test_only_the_difference_is_said_and_the_sieve_follows() -> None:
    """One connection, from the first to the last."""
    wanted, market = Wanted([wish("BTC", "ETH")]), Market()
    async with market.venue as venue, house(wanted) as home:
        feed = stream(market, home)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 2)
            wanted.revise([wish("ETH", "SOL")])
            await until(lambda: market.held == {topic("ETH"), topic("SOL")} and feed.status.topics == 2)
            await venue.send(*frames("BTC", "ETH", "SOL"))
            await until(lambda: len(home.facts) == 2)

    assert [
        ("subscribe", (topic("BTC"), topic("ETH"))),
        ("unsubscribe", (topic("BTC"),)),
        ("subscribe", (topic("SOL"),)),
    ] == market.said
    assert [SYMBOLS["ETH"], SYMBOLS["SOL"]] == [event.place[1] for event in home.facts]
    assert (1, []) == (len(venue.connections), home.health)


async def test_wishes_for_other_things_are_no_business_of_this_stream() -> None:
    """The venue is not even asked what it lists."""
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1

    wanted, market = Wanted([wish("BTC")]), Market()
    async with market.venue, house(wanted) as home:
        feed = stream(market, home, look=look)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            wanted.revise([wish("BTC"), (FundingRate, None, Selection(None))])
            wanted.revise([wish("BTC", "ETH"), (FundingRate, None, Selection(None))])
            await until(lambda: feed.status.topics == 2)

    assert 2 == looks


async def test_a_topic_that_is_refused_later_is_named_and_the_rest_lives() -> None:
    """By name, and on the same connection; once nobody wants it, it is forgotten."""
    wanted, market = Wanted([wish("BTC")]), Market(bad=["DOGE"])
    async with market.venue as venue, house(wanted) as home:
        feed = stream(market, home)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            wanted.revise([wish("BTC", "ETH", "DOGE")])
            await until(lambda: feed.status.rejected != {} and feed.status.topics == 2)
            assert [topic("DOGE")] == list(feed.status.rejected)

            wanted.revise([wish("BTC")])
            await until(lambda: feed.status.rejected == {} and feed.status.topics == 1)
            await venue.send(*frames("BTC"))
            await until(lambda: len(home.facts) == 1)

    assert (1, []) == (len(venue.connections), home.health)
    assert ("unsubscribe", (topic("ETH"),)) == market.said[-1]


async def test_nothing_wanted_closes_the_socket_without_a_word_and_a_wish_opens_it_again() -> None:
    """Nobody is told that anything is down."""
    wanted, market = Wanted([wish("BTC")]), Market()
    async with market.venue as venue, house(wanted) as home:
        feed = stream(market, home)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            wanted.revise([])
            await venue.connections[0].wait_closed()
            assert 0 == feed.status.topics
            wanted.revise([wish("ETH")])
            await until(lambda: market.held == {topic("ETH")})

    assert (2, []) == (len(venue.connections), home.health)


async def test_wishes_that_change_while_it_connects_are_followed() -> None:
    """The script was made before, for others."""
    wanted, market = Wanted([wish("BTC")]), Market()

    async def change(venue: Venue, _connection: ServerConnection) -> None:
        if len(venue.connections) == 2:
            wanted.revise([wish("ETH")])

    market.venue = Venue(market._answer, greet=change)
    async with market.venue as venue, house(wanted) as home:
        feed = stream(market, home)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            await venue.connections[0].close()
            await until(lambda: market.held == {topic("ETH")})
            await venue.connections[1].close()
            await until(lambda: len(venue.connections) == 3 and market.held == {topic("ETH")})

    assert ("subscribe", (topic("ETH"),)) == market.said[-1]


@pytest.mark.parametrize("trouble", [Transient("maintenance"), Refused("not allowed to look")])
async def test_a_venue_that_cannot_say_what_it_lists_costs_no_connection(trouble: Exception) -> None:
    """What is subscribed goes on, and it is asked again."""
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks in (2, 3):
            raise trouble

    wanted, market = Wanted([wish("BTC")]), Market()
    async with market.venue as venue, house(wanted) as home:
        feed = stream(market, home, look=look)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            wanted.revise([wish("BTC", "ETH")])
            await until(lambda: feed.status.topics == 2)

    assert (4, 1, []) == (looks, len(venue.connections), home.health)


async def test_a_deaf_stream_is_found_out_however_often_wishes_change() -> None:
    """Another wish is no sign of life."""
    wanted, market = Wanted([wish("BTC")]), Market()
    async with market.venue as venue, house(wanted) as home:
        feed = stream(market, home, timing=replace(QUICK, moves_within_s=0.1))
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            while len(venue.connections) == 1:
                for wishes in ([wish("BTC", "ETH")], [wish("BTC")]):
                    wanted.revise(wishes)
                    await asyncio.sleep(0.01)

    assert "sent no market data" in home.health[0].reason


async def test_a_new_topic_has_its_time_to_move() -> None:
    """It is not deaf because another one was quiet for long before."""
    wanted, market = Wanted([wish("BTC")]), Market()
    async with market.venue as venue, house(wanted) as home:
        feed = stream(market, home, timing=replace(QUICK, moves_within_s=2.0))
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            await asyncio.sleep(1.2)
            wanted.revise([wish("ETH")])
            await until(lambda: market.held == {topic("ETH")})
            await asyncio.sleep(1.2)
            assert (1, []) == (len(venue.connections), home.health)
            await venue.send(*frames("ETH"))
            await until(lambda: feed.status.state == "up")


async def test_wishes_that_come_in_a_crowd_go_out_in_one_request() -> None:
    """OKX counts requests, not topics."""
    wanted, market = Wanted([wish("BTC")]), Market()
    async with market.venue, house(wanted) as home:
        feed = stream(market, home)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            for coin in ("ETH", "SOL", "DOGE"):
                wanted.revise([wish("BTC", coin)])
            wanted.revise([wish(*COINS)])
            await until(lambda: feed.status.topics == 4)

    assert [("subscribe", tuple(map(topic, ["ETH", "SOL", "DOGE"])))] == market.said[1:]


async def test_demand_that_comes_and_goes_is_one_connection_and_lingers() -> None:
    """From a client's wish to the venue's subscription, and back."""
    wanted, market = Wanted([wish("BTC")]), Market()
    loop = asyncio.get_running_loop()
    linger_s = 0.2
    async with market.venue as venue, house(wanted) as home:
        demand = Demand(lambda: wanted.revise({wish("BTC"), *demand.wishes}), linger_s=linger_s)
        feed = stream(market, home)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 1)
            first, second = demand.want([wish("ETH")]), demand.want([wish("ETH")])
            await until(lambda: feed.status.topics == 2)
            first.release()
            second.release()
            released_at = loop.time()
            await until(lambda: market.held == {topic("BTC")})
            assert loop.time() - released_at >= linger_s

    assert (1, []) == (len(venue.connections), home.health)


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(["want", "release", "break", "settle"]), st.sampled_from(COINS)), max_size=12)
)
async def test_in_the_end_the_venue_holds_what_is_wanted(steps: list[tuple[str, str]]) -> None:
    """Whatever the order of wants and releases, and wherever the connection breaks."""
    wanted, market = Wanted([wish("BTC")]), Market()
    leases: list[tuple[str, Lease]] = []
    async with market.venue as venue, house(wanted) as home:
        demand = Demand(lambda: wanted.revise({wish("BTC"), *demand.wishes}), linger_s=0.003)
        async with supervised(stream(market, home)):
            await until(lambda: market.held == {topic("BTC")})
            for what, coin in steps:
                if what == "want":
                    leases.append((coin, demand.want([wish(coin)])))
                elif what == "release" and leases:
                    leases.pop(len(coin) % len(leases))[1].release()
                elif what == "break":
                    with contextlib.suppress(IndexError):
                        await venue.connections[-1].close()
                elif what == "settle":
                    await asyncio.sleep(0.005)
            expected = {topic(coin) for coin in ("BTC", *(coin for coin, _ in leases))}
            await until(lambda: market.held == expected and demand.wishes == {wish(coin) for coin, _ in leases})
