"""Rules in the rule language itself."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.events import EVENTS
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, M, alert, funding, interest, mark, order, rule, said
from tests.rules.test_spec import wrong

WHEN = {"type": "expression", "on": "mark_price", "when": "price > 5"}
VALUE = {"type": "expression", "on": "mark_price", "value": "price", "above": 5}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        (WHEN | {"on": "funding"}, "on", "'funding_rate', 'mark_price'"),
        (WHEN | {"when": "prise > 5"}, "when", "did you mean price? (at character 1)"),
        (WHEN | {"when": "price >"}, "when", "something is missing at the end"),
        (WHEN | {"when": "price > 5m"}, "when", "minutes or millions"),
        (WHEN | {"when": "price"}, "when", "this is a number; it should be a condition"),
        (WHEN | {"when": "1" + "+1" * 500 + "> 2"}, "when", "more than 64 of"),
        (WHEN | {"when": 5}, "when", "valid string"),
        (WHEN | {"clear": "venue"}, "clear", "this is a text; it should be a condition"),
        (WHEN | {"where": "count(5m) > 1"}, "where", "cannot look at a window"),
        (WHEN | {"by": ["price"]}, "by", "'price' cannot be tracked by; one of symbol, venue"),
        (WHEN | {"by": []}, "by", "at least 1 item"),
        (WHEN | {"symbols": []}, "symbols", "at least 1 item"),
        (WHEN | {"above": 5}, "", "limits belong to a value"),
        (WHEN | {"value": "price"}, "", "either a condition or a value"),
        (WHEN | {"when": None}, "", "either a condition or a value"),
        (VALUE | {"above": None}, "", "give one of above, below, levels"),
        (VALUE | {"below": 3}, "", "give one of above, below, levels"),
        (VALUE | {"above": None, "levels": {}}, "", "give one of above, below, levels"),
        (VALUE | {"clear": "price < 3"}, "", "clears by hysteresis"),
        (VALUE | {"value": "price > 5"}, "value", "this is a flag; it should be a number"),
        (VALUE | {"above": "lots"}, "above", "'lots' is not a number; write 5%, $100m or 0.3"),
        (VALUE | {"above": True}, "above", "'True' is not a number"),
        (VALUE | {"above": float("nan")}, "above", "'nan' is not a number"),
        (VALUE | {"above": [5]}, "above", "is not a number"),
        (VALUE | {"hysteresis": -1}, "hysteresis", "is not negative"),
        (VALUE | {"above": None, "levels": {"warning": 5, "critical": 5}}, "", "give critical a higher limit"),
        (VALUE | {"above": None, "levels": {"warning": "x"}}, "levels.warning", "is not a number"),
        (WHEN | {"message": "{sum}"}, "", "the message names 'sum', which is not there"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**fields)[where]


@pytest.mark.parametrize("on", [*EVENTS])
def test_every_event_type_can_be_watched(on: str) -> None:
    parse({"id": "r", "type": "expression", "on": on, "when": "at_ms > 0", "notify": []}).compile()


def test_a_condition_fires_and_clears_by_its_own_clear() -> None:
    engine = Engine([rule(**WHEN, clear="price < 3")])

    assert [["fired"], [], ["cleared"]] == [said(engine.observe(mark(price), NOON)) for price in (6, 4, 2)]


def test_a_value_has_levels_both_ways() -> None:
    """Rising limits watch for highs, falling ones for lows."""
    for limits, prices in (
        ({"warning": 5, "critical": 7}, (6, 8, 6, 4)),
        ({"warning": 5, "critical": 3}, (4, 2, 4, 6)),
    ):
        fields = VALUE | {"above": None, "levels": limits}
        engine = Engine([rule(**fields)])

        assert ["fired", "escalated", "eased", "cleared"] == said(
            t for price in prices for t in engine.observe(mark(price), NOON)
        )


def test_hysteresis_is_how_far_back_it_must_go() -> None:
    engine = Engine([rule(**VALUE, hysteresis=1)])

    assert [["fired"], [], ["cleared"]] == [said(engine.observe(mark(price), NOON)) for price in (6, 4.5, 4)]


def test_below_is_below() -> None:
    engine = Engine([rule(**(VALUE | {"above": None, "below": "5", "hysteresis": "1"}))])

    assert [[], ["fired"], [], ["cleared"]] == [said(engine.observe(mark(price), NOON)) for price in (5, 4, 5.5, 6)]


def test_it_is_tracked_by_what_it_says() -> None:
    engine = Engine([rule(**WHEN, by="symbol")])

    assert ["fired"] == said(t for venue in ("a", "b") for t in engine.observe(mark(6, venue=venue), NOON))


def test_limits_are_written_in_the_unit_of_the_value() -> None:
    for text, expected in (("5%", 0.05), ("$100m", 1e8), ("0.3", 0.3), (7, 7.0), ("-2bp", -0.0002)):
        assert (expected,) == rule(**VALUE | {"above": text}).ladder.shown


FLUSH = {
    "type": "expression",
    "on": "open_interest",
    "when": "change(oi_usd, 15m) <= -5% and oi_usd >= $1m",
    "clear": "change(oi_usd, 15m) > -2%",
}


def test_the_flush_of_the_example_file_fires() -> None:
    message = "{symbol} lost {change:.1%} of its open interest on {venue} in 15 minutes"
    engine = Engine([rule(**FLUSH, message=message)])
    fired = alert(engine, interest(2e6), interest(1.8e6, NOON + 15 * M))

    assert "BTC-USDT-PERP lost -10.0% of its open interest on binance in 15 minutes" == say(fired, NOON).headline
    assert () == say(fired, NOON).details  # the message has named the change


def test_large_numbers_are_written_out() -> None:
    fired = say(alert(Engine([rule(**VALUE | {"above": "$100k"})]), mark(150_000)), NOON)

    assert fired.headline.endswith(" 150,000 (limit 100,000)")
    assert "150,000" == fired.peak


def test_a_condition_is_said_with_the_numbers_behind_it() -> None:
    sentences = say(alert(Engine([rule(**FLUSH)]), interest(2e6), interest(1.8e6, NOON + 15 * M)), NOON)

    assert "binance BTC-USDT-PERP: change(oi_usd, 15m) <= -5% and oi_usd >= $1m" == sentences.headline
    assert ("change -10%",) == sentences.details
    assert "" == sentences.peak


def test_a_value_is_said_beside_its_limit() -> None:
    engine = Engine([rule(**VALUE)])
    fired = say(alert(engine, mark(6)), NOON).headline
    cleared = say(alert(engine, mark(4)), NOON).headline

    assert "binance BTC-USDT-PERP: price is 6 (limit 5)" == fired
    assert "binance BTC-USDT-PERP: price is back to 4 (limit 5)" == cleared


def test_a_value_whose_rule_was_taken_away_is_not_back() -> None:
    engine = Engine([rule(**VALUE)])
    engine.observe(mark(6), NOON)
    (ended,) = engine.swap([], NOON)

    assert "binance BTC-USDT-PERP: price is 6 (limit 5)" == say(ended.alert, NOON).headline


def test_a_condition_that_is_over_no_longer_holds() -> None:
    cleared = say(alert(Engine([rule(**WHEN)]), mark(6), mark(4)), NOON)

    assert "binance BTC-USDT-PERP: price > 5 no longer holds" == cleared.headline


@pytest.mark.parametrize(
    ("value", "limit", "number", "expected"),
    [
        ("price * 1.0 / index_price", 8, 9.27339, "is 9.27 (limit 8)"),
        ("price * 1.0 / index_price", 8, 8.0004, "is 8.0004 (limit 8)"),
        ("price * 1.0 / index_price", 8, 1234.5, "is 1,234 (limit 8)"),
        ("price", "$60k", 61_234.5, "is 61,234 (limit 60,000)"),
        ("basis", "5%", 0.0523456, "is 5.23% (limit 5%)"),
        ("basis", "10%", 0.1234567, "is 12.3% (limit 10%)"),
        ("basis", "10%", 0.10004, "is 10.004% (limit 10%)"),
        ("basis", "5%", 0.05001, "is 5.001% (limit 5%)"),
    ],
)
def test_a_value_has_as_many_digits_as_one_needs(value: str, limit: Any, number: float, expected: str) -> None:
    """Three that count, or more where one could not see that it is beyond its limit; in the unit that it is counted in."""
    index = number / (1 + number) if value == "basis" else 1.0
    price = number if value != "basis" else index * (1 + number)
    fired = alert(Engine([rule(**VALUE | {"value": value, "above": limit})]), mark(price, index_price=index))

    assert say(fired, NOON).headline.endswith(expected)


def test_windows_are_said_in_the_unit_of_what_they_add_up() -> None:
    wide = {"type": "expression", "on": "funding_rate", "by": "symbol", "when": "spread(rate_8h, venue, 30m) > 3bp"}
    big = {"type": "expression", "on": "liquidation", "when": "sum(notional_usd, 1m) > $1m and count(1m) >= 1"}
    spread = say(alert(Engine([rule(**wide)]), funding(0.00101), funding(0.0001, NOON + 1, venue="okx")), NOON)
    summed = say(alert(Engine([rule(**big)]), order(25_340_000.0)), NOON)

    assert ("spread 0.091%",) == spread.details
    assert ("sum $25.34m", "count 1") == summed.details


def test_what_falls_below_its_limit_is_said_the_same_way() -> None:
    engine = Engine([rule(**(VALUE | {"above": None, "below": 5}))])
    fired, cleared = (say(alert(engine, mark(price)), NOON).headline for price in (4.99, 5.5))

    assert "binance BTC-USDT-PERP: price is 4.99 (limit 5)" == fired
    assert "binance BTC-USDT-PERP: price is back to 5.5 (limit 5)" == cleared


def test_a_spread_may_be_quoted() -> None:
    message = "{high} {high_value:.2%} to {low} {low_value:.2%}, {spread:.2%} of {of}"
    wide = {"type": "expression", "on": "funding_rate", "by": "symbol", "when": "spread(rate_8h, venue, 30m) > 3bp"}
    engine = Engine([rule(**wide, message=message)])
    fired = alert(engine, funding(0.001), funding(0.0001, NOON + 1, venue="okx"))

    assert "binance 0.10% to okx 0.01%, 0.09% of 2" == say(fired, NOON).headline


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (WHEN, "r: on every mark_price: when price > 5 (warning)"),
        (
            WHEN | {"where": "venue == 'okx'", "clear": "price < 3", "venues": "okx"},
            "r: on every mark_price on okx where venue == 'okx': when price > 5 (warning), until price < 3",
        ),
        (VALUE, "r: on every mark_price: when price is above 5 (warning)"),
        (
            VALUE | {"above": None, "levels": {"critical": 1, "warning": 2}},
            "r: on every mark_price: when price is below 2 (warning) or 1 (critical)",
        ),
        (
            WHEN
            | {"symbols": ["BTC", "ETH"], "severity": "critical", "by": ["venue"], "for": "1m", "clear": "price < 3"},
            "r: on every mark_price of BTC, ETH by venue: when price > 5 (critical) for 1m, until price < 3",
        ),
        (
            VALUE | {"symbols": "BTC", "hysteresis": 0.5},
            "r: on every mark_price of BTC: when price is above 5 (warning), clears 0.5 below its limit",
        ),
        (
            VALUE | {"value": "change(price, 15m)", "above": None, "below": "-5%", "hysteresis": "1%"},
            "r: on every mark_price: when change(price, 15m) is below -5% (warning), clears 1% above its limit",
        ),
        (
            VALUE | {"value": "change(price, 15m)", "above": None, "below": "-5%"},
            "r: on every mark_price: when change(price, 15m) is below -5% (warning)",
        ),
    ],
)
def test_the_rule_is_described(fields: dict[str, Any], expected: str) -> None:
    assert expected == describe(parse({"id": "r", **fields}))


def test_what_is_private_names_who_is_told_and_keeps_accounts_apart() -> None:
    private = {"type": "expression", "on": "adl_update", "when": "level >= 4"}

    assert "your own account, and every chat would be told" in wrong(**private)[""]
    assert "accounts are not mixed; by: [account, symbol]" in wrong(**private, notify="phone", by=["symbol"])[""]
    assert ("venue", "account", "symbol") == rule(**private, notify="phone").by
    assert ("account", "side") == rule(**private, notify=[], by=["account", "side"]).by
