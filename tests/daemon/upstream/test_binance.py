"""Binance's contracts and history, in our units, from small answers on loopback."""

import json
from collections.abc import Mapping

import pytest
from aiohttp import web

from daemon.supervisor import Transient
from daemon.upstream.binance import Binance
from daemon.upstream.records import Contract, FundingPoint, OiPricePoint
from daemon.wire import binance_market as wire
from daemon.wire.history import Bar, InterestPoint, Paid
from tests.daemon.upstream.far_end import HOUR, NOW, Answer, clock, far_end

BTC = wire.Premium("BTCUSDT", 100_000.0, 100_010.0, 0.0001, NOW + HOUR, NOW)
PEPE = wire.Premium("1000PEPEUSDT", 0.02, 0.0201, -0.0002, NOW + HOUR, NOW)
DATED = wire.Premium("BTCUSDT_270326", 101_000.0, 100_010.0, None, None, NOW)
CROSS = wire.Premium("ETHBTC", 0.04, 0.0401, 0.0001, NOW + HOUR, NOW)
DAYS = [
    wire.Day("BTCUSDT", 100_001.0, 10.0, 1_000_000.0, NOW),
    wire.Day("1000PEPEUSDT", 0.02, 1_000_000.0, 20_000.0, NOW),
    wire.Day("ETHBTC", 0.04, 100.0, 4_000_000.0, NOW),
]
INFO = b'[{"symbol":"1000PEPEUSDT","fundingIntervalHours":4}]'


def market(interest: Mapping[str, float]) -> dict[str, Answer]:
    def open_interest(query: Mapping[str, str]) -> bytes:
        pair = query["symbol"]
        return wire.encode_open_interest(wire.Interest(pair, interest[pair], NOW))

    return {
        wire.PREMIUM_INDEX: wire.encode_premium_index([BTC, PEPE, DATED, CROSS]),
        wire.DAY: wire.encode_days(DAYS),
        wire.OPEN_INTEREST: open_interest,
        "/fapi/v1/fundingInfo": INFO,
    }


async def contracts() -> dict[str, Contract]:
    async with far_end(market({"BTCUSDT": 5.0, "1000PEPEUSDT": 50_000.0})) as (end, http):
        found = await Binance(http, end.url, clock=clock).contracts(interest_of=2)
        return {contract.pair: contract for contract in found}


async def test_binance_open_interest_in_dollars_is_coins_times_the_mark() -> None:
    """5 BTC at 100,000 are half a million; volume is the quote volume."""
    found = (await contracts())["BTCUSDT"]

    assert (
        Contract(
            venue="binance",
            symbol="BTC-USDT-PERP",
            pair="BTCUSDT",
            kind="VANILLA",
            last=100_001.0,
            mark=100_000.0,
            index=100_010.0,
            funding_rate=0.0001,
            funding_interval_h=8.0,
            next_funding_ms=NOW + HOUR,
            oi_base=5.0,
            oi_usd=500_000.0,
            volume_24h_usd=1_000_000.0,
            volume_24h_base=10.0,
            at_ms=NOW,
        )
        == found
    )


async def test_a_funding_interval_is_8_hours_unless_binance_says_otherwise() -> None:
    """premiumIndex does not say; fundingInfo lists the exceptions."""
    found = await contracts()

    assert 8.0 == found["BTCUSDT"].funding_interval_h
    assert 4.0 == found["1000PEPEUSDT"].funding_interval_h


async def test_a_contract_that_expires_has_no_funding() -> None:
    """nextFundingTime is 0 there, which is not a time."""
    dated = (await contracts())["BTCUSDT_270326"]

    assert (None, None, None) == (dated.funding_rate, dated.funding_interval_h, dated.next_funding_ms)


async def test_what_is_quoted_in_another_coin_has_no_dollars() -> None:
    """4,000,000 of a quote volume are not dollars if the quote is bitcoin, and do not make it the most traded."""
    found = (await contracts())["ETHBTC"]

    assert (None, None) == (found.oi_usd, found.volume_24h_usd)
    assert 100.0 == found.volume_24h_base


async def test_open_interest_is_asked_only_of_the_most_traded_and_of_those_named() -> None:
    """It takes a call each, and there are hundreds of symbols."""
    async with far_end(market({"BTCUSDT": 5.0, "ETHBTC": 7.0})) as (end, http):
        found = await Binance(http, end.url, clock=clock).contracts(interest_of=1, also=["ETHBTC"])

    assert {"BTCUSDT", "ETHBTC"} == {query["symbol"] for query in end.queries(wire.OPEN_INTEREST)}
    assert {"BTCUSDT", "ETHBTC"} == {row.pair for row in found if row.oi_base is not None}


async def test_a_symbol_that_is_closed_for_trading_spoils_nothing() -> None:
    """It is refused, and not asked for again."""
    refusal = web.Response(status=400, text='{"code":-4108,"msg":"Symbol is on delivering or closed"}')
    answers = market({}) | {wire.OPEN_INTEREST: refusal}
    async with far_end(answers) as (end, http):
        client = Binance(http, end.url, clock=clock)
        first = await client.contracts(interest_of=1)
        await client.contracts(interest_of=1)

    assert [None] * 4 == [row.oi_base for row in first]
    assert 1 == len(end.queries(wire.OPEN_INTEREST))


async def test_binance_rows_of_coin_m_are_left_out() -> None:
    """Their sizes are contracts of 100 dollars."""
    rows = json.loads(wire.encode_premium_index([BTC]))
    rows += [rows[0] | {"symbol": "BTCUSD_PERP"}, rows[0] | {"symbol": "ETHUSDT", "st": 2}]

    assert [BTC] == wire.decode_premium_index(json.dumps(rows).encode())


async def test_two_hours_are_the_running_candle_and_the_23_before() -> None:
    """23 x 10 and 7 so far are 237; the candle that began two hours ago is not in it."""
    five = 300_000
    bars = [Bar(NOW - n * five, 1.0, 1.0, 1.0, 1.0, 1.0, 7.0 if n == 0 else 10.0) for n in range(26)]
    async with far_end({wire.KLINES: wire.encode_klines(bars, five)}) as (end, http):
        volume = await Binance(http, end.url, clock=clock).volume_2h("BTCUSDT")

    assert 237.0 == volume
    assert [{"symbol": "BTCUSDT", "interval": "5m", "limit": "24"}] == end.queries(wire.KLINES)


async def test_a_halted_market_has_no_volume_of_the_last_two_hours() -> None:
    """The newest candle of a market that stopped is old: its volume is not the present's."""
    old = [Bar(NOW - 3 * HOUR, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0)]
    async with far_end({wire.KLINES: wire.encode_klines(old, 300_000)}) as (end, http):
        assert await Binance(http, end.url, clock=clock).volume_2h("BTCUSDT") is None


async def test_funding_history_is_paged_forward_and_priced() -> None:
    """Old rows lack the mark price: the mark candles have it."""
    settled = [NOW - n * 8 * HOUR for n in range(3)][::-1]
    paid = [Paid(settled[0], 0.0001), Paid(settled[1], 0.0002), Paid(settled[2], 0.0003, 100_000.0)]
    marks = [Bar(at_ms, 90_000.0 + n, 1.0, 1.0, 1.0) for n, at_ms in enumerate(settled)]
    answers = {
        wire.FUNDING_RATE: wire.encode_funding_rates("BTCUSDT", paid),
        wire.MARK_KLINES: wire.encode_klines(marks, HOUR),
        "/fapi/v1/fundingInfo": INFO,
    }
    async with far_end(answers) as (end, http):
        found = await Binance(http, end.url, clock=clock).funding_history("BTCUSDT", limit=2)

    assert [
        FundingPoint(at_ms=settled[1], rate=0.0002, interval_h=8.0, mark_price=90_001.0),
        FundingPoint(at_ms=settled[2], rate=0.0003, interval_h=8.0, mark_price=100_000.0),
    ] == found


async def test_open_interest_and_price_meet_at_the_same_moment() -> None:
    """A point is a moment, a candle a stretch: the opening price belongs to it, and lonely points are left out."""
    points = [InterestPoint(NOW - 2 * HOUR, 1.0, 50.0), InterestPoint(NOW - HOUR, 2.0), InterestPoint(NOW, 3.0, 9.0)]
    bars = [Bar(NOW - 2 * HOUR, 40.0, 99.0, 1.0, 41.0), Bar(NOW - HOUR, 41.0, 99.0, 1.0, 42.0)]
    answers = {
        wire.INTEREST_HISTORY: wire.encode_interest_history("BTCUSDT", points),
        wire.KLINES: wire.encode_klines(bars, HOUR),
    }
    async with far_end(answers) as (end, http):
        found = await Binance(http, end.url, clock=clock).oi_price_history(
            "BTCUSDT", start_ms=NOW - 3 * HOUR, end_ms=NOW
        )

    assert [
        OiPricePoint(at_ms=NOW - 2 * HOUR, price=40.0, oi_usd=50.0),
        OiPricePoint(at_ms=NOW - HOUR, price=41.0, oi_usd=82.0),
    ] == found


async def test_binance_keeps_open_interest_for_a_month() -> None:
    """What is older is not asked for: it would be refused."""
    async with far_end(every=b"[]") as (end, http):
        client = Binance(http, end.url, clock=clock)
        assert [] == await client.oi_price_history("BTCUSDT", start_ms=0, end_ms=NOW - 40 * 24 * HOUR)
        assert [] == end.asked
        await client.oi_price_history("BTCUSDT", start_ms=0, end_ms=NOW)

    assert all(int(query["startTime"]) > NOW - 30 * 24 * HOUR for _, query in end.asked)


async def test_funding_that_never_ends_stops_with_a_sentence() -> None:
    """A host that does not heed startTime would be asked for ever."""
    page = wire.encode_funding_rates("BTCUSDT", [Paid(NOW - n, 0.0001) for n in range(1_000)])
    async with far_end({wire.FUNDING_RATE: page, "/fapi/v1/fundingInfo": b"[]"}) as (end, http):
        with pytest.raises(Transient, match="same page again and again"):
            await Binance(http, end.url, clock=clock).funding_history(
                "BTCUSDT", start_ms=NOW - 10_000, end_ms=NOW + 10_000, limit=5_000
            )

    assert 2 == len(end.queries(wire.FUNDING_RATE))


async def test_a_host_that_cuts_pages_shorter_than_asked_loses_no_settlement() -> None:
    """Its limit is written down nowhere: 450 settlements come in pages of 200, and the newest are among them."""
    history = [Paid(NOW - n * 8 * HOUR, 0.0001, 1.0) for n in range(450)][::-1]

    def page(query: Mapping[str, str]) -> bytes:
        newer = [row for row in history if row.at_ms >= int(query["startTime"])]
        return wire.encode_funding_rates("BTCUSDT", newer[:200])

    async with far_end({wire.FUNDING_RATE: page, "/fapi/v1/fundingInfo": b"[]"}) as (end, http):
        found = await Binance(http, end.url, clock=clock).funding_history("BTCUSDT", limit=450)

    assert [row.at_ms for row in history] == [point.at_ms for point in found]


async def test_known_intervals_outlive_a_question_that_fails() -> None:
    """They hardly ever change; without any, nothing is said about funding."""
    now_ms = NOW
    answers = market({})
    async with far_end(answers) as (end, http):
        client = Binance(http, end.url, clock=lambda: now_ms)
        await client.intervals_h()
        answers["/fapi/v1/fundingInfo"] = web.Response(status=500)
        now_ms += 2 * HOUR

        assert {"1000PEPE-USDT-PERP": 4.0} == await client.intervals_h()
        with pytest.raises(Transient):
            await Binance(http, end.url, clock=clock).intervals_h()


async def test_the_24_hour_volume_comes_with_its_row() -> None:
    """Whoever doubts the sum can see what the venue said."""
    async with far_end({wire.DAY: wire.encode_days(DAYS, "BTCUSDT")}) as (end, http):
        found = await Binance(http, end.url, clock=clock).volume_24h("BTCUSDT")

    assert found is not None
    assert (1_000_000.0, "1000000") == (found.volume_usd, found.raw["quoteVolume"])
