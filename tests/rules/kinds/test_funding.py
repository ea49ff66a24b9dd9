"""Funding rules: how they are written, what they watch, how they are said."""

from typing import Any

import pytest
from msgspec.structs import replace

from rules.engine import Engine
from rules.kinds import describe, say
from rules.spec import parse
from tests.rules.market import NOON, H, M, alert, funding, hot, said
from tests.rules.test_spec import wrong

RIGHT = {"type": "funding", "symbols": "BTC", "above": "0.05%"}


@pytest.mark.parametrize(
    ("fields", "where", "part"),
    [
        ({"symbols": []}, "symbols", "at least 1 item"),
        ({"symbols": None}, "symbols", "valid tuple"),
        ({"above": 0.05}, "above", "0.05 could mean 0.05% or 5%; write the sign: 0.05%"),
        ({"above": "0%"}, "above", "a limit is more than zero; above: 0.05%"),
        ({"above": "-0.1%"}, "above", "a limit is more than zero"),
        ({"above": None}, "above", "give either one limit or levels; above: 0.05%, or levels"),
        ({"above": "$5"}, "above", "is not a percentage; write 0.05% or 5bp"),
        ({"above": ["5%"]}, "above", "write one value"),
        ({"levels": {"warning": "0.1%"}}, "above", "give either one limit or levels"),
        ({"above": None, "levels": {}}, "above", "give either one limit or levels"),
        ({"above": None, "levels": {"warning": "0%"}}, "levels", "warning: a limit is more than zero"),
        ({"above": None, "levels": {"warning": "0.1%", "critical": "0.1%"}}, "levels", "give critical a higher limit"),
        ({"above": None, "levels": {"loud": "0.1%"}}, "levels.loud.[key]", "'info', 'warning' or 'critical'"),
        ({"clear": "0.06%"}, "clear", "clear is above the limit, so it could never fire; at most 0.05%"),
        ({"clear": "-0.01%"}, "clear", "below zero, where this never comes"),
        ({"direction": "up"}, "direction", "'either', 'longs_pay' or 'shorts_pay'"),
        ({"rate": "next"}, "rate", "'predicted' or 'settled'"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str, part: str) -> None:
    assert part in wrong(**RIGHT | fields)[where]


@pytest.mark.parametrize(
    ("direction", "rates", "expected"),
    [
        ("either", (0.0006, 0.0, -0.0006), ["fired", "cleared", "fired"]),
        ("longs_pay", (-0.0006, 0.0006, -0.0006), ["fired", "cleared"]),
        ("shorts_pay", (0.0006, -0.0006, 0.0006), ["fired", "cleared"]),
    ],
)
def test_the_direction_is_who_pays(direction: str, rates: tuple[float, ...], expected: list[str]) -> None:
    engine = Engine([hot(direction=direction)])

    assert expected == said(t for rate in rates for t in engine.observe(funding(rate), NOON))


def test_rates_are_compared_per_eight_hours() -> None:
    engine = Engine([hot()])

    assert ["fired"] == said(engine.observe(funding(0.0001, interval_h=1.0), NOON))
    assert [] == said(engine.observe(funding(0.0001, interval_h=8.0, venue="okx"), NOON))


def test_predicted_and_settled_do_not_mix() -> None:
    for rate in ("predicted", "settled"):
        engine = Engine([hot(rate=rate)])

        assert [rate == "settled"] * 2 == [
            t.alert.facts["is_settled"]
            for settled in (True, False)
            for t in engine.observe(funding(0.001, is_settled=settled), NOON)
        ] * 2


def test_it_clears_at_its_clear_limit_and_not_above() -> None:
    engine = Engine([hot(clear="0.03%")])

    assert [["fired"], [], ["cleared"]] == [
        said(engine.observe(funding(rate), NOON)) for rate in (0.0006, 0.00031, 0.0003)
    ]


def test_a_negative_clear_means_something_where_the_sign_counts() -> None:
    engine = Engine([hot(direction="longs_pay", clear="-0.01%")])

    assert [["fired"], [], ["cleared"]] == [
        said(engine.observe(funding(rate), NOON)) for rate in (0.0006, 0.0, -0.0001)
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "r: when the predicted funding of BTC is above 0.05% (warning) per 8 h"),
        (
            {"symbols": "*", "direction": "longs_pay", "clear": "3bp", "rate": "settled"},
            "r: when the settled funding of any coin is above 0.05% (warning) per 8 h (longs pay), clears at 0.03%",
        ),
        (
            {"above": None, "levels": {"critical": "0.1%", "warning": "0.05%"}, "for": "5m"},
            "r: when the predicted funding of BTC is above 0.05% (warning) or 0.1% (critical) per 8 h for 5m",
        ),
    ],
)
def test_the_rule_is_described(fields: dict[str, Any], expected: str) -> None:
    assert expected == describe(parse({"id": "r", **RIGHT, **fields}))


def test_a_fire_is_said() -> None:
    fired = alert(Engine([hot()]), funding(0.000812, settles_at_ms=NOON + H + 12 * M))
    sentences = say(fired, NOON)

    assert "binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)" == sentences.headline
    assert ("next settlement in 1h12m",) == sentences.details


def test_the_other_direction_and_another_interval_are_said() -> None:
    sentences = say(alert(Engine([hot()]), funding(-0.0002, interval_h=1.0)), NOON)

    assert "binance BTC-USDT-PERP: shorts pay longs 0.16% per 8 h (limit 0.05%)" == sentences.headline
    assert ("sent as -0.02% per 1 h",) == sentences.details


def test_an_end_is_said_with_the_peak() -> None:
    cleared = alert(Engine([hot()]), funding(0.0008), funding(0.000975, NOON + 1), funding(0.0, NOON + 2))
    sentences = say(cleared, NOON + 2)

    assert "binance BTC-USDT-PERP: nobody pays, funding 0% per 8 h (limit 0.05%)" == sentences.headline
    assert "0.0975% per 8 h paid by longs" == sentences.peak


def test_a_peak_says_who_paid_when_it_was_not_who_pays_at_the_end() -> None:
    cleared = alert(Engine([hot()]), funding(-0.0012), funding(0.000114, NOON + 1))
    sentences = say(cleared, NOON + 1)

    assert "binance BTC-USDT-PERP: longs pay shorts 0.0114% per 8 h (limit 0.05%)" == sentences.headline
    assert "0.12% per 8 h paid by shorts" == sentences.peak


def test_a_peak_of_which_only_the_size_was_kept_says_no_more() -> None:
    """As older versions wrote it."""
    cleared = alert(Engine([hot()]), funding(-0.0012), funding(0.000114, NOON + 1))

    assert "0.12% per 8 h" == say(replace(cleared, worst=None), NOON + 1).peak


def test_a_settled_rate_is_said_to_be_settled() -> None:
    fired = alert(Engine([hot(rate="settled")]), funding(0.001, is_settled=True, settles_at_ms=NOON))

    assert ("settled",) == say(fired, NOON).details


def test_the_traders_own_words_come_first_and_keep_the_rest() -> None:
    fired = alert(Engine([hot(message="{symbol} {rate_8h:.3%}!")]), funding(0.001))
    own, kind = say(fired, NOON), say(alert(Engine([hot()]), funding(0.001)), NOON)

    assert "BTC-USDT-PERP 0.100%!" == own.headline
    assert (kind.details, kind.peak) == (own.details, own.peak)


def test_a_settlement_that_no_float_can_hold_is_not_said() -> None:
    """A venue may send any integer; a message that cannot be put into words would be a message lost."""
    fired = alert(Engine([hot()]), funding(0.001, settles_at_ms=10**400))

    assert () == say(fired, NOON).details
