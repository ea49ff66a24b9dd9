"""DataMaxi+'s stream against a loopback venue that speaks its protocol."""

import logging
from dataclasses import replace
from http import HTTPStatus
from itertools import chain

import pytest
from aiohttp import web
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.streams import datamaxi
from daemon.supervisor import Busy
from daemon.wire import datamaxi as wire
from rules.events import FundingRate, Liquidation
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Rest, Venue, house, rest, supervised, until

NOW = 1_733_616_000_000
KEY = "dtmx-very-secret-key"
BTC = "BTC-USDT-PERP"
WISHES = [(FundingRate, "binance", Selection.of(["BTC"])), (FundingRate, "bybit", Selection.of(["ETH"]))]


def rate(venue: str = "binance", symbol: str = BTC) -> FundingRate:
    return FundingRate(
        venue=venue, symbol=symbol, rate=1e-4, interval_h=8, settles_at_ms=NOW + 1, at_ms=NOW, received_ms=NOW
    )


def answer(text: str) -> list[str]:
    return wire.acknowledge(wire.read_request(text))


def take_binance_only(text: str) -> list[str]:
    request = wire.read_request(text)
    return wire.refuse(request, [topic for topic in request.topics if "bybit" in topic], "")


def symbols(request: web.Request) -> web.Response:
    if request.headers.get(wire.KEY_HEADER) != KEY:
        return web.Response(status=401, text=f"invalid api key '{request.headers.get(wire.KEY_HEADER)}'")
    return web.Response(body=wire.encode_symbols([BTC, "ETH-USDT-PERP"]))


def market(venue: Venue, host: Rest, home: House, key: str = KEY) -> Feed:
    config = configs.DataMaxi(ws_url=f"{venue.url}/v1/funding-rate", rest_url=host.url, key=SecretStr(key))
    return datamaxi.build(config, home.context, timing=QUICK)[0]


async def test_pairs_are_discovered_per_venue_and_events_carry_the_venue_they_are_about() -> None:
    """BTC of Binance and ETH of Bybit were wanted, so ETH of Binance stays outside."""
    async with Venue(answer) as venue, rest({wire.SYMBOLS: symbols}) as host, house(Wanted(WISHES)) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")
            await venue.send(
                *wire.encode([rate(), rate("binance", "ETH-USDT-PERP"), rate("bybit", "ETH-USDT-PERP")], NOW)
            )
            await until(lambda: len(home.facts) == 2)

            asked = list(chain.from_iterable(wire.read_request(text).topics for text in venue.heard[0]))
            assert asked == ["BTC-USDT@binance", "ETH-USDT@bybit"]
            assert [event.place for event in home.facts] == [("binance", BTC), ("bybit", "ETH-USDT-PERP")]


async def test_a_partial_acknowledgement_is_a_partial_failure() -> None:
    """What is not in the answer was not taken, and is not asked for again: each request is billed."""
    async with Venue(take_binance_only) as venue, rest({wire.SYMBOLS: symbols}) as host, house(Wanted(WISHES)) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")

            assert list(feed.status.rejected) == ["ETH-USDT@bybit"]
            assert len(venue.heard[0]) == 1


async def test_a_refused_key_is_said_once_and_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Asking again soon helps nobody; the far end's text quotes the key, ours must not."""
    caplog.set_level(logging.DEBUG)

    def gate(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus.UNAUTHORIZED, f"invalid api key '{KEY}'")

    async with Venue(answer, gate=gate) as venue, rest({wire.SYMBOLS: symbols}) as host, house(Wanted(WISHES)) as home:
        for key, refuser in ((KEY, "the stream"), (f"{KEY}-wrong", "REST")):
            feed = market(venue, host, home, key)
            async with supervised(feed):
                await until(lambda f=feed: f.status.state == "down")  # type: ignore[misc]

            assert "(401)" in (feed.status.last_error or ""), refuser
            assert KEY not in repr(feed.status)

    assert [health.state for health in home.health] == ["down", "down"]
    assert KEY not in repr(home.health)
    ours = [record for record in caplog.records if record.name.startswith("daemon")]
    assert len([record for record in ours if record.levelno == logging.ERROR]) == 2
    assert KEY not in repr([vars(record) for record in ours])


async def test_a_page_of_a_firewall_is_no_word_about_the_key() -> None:
    """It keeps us out for a while, whatever key we show."""

    def gate(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(HTTPStatus.FORBIDDEN, "<html>Access denied</html>")

    async with Venue(answer, gate=gate) as venue, rest({wire.SYMBOLS: symbols}) as host, house(Wanted(WISHES)) as home:
        with pytest.raises(Busy) as caught:
            await market(venue, host, home).run()

    assert 600.0 == caught.value.retry_after_s


async def test_a_key_in_a_goodbye_is_not_shown() -> None:
    """Some services close with the text `invalid api key '<key>'`."""

    async def goodbye(_venue: Venue, connection: ServerConnection) -> None:
        await connection.close(1008, f"invalid api key '{KEY}'")

    async with (
        Venue(answer, greet=goodbye) as venue,
        rest({wire.SYMBOLS: symbols}) as host,
        house(Wanted(WISHES)) as home,
    ):
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: home.health != [])

            assert "invalid api key '…'" in home.health[0].reason


async def test_liquidations_are_asked_for_where_no_other_source_brings_them() -> None:
    """Counted twice they would be twice as large; whoever names exchanges for them knows."""
    wishes = [(Liquidation, None, Selection.of(["BTC"]))]
    async with Venue(answer) as venue, rest({wire.SYMBOLS: symbols}) as host, house(Wanted(wishes)) as home:
        home.context.sources = frozenset(("datamaxi", "binance", "okx"))
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: feed.status.state == "up")
            assert ["BTC-USDT@bybit"] == list(wire.read_request(venue.heard[0][0]).topics)
            assert "datamaxi.liquidations" == feed.name
            assert "/v1/liquidation" == venue.connections[0].request.path  # type: ignore[union-attr]
            event = Liquidation(
                venue="bybit", symbol=BTC, side="long", quantity=2.0, price=3.0, price_kind="fill", notional_usd=6.0,
                at_ms=NOW, received_ms=NOW,
            )  # fmt: skip
            await venue.send(*wire.encode([event], NOW))
            await until(lambda: home.facts != [])
            assert (event.side, event.place, 6.0) == ((heard := home.facts[0]).side, heard.place, heard.notional_usd)  # type: ignore[attr-defined]
        config = configs.DataMaxi(key=SecretStr(KEY), liquidations=())
        assert [] == datamaxi.build(config, home.context)


async def test_pings_are_sent_in_the_form_that_is_documented() -> None:
    """Without them the connection is closed."""
    async with Venue(answer) as venue, rest({wire.SYMBOLS: symbols}) as host, house(Wanted(WISHES)) as home:
        config = configs.DataMaxi(ws_url=venue.url, rest_url=host.url, key=SecretStr(KEY))
        feed = datamaxi.build(config, home.context, timing=replace(QUICK, ping_every_s=0.01))[0]
        async with supervised(feed):
            await until(lambda: venue.heard != [] and venue.heard[0].count(wire.PING or "") >= 3)

            assert home.health == []
