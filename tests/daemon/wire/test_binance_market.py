"""Binance's answers for tables and charts, read and written."""

import json

import pytest

from daemon.wire import binance_market as wire
from daemon.wire.control import Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid
from tests.daemon.wire.recorded import recorded, sample

SAMPLES = "binance_fapi_doc_samples.json"


def test_what_is_written_is_read_back() -> None:
    """The simulator writes, our clients read."""
    premiums = [
        wire.Premium("BTCUSDT", 9e4, None, -1e-6, 1_800_000_000_000, 5),
        wire.Premium("ETHUSDT_270326", 3e3, 3001.5, None, None, 6),
    ]
    days = [wire.Day("BTCUSDT", 9e4, 1.5, 135_000.0, 7), wire.Day("ETHUSDT", None, None, None, 8)]
    points = [InterestPoint(1, 2.0, 3.0), InterestPoint(2, 4.0)]
    paid = [Paid(1, 0.0001), Paid(2, -0.00000523, 9e4)]
    bars = [Bar(0, 1.0, 3.0, 0.5, 2.0, 10.0, 15.0), Bar(60_000, 2.0, 3.0, 0.5, 2.5, 0.0, 0.0)][1:]

    assert premiums == wire.decode_premium_index(wire.encode_premium_index(premiums))
    assert premiums[:1] == wire.decode_premium_index(wire.encode_premium_index(premiums, "BTCUSDT"))
    assert days == wire.decode_days(wire.encode_days(days))
    assert days[1:] == wire.decode_days(wire.encode_days(days, "ETHUSDT"))
    assert wire.Interest("X", 1.0, 2) == wire.decode_open_interest(
        wire.encode_open_interest(wire.Interest("X", 1.0, 2))
    )
    assert points == wire.decode_interest_history(wire.encode_interest_history("BTCUSDT", points))
    assert paid == wire.decode_funding_rates(wire.encode_funding_rates("BTCUSDT", paid))
    assert bars == wire.decode_klines(wire.encode_klines(bars, 60_000))


def test_a_symbol_that_is_not_there_is_refused_as_binance_does() -> None:
    """With its own code."""
    with pytest.raises(Unreadable, match="-1121 Invalid symbol"):
        wire.decode_days(wire.encode_days([], "BTCUSDT"))


def test_mark_candles_have_no_volume() -> None:
    """Their columns say 0, which means none."""
    (bar,) = wire.decode_klines(sample(SAMPLES, "GET /fapi/v1/markPriceKlines"), mark=True)

    assert Bar(1591256460000, 9653.29201333, 9654.56401333, 9653.07367333, 9653.07367333) == bar


def test_candles_have_base_and_quote_volume_in_columns_5_and_7() -> None:
    """Column 6 is when the candle closed."""
    (bar,) = wire.decode_klines(sample(SAMPLES, "GET /fapi/v1/klines"))

    assert (148976.11427815, 2434.19055334) == (bar.volume_base, bar.volume_quote)


def test_a_timestamp_may_be_text() -> None:
    """In openInterestHist it is, in other answers a number."""
    name = "GET /futures/data/openInterestHist?symbol=BTCUSDT&period=5m&limit=2"
    points = wire.decode_interest_history(sample(SAMPLES, name))

    assert InterestPoint(1583127900000, 20403.637, 150570784.07809979) == points[0]
    assert points[0].at_ms < points[1].at_ms


def test_recorded_samples_are_read() -> None:
    """The vendor's own."""
    (premium,) = wire.decode_premium_index(sample(SAMPLES, "GET /fapi/v1/premiumIndex?symbol=BTCUSDT"))
    (day,) = wire.decode_days(sample(SAMPLES, "GET /fapi/v1/ticker/24hr?symbol=BTCUSDT"))
    paid = wire.decode_funding_rates(sample(SAMPLES, "GET /fapi/v1/fundingRate?symbol=BTCUSDT&limit=2"))

    assert (0.00038246, 1597392000000) == (premium.rate, premium.next_ms)
    assert (4.000002, 15.3) == (day.last, day.volume_quote)
    assert [Paid(1570608000000, -0.0375), Paid(1570636800000, 0.0001)] == paid


def test_all_symbols_of_a_recorded_day_are_read() -> None:
    """379 rows of 2024-11-27, contracts that expire among them."""
    body = recorded("binance_fapi_premiumIndex_all_2024-11-27.json")
    rows = json.loads(body)
    found = wire.decode_premium_index(body)

    assert len([row for row in rows if not row["symbol"].endswith("USD")]) == len(found)
    assert len([row for row in rows if row["nextFundingTime"]]) == len([row for row in found if row.rate is not None])


@pytest.mark.parametrize(
    ("pair", "st", "expected"),
    [
        ("BTCUSD_PERP", 1, True),
        ("BTCUSD_270326", 1, True),
        ("BTCUSDT", 2, True),
        ("BTCFDUSD", 1, False),
        ("?", 1, False),
    ],
)
def test_coin_margined_rows_are_told_by_their_quote_or_by_st(pair: str, st: int, expected: bool) -> None:
    """FDUSD ends in USD and is no dollar of COIN-M."""
    assert expected == wire.is_coin_margined(pair, st)


def test_a_broken_row_spoils_only_itself() -> None:
    """A number that is none."""
    body = b'[{"symbol":"AUSDT","lastPrice":"soon"},{"symbol":"BUSDT","lastPrice":"1"}]'

    assert ["BUSDT"] == [day.pair for day in wire.decode_days(body)]
    assert [] == wire.decode_klines(b'[[1,"2"],[1,"2","3","0","5"],[1,"x","3","2","5"]]')
