"""Silence is not health: a feed of our own that is down."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, M, S, alert, feed, rule, said
from tests.rules.test_spec import wrong

RIGHT = {"type": "feed_health"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"feeds": []}, "feeds", "at least 1 item"),
        ({"for": "1"}, "for", "is not a duration"),
        ({"max_age": "5m"}, "max_age", "leave max_age out"),
        ({"symbols": "BTC"}, "symbols", "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**RIGHT | fields)[where]


def test_a_feed_that_is_down_for_a_minute_is_told() -> None:
    engine = Engine([rule(**RIGHT)])

    assert ["pending"] == said(engine.observe(feed("down", reason="no pong for 30 s"), NOON))
    assert [] == engine.tick(NOON + M - 1)

    (fired,) = engine.tick(NOON + M)

    assert "binance.market is down: no pong for 30 s" == say(fired.alert, NOON + M).headline


def test_a_feed_that_comes_back_at_once_is_not_told() -> None:
    engine = Engine([rule(**RIGHT)])
    engine.observe(feed("down"), NOON)

    assert ["lapsed"] == said(engine.observe(feed("up", NOON + 30 * S), NOON + 30 * S))


def test_the_return_is_said_with_how_long_it_took() -> None:
    cleared = alert(Engine([rule(**RIGHT, **{"for": "0s"})]), feed("down"), feed("up", NOON + 90 * S))

    assert "binance.market is back after 1m30s" == say(cleared, NOON + 2 * M).headline
    assert "" == say(cleared, NOON).peak


def test_a_dead_feed_does_not_hold_the_rule_that_reports_it() -> None:
    engine = Engine([rule(**RIGHT)])
    engine.observe(feed("down"), NOON)
    engine.observe(feed("down", NOON + 10 * S), NOON + 10 * S)

    assert ["fired"] == said(engine.tick(NOON + M))


def test_the_rule_is_described() -> None:
    assert "r: when any feed is down for 1m" == describe(parse({"id": "r", **RIGHT}))
    assert "r: when okx.public on okx is down for 5m" == describe(
        parse({"id": "r", **RIGHT, "feeds": "okx.public", "venues": "okx", "for": "5m"})
    )
