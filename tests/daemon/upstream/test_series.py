"""Sums and joins over history, checked by hand."""

from daemon.upstream.records import Candle, FundingPoint
from daemon.upstream.series import candles, funding_points, is_in_dollars, two_hours
from daemon.wire.history import Bar, Paid
from tests.daemon.upstream.far_end import HOUR, NOW


def bar(minutes_ago: int, volume: float | None) -> Bar:
    return Bar(NOW - minutes_ago * 60_000, 1.0, 2.0, 0.5, 1.5, 1.0, volume)


def test_the_running_candle_is_in_the_two_hours_and_the_25th_is_not() -> None:
    """From 115 minutes ago on: 2 + 4 + 8 are 14."""
    bars = [bar(120, 1.0), bar(115, 2.0), bar(60, 4.0), bar(0, 8.0)]

    assert 14.0 == two_hours(bars, NOW)
    assert 14.0 == two_hours(bars[::-1], NOW + 299_000)


def test_a_volume_that_is_not_known_is_not_zero() -> None:
    """A sum with a hole in it would be too small."""
    assert two_hours([bar(5, None), bar(0, 8.0)], NOW) is None
    assert two_hours([], NOW) is None
    assert 0.0 == two_hours([bar(0, 0.0)], NOW)


def test_hourly_and_eight_hourly_funding_compare_at_eight_hours() -> None:
    """0.0001 an hour is 0.0008 in eight."""
    hourly = funding_points([Paid(NOW - HOUR, 0.0001), Paid(NOW, 0.0001)], 1.0)

    assert [1.0, 1.0] == [point.interval_h for point in hourly]
    assert [0.0008, 0.0008] == [point.rate_8h for point in hourly]


def test_a_settlement_some_milliseconds_late_finds_its_price() -> None:
    """Binance writes 1570608000003."""
    found = funding_points([Paid(NOW + 3, 0.0001)], 8.0, {NOW: 90_000.0})

    assert [FundingPoint(at_ms=NOW + 3, rate=0.0001, interval_h=8.0, mark_price=90_000.0)] == found


def test_only_dollar_coins_are_dollars() -> None:
    """A volume in bitcoin or euros is none in dollars."""
    assert [True, True, True, False, False] == [
        is_in_dollars(f"ETH-{quote}-PERP") for quote in ("USD", "USDT", "USDC", "BTC", "EUR")
    ]
    expected = Candle(at_ms=NOW, open=1.0, high=2.0, low=0.5, close=1.5, volume_base=1.0, volume_usd=None)
    assert [expected] == candles([bar(0, 9.0)], in_dollars=False)
