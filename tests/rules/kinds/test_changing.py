"""Rules about a change: how they are written, when they fire, how they are said."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.events import InsuranceFund
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, H, M, alert, interest, mark, rule, said
from tests.rules.test_spec import wrong

RIGHT = {"type": "price_change", "symbols": "BTC", "window": "5m", "above": "3%"}


def price_change(**more: Any) -> Engine:
    return Engine([rule(**RIGHT | more)])


def after(engine: Engine, *prices: float, step_ms: int = M) -> list[list[str]]:
    """What is said to each of these prices, one a minute."""
    return [said(engine.observe(mark(price, NOON + i * step_ms), NOON + i * step_ms)) for i, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"window": None}, "window", "write one value"),
        ({"window": "0s"}, "window", "greater than 0"),
        ({"above": None}, "above", "give either one limit or levels; above: 3%"),
        ({"above": "-3%"}, "above", "a limit is more than zero; above: 3%"),
        ({"levels": {"warning": "2%"}}, "above", "give either one limit or levels"),
        ({"above": None, "levels": {"warning": "4%", "critical": "2%"}}, "levels", "give critical a higher limit"),
        ({"clear": "4%"}, "clear", "clear is above the limit, so it could never fire; at most 3%"),
        ({"clear": "-1%"}, "clear", "below zero, where this never comes"),
        ({"direction": "sideways"}, "direction", "'either', 'up' or 'down'"),
        ({"message": "{chnge} of {symbol}"}, "message", "did you mean {change}?"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**RIGHT | fields)[where]


def test_it_fires_when_the_price_is_farther_from_what_it_was_a_window_ago() -> None:
    engine = price_change()

    assert [[], [], [], [], [], [], ["fired"]] == after(engine, 100, 100, 100, 100, 100, 102.9, 103.1)


def test_nothing_is_said_before_a_whole_window_was_seen() -> None:
    assert [[], [], [], []] == after(price_change(), 100, 150, 200, 50)


@pytest.mark.parametrize(
    ("direction", "ends", "expected"),
    [
        ("either", (104, 96), ["fired", "fired"]),
        ("up", (104, 96), ["fired"]),
        ("down", (104, 96), ["fired"]),
    ],
)
def test_the_direction_is_where_it_went(direction: str, ends: tuple[float, float], expected: list[str]) -> None:
    told = [change for end in ends for change in after(price_change(direction=direction), *[100.0] * 5, end)[-1]]

    assert expected == told


def test_it_clears_at_its_clear_limit_and_not_above() -> None:
    engine = price_change(clear="1%")

    assert [["fired"], [], ["cleared"]] == after(engine, *[100] * 5, 104, 102, 101)[5:]


def test_open_interest_counts_coins_unless_it_is_told_to_count_dollars() -> None:
    """The helper's events keep their coins and change only what they are worth."""
    fields = {"type": "open_interest_change", "window": "15m", "above": "5%"}
    by_coins, by_dollars = Engine([rule(**fields)]), Engine([rule(**fields, count="usd")])
    then, now = interest(100e6, NOON), interest(90e6, NOON + 15 * M)

    assert [[], []] == [said(by_coins.observe(event, event.at_ms)) for event in (then, now)]
    assert [[], ["fired"]] == [said(by_dollars.observe(event, event.at_ms)) for event in (then, now)]


def test_a_market_below_the_floor_is_left_alone_and_ends_what_it_began() -> None:
    engine = Engine([rule(type="open_interest_change", count="usd", window="15m", above="5%", at_least="$100m")])
    sizes = [300e6, 250e6, 99e6]

    assert [[], ["fired"], ["cleared"]] == [
        said(engine.observe(interest(size, NOON + i * 15 * M), NOON + i * 15 * M)) for i, size in enumerate(sizes)
    ]


def test_a_fund_is_watched_for_what_it_pays_unless_told_otherwise() -> None:
    def fund(amount: float, hours: int) -> InsuranceFund:
        at_ms = NOON + hours * H
        return InsuranceFund(venue="bybit", coin="USDT", amount=amount, at_ms=at_ms, received_ms=at_ms)

    engine = Engine([rule(type="insurance_fund_change", coins="USDT", window="1d", above="2%")])
    out = [said(engine.observe(fund(amount, 24 * day), NOON + 24 * day * H)) for day, amount in enumerate((50, 53, 51))]

    assert [[], [], ["fired"]] == out


def test_it_is_said_with_direction_window_and_limit() -> None:
    one = alert(price_change(), *[mark(100, NOON + i * M) for i in range(5)], mark(95.5, NOON + 5 * M))

    assert "binance BTC-USDT-PERP: price down 4.5% within 5m (limit 3%)" == say(one, NOON).headline
    assert ("now 95.5",) == say(one, NOON).details


def test_a_move_is_said_in_the_digits_that_a_trader_reads() -> None:
    """Two decimals, as its peak; more only where one could not see that it is beyond its limit."""
    told = [
        say(alert(price_change(), *[mark(100, NOON + i * M) for i in range(5)], mark(price, NOON + 5 * M)), NOON)
        for price in (91.0267, 96.9996, 67.654)
    ]

    assert ["price down 8.97% within 5m (limit 3%)", "price down 3.0004% within 5m (limit 3%)"] == [
        str(one.reading) for one in told[:2]
    ]
    assert ["8.97% down", "3.0004% down", "32.3% down"] == [one.peak for one in told]


@pytest.mark.parametrize("direction", ["either", "down"])
def test_a_peak_says_which_way_it_went(direction: str) -> None:
    prices = (100, 100, 100, 100, 100, 95.5, 100.5)
    one = alert(price_change(direction=direction), *[mark(price, NOON + i * M) for i, price in enumerate(prices)])

    assert "binance BTC-USDT-PERP: price up 0.5% within 5m (limit 3%)" == say(one, NOON).headline
    assert "4.5% down" == say(one, NOON).peak


def test_it_is_described_in_a_sentence() -> None:
    rules: list[dict[str, Any]] = [
        {"id": "a", **RIGHT, "venues": "okx", "direction": "down"},
        {"id": "b", "type": "open_interest_change", "window": "15m", "levels": {"warning": "5%", "critical": "10%"}},
        {"id": "c", "type": "insurance_fund_change", "window": "1d", "above": "2%", "clear": "1%"},
    ]

    assert [
        "a: when the price of BTC on okx falls by more than 3% (warning) within 5m",
        "b: when open interest of any coin moves by more than 5% (warning) or 10% (critical) within 15m",
        "c: when the insurance fund of any coin falls by more than 2% (warning) within 1d, clears at 1%",
    ] == [describe(parse(fields)) for fields in rules]
