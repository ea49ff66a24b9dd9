"""Forced orders: one that is large, or many that add up."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, M, S, alert, order, rule, said
from tests.rules.test_spec import wrong

ONE = {"type": "liquidation", "at_least": "$1m"}
MANY = {"type": "liquidation", "window": "1m", "total": "$10m"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        (ONE | {"at_least": "lots"}, "at_least", "is not an amount; write $250k, $1.5m or 1500000"),
        (ONE | {"at_least": "$0"}, "at_least", "an amount is more than zero; $1m"),
        (ONE | {"at_least": "$1e999"}, "at_least", "is not an amount"),
        (ONE | {"side": "buy"}, "side", "'either', 'long' or 'short'"),
        (ONE | {"window": "1m"}, "window", "at_least looks at one order, a window at a sum; write total"),
        (ONE | {"for": "5m"}, "", "need a window; add window: 1m"),
        (ONE | {"total": "$5m"}, "", "need a window; add window: 1m"),
        (ONE | {"levels": {"warning": "$1m"}}, "", "needs one size"),
        (ONE | {"max_age": "5m"}, "max_age", "leave max_age out"),
        (MANY | {"window": "0s"}, "window", "a window has a length; 1m"),
        (MANY | {"window": "1"}, "window", "is not a duration"),
        (MANY | {"total": "-$5"}, "total", "an amount is more than zero"),
        (MANY | {"clear": "$11m"}, "", "clear is above the limit, so it could never fire"),
        (MANY | {"clear": "-$1"}, "clear", "a sum never falls below zero"),
        (MANY | {"by": ["coin"]}, "by.0", "'venue', 'symbol' or 'side'"),
        (MANY | {"levels": {"warning": "$1m"}}, "", "needs one size"),
        ({"type": "liquidation", "window": "1m"}, "", "needs one size"),
        ({"type": "liquidation"}, "", "needs one size"),
        ({"type": "liquidation", "levels": {"warning": "$0"}}, "levels", "warning: a limit is more than zero"),
        ({"type": "liquidation", "levels": {"warning": "$2m", "critical": "$1m"}}, "levels", "a higher limit"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**fields)[where]


def test_one_name_stands_for_a_list_in_by() -> None:
    assert ("symbol",) == rule(**MANY, by="symbol").by


def test_the_side_is_the_position_that_was_closed() -> None:
    engine = Engine([rule(**ONE, side="long")])

    assert [["fired"], []] == [said(engine.observe(order(2e6, side=side), NOON)) for side in ("long", "short")]


def test_exactly_the_limit_counts() -> None:
    assert ["fired"] == said(Engine([rule(**ONE)]).observe(order(1e6), NOON))
    assert ["fired"] == said(Engine([rule(**MANY)]).observe(order(10e6), NOON))


def test_a_sum_clears_at_half_unless_told_otherwise() -> None:
    for more, cleared_s in (({}, 70), ({"clear": "$10m"}, 60), ({"clear": "$0"}, 90)):
        engine = Engine([rule(**MANY, **more)])
        for second, size in ((0, 3e6), (10, 4e6), (30, 4e6)):
            engine.observe(order(size, NOON + second * S), NOON + second * S)

        assert [NOON + cleared_s * S] == [t.alert.at_ms for t in engine.tick(NOON + 10 * M)]


def test_one_order_is_said() -> None:
    sentences = say(alert(Engine([rule(**ONE)]), order(1_520_000, venue="bybit", price=84_120.5)), NOON)

    assert "bybit BTC-USDT-PERP: long liquidated, $1.52m at 84,120.50" == sentences.headline
    assert ("quantity 18.0693 BTC",) == sentences.details


def test_what_a_price_means_is_said_where_it_is_not_a_fill() -> None:
    import msgspec

    event = msgspec.structs.replace(order(2e6), price_kind="bankruptcy")

    assert say(alert(Engine([rule(**ONE)]), event), NOON).headline.endswith("at 50,000.00 bankruptcy price")


def test_a_sum_is_said() -> None:
    engine = Engine([rule(**MANY)])
    sentences = say(alert(engine, order(6e6), order(5.5e6, NOON + 1, venue="okx")), NOON)

    assert "BTC-USDT-PERP: $11.5m of longs liquidated within 1m (limit $10m)" == sentences.headline
    assert ("2 orders, last one $5.5m on okx at 50,000.00",) == sentences.details
    assert "$11.5m" == sentences.peak


def test_a_sum_by_nothing_is_said() -> None:
    headline = say(alert(Engine([rule(**MANY, by=[])]), order(11e6)), NOON).headline

    assert "all venues: $11m of positions liquidated within 1m (limit $10m)" == headline


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (ONE, "r: when a position in any coin of $1m (warning) or more is liquidated"),
        (
            ONE | {"side": "long", "symbols": ["BTC"], "venues": "okx"},
            "r: when a long position in BTC on okx of $1m (warning) or more is liquidated",
        ),
        (MANY, "r: when liquidations in any coin reach $10m (warning) within 1m, summed by symbol, side"),
        (
            {"type": "liquidation", "window": "5m", "levels": {"critical": "$10m", "info": "$1m"}, "by": []},
            "r: when liquidations in any coin reach $1m (info) or $10m (critical) within 5m, summed by nothing",
        ),
    ],
)
def test_the_rule_is_described(fields: dict[str, Any], expected: str) -> None:
    assert expected == describe(parse({"id": "r", **fields}))
