"""What must be seen of a chart, and how things are put so that they do not meet: numbers only, no paint."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite

from daemon.pictures.chart import Chart, Limit, Point

_CROWDED = 0.3  # a limit that would press everything else into less than this part of the height is only pointed at
_ONE_SIDE = 0.4  # of the height what happened takes at least, beside a limit of the other side
_TOLD_APART = 0.2  # of the height lies at least between the two sides


def reach(chart: Chart) -> tuple[float, float]:
    """From the lowest to the highest that must be seen, with air around it."""
    low, high = _with_own(chart)
    others = [limit.value for limit in _others(chart)]
    low, high = min(low, *others, low), max(high, *others, high)
    if chart.is_stems or 0 < low < 0.6 * high:
        low = min(low, 0.0)
    if high < 0 and high > 0.6 * low:
        high = 0.0
    span = high - low
    if span <= 0 or span < 1e-9 * max(abs(low), abs(high)):
        span = abs(high) * 0.2 or 1.0
        return low - span / 2, high + span / 2
    return (low if low == 0 else low - 0.06 * span), (high if high == 0 and low < 0 else high + 0.08 * span)


def in_sight(chart: Chart, low: float, high: float) -> list[Limit]:
    """The limits that stand in the picture."""
    return [*(limit for limit in chart.limits if low <= limit.value <= high), *_others(chart)]


def _with_own(chart: Chart) -> tuple[float, float]:
    """What happened, and the limits that leave enough of the height to it."""
    low, high = _measured(chart)
    ranked = sorted(chart.limits, key=lambda limit: -1 if limit.severity is None else limit.severity.rank)
    for number, limit in enumerate(ranked):
        new_low, new_high = min(low, limit.value), max(high, limit.value)
        is_first = all(one.severity is None for one in ranked[:number])
        if is_first or not high > low or (high - low) >= _CROWDED * (new_high - new_low):
            low, high = new_low, new_high
    return low, high


def _others(chart: Chart) -> list[Limit]:
    """The limits of the other side that the line has passed, else the mildest of them if there is room for it.

    Two sides that could hardly be told from each other say less than one.
    """
    low, high = _measured(chart)
    if (passed := [limit for limit in chart.mirrored if low < limit.value < high]) or not chart.mirrored:
        return passed
    mildest, own = min(chart.mirrored, key=lambda limit: abs(limit.value)), _with_own(chart)
    height = max(own[1], mildest.value) - min(own[0], mildest.value)
    has_room = high - low >= _ONE_SIDE * height and 2 * abs(mildest.value) >= _TOLD_APART * height
    return [mildest] if has_room else []


def _measured(chart: Chart) -> tuple[float, float]:
    values = [value for _, value in chart.points if value is not None and isfinite(value)]
    if not values:
        raise ValueError("there is nothing to draw")
    return min(values), max(values)


def latest(chart: Chart) -> Point:
    """The value that is said on the plate: the latest, or of single events the one that fired."""
    known = [one for one in chart.points if one[1] is not None]
    if chart.is_stems:
        known = [one for one in known if one[0] == chart.fired_ms]
    return known[-1] if known else (chart.ends_ms, None)


def between(outages: Sequence[tuple[int, int]], begins_ms: int, ends_ms: int) -> Iterator[tuple[int, int]]:
    """The times without an outage."""
    for since_ms, until_ms in outages:
        if since_ms > begins_ms:
            yield begins_ms, min(since_ms, ends_ms)
        begins_ms = max(begins_ms, until_ms)
    if begins_ms < ends_ms:
        yield begins_ms, ends_ms


def gaps(points: Sequence[Point], ends_ms: int) -> Iterator[tuple[int, int]]:
    """From the last value before each gap to the first one after it, or to the end."""
    since_ms = None
    for at_ms, value in points:
        if value is not None:
            if since_ms is not None:
                yield since_ms, at_ms
            since_ms = None
        elif since_ms is None:
            since_ms = at_ms
    if since_ms is not None:
        yield since_ms, ends_ms


def runs(values: Sequence[tuple[float, float | None]]) -> Iterator[list[tuple[float, float]]]:
    """The stretches between gaps."""
    run: list[tuple[float, float]] = []
    for x, y in values:
        if y is not None:
            run.append((x, y))
        elif run:
            yield run
            run = []
    if run:
        yield run


def apart(middles: Sequence[float], halves: Sequence[float], low: float, high: float, gap: float) -> list[float]:
    """The same places in the same order, moved so that nothing meets and, if there is room, all is within bounds."""
    moved = list(middles)
    for _ in range(40):
        for one, two in pairwise(range(len(moved))):
            lacking = halves[one] + halves[two] + gap - (moved[two] - moved[one])
            if lacking > 0:
                moved[one] -= lacking / 2
                moved[two] += lacking / 2
        moved = [min(max(place, low + half), high - half) for place, half in zip(moved, halves, strict=True)]
    return moved
