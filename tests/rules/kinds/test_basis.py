"""Basis rules: how they are written, what they watch, how they are said."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, alert, mark, rule, said
from tests.rules.test_spec import wrong

RIGHT = {"type": "basis", "symbols": "BTC", "above": "0.5%"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"above": None}, "above", "give either one limit or levels; above: 0.5%"),
        ({"above": "0%"}, "above", "a limit is more than zero"),
        ({"clear": "0.6%"}, "clear", "at most 0.5%"),
        ({"clear": "-0.1%"}, "clear", "below zero, where this never comes"),
        ({"direction": "up"}, "direction", "'either', 'premium' or 'discount'"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**RIGHT | fields)[where]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [("either", ["fired", "cleared", "fired"]), ("premium", ["fired", "cleared"]), ("discount", ["fired"])],
)
def test_the_direction_is_the_side_of_the_index(direction: str, expected: list[str]) -> None:
    engine = Engine([rule(**RIGHT, direction=direction)])
    prices = (100.6, 100.0, 99.4)

    assert expected == said(t for price in prices for t in engine.observe(mark(price, index_price=100.0), NOON))


@pytest.mark.parametrize("index", [None, 0.0])
def test_without_an_index_there_is_no_data(index: float | None) -> None:
    engine = Engine([rule(**RIGHT)])

    assert [] == engine.observe(mark(200.0, index_price=index), NOON)


def test_it_is_said_with_both_prices() -> None:
    one = alert(Engine([rule(**RIGHT)]), mark(99.0, index_price=100.0))

    assert "binance BTC-USDT-PERP: 1% below its index (limit 0.5%)" == say(one, NOON).headline
    assert ("mark 99, index 100",) == say(one, NOON).details


@pytest.mark.parametrize("direction", ["either", "discount"])
def test_a_peak_says_on_which_side_it_was(direction: str) -> None:
    engine = Engine([rule(**RIGHT, direction=direction)])
    one = alert(engine, mark(99.2, index_price=100.0), mark(100.3, NOON + 1, index_price=100.0))

    assert "binance BTC-USDT-PERP: 0.3% above its index (limit 0.5%)" == say(one, NOON + 1).headline
    assert "0.8% below its index" == say(one, NOON + 1).peak


def test_it_is_described_in_a_sentence() -> None:
    fields = {"id": "a", **RIGHT, "direction": "discount", "clear": "0.2%", "for": "1m"}

    assert (
        "a: when the mark price of BTC is more than 0.5% (warning) below its index for 1m, clears at 0.2%"
        == describe(parse(fields))
    )
