"""OKX's stream against a loopback venue that speaks its protocol."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

from websockets.asyncio.server import ServerConnection

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.script import Timing
from daemon.sources.streams import okx
from daemon.wire import okx as wire
from rules.events import Event, FundingRate, Liquidation, MarkPrice
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Venue, house, supervised, until

NOW = 1_791_565_600_000
BTC = "BTC-USDT-PERP"
CONTRACTS = {"BTC-USDT-SWAP": wire.Contract(0.01), "BTC-USD-SWAP": wire.Contract(100.0, True)}
INSTRUMENTS = wire.instruments_topic()


def mark(symbol: str = BTC) -> MarkPrice:
    return MarkPrice(venue="okx", symbol=symbol, price=85_000.0, at_ms=NOW, received_ms=NOW)


def liquidation(at_ms: int = NOW) -> Liquidation:
    return Liquidation(
        venue="okx",
        symbol=BTC,
        side="short",
        quantity=0.5,
        price=80_000.0,
        price_kind="mark",
        notional_usd=40_000.0,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def answering(*, instruments: bool = True, bad: str = "none") -> Callable[[str], list[str]]:
    def answer(text: str) -> list[str]:
        request = wire.read_request(text)
        good = [topic for topic in request.topics if bad not in topic]
        replies = wire.acknowledge(request, None if request.method == "ping" else good)
        replies += wire.refuse(request, [topic for topic in request.topics if bad in topic])
        if instruments and INSTRUMENTS in request.topics:
            replies.append(wire.instruments_frame(CONTRACTS).decode())
        return replies

    return answer


def topics(venue: Venue) -> list[str]:
    return list(chain.from_iterable(wire.read_request(text).topics for text in venue.heard[-1]))


def market(venue: Venue, home: House, timing: Timing = QUICK) -> Feed:
    return okx.build(configs.Okx(ws_url=venue.url), home.context, timing=timing)[0]


def frames(*events: Event) -> list[bytes]:
    return wire.encode(events, NOW, CONTRACTS)


async def test_contracts_come_first_and_the_rest_is_asked_for_when_they_are_known() -> None:
    """A liquidation of a contract of unknown size could not be told in coins."""
    wanted = Wanted([(MarkPrice, None, Selection.of(["BTC-USDT-PERP"])), (Liquidation, None, Selection.of([BTC]))])
    async with Venue(answering()) as venue, house(wanted) as home:
        feed = market(venue, home)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and len(topics(venue)) == 3)
            assert [INSTRUMENTS, wire.mark_topic(BTC), wire.liquidation_topic()] == topics(venue)

            await venue.send(*frames(mark(), liquidation()))
            await until(lambda: len(home.facts) == 2 and feed.status.state == "up")
            assert [event.quantity for event in home.facts if isinstance(event, Liquidation)] == [0.5]


async def test_wishes_that_change_ask_for_the_difference_and_keep_the_contracts() -> None:
    """The plan comes from what this connection has learnt, so the instruments are not asked for again."""
    mark_wish, liquidation_wish = (MarkPrice, None, Selection.of([BTC])), (Liquidation, None, Selection.of([BTC]))
    wanted = Wanted([mark_wish])
    async with Venue(answering()) as venue, house(wanted) as home:
        feed = market(venue, home)
        async with supervised(feed):
            await until(lambda: feed.status.topics == 2)
            wanted.revise([liquidation_wish])
            await until(lambda: len(topics(venue)) == 4 and feed.status.topics == 2)
            await venue.send(*frames(mark(), liquidation()))
            await until(lambda: home.facts != [])

            assert [INSTRUMENTS, wire.mark_topic(BTC), wire.mark_topic(BTC), wire.liquidation_topic()] == topics(venue)
            assert ([Liquidation], 1, []) == ([type(one) for one in home.facts], len(venue.connections), home.health)


async def test_liquidations_of_other_coins_do_not_pass() -> None:
    """The channel brings all swaps whatever we ask for; an exact name separates BTC-USDT from BTC-USD."""
    wanted = Wanted([(Liquidation, None, Selection.of(["BTC-USD-PERP"]))])
    async with Venue(answering()) as venue, house(wanted) as home:
        feed = market(venue, home)
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")
            await venue.send(*frames(liquidation()))
            await until(lambda: feed.status.frames >= 4)

            assert home.facts == []


async def test_without_contracts_the_feed_is_down_and_says_why() -> None:
    """An acknowledgement of the instruments is not the instruments."""
    wanted = Wanted([(MarkPrice, None, Selection(None))])
    timing = replace(QUICK, acknowledge_s=0.5)
    async with Venue(answering(instruments=False)) as venue, house(wanted) as home:
        feed = market(venue, home, timing)
        async with supervised(feed):
            await until(lambda: len(venue.connections) >= 2)

            assert "no list of instruments" in home.health[0].reason


async def test_a_refused_channel_is_named_and_the_others_go_on() -> None:
    """OKX answers each item by itself."""
    wanted = Wanted([(MarkPrice, None, Selection.of([BTC])), (FundingRate, None, Selection.of([BTC]))])
    async with Venue(answering(bad="funding-rate")) as venue, house(wanted) as home:
        feed = market(venue, home)
        async with supervised(feed):
            await until(lambda: feed.status.rejected != {})
            await venue.send(*frames(mark()))
            await until(lambda: home.facts != [])

            assert [wire.funding_topic(BTC)] == list(feed.status.rejected)
            assert "60018" in feed.status.rejected[wire.funding_topic(BTC)]


async def test_text_pings_keep_the_connection() -> None:
    """Pings of the protocol do not count at OKX: it cuts whoever sends no text."""
    patience_s = 1.0

    async def cut_the_silent(venue: Venue, connection: ServerConnection) -> None:
        async def watch() -> None:
            heard = venue.heard[venue.connections.index(connection)]
            pings = 0
            while True:
                await asyncio.sleep(patience_s)
                if heard.count("ping") == pings:
                    await connection.close(4004, "no text in time")
                    return
                pings = heard.count("ping")

        watchers.append(asyncio.create_task(watch()))

    watchers: list[asyncio.Task[None]] = []
    wanted = Wanted([(Liquidation, None, Selection(None))])
    timing = replace(QUICK, ping_every_s=patience_s / 20)
    async with Venue(answering(), greet=cut_the_silent) as venue, house(wanted) as home:
        feed = market(venue, home, timing)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and venue.heard[0].count("ping") >= 30)

            assert (home.health, len(venue.connections)) == ([], 1)
        for watcher in watchers:
            watcher.cancel()


async def test_a_venue_that_accepts_nothing_is_down() -> None:
    """Everything refused: connected, and of no use."""
    wanted = Wanted([(MarkPrice, None, Selection(None))])
    async with Venue(answering(bad="instruments", instruments=False)) as venue, house(wanted) as home:
        feed = market(venue, home, replace(QUICK, acknowledge_s=0.05))
        async with supervised(feed):
            await until(lambda: len(venue.connections) >= 3)

            assert [health.state for health in home.health] == ["down"]
