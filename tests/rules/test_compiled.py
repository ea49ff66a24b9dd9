"""Compiled rules: what they follow, how much past they need, and when time must ask them again."""

from math import inf

import pytest

from rules.compiled import Expressed, just_above
from rules.events import MarkPrice
from rules.expression import compile_value
from tests.rules.market import NOON, hot, mark, rule


def test_just_above_is_the_very_next_number() -> None:
    assert 1.0 < just_above(1.0) < 1.0 + 1e-15
    assert inf == just_above(inf)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"venue": "okx", "symbol": "BTC-USDT-PERP"}, True),
        ({"venue": "bybit", "symbol": "BTC-USDT-PERP"}, False),
        ({"venue": "okx", "symbol": "ETH-USDT-PERP"}, False),
        ({"symbol": "BTC-USDT-PERP"}, True),
        ({}, True),
    ],
)
def test_a_rule_follows_the_keys_of_its_places(key: dict[str, str], expected: bool) -> None:
    assert expected is hot(venues="OKX").follows(key)


def test_feeds_and_coins_are_places_too() -> None:
    assert not rule(type="feed_health", feeds="okx.public").follows({"venue": "okx", "feed": "okx.rest"})
    assert rule(type="feed_health", feeds="OKX.public").follows({"venue": "okx", "feed": "okx.public"})
    assert not rule(type="depeg", coins="USDT").follows({"coin": "USDC"})


def test_a_restart_must_read_the_longest_window_again() -> None:
    windows = rule(type="expression", on="mark_price", when="sum(price, 1m) > avg(price, 2h)")

    assert (7_200_000, 0) == (windows.window_ms, hot().window_ms)


def test_a_measure_takes_over_the_windows_it_shares_with_an_earlier_one() -> None:
    old = Expressed(compile_value("sum(price, 1m) + avg(price, 1m)", MarkPrice))
    old.assess(mark(5.0), NOON, True)
    new = Expressed(compile_value("sum(price, 60s) * 2 + sum(price, 2m)", MarkPrice), old)

    assert [5.0, 0.0] == [window.at(NOON) for window in new.windows.values()]


def test_windows_under_another_where_are_other_windows() -> None:
    old = Expressed(compile_value("sum(price, 1m)", MarkPrice, where="price > 1"))
    old.assess(mark(5.0), NOON, True)
    new = Expressed(compile_value("sum(price, 1m)", MarkPrice, where="price > 2"), old)

    assert [0.0] == [window.at(NOON) for window in new.windows.values()]


def test_the_next_moment_is_the_earliest_of_all_windows() -> None:
    measure = Expressed(compile_value("sum(price, 1m) + count(10s)", MarkPrice))

    assert measure.next_ms() is None

    measure.assess(mark(5.0), NOON, True)

    assert (NOON + 10_000, 10_000, 60_000) == (measure.next_ms(), measure.nearest_ms, measure.memory_ms)
    assert {"sum": 5.0, "count": 1.0} == measure.facts()
