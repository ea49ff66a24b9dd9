"""Budgets hold in every window, and a broken host is probed by one request only."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.upstream.limits import Breaker, Budget, Window


class Hands:
    """A clock that stands still unless somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@settings(deadline=None)
@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.integers(1, 20), st.floats(0, 3)), max_size=60),
)
def test_no_window_holds_more_than_the_budget(budget: int, calls: list[tuple[int, float]]) -> None:
    """Not even the one right after a pause, where a leaky bucket lets nearly twice as much through."""
    hands = Hands()
    window = Window(Budget(budget, per_s=1.0), now=hands, sleep=hands.sleep)
    taken: list[tuple[float, int]] = []

    async def run() -> None:
        for weight, pause_s in calls:
            hands.now += pause_s
            await window.take(min(weight, budget))
            taken.append((hands.now, min(weight, budget)))

    asyncio.run(run())

    for start, _ in taken:
        assert budget >= sum(weight for at, weight in taken if start <= at < start + 1.0 - 1e-6)


async def test_a_host_that_counts_more_than_we_do_is_believed() -> None:
    """Another program behind the same address uses the same budget."""
    hands = Hands()
    window = Window(Budget(10, per_s=60.0), now=hands, sleep=hands.sleep)
    await window.take(1)
    window.heard(10)

    await window.take(1)

    assert hands.now >= 60.0


async def test_a_request_that_never_fits_is_our_mistake() -> None:
    """Better a word than a wait for ever."""
    window = Window(Budget(10, per_s=60.0), now=Hands())

    with pytest.raises(ValueError, match="does not fit"):
        await window.take(11)


def test_a_half_open_breaker_lets_a_single_probe_out() -> None:
    """Fifty at once would be the end of a host that just came back."""
    hands = Hands()
    breaker = Breaker(failures=3, rest_s=10.0, now=hands)
    for _ in range(3):
        assert breaker.refused_for_s() is None
        breaker.failed()
    assert breaker.refused_for_s() == 10.0

    hands.now = 10.0
    out = [breaker.refused_for_s() for _ in range(50)]
    assert out.count(None) == 1

    breaker.failed()
    assert breaker.refused_for_s() == 10.0

    hands.now = 20.0
    assert breaker.refused_for_s() is None
    breaker.worked()
    assert [breaker.refused_for_s() for _ in range(5)] == [None] * 5


def test_a_cancelled_probe_says_nothing_about_the_host() -> None:
    """The next one may go out at once."""
    hands = Hands()
    breaker = Breaker(failures=1, rest_s=10.0, now=hands)
    breaker.refused_for_s()
    breaker.failed()
    hands.now = 10.0
    assert breaker.refused_for_s() is None
    breaker.abandoned()

    assert breaker.refused_for_s() is None
