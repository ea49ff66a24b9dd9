"""Bybit's contracts and history, in our units, from small answers on loopback."""

from collections.abc import Mapping

import msgspec
import pytest

from daemon.supervisor import Transient
from daemon.upstream.bybit import Bybit
from daemon.upstream.records import Contract, FundingPoint, OiPricePoint
from daemon.wire import bybit_market as wire
from daemon.wire.history import Bar, InterestPoint, Paid
from tests.daemon.upstream.far_end import HOUR, NOW, Answer, clock, far_end


def envelope(category: str, *rows: Mapping[str, str]) -> bytes:
    return msgspec.json.encode({"retCode": 0, "result": {"category": category, "list": rows}, "time": NOW})


LINEAR = {
    "symbol": "BTCUSDT",
    "lastPrice": "100001",
    "markPrice": "100000",
    "indexPrice": "100010",
    "openInterest": "20",
    "openInterestValue": "2000000",
    "singleOpenInterest": "10",
    "singleOpenInterestValue": "1000000",
    "turnover24h": "3000000",
    "volume24h": "30",
    "fundingRate": "0.0001",
    "nextFundingTime": str(NOW + HOUR),
    "fundingIntervalHour": "4",
}
INVERSE = LINEAR | {
    "symbol": "BTCUSD",
    "openInterest": "2000000",
    "openInterestValue": "20",
    "singleOpenInterest": "1000000",
    "singleOpenInterestValue": "10",
    "turnover24h": "30",
    "volume24h": "3000000",
}


async def contracts(linear: Mapping[str, str], inverse: Mapping[str, str] = INVERSE) -> list[Contract]:
    def tickers(query: Mapping[str, str]) -> bytes:
        category = query["category"]
        return envelope(category, linear if category == "linear" else inverse)

    async with far_end({wire.TICKERS: tickers}) as (end, http):
        return await Bybit(http, end.url, clock=clock).contracts()


async def test_bybit_open_interest_counts_one_side_wherever_it_says_so() -> None:
    """Both sides together are 20 BTC, one side is 10: a million dollars, and not two."""
    linear, _ = await contracts(LINEAR)

    assert (
        Contract(
            venue="bybit",
            symbol="BTC-USDT-PERP",
            pair="BTCUSDT",
            kind="VANILLA",
            last=100_001.0,
            mark=100_000.0,
            index=100_010.0,
            funding_rate=0.0001,
            funding_interval_h=4.0,
            next_funding_ms=NOW + HOUR,
            oi_base=10.0,
            oi_usd=1_000_000.0,
            volume_24h_usd=3_000_000.0,
            volume_24h_base=30.0,
            at_ms=NOW,
        )
        == linear
    )


async def test_inverse_contracts_have_their_units_the_other_way_round() -> None:
    """Size and volume in dollars, value and turnover in coins: the same market gives the same numbers."""
    linear, inverse = await contracts(LINEAR)

    assert ("INVERSE", "BTC-USD-PERP") == (inverse.kind, inverse.symbol)
    assert (linear.oi_base, linear.oi_usd) == (inverse.oi_base, inverse.oi_usd)
    assert (linear.volume_24h_base, linear.volume_24h_usd) == (inverse.volume_24h_base, inverse.volume_24h_usd)


async def test_interest_of_unknown_sides_is_used_as_it_is_and_marked() -> None:
    """Older answers have no one-sided field, and may mean either."""
    without = {key: value for key, value in LINEAR.items() if not key.startswith("single")}
    linear, inverse = await contracts(without)

    assert (20.0, 2_000_000.0, True) == (linear.oi_base, linear.oi_usd, linear.is_oi_ambiguous)
    assert not inverse.is_oi_ambiguous


async def test_a_one_sided_size_is_never_valued_with_both_sides() -> None:
    """Without a one-sided value the mark price makes it."""
    linear, _ = await contracts({k: v for k, v in LINEAR.items() if k != "singleOpenInterestValue"})

    assert (10.0, 1_000_000.0) == (linear.oi_base, linear.oi_usd)


async def test_an_empty_text_is_no_number() -> None:
    """Bybit writes "" for none; a price of 0 would look like a crash."""
    silent = dict.fromkeys(("lastPrice", "fundingRate", "openInterest", "openInterestValue", "singleOpenInterest"), "")
    linear, _ = await contracts(LINEAR | silent)

    assert (None, None, None) == (linear.last, linear.funding_rate, linear.funding_interval_h)
    assert (None, None, False) == (linear.oi_base, linear.oi_usd, linear.is_oi_ambiguous)


async def test_a_name_that_nobody_can_read_spoils_nothing() -> None:
    """The others stay."""
    assert ["BTCUSD"] == [row.pair for row in await contracts(LINEAR | {"symbol": "X"})]


async def test_two_hours_of_an_inverse_contract_are_dollars() -> None:
    """Its volume column is dollars and its turnover coins."""
    bars = [Bar(NOW - n * 300_000, 1.0, 1.0, 1.0, 1.0, 0.5, 10.0) for n in range(24)]
    body = wire.encode_klines("BTCUSD", bars, NOW, "inverse")
    async with far_end({wire.KLINE: body}) as (end, http):
        volume = await Bybit(http, end.url, clock=clock).volume_2h("BTCUSD")

    assert 240.0 == volume
    assert [{"category": "inverse", "symbol": "BTCUSD", "interval": "5", "limit": "24"}] == end.queries(wire.KLINE)


def paid_at(hour: int) -> Paid:
    return Paid(NOW - hour * HOUR, hour / 10_000)


async def test_funding_is_paged_back_by_the_oldest_row_minus_one() -> None:
    """450 settlements come in three pages, newest first, and no row twice."""
    history = [paid_at(8 * n) for n in range(450)]

    def page(query: Mapping[str, str]) -> bytes:
        older = [row for row in history if row.at_ms <= int(query["endTime"])]
        return wire.encode_funding_history("BTCUSDT", older[: int(query["limit"])], NOW)

    marks = wire.encode_klines("BTCUSDT", [Bar(NOW, 100_000.0, 1.0, 1.0, 1.0)], NOW)
    async with far_end({wire.FUNDING_HISTORY: page, wire.MARK_KLINE: marks}) as (end, http):
        found = await Bybit(http, end.url, clock=clock).funding_history("BTCUSDT", limit=450)

    assert [row.at_ms for row in reversed(history)] == [point.at_ms for point in found]
    assert [NOW, history[199].at_ms - 1, history[399].at_ms - 1] == [
        int(query["endTime"]) for query in end.queries(wire.FUNDING_HISTORY)
    ]
    assert FundingPoint(at_ms=NOW, rate=0.0, interval_h=8.0, mark_price=100_000.0) == found[-1]


async def test_a_start_is_never_sent_without_an_end() -> None:
    """Bybit calls that an error."""
    async with far_end({wire.FUNDING_HISTORY: wire.encode_funding_history("BTCUSDT", [], NOW)}) as (end, http):
        await Bybit(http, end.url, clock=clock).funding_history("BTCUSDT", start_ms=NOW - HOUR)

    assert [{"startTime", "endTime"}] == [set(query) & {"startTime", "endTime"} for _, query in end.asked]


async def test_an_interval_that_changed_shows_in_the_gaps() -> None:
    """8 hours until yesterday, 4 since; a hole of 20 hours is not an interval."""
    times = [40, 32, 24, 20, 0]
    rows = [paid_at(hour) for hour in times]
    answers: dict[str, Answer] = {
        wire.FUNDING_HISTORY: wire.encode_funding_history("BTCUSDT", rows, NOW),
        wire.MARK_KLINE: wire.encode_klines("BTCUSDT", [], NOW),
    }
    async with far_end(answers) as (end, http):
        found = await Bybit(http, end.url, clock=clock).funding_history("BTCUSDT", interval_h=4.0)

    assert [4.0, 8.0, 8.0, 4.0, 4.0] == [point.interval_h for point in found]
    assert 2 * found[-1].rate == found[-1].rate_8h


async def test_open_interest_is_paged_by_cursor() -> None:
    """Until there is none, newest first; dollars are coins times the mark at that moment."""
    hours = [InterestPoint(NOW - n * HOUR, base=float(n + 1)) for n in range(3)]

    def page(query: Mapping[str, str]) -> bytes:
        place = int(query.get("cursor", "0"))
        following = str(place + 1) if place < 2 else ""
        return wire.encode_interest_history("BTCUSDT", [hours[place]], NOW, cursor=following)

    bars = [Bar(NOW - n * HOUR, 100.0 + n, 999.0, 1.0, 500.0) for n in range(3)]
    answers: dict[str, Answer] = {
        wire.OPEN_INTEREST: page,
        wire.MARK_KLINE: wire.encode_klines("BTCUSDT", bars, NOW),
    }
    async with far_end(answers) as (end, http):
        found = await Bybit(http, end.url, clock=clock).oi_price_history("BTCUSDT", start_ms=NOW - 5 * HOUR, end_ms=NOW)

    assert [
        OiPricePoint(at_ms=NOW - 2 * HOUR, price=102.0, oi_usd=306.0),
        OiPricePoint(at_ms=NOW - HOUR, price=101.0, oi_usd=202.0),
        OiPricePoint(at_ms=NOW, price=100.0, oi_usd=100.0),
    ] == found


@pytest.mark.parametrize(
    ("following", "words"), [(lambda place: "7", "same page again"), (lambda place: str(place + 1), "no end after")]
)
async def test_a_cursor_that_never_ends_stops_with_a_sentence(following: object, words: str) -> None:
    """Whether it stands still or runs on."""

    def page(query: Mapping[str, str]) -> bytes:
        assert callable(following)
        cursor = following(int(query.get("cursor", "0")))
        return wire.encode_interest_history("BTCUSDT", [InterestPoint(NOW, base=1.0)], NOW, cursor=cursor)

    async with far_end({wire.OPEN_INTEREST: page}) as (end, http):
        with pytest.raises(Transient, match=words):
            await Bybit(http, end.url, clock=clock).oi_price_history("BTCUSDT", start_ms=NOW - HOUR, end_ms=NOW)

    assert len(end.asked) <= 50


async def test_one_sided_and_unclear_interest_are_never_one_series() -> None:
    """Where the newer rows count one side, older rows that may count two are left out: the line would jump."""
    points = [InterestPoint(NOW - HOUR, base=20.0, is_one_sided=False), InterestPoint(NOW, base=10.0)]
    bars = [Bar(NOW - n * HOUR, 100.0, 1.0, 1.0, 1.0) for n in range(2)]
    answers: dict[str, Answer] = {
        wire.OPEN_INTEREST: wire.encode_interest_history("BTCUSDT", points, NOW),
        wire.MARK_KLINE: wire.encode_klines("BTCUSDT", bars, NOW),
    }
    async with far_end(answers) as (end, http):
        found = await Bybit(http, end.url, clock=clock).oi_price_history("BTCUSDT", start_ms=NOW - 5 * HOUR, end_ms=NOW)

    assert [OiPricePoint(at_ms=NOW, price=100.0, oi_usd=1_000.0)] == found


async def test_an_inverse_contracts_volume_of_24_hours_is_its_dollars() -> None:
    """With the row as it was sent."""
    async with far_end({wire.TICKERS: envelope("inverse", INVERSE)}) as (end, http):
        found = await Bybit(http, end.url, clock=clock).volume_24h("BTCUSD")

    assert found is not None
    assert (3_000_000.0, INVERSE) == (found.volume_usd, found.raw)
