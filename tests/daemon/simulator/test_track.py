"""A number's way through time: it ends at now, and what is past stays."""

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.simulator.track import MINUTE_MS, Track
from tests.daemon.simulator.far_end import NOW_MS

DAY_MS = 86_400_000
_news = st.lists(st.tuples(st.integers(1, 5 * MINUTE_MS), st.floats(50.0, 200.0)), min_size=1, max_size=40)


def _track(name: int = 7) -> Track:
    return Track(name, NOW_MS, 100.0, daily=0.03)


@settings(deadline=None)
@given(news=_news, back_ms=st.integers(0, 400 * DAY_MS))
def test_what_is_past_never_changes(news: list[tuple[int, float]], back_ms: int) -> None:
    """A minute after it was, at the latest: until then the next value is not known."""
    track, now_ms = _track(), NOW_MS
    before = track.at(NOW_MS - back_ms - 1)
    seen: dict[int, float] = {}
    for wait_ms, value in news:
        now_ms += wait_ms
        track.note(now_ms, value)
        minute = now_ms // MINUTE_MS * MINUTE_MS
        if minute >= NOW_MS:
            seen.setdefault(minute, track.at(minute))

    assert before == track.at(NOW_MS - back_ms - 1)
    assert list(seen.values()) == [track.at(minute) for minute in seen]
    assert (news[-1][1], news[-1][1]) == (track.now, track.at(now_ms))


def test_the_made_up_past_joins_what_is_remembered() -> None:
    track = _track()
    track.note(NOW_MS + 1, 100.0)

    assert abs(track.at(NOW_MS - 1_000) / 100.0 - 1) < 0.001
    assert abs(track.at(NOW_MS - DAY_MS) / 100.0 - 1) < 0.3


def test_the_future_is_as_it_is_now() -> None:
    assert 100.0 == _track().at(NOW_MS + DAY_MS)


def test_another_name_has_another_past() -> None:
    assert _track(1).at(NOW_MS - DAY_MS) != _track(2).at(NOW_MS - DAY_MS)


def test_a_clock_that_jumps_a_month_costs_two_weeks_of_minutes_at_most() -> None:
    track = _track()
    track.note(NOW_MS + 30 * DAY_MS, 200.0)
    track.note(NOW_MS + 31 * DAY_MS, 300.0)

    assert 300.0 == track.at(NOW_MS + 31 * DAY_MS)
    assert 200.0 == track.at(NOW_MS + 30 * DAY_MS)
    assert track.at(NOW_MS + DAY_MS) in (100.0, 200.0), "forgotten: the oldest that is remembered"
