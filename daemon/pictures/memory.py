"""What rules measured of what the log does not hold: trades, prices of the moment, candles, books; sums of samples.

It is their own measure that is noted, each time the engine asks it, so nothing is computed twice. Of each second of the last
five minutes the lowest and the highest value are kept, and of each minute of six hours: 27 kB at most for a number of one
key, and 500 numbers at most, 14 MB together. What comes later is not remembered. A restart forgets it all.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite, nan
from weakref import WeakSet

import msgspec

from daemon.pictures.chart import Point
from daemon.pictures.looks import has_numbers, is_stored, looks
from rules.alerts import Alert
from rules.compiled import Measure, Rule
from rules.events import Event
from rules.expression import Assess
from rules.tracker import Tracker

COURSES_MAX = 500
FINE_MS, FINE_MAX = 1_000, 300
COARSE_MS, COARSE_MAX = 60_000, 360
_NUMBERS = 4  # of each stretch of time: when it was lowest, how low, when it was highest, how high


class _Stretches:
    """The lowest and the highest of each stretch of time, the oldest first."""

    __slots__ = ("_kept", "_length_ms", "_most", "_until_ms")

    def __init__(self, length_ms: int, most: int) -> None:
        self._length_ms, self._most = length_ms, most
        self._kept = array("d")
        self._until_ms = -1.0

    def note(self, at_ms: float, value: float) -> None:
        kept = self._kept
        if at_ms < self._until_ms and value == value:  # not NaN, which is a gap and stands alone
            if value < kept[-3]:
                kept[-4:-2] = array("d", (at_ms, value))
            elif value > kept[-1]:
                kept[-2:] = array("d", (at_ms, value))
            return
        if value != value and kept and kept[-1] != kept[-1]:
            return
        kept.extend((at_ms, value, at_ms, value))
        self._until_ms = at_ms - at_ms % self._length_ms + self._length_ms if value == value else -1.0

    def overflow(self) -> "array[float]":
        """The oldest, once there are a quarter more than wanted; they are gone then."""
        kept, surplus = self._kept, self._most // 4 * _NUMBERS
        if len(kept) < self._most * _NUMBERS + surplus:
            return _NOTHING
        older = kept[:surplus]
        del kept[:surplus]
        return older

    def copied(self) -> "_Stretches":
        copy = _Stretches(self._length_ms, self._most)
        copy._kept = self._kept[:]
        return copy

    def points(self) -> list[Point]:
        return list(_points(self._kept))


class Course:
    """One number of one key over the last hours."""

    __slots__ = ("__weakref__", "_at_ms", "_coarse", "_fine", "_value")

    def __init__(self) -> None:
        self._fine = _Stretches(FINE_MS, FINE_MAX)
        self._coarse = _Stretches(COARSE_MS, COARSE_MAX)
        self._at_ms, self._value = -1, nan  # the latest: what is said twice at one moment is what was said last

    def note(self, at_ms: int, value: float | None) -> None:
        """It is this from now on; None: nobody knows."""
        if self._at_ms not in (at_ms, -1):
            self._settle()
        self._at_ms, self._value = at_ms, nan if value is None or not isfinite(value) else value

    def points(self) -> list[Point]:
        """Oldest first."""
        latest = [] if self._at_ms < 0 else [(self._at_ms, None if self._value != self._value else self._value)]
        return [*self._coarse.points(), *self._fine.points(), *latest]

    def copied(self) -> "Course":
        """As it is now, for another thread to read at its leisure: a thousand points would hold up this one."""
        copy = Course()
        copy._fine, copy._coarse = self._fine.copied(), self._coarse.copied()
        copy._at_ms, copy._value = self._at_ms, self._value
        return copy

    def _settle(self) -> None:
        self._fine.note(self._at_ms, self._value)
        if older := self._fine.overflow():
            for when, what in _points(older):
                self._coarse.note(when, nan if what is None else what)
            self._coarse.overflow()


Recalled = Mapping[str, Course]  # number -> its scores


class Remembering:
    """A measure that notes what it answers, and what else its rule is looked at by."""

    __slots__ = ("_memory", "_rule", "assess", "courses", "inner")

    def __init__(self, rule: Rule, memory: "Memory", before: Measure | None) -> None:
        self._rule, self._memory = rule, memory
        self.inner: Measure = rule.measure(before.inner if isinstance(before, Remembering) else before)
        self.courses: dict[str, Course] = dict(before.courses) if isinstance(before, Remembering) else {}
        self.assess = self._noting()

    @property
    def memory_ms(self) -> int:
        return self.inner.memory_ms

    @property
    def nearest_ms(self) -> int:
        return self.inner.nearest_ms

    def next_ms(self) -> int | None:
        return self.inner.next_ms()

    def facts(self) -> dict[str, object]:
        return self.inner.facts()

    def _noting(self) -> Assess:
        assess, since_ms = self.inner.assess, self._memory.since_ms
        noted: list[tuple[Course, Assess | None]] | None = None

        def note(event: Event, now_ms: int, fresh: bool) -> float | None:
            nonlocal noted
            score = assess(event, now_ms, fresh)
            if now_ms < since_ms:
                return score
            if noted is None:
                noted = self._begin()
            if noted and (score is not None or not fresh):  # else the rule does not look at this event
                for course, look in noted:
                    course.note(now_ms, score if look is None else look(event, now_ms, False))
            return score

        return note

    def _begin(self) -> list[tuple[Course, Assess | None]]:
        """With the first event: most measures are made to be asked something, and never see one."""
        wanted = {_name(look): look for look in unstored(self._rule)}
        known, self.courses = self.courses, {}
        found: list[tuple[Course, Assess | None]] = []
        for name, look in wanted.items():
            course = known.get(name) or self._memory.begin()
            if course is not None:
                self.courses[name] = course
                # the windows of the rule itself, which has just fed them
                found.append((course, None if look.measure is self._rule.measure else look.measure(self.inner).assess))
        return found


class Memory:
    """All that is remembered."""

    def __init__(self, since_ms: int = 0) -> None:
        """`since_ms`: what a start reads again from before then fills windows, and is not what the rule saw."""
        self.since_ms = since_ms
        self._courses: WeakSet[Course] = WeakSet()  # a rule that is gone takes its own along

    def attached(self, rule: Rule) -> Rule:
        """The same rule, remembering what a picture of it needs and the log does not hold."""
        if rule.on.IS_PRIVATE or is_stored(rule) or not has_numbers(rule):
            return rule
        return msgspec.structs.replace(rule, measure=lambda before: Remembering(rule, self, before))

    def begin(self) -> Course | None:
        """A new course; None if there are too many."""
        if len(self._courses) >= COURSES_MAX:
            return None
        course = Course()
        self._courses.add(course)
        return course


def unstored(rule: Rule) -> list[Rule]:
    """What there is to be seen of a rule and cannot be read from the log."""
    return [] if rule.on.IS_PRIVATE else [look for look in looks(rule) if not is_stored(look)]


def recalled(trackers: Iterable[Tracker], alert: Alert) -> Recalled:
    """What is remembered of this alert's rule and key."""
    measure = next((one.measure for one in trackers if one.key == alert.key), None)
    return {name: one.copied() for name, one in measure.courses.items()} if isinstance(measure, Remembering) else {}


def remembered(found: Recalled, look: Rule, begins_ms: int, ends_ms: int) -> list[Point]:
    """One number in the unit of its limits, as `replay` would tell it."""
    course = found.get(_name(look))
    points: list[Point] = []
    for at_ms, score in () if course is None else course.points():
        if not begins_ms <= at_ms <= ends_ms:
            continue
        if look.is_timed and points and at_ms - points[-1][0] > FINE_MS:  # it has stood still until now
            points.append((at_ms - 1, points[-1][1]))
        points.append((at_ms, None if score is None else score * look.ladder.sign + 0.0))
    if look.is_timed and points and points[-1][0] < ends_ms:
        points.append((ends_ms, points[-1][1]))
    return points


def _name(look: Rule) -> str:
    """What tells numbers apart: a reload may choose other events, or turn the sign."""
    return f"{look.written.get('where', '')} | {look.facts.get('when')} | {look.ladder.sign:g}"


def _points(kept: "array[float]") -> Iterator[Point]:
    for place in range(0, len(kept), _NUMBERS):
        low_ms, low, high_ms, high = kept[place : place + _NUMBERS]
        if low != low:
            yield int(low_ms), None
        elif low_ms == high_ms:
            yield int(low_ms), low
        else:
            yield from sorted(((int(low_ms), low), (int(high_ms), high)))


_NOTHING: "array[float]" = array("d")
