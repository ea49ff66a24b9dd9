"""Windows against brute force: what they answer is what a list of all samples would."""

from collections.abc import Callable
from math import fsum, sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.windows import KINDS, SLOTS, TIMED, Aggregate, Change, Crossing, Spread, Window

LENGTH_MS = 10_000
VALUES = st.integers(-50, 50).map(float)
SAMPLES = st.lists(st.tuples(st.integers(0, 4_000), VALUES), max_size=60)
KINDS_OF_WINDOWS = st.sampled_from([*KINDS])


def run(samples: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Steps become times."""
    now_ms, out = 1_000_000, []
    for step_ms, value in samples:
        now_ms += step_ms
        out.append((now_ms, value))
    return out


def young(past: list[tuple[int, float]], now_ms: int) -> list[float]:
    return [value for at_ms, value in past if at_ms > now_ms - LENGTH_MS]


def slow_zscore(past: list[tuple[int, float]], now_ms: int) -> float | None:
    *before, value = young(past, now_ms)
    if len(before) < 2 or now_ms - past[0][0] < LENGTH_MS:
        return None
    mean = fsum(before) / len(before)
    variance = fsum((each - mean) ** 2 for each in before) / len(before)
    return (value - mean) / sqrt(variance) if variance > 1e-9 else None


def slow_change(past: list[tuple[int, float]], now_ms: int) -> float | None:
    *before, (_, value) = past
    old = [(at_ms, then) for at_ms, then in before if at_ms <= now_ms - LENGTH_MS]
    if not old or old[-1][0] < now_ms - 2 * LENGTH_MS or not old[-1][1]:
        return None
    return (value - old[-1][1]) / abs(old[-1][1])


def slow_crossed(past: list[tuple[int, float]], now_ms: int, sign: float) -> float | None:
    """Beyond now, and on the other side at some moment of the window; a value stands until the next one comes."""
    *before, (_, value) = past
    if not before:
        return None
    ends = [at_ms for at_ms, _ in past[1:]]
    seen = [then for (_, then), end_ms in zip(before, ends, strict=True) if end_ms > now_ms - LENGTH_MS]
    return float(value * sign > 0 and any(then * sign <= 0 for then in seen))


SLOW: dict[str, Callable[[list[tuple[int, float]], int], float | None]] = {
    "sum": lambda past, now_ms: fsum(young(past, now_ms)),
    "count": lambda past, now_ms: float(len(young(past, now_ms))),
    "avg": lambda past, now_ms: fsum(young(past, now_ms)) / len(young(past, now_ms)),
    "zscore": slow_zscore,
    "change": slow_change,
    "crossed_up": lambda past, now_ms: slow_crossed(past, now_ms, 1.0),
    "crossed_down": lambda past, now_ms: slow_crossed(past, now_ms, -1.0),
}


@pytest.mark.parametrize("name", [*SLOW])
@given(SAMPLES)
@settings(deadline=None)
def test_a_window_answers_what_brute_force_answers(name: str, samples: list[tuple[int, float]]) -> None:
    """Exactly, while it holds fewer samples than slots."""
    window = KINDS[name](name, LENGTH_MS)
    past: list[tuple[int, float]] = []
    for now_ms, value in run(samples):
        past.append((now_ms, value))
        expected = SLOW[name](past, now_ms)
        got = window.push(now_ms, value)

        assert (expected is None) is (got is None)
        assert expected is None or expected == pytest.approx(got, abs=1e-9)
        assert got == window.latest


@pytest.mark.parametrize("name", ["sum", "count", "avg"])
@given(SAMPLES, st.integers(0, 2 * LENGTH_MS))
@settings(deadline=None)
def test_time_alone_lets_samples_go(name: str, samples: list[tuple[int, float]], later_ms: int) -> None:
    window = Aggregate(name, LENGTH_MS)
    past = run(samples)
    for now_ms, value in past:
        window.push(now_ms, value)
    now_ms = (past[-1][0] if past else 0) + later_ms
    left = young(past, now_ms)
    expected = {"sum": fsum(left), "count": float(len(left)), "avg": fsum(left) / len(left) if left else None}[name]

    got = window.at(now_ms)
    assert (expected is None) is (got is None)
    assert expected is None or expected == pytest.approx(got, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 4_000), VALUES, st.sampled_from("abc")), max_size=40), st.integers(0, 20_000))
@settings(deadline=None)
def test_a_spread_is_the_largest_latest_minus_the_smallest(
    samples: list[tuple[int, float, str]], later_ms: int
) -> None:
    window = Spread("spread", LENGTH_MS)
    latest: dict[str, tuple[int, float]] = {}
    now_ms = 0

    def slow() -> float | None:
        values = [value for at_ms, value in latest.values() if at_ms > now_ms - LENGTH_MS]
        return max(values) - min(values) if len(values) > 1 else None

    for step_ms, value, label in samples:
        now_ms += step_ms
        latest[label] = (now_ms, value)

        assert slow() == window.push(now_ms, value, label)
    now_ms += later_ms

    assert slow() == window.at(now_ms)
    facts: Any = window.facts()
    if slow() is None:
        assert {} == facts
    else:
        assert slow() == facts["high_value"] - facts["low_value"]
        assert latest[facts["high"]][1] == facts["high_value"]


@given(
    KINDS_OF_WINDOWS,
    st.lists(st.tuples(st.integers(0, 4_000), VALUES, st.sampled_from("ab")), max_size=40),
    st.integers(1, 12_000),
)
@settings(deadline=None)
def test_the_next_moment_is_always_later(name: str, samples: list[tuple[int, float, str]], length_ms: int) -> None:
    """After `at(next_ms)` the next moment is later, or the engine would spin; and it comes to an end."""
    window: Window = KINDS[name](name, length_ms)
    now_ms = 0
    for step_ms, value, label in samples:
        now_ms += step_ms
        window.push(now_ms, value, label)

        following_ms = window.next_ms()
        assert following_ms is None or following_ms > now_ms
    steps = 0
    while (following_ms := window.next_ms()) is not None:
        window.at(following_ms)
        steps += 1
        later_ms = window.next_ms()

        assert later_ms is None or later_ms > following_ms
    assert steps <= len(samples)


@pytest.mark.parametrize("name", [*KINDS])
def test_between_two_moments_time_changes_nothing(name: str) -> None:
    """Where the answer changes with time alone, `next_ms` says when; a window that is not TIMED never does."""
    window: Window = KINDS[name](name, LENGTH_MS)
    for step in range(50):
        window.push(step * 700, float(step * 7 % 13 - 6), "ab"[step % 2])
    now_ms, answer = 49 * 700, window.latest
    while (following_ms := window.next_ms()) is not None:
        assert answer == window.at(following_ms - 1)
        answer = window.at(following_ms)
        now_ms = following_ms
    if name not in TIMED:
        assert answer == window.at(now_ms + LENGTH_MS)


@pytest.mark.parametrize("name", [*KINDS])
def test_a_hundred_thousand_samples_take_bounded_memory(name: str) -> None:
    window: Any = KINDS[name](name, 900_000)
    most = 0
    for step in range(100_000):
        window.push(step * 11, float(step % 97), str(step))
        held = next((len(getattr(window, slot)) for slot in ("_slots", "_past", "_latest") if hasattr(window, slot)), 1)
        most = max(most, held)

    assert most <= 2 * SLOTS + 2


def test_a_full_window_is_right_to_a_slot() -> None:
    """Beyond a thousand samples they leave in groups: nothing is lost or counted twice, only late by a slot."""
    window = Aggregate("sum", 900_000)
    for step in range(200_000):
        now_ms = step * 11
        window.push(now_ms, 1.0)
    exact, slot = 900_000 // 11 + 1, 900 // 11 + 2

    assert exact - 1 <= (window.latest or 0) <= exact + slot


@pytest.mark.parametrize("name", ["sum", "avg", "zscore"])
def test_rounding_does_not_pile_up(name: str) -> None:
    """A window that is never empty for a hundred thousand departures is as right as a new one."""
    old, new = Aggregate(name, 1_000), Aggregate(name, 1_000)
    for step in range(100_000):
        value = 85_000.1 + (step * 7919 % 1000) / 7.0 + (1e12 if step == 50 else 0.0)
        old.push(step * 10, value)
        if step >= 99_800:
            new.push(step * 10, value)

    assert new.latest == pytest.approx(old.latest, rel=1e-6)


def test_an_empty_sum_is_exactly_zero() -> None:
    window = Aggregate("sum", 1_000)
    for step, value in enumerate((0.1, 0.2, 0.3, 1e15, 0.7)):
        window.push(step, value)

    assert 0.0 == window.at(5_000)


@pytest.mark.parametrize("price", [1.0, 85_000.0])
def test_a_deviation_is_found_however_small_it_is_beside_the_price(price: float) -> None:
    """A stablecoin trembles by a hundredth of a percent; squares of prices would drown that."""
    window = Aggregate("zscore", 60_000)
    for step in range(1_000):
        window.push(step * 100, price * (1 + (1e-7 if step % 2 else -1e-7)))

    assert 3.0 == pytest.approx(window.push(100_000, price * (1 + 3e-7)), rel=1e-3)


def test_samples_that_are_all_the_same_have_no_deviation() -> None:
    window = Aggregate("zscore", 60_000)
    for step in range(100):
        window.push(step * 1_000, 0.1)

    assert window.push(100_000, 5.0) is None


def test_three_samples_of_a_minute_are_no_day() -> None:
    """A first start does not call the fourth unusual; when a day is over, it would be."""
    window = Aggregate("zscore", 86_400_000)
    for step, value in enumerate((100.0, 100.1, 99.9)):
        window.push(step * 1_000, value)
    assert window.push(3_000, 101.0) is None
    for minute in range(1, 1_440):
        assert window.push(minute * 60_000, 100.0 + minute % 3 / 10) is None

    answer = window.push(86_400_000, 101.0)
    assert answer is not None
    assert answer > 5


def test_a_reference_from_before_a_gap_is_no_reference() -> None:
    """After an hour without data nobody knows what the value was fifteen minutes ago."""
    window = Change("change", 900_000)
    window.push(0, 100.0)

    assert -0.5 == window.push(900_000, 50.0)
    assert window.push(4_500_000, 25.0) is None


def test_a_crossing_ends_when_it_is_a_window_old() -> None:
    window = Crossing("crossed_up", 1_000)

    assert [None, 0.0, 1.0, 1.0] == [window.push(at, value) for at, value in ((0, -1), (1, 0), (2, 1), (500, 2))]
    assert 1_002 == window.next_ms()
    assert [1.0, 0.0] == [window.at(1_001), window.at(1_002)]
    assert 0.0 == window.push(1_003, 3)


def test_a_spread_keeps_a_bounded_number_of_labels() -> None:
    window = Spread("spread", 1_000)
    for step in range(1_000):
        window.push(0, float(step), str(step))

    assert Spread.LABELS_MAX - 1 == window.latest
