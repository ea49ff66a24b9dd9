"""Stablecoins off their peg: by depth, or by severity."""

from typing import Any

import pytest

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, M, alert, quote, rule, said
from tests.rules.test_spec import wrong

RIGHT = {"type": "depeg", "coins": "USDC", "depth": "0.5%"}
LEVELS = {"warning": 25, "critical": 50}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"coins": []}, "coins", "at least 1 item"),
        ({"depth": "0%"}, "depth", "greater than 0"),
        ({"depth": "60%"}, "depth", "less than or equal to 0.5"),
        ({"depth": 0.5}, "depth", "could mean 0.5% or 50%"),
        ({"levels": {"warning": 100}}, "levels", "write a number between 0 and 100"),
        ({"levels": {"warning": 0}}, "levels", "write a number between 0 and 100"),
        ({"levels": {"warning": 50, "critical": 25}}, "levels", "give critical a higher limit"),
        ({"levels": {"warning": "bad"}}, "levels.warning", "valid number"),
        ({"levels": {"warning": float("nan")}}, "levels", "is not a severity score"),
        ({"clear": "0.6%"}, "clear", "clear is farther than the depth itself; at most 0.5%"),
        ({"clear": "-0.1%"}, "clear", "below zero, where this never comes"),
        ({"clear": "0.1%", "levels": LEVELS}, "clear", "these levels are scores"),
        ({"confirm": "maybe"}, "confirm", "valid boolean"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**RIGHT | fields)[where]


def test_it_fires_at_its_depth_and_clears_at_half_of_it() -> None:
    engine = Engine([rule(**RIGHT)])

    assert [["fired"], [], ["cleared"]] == [
        said(engine.observe(quote(price), NOON)) for price in (0.995, 0.99749, 0.9975)
    ]


def test_a_large_coin_needs_two_sources() -> None:
    engine = Engine([rule(**RIGHT)])

    assert [] == engine.observe(quote(0.98, market_cap_usd=40e9), NOON)
    assert ["fired"] == said(engine.observe(quote(0.98, venue="coingecko"), NOON))


def test_a_fire_is_said_by_depth() -> None:
    sentences = say(alert(Engine([rule(**RIGHT)]), quote(0.9848, market_cap_usd=5e8)), NOON)

    assert "USDC is 1.52% below its peg at 0.9848 (limit 0.5%)" == sentences.headline
    assert ("severity 4 of 100", "defillama 0.9848", "market capitalisation $500m") == sentences.details
    assert "1.52%" == sentences.peak


def test_a_fire_is_said_by_severity() -> None:
    engine = Engine([rule(**RIGHT, levels=LEVELS, confirm=False)])
    out = [
        t
        for minute in range(60)
        for t in engine.observe(quote(0.97, NOON + minute * M, market_cap_usd=40e9), NOON + minute * M)
    ]
    sentences = say(out[-1].alert, NOON)

    assert ["fired", "escalated"] == said(out)
    assert sentences.headline.startswith("USDC is 3% below its peg at 0.9700 (severity 5")
    assert sentences.headline.endswith(", limit 50)")
    assert sentences.peak.startswith("severity 5")
    assert ("defillama 0.9700", "market capitalisation $40bn") == sentences.details


@pytest.mark.parametrize("level", [2, 5, 8, 25])
def test_whatever_score_it_began_at_it_is_over_at_the_peg(level: float) -> None:
    engine = Engine([rule(**RIGHT, levels={"warning": level}, confirm=False)])
    prices = *(0.9 for _ in range(60)), 0.9999

    assert ["fired", "cleared"] == said(
        t for at, price in enumerate(prices) for t in engine.observe(quote(price, NOON + at * M), NOON + at * M)
    )


def test_above_the_peg_is_said() -> None:
    headline = say(alert(Engine([rule(**RIGHT)]), quote(1.02)), NOON).headline

    assert "USDC is 2% above its peg at 1.0200 (limit 0.5%)" == headline


def test_an_unconfirmed_collapse_is_told_and_says_so() -> None:
    fired = alert(Engine([rule(**RIGHT)]), quote(0.3, market_cap_usd=18e9))

    assert "unconfirmed: no second source agrees yet" in say(fired, NOON).details


def test_an_end_is_said_with_the_peak() -> None:
    cleared = alert(Engine([rule(**RIGHT)]), quote(0.98), quote(0.97, NOON + 1), quote(0.9995, NOON + 2))
    sentences = say(cleared, NOON + 2)

    assert ("USDC is back at its peg, 0.9995", "3%") == (sentences.headline, sentences.peak)
    assert ("defillama 0.9995",) == sentences.details


def test_an_end_does_not_ask_for_a_second_source() -> None:
    """Whoever reads `cleared` and `unconfirmed` in one message knows neither."""
    cleared = alert(Engine([rule(**RIGHT)]), *(quote(price, market_cap_usd=18e9) for price in (0.3, 0.9995)))

    assert cleared.ended_ms is not None
    assert ("defillama 0.9995",) == say(cleared, NOON).details


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "r: when USDC is 0.5% or more off its peg (warning)"),
        ({"coins": "*"}, "r: when any stablecoin is 0.5% or more off its peg (warning)"),
        (
            {"levels": LEVELS},
            "r: when USDC is off its peg with a severity of 25 (warning) or 50 (critical), counted from 0.5%",
        ),
    ],
)
def test_the_rule_is_described(fields: dict[str, Any], expected: str) -> None:
    assert expected == describe(parse({"id": "r", **RIGHT, **fields}))


def test_a_restart_reads_a_day_of_quotes_again() -> None:
    """Or the severity of a long breach would begin at nothing, and ease."""
    assert 86_400_000 == rule(**RIGHT, levels=LEVELS).window_ms


def test_an_episode_that_ends_after_a_restart_still_says_what_it_was_about() -> None:
    """No quote has come since; what the last message said is all that is known."""
    engine = Engine([rule(**RIGHT)])
    engine.observe(quote(0.98), NOON)
    states, _ = engine.take_changed()
    later = Engine([rule(**RIGHT)])
    later.restore(states, NOON + M, alive_ms=NOON)
    (ended,) = later.swap([], NOON + M)

    assert (0.98, "defillama 0.9800") == (ended.alert.facts["price"], ended.alert.facts["sources"])
