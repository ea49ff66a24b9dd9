"""Hours of the night, on both days on which the clocks change."""

from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.alerts import Severity
from rules.delivery.hours import Quiet, next_ms, say_clock

BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"  # the second changes its clocks by half an hour
NIGHT = Quiet(starts=time(23), ends=time(7), zone=BERLIN)


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-01-10T22:00", "2026-01-11T06:00"),  # winter
        ("2026-07-10T21:00", "2026-07-11T05:00"),  # summer
        ("2026-03-28T22:00", "2026-03-29T05:00"),  # an hour shorter
        ("2026-10-24T21:00", "2026-10-25T06:00"),  # an hour longer
    ],
)
def test_a_night_is_as_long_as_the_clocks_make_it(begins: str, ends: str) -> None:
    """From the first millisecond to the one before the last."""
    first, last = utc(begins), utc(ends)

    assert [None, last, last, None] == [NIGHT.until_ms(at) for at in (first - 1, first, last - 1, last)]


def test_a_time_that_the_clocks_skip_is_the_moment_of_the_skip() -> None:
    """02:30 is not there on the last Sunday of March; at 02:00 it is 03:00."""
    starts = Quiet(starts=time(2, 30), ends=time(4), zone=BERLIN)
    ends = Quiet(starts=time(1), ends=time(2, 30), zone=BERLIN)
    skip = utc("2026-03-29T01:00")

    assert (None, utc("2026-03-29T02:00")) == (starts.until_ms(skip - 1), starts.until_ms(skip))
    assert (skip, None) == (ends.until_ms(skip - 1), ends.until_ms(skip))


def test_of_a_time_that_comes_twice_the_night_takes_both() -> None:
    """02:30 comes at 00:30 and at 01:30 UTC on the last Sunday of October."""
    starts = Quiet(starts=time(2, 30), ends=time(4), zone=BERLIN)
    ends = Quiet(starts=time(1), ends=time(2, 30), zone=BERLIN)

    assert utc("2026-10-25T03:00") == starts.until_ms(utc("2026-10-25T00:30"))
    assert utc("2026-10-25T01:30") == ends.until_ms(utc("2026-10-25T01:29"))


def test_some_days_have_no_night() -> None:
    """Named by the day on which it would begin."""
    quiet = Quiet(starts=time(23), ends=time(7), zone=BERLIN, not_on=frozenset({"sat", "2026-12-24"}))
    late = {day: quiet.until_ms(utc(f"{day}T22:30")) for day in ("2026-12-24", "2026-12-25", "2026-12-26")}

    assert [False, True, False] == [until is not None for until in late.values()]
    assert None is quiet.until_ms(utc("2026-12-27T03:00"))  # Sunday morning belongs to Saturday


def test_the_loudest_passes() -> None:
    """Or nothing does."""
    assert [False, False, True] == [NIGHT.passes(severity) for severity in Severity]
    assert not Quiet(starts=time(23), ends=time(7), zone=BERLIN, loudest=None).passes(Severity.CRITICAL)


@given(
    at=st.integers(utc("2026-01-01T00:00"), utc("2027-01-01T00:00")),
    starts=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    ends=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    zone=st.sampled_from([BERLIN, LORD_HOWE, "UTC", "America/New_York"]),
)
def test_a_night_ends_once_and_later(at: int, starts: time, ends: time, zone: str) -> None:
    """Until its end it is quiet all the time, and then it is not, unless the next one begins at that very moment."""
    quiet = Quiet(starts=starts, ends=ends, zone=zone)
    until = quiet.until_ms(at)
    if starts != ends and until is not None:
        assert at < until <= at + 26 * 3_600_000
        assert until == quiet.until_ms((at + until) // 2)
        assert (
            quiet.until_ms(until) is None
            or abs((starts.hour * 60 + starts.minute) - (ends.hour * 60 + ends.minute)) <= 60
        )


def test_the_next_time_of_day() -> None:
    """In that zone, and strictly later."""
    nine = utc("2026-03-29T07:00")  # the first summer morning

    assert nine == next_ms(time(9), BERLIN, utc("2026-03-28T08:00"))
    assert utc("2026-03-30T07:00") == next_ms(time(9), BERLIN, nine)


@pytest.mark.parametrize(
    ("moment", "zone", "said"),
    [
        ("2026-01-05 06:00", "Europe/Berlin", "07:00 CET"),
        ("2026-07-05 05:00", "Europe/Berlin", "07:00 CEST"),
        ("2026-07-05 05:00", "Asia/Dubai", "09:00 +04"),
        ("2026-07-05 05:00", "UTC", "05:00Z"),
    ],
)
def test_a_time_of_day_says_whose_clock_it_is_by(moment: str, zone: str, said: str) -> None:
    assert said == say_clock(utc(moment), zone)
