"""Funding that differs between venues."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, M, alert, funding, rule, said
from tests.rules.test_spec import wrong

RIGHT = {"type": "funding_spread", "symbols": "BTC", "above": "0.03%"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"symbols": []}, "symbols", "at least 1 item"),
        ({"above": "1"}, "above", "could mean 1% or 100%"),
        ({"above": None}, "above", "above: 0.03%, or levels"),
        ({"above": "0%"}, "above", "a limit is more than zero"),
        ({"clear": "0.04%"}, "clear", "at most 0.03%"),
        ({"clear": "-1%"}, "clear", "below zero, where this never comes"),
        ({"max_age": "0s"}, "max_age", "greater than 0"),
        ({"max_age": None}, "max_age", "write one value"),
        ({"above": None, "levels": {"info": "-1%"}}, "levels", "info: a limit is more than zero"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**RIGHT | fields)[where]


def test_one_venue_is_no_spread_and_two_are() -> None:
    engine = Engine([rule(**RIGHT)])

    assert [] == engine.observe(funding(0.01), NOON)

    sentences = say(alert(engine, funding(0.0005), funding(0.0001, NOON + 1, venue="okx")), NOON)

    assert "BTC-USDT-PERP: funding differs by 0.04% per 8 h (limit 0.03%)" == sentences.headline
    assert ("binance 0.05%, okx 0.01%",) == sentences.details
    assert "0.04% per 8 h" == sentences.peak


def test_a_venue_that_falls_silent_takes_its_opinion_along() -> None:
    """The spread of one is no data: the alert is held, not cleared."""
    engine = Engine([rule(**RIGHT, max_age="5m")])
    alert(engine, funding(0.0005), funding(0.0001, NOON + 1, venue="okx"))

    assert [] == engine.tick(NOON + 30 * M)
    assert [] == engine.observe(funding(0.0005, NOON + 31 * M), NOON + 31 * M)
    assert ["cleared"] == said(engine.observe(funding(0.0004, NOON + 31 * M, venue="okx"), NOON + 31 * M))


def test_settled_rates_do_not_count() -> None:
    engine = Engine([rule(**RIGHT)])
    engine.observe(funding(0.01), NOON)

    assert [] == engine.observe(funding(0.0001, venue="okx", is_settled=True), NOON)


def test_the_rule_is_described() -> None:
    assert "r: when the funding of BTC differs between venues by more than 0.03% (warning) per 8 h for 5m" == describe(
        parse({"id": "r", **RIGHT, "for": "5m"})
    )
    assert "r: when the funding of BTC differs on okx, bybit by more than 0.03% (warning) per 8 h" == describe(
        parse({"id": "r", **RIGHT, "venues": ["okx", "bybit"]})
    )
