"""Where round numbers and round times stand on an axis."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from rules.units import say_number

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TOLD_APART = 1e-9  # of the numbers themselves: closer together, no round one certainly lies between them
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_SECOND = 1_000
_TIME_STEPS = (
    *(count * _SECOND for count in (1, 2, 5, 10, 15, 30)),
    *(count * _MINUTE for count in (1, 2, 5, 10, 15, 30)),
    *(count * _HOUR for count in (1, 2, 3, 4, 6, 12)),
    *(count * _DAY for count in (1, 2, 5, 7, 10, 14, 30, 60, 90, 180, 365, 730)),
)


def round_values(low: float, high: float, *, most: int = 5) -> list[float]:
    """At most so many round numbers from `low` to `high`, evenly apart."""
    span = high - low
    if not isfinite(span) or span <= _TOLD_APART * max(abs(low), abs(high)) or most < 2:
        return []
    size = 10.0 ** floor(log10(span / most))
    if size == 0.0:  # smaller than any number worth reading
        return []
    for step in (factor * size * more for more in (1.0, 10.0) for factor in _STEPS):
        first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
        if last - first < most:
            return [number * step + 0.0 for number in range(first, last + 1)]
    return []


def said_apart(values: Sequence[float], say: Callable[[float], str]) -> list[str]:
    """Each in words; in plain numbers where the unit's own words would make two of them the same."""
    words = [say(value) for value in values]
    return words if len(set(words)) == len(words) else [say_number(value) for value in values]


def round_times(begins_ms: int, ends_ms: int, *, most: int = 5) -> list[int]:
    """At most so many round moments of UTC in between: full minutes, hours, days."""
    for step in _TIME_STEPS:
        first = -(-begins_ms // step)
        count = ends_ms // step - first + 1
        if count <= most:
            return [(first + number) * step for number in range(count)]
    return []


def said_times(moments: Sequence[int], span_ms: int) -> list[str]:
    """`06:00`; `21 Nov` for midnights when it is about days; with seconds when it is about less than a few minutes."""
    step = min((two - one for one, two in pairwise(moments)), default=span_ms)
    return [_said(at_ms, step, span_ms) for at_ms in moments]


def clock(at_ms: int, *, seconds: bool = False) -> str:
    """12:01, or 12:01:07."""
    return f"{_moment(at_ms):%H:%M:%S}" if seconds else f"{_moment(at_ms):%H:%M}"


def date(at_ms: int) -> str:
    """21 Nov."""
    moment = _moment(at_ms)
    return f"{moment.day} {_MONTHS[moment.month - 1]}"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in any locale


def _said(at_ms: int, step: int, span_ms: int) -> str:
    if step >= _DAY or (span_ms > _DAY and at_ms % _DAY == 0):
        return date(at_ms)
    return clock(at_ms, seconds=step < _MINUTE)


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1_000, UTC)
