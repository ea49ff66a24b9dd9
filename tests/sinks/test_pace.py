"""The token bucket."""

from hypothesis import given
from hypothesis import strategies as st

from sinks.pace import TELEGRAM_GROUP, UNPACED, Pace


def test_a_burst_goes_at_once_and_the_rest_one_by_one() -> None:
    """Three messages, then one a second."""
    pace, at_ms, sent = Pace(1_000, burst=3), 5_000, []
    for _ in range(6):
        at_ms += pace.wait_ms(at_ms)
        sent.append(at_ms)
        pace = pace.spent(at_ms)

    assert [5_000, 5_000, 5_000, 6_000, 7_000, 8_000] == sent


def test_a_sink_without_a_pace_never_waits() -> None:
    """The console."""
    assert 0 == UNPACED.spent(1_000).spent(1_000).wait_ms(1_000)


@given(st.lists(st.integers(0, 5_000), max_size=200))
def test_a_group_never_gets_more_than_twenty_a_minute(gaps_ms: list[int]) -> None:
    """Whatever the arrivals: Telegram's limit for groups holds in every window of a minute."""
    pace, at_ms, sent = TELEGRAM_GROUP, 0, []
    for gap_ms in gaps_ms:
        at_ms += gap_ms
        at_ms += pace.wait_ms(at_ms)
        pace = pace.spent(at_ms)
        sent.append(at_ms)

    assert all(later - earlier >= 60_000 for earlier, later in zip(sent, sent[20:], strict=False))


@given(
    st.integers(1, 5_000),
    st.integers(1, 6),
    st.lists(st.integers(0, 20_000), max_size=20),
    st.integers(0, 20_000),
    st.integers(0, 30_000),
)
def test_the_room_is_what_would_really_leave(
    gap_ms: int, burst: int, before: list[int], later_ms: int, within_ms: int
) -> None:
    """Counted by sending, after any past."""
    pace, now_ms = Pace(gap_ms, burst=burst), 0
    for pause_ms in before:
        now_ms += pause_ms
        now_ms += pace.wait_ms(now_ms)
        pace = pace.spent(now_ms)
    now_ms += later_ms
    room = pace.room(now_ms, within_ms)

    sent, at_ms, after = 0, now_ms, pace
    while (at_ms := at_ms + after.wait_ms(at_ms)) <= now_ms + within_ms:
        after = after.spent(at_ms)
        sent += 1

    assert sent == room


def test_a_clock_that_was_set_back_leaves_room() -> None:
    pace = TELEGRAM_GROUP.spent(3_600_000)

    assert (pace.room(0, 60_000) or 0) >= 5


def test_a_sink_without_a_pace_has_room_for_all() -> None:
    assert UNPACED.room(1_000, 15_000) is None
