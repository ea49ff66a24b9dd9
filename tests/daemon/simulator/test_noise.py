"""Chance that can be asked again."""

from statistics import mean, pstdev

from hypothesis import given
from hypothesis import strategies as st

from daemon.simulator import noise

DAY_MS = 86_400_000
_numbers = st.integers(-(2**70), 2**70)


@given(_numbers, _numbers)
def test_a_unit_is_below_one_and_always_the_same(name: int, place: int) -> None:
    found = noise.unit(name, place)

    assert 0.0 <= found < 1.0
    assert found == noise.unit(name, place)


def test_units_are_spread_evenly() -> None:
    found = [noise.unit(noise.key("spread"), place) for place in range(10_000)]

    assert 0.49 < mean(found) < 0.51
    assert 0.28 < pstdev(found) < 0.30


def test_names_differ_by_each_part() -> None:
    assert 3 == len({noise.key("a", "bc"), noise.key("ab", "c"), noise.key("a", "bd")})


def test_a_walk_moves_about_as_much_in_a_day_as_was_asked_for() -> None:
    name = noise.key("walk")
    steps = [noise.walk(name, day * DAY_MS, 0.03) - noise.walk(name, (day - 1) * DAY_MS, 0.03) for day in range(400)]

    assert 0.015 < pstdev(steps) < 0.06


def test_a_walk_has_no_jumps() -> None:
    name = noise.key("walk")
    steps = [
        abs(noise.walk(name, at_ms + 1_000, 0.03) - noise.walk(name, at_ms, 0.03)) for at_ms in range(0, DAY_MS, 60_000)
    ]

    assert max(steps) < 0.001
