"""Much can be said at once, and never too much in an hour."""

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.sources.purse import Purse


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.0, 600.0), min_size=1, max_size=300))
async def test_no_hour_holds_more_than_the_venue_takes(pauses: list[float]) -> None:
    """However the requests come."""
    now, most = 0.0, 20
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    purse = Purse(most, now=lambda: now, sleep=sleep)
    for pause_s in pauses:
        now += pause_s
        await purse.take()
        made.append(now)

    assert max(len([at for at in made if start <= at < start + 3600]) for start in made) <= most


async def test_half_of_them_may_be_made_at_once() -> None:
    """A crowd of wishes does not wait."""
    purse = Purse(20, now=lambda: 0.0)
    for _ in range(10):
        await purse.take()
