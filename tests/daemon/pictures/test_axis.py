"""From when to when a picture looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pictures.axis import framed, stretch, within
from daemon.pictures.chart import Point
from rules.alerts import Alert, Severity
from rules.compiled import Rule
from tests.daemon.pictures.life import D, H, M, T, ruled
from tests.daemon.pictures.pasts import CASES

S = 1_000
CASCADE = ruled(type="liquidation", window="20s", total="$10m")
HOT = ruled(type="funding", symbols=["BTC"], above="0.05%")
WHALE = ruled(type="liquidation", at_least="$1m")


def alert(rule: Rule, *, held: int, ended: int | None = None, at: int = T) -> Alert:
    return Alert(
        episode_id="x",
        rule_id="r",
        kind=rule.kind,
        key={},
        severity=Severity.WARNING,
        is_firing=ended is None and not rule.is_momentary,
        is_momentary=rule.is_momentary,
        started_ms=held,
        held_since_ms=held,
        at_ms=at,
        ended_ms=ended,
        value=1.0,
        peak=1.0,
    )


def test_of_a_momentary_event_the_hours_before_it_are_looked_at() -> None:
    told = alert(WHALE, held=T)

    assert (T - 6 * H + 30 * M, T + 30 * M) == stretch(WHALE, told, T + 9 * H)
    assert (T - 6 * H, T) == stretch(WHALE, told, T)


def test_a_cascade_of_seconds_is_shown_with_minutes_and_not_with_hours() -> None:
    """28 s of firing, and the second in which it rose: about a tenth of the width."""
    points: list[Point] = [(T - 6 * H, 0.0), (T - 29 * S, 0.0), (T - 28 * S, 12e6), (T, 1e6)]

    assert (T - 290 * S, T) == framed(CASCADE, alert(CASCADE, held=T - 28 * S, ended=T), points, T - 6 * H, T)


def test_a_spike_is_shown_with_little_and_a_creep_with_much() -> None:
    """Both have just fired; what counts is since when the rate was half way to its limit."""
    spike: list[Point] = [(T - ago * M, 1e-4 if ago > 1 else 6e-4) for ago in range(1440, -1, -1)]
    creep: list[Point] = [(T - ago * M, 1e-4 + 4.2e-4 * max(0.0, 1 - ago / 240)) for ago in range(1440, -1, -1)]
    told = alert(HOT, held=T - M)

    assert (T - 20 * M, T) == framed(HOT, told, spike, T - D, T)
    begins_ms, ends_ms = framed(HOT, told, creep, T - D, T)
    assert T == ends_ms
    assert T - begins_ms == pytest.approx(20 * H, abs=H)


def test_a_falling_value_rises_when_it_falls() -> None:
    rule = ruled(type="long_short_ratio", symbols=["BTC"], below=0.5)
    points: list[Point] = [(T - ago * 5 * M, 2.0 if ago > 3 else 0.6 if ago else 0.4) for ago in range(200, -1, -1)]

    assert (T - 200 * M, T) == framed(rule, alert(rule, held=T), points, T - D, T)


def test_a_window_is_context_of_its_own() -> None:
    rule = ruled(**CASES["price_change"][0])  # 5m
    points: list[Point] = [(T - ago * M, 0.0 if ago else 0.05) for ago in range(300, -1, -1)]

    assert (T - 50 * M, T) == framed(rule, alert(rule, held=T), points, T - 6 * H, T)


def test_what_came_after_the_end_takes_a_quarter_at_most() -> None:
    points: list[Point] = [(T - 60 * S, 0.0), (T - 31 * S, 0.0), (T - 30 * S, 12e6), (T, 1e6), (T + H, 0.0)]
    told = alert(CASCADE, held=T - 30 * S, ended=T)

    assert (T + 77_500 - 310 * S, T + 77_500) == framed(CASCADE, told, points, T - 6 * H, T + 30 * M)
    assert (T + 9 * S - 310 * S, T + 9 * S) == framed(CASCADE, told, points, T - 6 * H, T + 9 * S)


@pytest.mark.parametrize(("first", "expected"), [(0, 60), (9, 60), (100, 105), (300, 315), (355, 360)])
def test_single_orders_are_shown_from_the_first_on_and_an_hour_at_least(first: int, expected: int) -> None:
    points: list[Point] = [(T - first * M, 1e6), (T, 2e6)]

    assert (T - expected * M, T) == framed(WHALE, alert(WHALE, held=T), points, T - 6 * H, T)


@given(
    st.sampled_from([CASCADE, HOT, WHALE]),
    st.lists(st.tuples(st.integers(0, 3 * 86_400), st.floats(0, 1e8) | st.none()), min_size=1, max_size=30),
    st.integers(0, 86_400),
    st.none() | st.integers(0, 86_400),
    st.integers(0, 7_200),
)
def test_what_happened_is_never_cut_off_and_takes_a_tenth(
    rule: Rule, agos: list[tuple[int, float | None]], lasted: int, ended: int | None, late: int
) -> None:
    """However it went, and whenever it is drawn."""
    over_ms = T if ended is None or rule.is_momentary else T - ended * S
    held_ms = over_ms if rule.is_momentary else over_ms - lasted * S
    told = alert(rule, held=held_ms, ended=None if ended is None or rule.is_momentary else over_ms, at=over_ms)
    widest = stretch(rule, told, T + late * S)
    points = sorted(((T - ago * S, value) for ago, value in agos), key=lambda point: point[0])
    begins_ms, ends_ms = framed(rule, told, points, *widest)

    assert widest[0] <= begins_ms <= held_ms
    assert over_ms <= ends_ms <= widest[1]
    assert begins_ms < ends_ms


def test_what_stands_still_reaches_to_both_edges() -> None:
    points: list[Point] = [(T, 1.0), (T + 10, None), (T + 20, 2.0), (T + 30, 3.0)]

    assert [(T + 5, 1.0), (T + 10, None), (T + 15, None)] == within(points, T + 5, T + 15, stands=True)
    assert [(T + 20, 2.0), (T + 25, 2.0)] == within(points, T + 15, T + 25, stands=True)
    assert [(T + 20, 2.0)] == within(points, T + 5, T + 25, stands=False)
    assert [] == within(points, T + 11, T + 19, stands=True)
