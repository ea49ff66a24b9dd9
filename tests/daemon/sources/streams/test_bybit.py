"""Bybit's stream against a loopback venue that speaks its protocol."""

from dataclasses import replace
from itertools import chain

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.streams import bybit
from daemon.wire import bybit as wire
from daemon.wire import bybit_rest
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection
from tests.daemon.sources.loopback import QUICK, House, Rest, Venue, house, rest, supervised, until

NOW = 1_791_565_600_000
BTC, ETH, DOGE = "BTC-USDT-PERP", "ETH-USDT-PERP", "DOGE-USDT-PERP"


def mark(symbol: str = BTC, price: float = 85_000.0) -> MarkPrice:
    return MarkPrice(venue="bybit", symbol=symbol, price=price, index_price=price, at_ms=NOW, received_ms=NOW)


def funding(symbol: str = BTC, settles_at_ms: int = NOW, *, is_settled: bool = False) -> FundingRate:
    return FundingRate(
        venue="bybit",
        symbol=symbol,
        rate=1e-4,
        interval_h=4,
        settles_at_ms=settles_at_ms,
        is_settled=is_settled,
        at_ms=NOW,
        received_ms=NOW,
    )


def liquidation(symbol: str = BTC) -> Liquidation:
    return Liquidation(
        venue="bybit",
        symbol=symbol,
        side="long",
        quantity=1.0,
        price=85_000.0,
        price_kind="bankruptcy",
        notional_usd=85_000.0,
        at_ms=NOW,
        received_ms=NOW,
    )


def answer(text: str) -> list[str]:
    return wire.acknowledge(wire.read_request(text))


def refuse_doge(text: str) -> list[str]:
    """One bad topic, and the whole batch is refused."""
    request = wire.read_request(text)
    bad = [topic for topic in request.topics if "DOGE" in topic]
    return wire.refuse(request, bad) if bad else wire.acknowledge(request)


def refuse_doge_without_a_name(text: str) -> list[str]:
    request = wire.read_request(text)
    bad = any("DOGE" in topic for topic in request.topics)
    return wire.refuse(request, [], "params error") if bad else wire.acknowledge(request)


def topics(venue: Venue) -> list[str]:
    return list(chain.from_iterable(wire.read_request(text).topics for text in venue.heard[-1]))


def tickers(*events: Event) -> dict[str, bytes]:
    return {bybit_rest.TICKERS: bybit_rest.encode_tickers(events, NOW)}


LISTED = tickers(mark(), mark(ETH), mark(DOGE))


def market(venue: Venue, host: Rest, home: House) -> Feed:
    return bybit.build(configs.Bybit(ws_url=venue.url, rest_url=host.url), home.context, timing=QUICK)[0]


async def test_one_topic_brings_mark_funding_and_open_interest_as_far_as_they_are_wanted() -> None:
    """Open interest is wanted, so the ticker is subscribed, and its mark price stays outside."""
    wanted = Wanted([(OpenInterest, "bybit", Selection.of(["BTC"]))])
    interest = OpenInterest(venue="bybit", symbol=BTC, oi_base=10.0, oi_usd=850_000.0, at_ms=NOW, received_ms=NOW)
    async with Venue(answer) as venue, rest(LISTED) as host, house(wanted) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: venue.heard != [] and topics(venue) == ["tickers.BTCUSDT"])
            await venue.send(*wire.encode([mark(), funding(), interest], NOW))
            await until(lambda: feed.status.state == "up" and home.facts != [])

            assert [OpenInterest] == [type(event) for event in home.facts]


async def test_one_bad_topic_in_a_batch_loses_no_other() -> None:
    """The refusal names the bad one; its neighbours are asked for again."""
    for far_end in (refuse_doge, refuse_doge_without_a_name):
        wanted = Wanted([(Liquidation, None, Selection(None)), (MarkPrice, None, Selection(None))])
        async with Venue(far_end) as venue, rest(LISTED) as host, house(wanted) as home:
            feed = market(venue, host, home)
            async with supervised(feed):
                await until(lambda f=feed: len(f.status.rejected) == 2)  # type: ignore[misc]
                await venue.send(*wire.encode([mark(), liquidation(ETH)], NOW))
                await until(lambda h=home: len(h.facts) == 2)  # type: ignore[misc]

                assert {"tickers.DOGEUSDT", "allLiquidation.DOGEUSDT"} == set(feed.status.rejected)
                assert (home.health, len(venue.connections)) == ([], 1)


async def test_after_a_reconnect_deltas_wait_for_a_new_snapshot() -> None:
    """The merged ticker belongs to the connection: an old half under a new delta would be a lie."""
    wanted = Wanted([(MarkPrice, None, Selection.of(["BTC"])), (FundingRate, None, Selection.of(["BTC"]))])
    delta = (
        b'{"topic":"tickers.BTCUSDT","type":"delta","ts":1791565600001,"data":{"symbol":"BTCUSDT","fundingRate":"0.5"}}'
    )
    async with Venue(answer) as venue, rest(LISTED) as host, house(wanted) as home:
        feed = market(venue, host, home)
        async with supervised(feed):
            await until(lambda: len(venue.connections) == 1 and topics(venue) != [])
            await venue.send(*wire.encode([mark()], NOW))
            await until(lambda: len(home.facts) == 1)
            await venue.connections[-1].close()
            await until(lambda: len(venue.connections) == 2 and topics(venue) != [])
            await venue.send(delta)
            await until(lambda: feed.status.unreadable == 1)

            assert len(home.facts) == 1


async def test_a_quiet_liquidation_stream_is_normal() -> None:
    """Nothing for much longer than a ticker may be quiet; pongs are the sign of life."""
    wanted = Wanted([(Liquidation, None, Selection.of(["BTC"]))])
    timing = replace(QUICK, moves_within_s=0.02, ping_every_s=0.01)
    async with Venue(answer) as venue, rest(LISTED) as host, house(wanted) as home:
        config = configs.Bybit(ws_url=venue.url, rest_url=host.url)
        feed = bybit.build(config, home.context, timing=timing)[0]
        async with supervised(feed):
            await until(lambda: venue.heard != [] and venue.heard[0].count(wire.PING or "") >= 10)

            assert (feed.status.state, len(venue.connections), home.health) == ("up", 1, [])


async def test_settled_funding_is_asked_for_when_a_settlement_has_passed() -> None:
    """One list of all contracts a poll, and a history only of those that were paid."""
    wanted = Wanted([(FundingRate, None, Selection.of(["BTC"]))])
    answers = tickers(funding(settles_at_ms=NOW + 1000), funding(ETH))
    answers[bybit_rest.FUNDING_HISTORY] = bybit_rest.encode_funding_history([funding(is_settled=True)], NOW)
    async with rest(answers) as host, house(wanted) as home:
        config = configs.Bybit(ws_url="ws://127.0.0.1:1", rest_url=host.url, settled_funding_every="20ms")
        feed = bybit.build(config, home.context)[1]
        async with supervised(feed):
            await until(lambda: host.paths().count(bybit_rest.TICKERS) >= 3)
            assert host.paths().count(bybit_rest.FUNDING_HISTORY) == 1

            paid = [funding(is_settled=True), funding(settles_at_ms=NOW + 1000, is_settled=True)]
            host.answers[bybit_rest.FUNDING_HISTORY] = bybit_rest.encode_funding_history(paid, NOW)
            host.answers |= tickers(funding(settles_at_ms=NOW + 9000))
            await until(lambda: len(home.facts) == 2)

            settled = [event for event in home.facts if isinstance(event, FundingRate) and event.is_settled]
            assert [(event.settles_at_ms, event.interval_h) for event in settled] == [(NOW, 4.0), (NOW + 1000, 4.0)]
