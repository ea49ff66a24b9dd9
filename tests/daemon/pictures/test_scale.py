"""Round numbers and round times."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.pictures.scale import round_times, round_values, said_apart, said_times
from rules.units import say_money, say_percent

H = 3_600_000
NOON = 1_795_262_400_000  # 2026-11-21 12:00 UTC


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 0.0013, [0.0, 0.0005, 0.001]),
        (-0.08, 0.01, [-0.08, -0.06, -0.04, -0.02, 0.0]),
        (0.0, 1.6e6, [0.0, 5e5, 1e6, 1.5e6]),
        (83_200.0, 84_700.0, [83_500.0, 84_000.0, 84_500.0]),
    ],
)
def test_ticks_stand_at_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert expected == pytest.approx(round_values(low, high))


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12))
@example(90071992548.0, 1e-05)
@example(5e9, 5.1)
def test_there_are_never_too_many_and_all_are_within(low: float, span: float) -> None:
    """However large or small."""
    high = low + span
    found = round_values(low, high)

    assert len(found) <= 5
    assert all(low - 1e-6 * span <= value <= high + 1e-6 * span for value in found)


def test_two_ticks_never_say_the_same() -> None:
    assert ["0.01%", "0.02%"] == said_apart([0.0001, 0.0002], say_percent)
    assert ["1,234,000", "1,234,500"] == said_apart([1_234_000.0, 1_234_500.0], say_money)


def test_six_hours_have_a_tick_at_every_other_hour() -> None:
    moments = round_times(NOON - 6 * H + 60_000, NOON + 60_000)

    assert ["08:00", "10:00", "12:00"] == said_times(moments, 6 * H)


def test_two_days_say_the_date_at_midnight() -> None:
    moments = round_times(NOON - 48 * H, NOON)

    assert ["19 Nov 12:00", "20 Nov", "12:00", "21 Nov", "12:00"][1:] == said_times(moments, 48 * H)[-4:]


def test_a_month_says_days_only() -> None:
    assert ["29 Oct", "5 Nov", "12 Nov", "19 Nov"] == said_times(round_times(NOON - 30 * 24 * H, NOON), 30 * 24 * H)


@given(st.integers(0, 2**42), st.integers(0, 2**38))
def test_there_are_never_too_many_times(begins_ms: int, span_ms: int) -> None:
    moments = round_times(begins_ms, begins_ms + span_ms)

    assert len(moments) <= 5
    assert all(begins_ms <= at_ms <= begins_ms + span_ms for at_ms in moments)
