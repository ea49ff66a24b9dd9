"""A rule's own measure, replayed over stored events: what the rule saw, and nothing else."""

from collections.abc import Iterable, Sequence
from math import isfinite

from daemon.pictures.chart import Point
from rules.compiled import Rule
from rules.events import Event
from rules.tracker import Tracker


def its(rule: Rule, key: dict[str, str], events: Iterable[Event]) -> list[Event]:
    """Those that the engine gives to the tracker of this key."""
    return [event for event in events if _is_its(rule, key, event)]


def measured(rule: Rule, key: dict[str, str], events: Sequence[Event], begins_ms: int, ends_ms: int) -> list[Point]:
    """The rule's value after each of its events, and whenever time alone changed it."""
    tracker, sign = Tracker(rule, key), rule.ladder.sign
    assess, measure, last, fell_ms = tracker.assess, tracker.measure, None, -1
    points: list[Point] = []

    def valued(score: float | None) -> float | None:
        return None if score is None or not isfinite(score) else score * sign + 0.0

    def note(at_ms: int, score: float | None) -> None:
        if rule.is_timed and points and points[-1][0] < at_ms - 1:  # it has stood still until now
            points.append((at_ms - 1, points[-1][1]))
        if points and points[-1][0] == at_ms and not rule.is_momentary:
            points.pop()
        points.append((at_ms, valued(score)))

    def pass_time(until_ms: int) -> None:
        nonlocal fell_ms
        while rule.is_timed and last is not None:
            at_ms = measure.next_ms()
            if at_ms is None or not fell_ms < at_ms <= until_ms:
                return
            fell_ms = at_ms
            note(at_ms, assess(last, at_ms, False))

    before = valued(assess(events[0], events[0].received_ms, False)) if rule.is_timed and events else None
    for event in events:
        pass_time(event.received_ms)
        score = assess(event, event.received_ms, True)
        if score is not None:  # else the rule does not look at this one
            note(event.received_ms, score)
            last = event
    pass_time(ends_ms)
    if rule.is_timed and points and points[-1][0] < ends_ms:
        points.append((ends_ms, points[-1][1]))
    return _clipped(points, begins_ms, before) if rule.is_timed else [one for one in points if one[0] >= begins_ms]


def _is_its(rule: Rule, key: dict[str, str], event: Event) -> bool:
    """As the engine finds the tracker of an event."""
    venue, symbol = event.place
    return (
        all(str(getattr(event, name)) == key[name] for name in rule.by)
        and rule.venues.matches(venue.upper())
        and rule.symbols.matches(symbol.upper())
    )


def _clipped(points: list[Point], begins_ms: int, empty: float | None) -> list[Point]:
    """What is to be seen; a sum begins with what it was, which is nothing if nothing was there: `empty`."""
    seen = [point for point in points if point[0] >= begins_ms]
    if seen and seen[0][0] > begins_ms:
        before = next(((at_ms, value) for at_ms, value in reversed(points) if at_ms < begins_ms), None)
        if before is None:
            seen.insert(0, (seen[0][0] - 1, empty))
        seen.insert(0, (begins_ms, empty if before is None else before[1]))
    return seen
