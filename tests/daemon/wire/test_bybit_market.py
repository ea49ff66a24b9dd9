"""Bybit's answers for tables and charts, read and written."""

import csv

import pytest

from daemon.wire import bybit_market as wire
from daemon.wire.control import Throttled, Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid
from tests.daemon.wire.recorded import recorded, sample

NOW = 1_800_000_000_000
SAMPLES = "bybit_v5_market_samples.json"


@pytest.mark.parametrize("category", ["linear", "inverse"])
def test_what_is_written_is_read_back(category: wire.Category) -> None:
    """Units and sides go out as Bybit's and come back as ours."""
    tickers = wire.Tickers(
        category,
        [
            wire.Ticker("BTCUSD", 1.0, 2.0, 3.0, 0.0001, 4.0, NOW, 5.0, 6.0, True, 7.0, 8.0),
            wire.Ticker("ETHUSD", oi_base=5.0, oi_quote=6.0, is_one_sided=False),
        ],
        NOW,
    )
    points = [InterestPoint(1, base=2.0), InterestPoint(2, base=3.0, is_one_sided=False)]
    if category == "inverse":
        points = [InterestPoint(1, usd=2.0), InterestPoint(2, usd=3.0, is_one_sided=False)]
    paid = [Paid(1, 0.0001), Paid(2, -0.0002)]
    bars = [Bar(1, 1.0, 3.0, 0.5, 2.0, 10.0, 15.0), Bar(2, 2.0, 3.0, 0.5, 2.5, 11.0, 16.0)]
    marks = [Bar(1, 1.0, 3.0, 0.5, 2.0)]

    assert tickers == wire.decode_tickers(wire.encode_tickers(tickers))
    body = wire.encode_interest_history("BTCUSD", points, NOW, category, "next")
    assert (points, "next") == wire.decode_interest_history(body)
    assert paid == wire.decode_funding_history(wire.encode_funding_history("BTCUSD", paid, NOW, category))
    assert bars == wire.decode_klines(wire.encode_klines("BTCUSD", bars, NOW, category))
    assert marks == wire.decode_klines(wire.encode_klines("BTCUSD", marks, NOW, category))


def test_the_recorded_inverse_ticker_is_dollars_by_size_and_coins_by_value() -> None:
    """240,113,967 dollars are 2,089.79 BTC; it has no one-sided field."""
    tickers = wire.decode_tickers(sample(SAMPLES, "GET /v5/market/tickers?category=inverse&symbol=BTCUSD"))
    (row,) = tickers.rows

    assert ("inverse", 1760352369814) == (tickers.category, tickers.at_ms)
    assert (2089.79, 240113967.0, False) == (row.oi_base, row.oi_quote, row.is_one_sided)
    assert (115.6907, 13713832.0) == (row.volume_base, row.volume_quote)
    assert (0.0001, 8.0, 1760371200000) == (row.rate, row.interval_h, row.next_ms)


def test_the_recorded_open_interest_counts_both_sides_and_one() -> None:
    """63,910,691 against 31,955,346: the single one is ours. The cursor leads to older rows."""
    name = "GET /v5/market/open-interest?category=inverse&symbol=BTCUSD&intervalTime=1d&limit=5"
    points, cursor = wire.decode_interest_history(sample(SAMPLES, name))

    assert InterestPoint(1780617600000, usd=31971156.0) == points[0]
    assert InterestPoint(1780963200000, usd=31955346.0) == points[-1]
    assert "lastid%3D19408935%26lasttime%3D1780617600" == cursor


def test_recorded_candles_come_oldest_first_with_dollars_and_coins_told_apart() -> None:
    """Bybit sends the newest first, and an inverse volume in dollars."""
    bars = wire.decode_klines(sample(SAMPLES, "GET /v5/market/kline?category=inverse&symbol=BTCUSD&interval=60"))
    name = "GET /v5/market/mark-price-kline?category=linear&symbol=BTCUSDT&interval=15&limit=1"

    assert [1670601600000, 1670605200000, 1670608800000] == [bar.at_ms for bar in bars]
    assert (15.74462667, 268611.0) == (bars[-1].volume_base, bars[-1].volume_quote)
    assert [Bar(1670608800000, 17164.16, 17164.16, 17121.5, 17131.64)] == wire.decode_klines(sample(SAMPLES, name))


def test_recorded_funding_is_read() -> None:
    """One row of the vendor's, and a thousand real ones written and read back."""
    name = "GET /v5/market/funding/history?category=linear&symbol=ETHPERP&limit=1"
    rows = list(csv.reader(recorded("bybit_v5_funding_history_BTCUSDT_2025-07_2026-07.csv").decode().splitlines()))[1:]
    paid = [Paid(int(row[0]), float(row[-1])) for row in rows if row[0].isdigit()]

    assert [Paid(1672041600000, 0.0001)] == wire.decode_funding_history(sample(SAMPLES, name))
    assert len(paid) > 1_000
    assert paid == wire.decode_funding_history(wire.encode_funding_history("BTCUSDT", paid, NOW))


def test_retcode_is_read_before_anything_else() -> None:
    """Refusals come with 200 and an empty result."""
    with pytest.raises(Unreadable, match="10001 params"):
        wire.decode_tickers(wire.encode_error(10001, "params error", NOW))
    with pytest.raises(Throttled, match="too often"):
        wire.decode_tickers(wire.encode_error(10006, "Too many visits", NOW))
