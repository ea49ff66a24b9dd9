"""The same rule with other limits: all levels and ways back move together, in the rule's own units."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.trial.neighbours import FACTORS, is_possible, said_limits, said_value, scaled
from rules.spec import RuleSpec, parse

FUNDING: dict[str, Any] = {"id": "r", "type": "funding", "symbols": "BTC"}


def spec(**fields: Any) -> RuleSpec:
    return parse({"id": "r", **fields})


@pytest.mark.parametrize(
    ("fields", "factor", "said"),
    [
        ({"type": "funding", "symbols": "BTC", "above": "0.05%"}, 0.8, "0.04%"),
        ({"type": "funding", "symbols": "BTC", "levels": {"warning": "0.05%", "critical": "0.1%"}}, 2.0, "0.1% / 0.2%"),
        ({"type": "liquidation", "at_least": "$1m"}, 1.25, "$1.25m"),
        ({"type": "liquidation", "window": "1m", "total": "$25m"}, 0.5, "$12.5m"),
        (
            {"type": "depeg", "coins": "USDC", "depth": "0.5%", "levels": {"warning": 25, "critical": 50}},
            0.8,
            "20 / 40",
        ),
        ({"type": "fear_greed", "below": 20}, 0.5, "10"),
        ({"type": "expression", "on": "mark_price", "value": "price", "below": 50_000}, 2.0, "100,000"),
        ({"type": "expression", "on": "mark_price", "value": "change(price, 1h)", "below": "-5%"}, 0.5, "-2.5%"),
    ],
)
def test_limits_are_said_in_the_units_of_the_rule(fields: dict[str, Any], factor: float, said: str) -> None:
    written = spec(**fields)
    neighbour = scaled(written.compile(), factor)

    assert neighbour is not None
    assert said == said_limits(written, neighbour)


@pytest.mark.parametrize(
    ("fields", "value", "said"),
    [
        ({"type": "funding", "symbols": "BTC", "above": "0.05%"}, 0.00051239, "0.0512%"),
        ({"type": "price_change", "symbols": "BTC", "above": "3%", "window": "5m"}, 0.089733, "8.97%"),
        ({"type": "price_change", "symbols": "BTC", "above": "3%", "window": "5m"}, 0.030004, "3.0004%"),
        ({"type": "liquidation", "at_least": "$1m"}, 1_234_567.0, "$1.23m"),
        ({"type": "expression", "on": "mark_price", "value": "abs(basis)", "above": "5%"}, 0.0523456, "5.23%"),
        ({"type": "expression", "on": "mark_price", "value": "price", "below": 50_000}, 49_999.5, "49,999.5"),
    ],
)
def test_a_value_is_said_as_its_messages_say_it(fields: dict[str, Any], value: float, said: str) -> None:
    written = spec(**fields)

    assert said == said_value(written, value, written.compile().ladder.shown[0])


@pytest.mark.parametrize("factor", FACTORS)
def test_a_neighbour_is_the_rule_that_one_would_have_written(factor: float) -> None:
    """Enters and leaves exactly where a file with these numbers does."""
    here = spec(**FUNDING, levels={"warning": "0.04%", "critical": "0.08%"}, clear="0.02%")
    there = spec(
        **FUNDING,
        levels={"warning": f"{0.04 * factor}%", "critical": f"{0.08 * factor}%"},
        clear=f"{0.02 * factor}%",
    )
    neighbour = scaled(here.compile(), factor)

    assert neighbour is not None
    for mine, other in (
        (neighbour.ladder.enters, there.compile().ladder.enters),
        (neighbour.ladder.exits, there.compile().ladder.exits),
    ):
        assert pytest.approx(other, rel=1e-12) == mine


@given(st.floats(0.01, 100), st.floats(0.1, 3))
def test_the_way_out_is_never_above_the_way_in(limit: float, factor: float) -> None:
    """Else it would flap for ever at its very limit."""
    written = spec(type="long_short_ratio", symbols="BTC", above=limit, clear=limit / 2)
    neighbour = scaled(written.compile(), factor)

    assert neighbour is not None
    assert all(leave <= enter for leave, enter in zip(neighbour.ladder.exits, neighbour.ladder.enters, strict=True))


def test_a_condition_has_no_neighbours() -> None:
    assert None is scaled(spec(type="expression", on="mark_price", when="price > 5").compile(), 2.0)
    assert None is scaled(spec(type="feed_health").compile(), 2.0)


def test_once_is_the_rule_itself() -> None:
    rule = spec(**FUNDING, above="0.05%").compile()

    assert rule is scaled(rule, 1.0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "fear_greed", "above": 75}, ["37.5", "60", "75", "93.75"]),
        ({"type": "fear_greed", "below": 20}, ["10", "16", "20", "25", "40"]),
        (
            {"type": "depeg", "coins": "USDC", "levels": {"warning": 30, "critical": 60}},
            ["15 / 30", "24 / 48", "30 / 60", "37.5 / 75"],
        ),
        (
            {"type": "price_change", "symbols": "BTC", "above": "60%", "window": "1h", "direction": "down"},
            ["30%", "48%", "60%", "75%"],
        ),
        (
            {"type": "price_change", "symbols": "BTC", "above": "60%", "window": "1h", "direction": "up"},
            ["30%", "48%", "60%", "75%", "120%"],
        ),
    ],
)
def test_no_neighbour_is_beyond_what_can_be(fields: dict[str, Any], expected: list[str]) -> None:
    """An index that ends at 100 is never above 150, and nothing falls by more than everything."""
    written = spec(**fields)
    neighbours = filter(None, (scaled(written.compile(), factor) for factor in FACTORS))

    assert expected == [said_limits(written, one) for one in neighbours if is_possible(written, one)]
