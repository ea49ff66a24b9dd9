"""Ladders: a level is entered at its limit and left below it, and never does a value between the two flap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.alerts import Severity
from rules.levels import ladder, order, switch

INFO, WARNING, CRITICAL = Severity
LIMITS = st.lists(st.integers(-100, 100).map(float), min_size=1, max_size=3, unique=True).map(sorted)
SCORES = st.lists(st.integers(-420, 420).map(lambda quarter: quarter / 4), max_size=30)


@st.composite
def ladders(draw: st.DrawFn) -> tuple[dict[Severity, float], dict[str, object]]:
    limits = draw(LIMITS)
    falling = draw(st.booleans())
    levels = dict(zip(Severity, reversed(limits) if falling else limits, strict=False))
    more: dict[str, object] = {"strict": draw(st.booleans()), "falling": falling}
    if draw(st.booleans()):
        more["hysteresis"] = draw(st.integers(0, 20)) / 2
    if draw(st.booleans()):
        gap = draw(st.integers(0, 20)) / 2
        more["clear"] = levels[INFO] + gap if falling else levels[INFO] - gap
    return levels, more


@given(ladders(), SCORES)
def test_a_level_changes_only_at_its_own_limits(
    given_: tuple[dict[Severity, float], dict[str, object]], scores: list[float]
) -> None:
    """Up means the limit was reached; down means that the way out was; the same value twice changes nothing."""
    levels, more = given_
    steps = ladder(levels, **more)  # type: ignore[arg-type]  # drawn above
    now = 0
    for value in scores:
        score = value * steps.sign
        after = steps.rung(score, now)

        assert 0 <= after <= len(levels)
        assert after <= now or score >= steps.enters[after - 1]
        assert after >= now or score < steps.exits[after]
        assert after == steps.rung(score, after)
        now = after


@given(ladders())
def test_the_way_out_is_never_above_the_way_in(given_: tuple[dict[Severity, float], dict[str, object]]) -> None:
    levels, more = given_
    steps = ladder(levels, **more)  # type: ignore[arg-type]  # drawn above

    assert all(leave <= enter for leave, enter in zip(steps.exits, steps.enters, strict=True))
    assert sorted(steps.enters) == list(steps.enters)
    assert sorted(steps.exits) == list(steps.exits)


@given(ladders(), st.integers(-420, 420))
def test_inside_the_dead_band_nothing_moves(
    given_: tuple[dict[Severity, float], dict[str, object]], quarter: int
) -> None:
    levels, more = given_
    steps = ladder(levels, **more)  # type: ignore[arg-type]  # drawn above
    score = quarter / 4
    for rung, (leave, enter) in enumerate(zip(steps.exits, steps.enters, strict=True)):
        if leave <= score < enter:
            assert rung == min(rung, steps.rung(score, rung))
            assert rung + 1 == max(rung + 1, steps.rung(score, rung + 1))


@given(ladders(), SCORES)
def test_a_falling_ladder_is_a_rising_one_upside_down(
    given_: tuple[dict[Severity, float], dict[str, object]], scores: list[float]
) -> None:
    levels, more = given_
    mirrored = {severity: -limit for severity, limit in levels.items()}
    turned = more | {"falling": not more["falling"]}
    if "clear" in more:
        turned["clear"] = -more["clear"]  # type: ignore[operator]  # a number
    one, other = ladder(levels, **more), ladder(mirrored, **turned)  # type: ignore[arg-type]  # drawn above
    now = 0
    for value in scores:
        assert one.rung(value * one.sign, now) == other.rung(-value * other.sign, now)
        now = one.rung(value * one.sign, now)


def test_above_is_above_and_at_least_is_at_least() -> None:
    assert [0, 1] == [ladder({WARNING: 5.0}, strict=strict).rung(5.0, 0) for strict in (True, False)]


def test_a_clear_at_the_limit_itself_does_not_flap() -> None:
    """The value that fires must not be the value that clears."""
    for strict in (True, False):
        steps = ladder({WARNING: 5.0}, strict=strict, clear=5.0)

        assert [0, 1, 1] == [steps.rung(4.0, 1), steps.rung(6.0, 0), steps.rung(6.0, 1)]
    assert 1 == ladder({WARNING: 5.0}, strict=False, clear=5.0).rung(5.0, 1)


def test_louder_levels_are_harder_to_reach() -> None:
    assert (INFO, WARNING, CRITICAL) == order({CRITICAL: 3.0, INFO: 1.0, WARNING: 2.0})
    assert (WARNING, CRITICAL) == order({CRITICAL: 1.0, WARNING: 2.0}, falling=True)
    with pytest.raises(ValueError, match="give critical a higher limit"):
        order({WARNING: 2.0, CRITICAL: 2.0})
    with pytest.raises(ValueError, match="give critical a lower limit"):
        order({WARNING: 2.0, CRITICAL: 3.0}, falling=True)


def test_a_condition_is_on_off_or_undecided() -> None:
    steps = switch(CRITICAL)

    assert [1, 1, 0, 0] == [steps.rung(1.0, 0), steps.rung(0.5, 1), steps.rung(0.5, 0), steps.rung(0.0, 1)]
