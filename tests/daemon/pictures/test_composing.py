"""From an alert to what is to be seen, and to words."""

from typing import Any

import msgspec
import pytest

from daemon.pictures.chart import Limit
from daemon.pictures.composing import compose, limits_of, said, sentence, what
from daemon.pictures.looks import looks
from daemon.pictures.series import Series
from rules.alerts import Alert, Change, Moment, Severity
from rules.kinds import KINDS
from tests.daemon.pictures.life import D, H, M, T, ruled
from tests.daemon.pictures.pasts import CASES

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def alert(key: dict[str, str], **more: Any) -> Alert:
    usual: dict[str, Any] = {
        "episode_id": "x",
        "rule_id": "r",
        "kind": "funding",
        "severity": CRITICAL,
        "is_firing": True,
        "started_ms": T - H,
        "held_since_ms": T - H,
        "at_ms": T,
        "value": 6e-4,
        "peak": 6e-4,
    }
    return Alert(key=key, **{**usual, **more})


def series(*values: float | None, **more: Any) -> Series:
    points = tuple((T - (len(values) - 1 - number) * H, value) for number, value in enumerate(values))
    return Series(points=points, **{"look": HOT, "begins_ms": points[0][0], "ends_ms": T, **more})


PERP = {"venue": "binance", "symbol": "BTC-USDT-PERP"}
HOT = ruled(type="funding", symbols=["BTC"], levels={"warning": "0.05%", "critical": "0.1%"}, clear="0.04%")


def test_the_chart_says_what_where_and_when() -> None:
    moments = (
        Moment(Change.FIRED, WARNING, T - H, 6e-4),
        Moment(Change.ESCALATED, CRITICAL, T - M, 2e-3),
        Moment(Change.CLEARED, CRITICAL, T, 1e-4),
    )
    told = alert(PERP, is_firing=False, ended_ms=T)
    found = compose(HOT, told, series(1e-4, 6e-4, None, 1e-4, moments=moments), "STAGING")

    assert ("funding per 8 h", "binance BTC-USDT-PERP") == (found.title, found.place)
    assert (Limit(5e-4, WARNING), Limit(1e-3, CRITICAL), Limit(4e-4, None)) == found.limits
    assert (T - H, T, CRITICAL, "STAGING") == (found.fired_ms, found.cleared_ms, found.severity, found.label)
    assert [("fired 11:01", WARNING), ("cleared 12:01", None), ("critical 12:00", CRITICAL)] == [
        (mark.words, mark.severity) for mark in found.marks
    ]


S = 1_000


@pytest.mark.parametrize(
    ("begins_ms", "ended_ms", "expected"),
    [
        (T - 9 * M, T, ["fired 11:56:01", "cleared 12:01:00"]),  # a short axis
        (T - 10 * M, T, ["fired 11:56", "cleared 12:01"]),
        (T - 6 * H, T - 5 * M + 28 * S, ["fired 11:56:01", "cleared 11:56:28"]),  # one minute would say both
    ],
)
def test_seconds_are_said_where_minutes_are_too_coarse(begins_ms: int, ended_ms: int, expected: list[str]) -> None:
    told = alert(PERP, started_ms=T - 5 * M + S, ended_ms=ended_ms, is_firing=False)
    found = compose(HOT, told, series(1e-4, 6e-4, begins_ms=begins_ms), None)

    assert expected == [mark.words for mark in found.marks]


def test_whoever_cannot_see_a_short_picture_is_told_seconds() -> None:
    chart = compose(HOT, alert(PERP), series(6e-4, 6e-4, begins_ms=T - 28 * S), None)

    assert "12:00:32 to 12:01:00 UTC" in sentence(HOT, alert(PERP), chart)


def test_outages_are_told_of_single_orders_only() -> None:
    """A course has gaps of its own."""
    outages = ((T - 3 * M, T - M),)

    assert [(), outages] == [
        compose(HOT, alert(PERP), series(1e-4, 6e-4, outages=outages, is_stems=stems), None).outages
        for stems in (False, True)
    ]


def test_values_have_the_digits_of_messages_and_limits_as_many_as_were_written() -> None:
    chart = compose(HOT, alert(PERP), series(1.23456e-4, 6.7891e-4), None)

    assert ("0.0123%", "0.05%") == (chart.say_value(1.23456e-4), chart.say(5e-4))
    assert ("0.1025%", "0.1%", "0.10004%") == (chart.say(1.025e-3), chart.say_value(1e-3), chart.say_value(1.0004e-3))


def test_what_only_waits_has_not_fired() -> None:
    found = compose(HOT, alert(PERP, is_firing=False), series(1e-4, 6e-4), None)

    assert (None, None, ()) == (found.fired_ms, found.cleared_ms, found.marks)


def test_whoever_cannot_see_it_is_told() -> None:
    chart = compose(HOT, alert(PERP), series(1.2e-4, None, 6.1e-4, 5.5e-4), None)

    assert (
        "funding per 8 h of BTC-USDT-PERP on binance, 09:01 to 12:01 UTC: 0.012% to 0.061%, last 0.055%, "
        "limits 0.05% and 0.1%, no data 10:01 to 11:01"
    ) == sentence(HOT, alert(PERP), chart)


def test_more_than_one_gap_is_counted() -> None:
    chart = compose(HOT, alert(PERP), series(1.2e-4, None, 6.1e-4, None), None)

    assert sentence(HOT, alert(PERP), chart).endswith("limits 0.05% and 0.1%, no data 2 times")


def test_three_limits_are_listed() -> None:
    rule = ruled(**{**CASES["depeg by severity"][0], "levels": {"info": 10, "warning": 25, "critical": 60}})
    chart = compose(rule, alert({"coin": "USDC"}, kind="depeg"), series(0.603138, 41.4), None)

    assert ("depeg severity of 100 of USDC, 11:01 to 12:01 UTC: 1 to 41, last 41, limits 10, 25 and 60") == sentence(
        rule, alert({"coin": "USDC"}), chart
    )


def test_what_is_over_is_shaded_as_loud_as_it_was() -> None:
    moments = (Moment(Change.FIRED, CRITICAL, T - H, 6e-4), Moment(Change.EASED, WARNING, T - M, 2e-4))

    assert [CRITICAL, WARNING] == [
        compose(HOT, alert(PERP, severity=WARNING, ended_ms=ended), series(1e-4, 6e-4, moments=moments), None).severity
        for ended in (T, None)
    ]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("change(oi_usd, 15m) <= -5% and oi_usd >= $100m", "limit -5%; one of 2 numbers that its condition compares"),
        ("change(oi_usd, 15m) <= -5%", "limit -5%"),
    ],
)
def test_of_a_condition_it_is_said_which_number_is_shown(when: str, expected: str) -> None:
    look = looks(ruled(type="expression", on="open_interest", when=when))[0]
    chart = compose(look, alert(PERP, kind="expression"), series(-0.01, -0.06), None)

    assert "change(oi_usd, 15m)" == chart.title
    assert (
        f"change(oi_usd, 15m) of BTC-USDT-PERP on binance, 11:01 to 12:01 UTC: -6% to -1%, last -6%, {expected}"
    ) == sentence(look, alert(PERP), chart)


def test_a_price_is_written_without_cents_where_it_has_none() -> None:
    say = said(looks(ruled(type="expression", on="mark_price", when="price > 90000"))[0])

    assert ("90,000", "90,000.50", "0.02456") == (say(90_000.0), say(90_000.5), say(0.02456))


def test_more_than_a_day_is_told_with_dates() -> None:
    chart = compose(HOT, alert(PERP), series(6e-4, 6e-4, begins_ms=T - 2 * D), None)

    assert "19 Nov 12:01 to 21 Nov 12:01 UTC: 0.06%, last 0.06%" in sentence(HOT, alert(PERP), chart)


@pytest.mark.parametrize(
    ("name", "expected", "number", "words"),
    [
        ("funding_spread", "funding spread per 8 h", 5e-4, "0.05%"),
        ("basis", "basis", 5e-3, "0.5%"),
        ("price_change", "price move in 5m", 0.03, "3%"),
        ("open_interest_change", "open interest move in 15m", 0.05, "5%"),
        ("insurance_fund_change", "insurance fund move in 1d", 0.02, "2%"),
        ("depeg", "distance from the peg", 0.015, "1.5%"),
        ("depeg by severity", "depeg severity of 100", 31.0, "31"),
        ("liquidation", "liquidations", 1.52e6, "$1.52m"),
        ("liquidations", "liquidations in 5m", 2.5e7, "$25m"),
        ("long_short_ratio", "long/short ratio", 3.2, "3.2"),
        ("fear_greed", "fear and greed index", 14.0, "14"),
        ("expression", "zscore(oi_usd, 1h)", 3.412345, "3.412"),
        ("long_short_ratio", "long/short ratio", 0.574517, "0.5745"),
        ("depeg by severity", "depeg severity of 100", 16.4928, "16"),
        ("depeg by severity", "depeg severity of 100", 0.574517, "1"),
        ("expression", "zscore(oi_usd, 1h)", 1234567.0, "1,234,567"),
    ],
)
def test_every_kind_has_its_name_and_its_unit(name: str, expected: str, number: float, words: str) -> None:
    rule = ruled(**CASES[name][0])

    assert expected == what(rule, alert({}))
    assert words == said(rule)(number)


def test_every_kind_is_drawn_or_known_not_to_be() -> None:
    """A new kind makes this fail: it needs a name and a unit here, or a reason in docs/pictures.md."""
    never = {"feed_health", "account", "adl", "order"}

    assert set(KINDS) == {fields["type"] for fields, _ in CASES.values()} | never


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (CASES["funding"][0], [(5e-4, WARNING)]),
        (CASES["liquidation"][0], [(1e6, WARNING)]),
        (CASES["liquidations"][0], [(1e6, WARNING), (5e5, None)]),
        (CASES["depeg"][0], [(0.005, WARNING), (0.0025, None)]),
        (CASES["depeg by severity"][0], [(5.0, WARNING), (95.0, CRITICAL), (2.5, None)]),
        ({**CASES["long_short_ratio"][0], "clear": 0.7}, [(0.5, WARNING), (0.7, None)]),
        (CASES["fear_greed"][0], [(20.0, WARNING), (10.0, CRITICAL)]),
    ],
)
def test_the_limits_are_the_traders_own(fields: dict[str, Any], expected: list[tuple[float, Severity | None]]) -> None:
    assert expected == [msgspec.structs.astuple(limit) for limit in limits_of(ruled(**fields))]


def test_of_the_whole_market_no_place_is_named() -> None:
    rule = ruled(type="liquidation", window="5m", total="$1m", by=[])
    chart = compose(rule, alert({}), series(1.0, 2e6), None)

    assert ("liquidations in 5m", "") == (chart.title, chart.place)
    assert sentence(rule, alert({}), chart).startswith("liquidations in 5m, 11:01 to 12:01 UTC")
