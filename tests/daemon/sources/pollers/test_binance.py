"""What Binance does not stream, asked of a loopback host."""

import pytest
from aiohttp import web

from daemon.sources import configs
from daemon.sources.base import Wanted
from daemon.sources.pollers import binance as pollers
from daemon.sources.pollers.binance import Desk
from daemon.sources.streams import binance
from daemon.wire import binance_rest as wire
from rules.events import FundingRate, MarkPrice, OpenInterest
from rules.selection import Selection
from tests.daemon.sources.loopback import Rest, house, rest, supervised, until

NOW = 1_791_269_856_000
BTC, ETH, GONE = "BTC-USDT-PERP", "ETH-USDT-PERP", "GONE-USDT-PERP"
NOWHERE = "ws://127.0.0.1:1"


def mark(symbol: str, price: float) -> MarkPrice:
    return MarkPrice(venue="binance", symbol=symbol, price=price, at_ms=NOW, received_ms=NOW)


def paid(symbol: str, at_ms: int) -> FundingRate:
    return FundingRate(
        venue="binance",
        symbol=symbol,
        rate=1e-4,
        interval_h=8,
        settles_at_ms=at_ms,
        is_settled=True,
        at_ms=at_ms,
        received_ms=at_ms,
    )


def interest(request: web.Request) -> web.Response:
    name = request.query["symbol"]
    if name == "GONEUSDT":
        return web.Response(status=400, body=wire.encode_error(-1121, "Invalid symbol."))
    symbol = {"BTCUSDT": BTC, "ETHUSDT": ETH}[name]
    event = OpenInterest(venue="binance", symbol=symbol, oi_base=10.0, at_ms=NOW, received_ms=NOW)
    return web.Response(body=wire.encode_open_interest(event))


def config(host: Rest) -> configs.Binance:
    return configs.Binance(
        ws_url=NOWHERE,
        rest_url=host.url,
        open_interest_every="20ms",
        settled_funding_every="20ms",
        intervals_every="20ms",
    )


async def test_open_interest_is_asked_for_each_wanted_contract_and_told_in_dollars(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """There is no stream of it. A contract that is refused is named once and costs the others nothing."""
    premium = wire.encode_premium_index([mark(BTC, 85_000.0), mark(ETH, 4_000.0), mark(GONE, 1.0)])
    wanted = Wanted([(OpenInterest, None, Selection.of(["BTC", "GONE"]))])
    async with rest({wire.PREMIUM_INDEX: premium, wire.OPEN_INTEREST: interest}) as host, house(wanted) as home:
        feeds = binance.build(config(host), home.context)
        assert [feed.name for feed in feeds] == ["binance.open_interest"]
        async with supervised(*feeds):
            await until(lambda: len(home.facts) >= 3)

        assert {(BTC, 850_000.0)} == {(e.symbol, e.oi_usd) for e in home.facts if isinstance(e, OpenInterest)}
        assert {"BTCUSDT", "GONEUSDT"} == {request.query["symbol"] for request in host.asked if request.query}
    assert [record.symbol for record in caplog.records if hasattr(record, "symbol")] == [GONE]


async def test_settled_funding_carries_its_interval_and_is_told_once() -> None:
    """The answer does not say how many hours a rate is for; fundingInfo does."""
    wanted = Wanted([(FundingRate, None, Selection(None))])
    answers = {
        wire.FUNDING_INFO: wire.encode_funding_info({ETH: 4.0}),
        wire.FUNDING_RATE: wire.encode_funding_rates([paid(BTC, NOW), paid(ETH, NOW)]),
    }
    async with rest(answers) as host, house(wanted) as home:
        feeds = {feed.name: feed for feed in binance.build(config(host), home.context)}
        async with supervised(feeds["binance.settled_funding"]):
            await until(lambda: feeds["binance.settled_funding"].status.frames >= 3)

        told = sorted((e.symbol, e.interval_h) for e in home.facts if isinstance(e, FundingRate))
        assert told == [(BTC, 8.0), (ETH, 4.0)]
        asked = [request for request in host.asked if request.path == wire.FUNDING_RATE]
        assert str(NOW - 60_000) == asked[1].query["startTime"]


async def test_intervals_are_learnt_again_between_reconnects() -> None:
    """Binance moves contracts from 8 h to 4 h and 1 h in wild markets, just when it matters."""
    wanted = Wanted([(FundingRate, None, Selection(None))])
    answers = {wire.FUNDING_INFO: wire.encode_funding_info({ETH: 4.0})}
    async with rest(answers) as host, house(wanted) as home:
        desk = Desk(home.context, host.url)
        [_, feed] = pollers.build(
            desk,
            open_interest_every_ms=20,
            settled_funding_every_ms=3_600_000,
            intervals_every_ms=20,
            long_short_ratio_every_ms=20,
            insurance_fund_every_ms=20,
        )
        async with supervised(feed):
            await until(lambda: desk.intervals_h == {ETH: 4.0})
            host.answers[wire.FUNDING_INFO] = wire.encode_funding_info({ETH: 1.0})
            await until(lambda: desk.intervals_h == {ETH: 1.0})

        assert (feed.name, home.facts) == ("binance.intervals", [])
