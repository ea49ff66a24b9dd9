"""Positions near their forced reduction."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.accounts import row
from tests.rules.market import BTC, NOON, S, feed, rule, said
from tests.rules.test_spec import wrong

ADL = {"type": "adl", "notify": "phone"}
LEVELS = {"warning": "10%", "critical": "5%"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"type": "adl", "level": 4}, "notify", "your own account, and every chat would be told; name who is"),
        (ADL, "", "give one limit: level: 4, distance: 5% or margin_ratio: 80%"),
        (ADL | {"level": 4, "distance": "5%"}, "", "give one limit"),
        (ADL | {"levels": LEVELS}, "", "watch: distance with levels"),
        (ADL | {"watch": "distance"}, "", "watch: distance with levels"),
        (ADL | {"level": 0}, "level", "greater than or equal to 1"),
        (ADL | {"distance": 5}, "distance", "could mean 5% or 500%"),
        (ADL | {"distance": "-5%"}, "distance", "a limit is not below zero"),
        (ADL | {"margin_ratio": {"a": 1}}, "margin_ratio", "could mean"),
        (ADL | {"margin_ratio": []}, "margin_ratio", "write one value"),
        (ADL | {"watch": "distance", "levels": {"warning": "5%", "critical": "10%"}}, "", "critical a lower limit"),
        (ADL | {"watch": "level", "levels": {"warning": 4, "critical": 3}}, "", "critical a higher limit"),
        (ADL | {"distance": "5%", "clear": "4%"}, "", "clear is beyond the limit"),
        (ADL | {"level": 3, "clear": 4}, "", "clear is beyond the limit"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**fields)[where]


@pytest.mark.parametrize(
    ("fields", "safe", "near"),
    [
        ({"level": 4}, {"level": 3}, {"level": 4}),
        ({"distance": "5%"}, {"liquidation_price": 95.0}, {"liquidation_price": 95.1}),
        ({"distance": "5%"}, {"liquidation_price": -3.35e9}, {"liquidation_price": 101.0}),
        ({"margin_ratio": "80%"}, {"margin_ratio": 0.8}, {"margin_ratio": 0.81}),
        ({"watch": "distance", "levels": LEVELS}, {"liquidation_price": 90.0}, {"liquidation_price": 92.0}),
    ],
)
def test_it_fires_at_the_limit_and_clears_behind_it(
    fields: dict[str, Any], safe: dict[str, Any], near: dict[str, Any]
) -> None:
    engine = Engine([rule(**ADL, **fields)])

    assert [[], ["fired"], ["cleared"]] == [
        said(engine.observe(row(NOON + place * S, **more), NOON + place * S))
        for place, more in enumerate((safe, near, safe))
    ]


def test_it_climbs_and_clears_where_it_is_told() -> None:
    engine = Engine([rule(**ADL, watch="distance", levels=LEVELS, clear="12%")])
    prices = (92.0, 96.0, 89.0, 87.9)

    assert [["fired"], ["escalated"], ["eased"], ["cleared"]] == [
        said(engine.observe(row(NOON + place * S, liquidation_price=price), NOON + place * S))
        for place, price in enumerate(prices)
    ]


def test_a_closed_position_is_safe() -> None:
    """Whoever closes it because of the alert sees the alert end."""
    for limit in ({"level": 1}, {"distance": "20%"}, {"margin_ratio": "1%"}):
        engine = Engine([rule(**ADL, **limit)])
        engine.observe(row(), NOON)
        (cleared,) = engine.observe(row(NOON + S, is_open=False), NOON + S)

        assert "cleared" == cleared.change
        assert "main: BTC-USDT-PERP long is closed" == say(cleared.alert, NOON).headline


def test_each_position_of_each_account_has_its_own_alert() -> None:
    engine = Engine([rule(**ADL, level=1)])
    fired = [
        alert
        for account in ("main", "hedge")
        for position in ("1", "2")
        for alert in engine.observe(row(account=account, position_id=position), NOON)
    ]

    assert 4 == len({alert.alert.episode_id for alert in fired})
    assert all(alert.alert.is_private for alert in fired)


def test_accounts_and_instruments_can_be_chosen() -> None:
    """A position whose instrument nobody has told yet counts: it may be the one."""
    engine = Engine([rule(**ADL, level=1, accounts="Main", symbols="ETH")])

    rows = (
        row(),
        row(symbol="ETH-USDT-PERP", account="hedge"),
        row(symbol="ETH-USDT-PERP"),
        row(symbol="", position_id="2"),
    )
    assert [[], [], ["fired"], ["fired"]] == [said(engine.observe(one, NOON)) for one in rows]


def test_it_is_not_held_back_at_night() -> None:
    assert rule(**ADL, level=1).is_urgent


def test_a_dead_feed_holds_the_alert() -> None:
    engine = Engine([rule(**ADL, level=1, for_="10s")])
    engine.observe(row(), NOON)
    engine.observe(feed("down", NOON + S, venue="coinlocally", name="coinlocally.main"), NOON + S)

    assert [] == engine.tick(NOON + 60 * S)


def test_it_is_said() -> None:
    engine = Engine([rule(**ADL, distance="5%")])
    (fired,) = engine.observe(row(liquidation_price=96.0, level=4), NOON)
    sentences = say(fired.alert, NOON)

    assert "main: BTC-USDT-PERP long: 4% from its forced reduction (limit 5%)" == sentences.headline
    assert ("mark 100, reduced at 96", "rank 4 for forced reduction", "margin ratio 10%") == sentences.details
    assert "4%" == sentences.peak


def test_how_far_a_rank_went_is_said_as_a_rank() -> None:
    (fired,) = Engine([rule(**ADL, level=3)]).observe(row(level=4), NOON)

    assert "rank 4" == say(fired.alert, NOON).peak


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"level": 4}, "r: when a position is ranked 4 (warning) or higher for forced reduction, tells phone"),
        (
            {"distance": "5%", "symbols": BTC, "accounts": "main", "clear": "7%"},
            f"r: when a position of {BTC} in main is nearer to its forced reduction than 5% (warning), "
            "tells phone, clears at 7%",
        ),
        ({"margin_ratio": "80%"}, "r: when a position has a margin ratio above 80% (warning), tells phone"),
    ],
)
def test_the_rule_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    assert sentence == describe(parse({"id": "r", **ADL, **fields}))
