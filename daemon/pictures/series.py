"""What a rule has measured of one key over the last hours, as far as anybody knows.

It is the rule's own measure: replayed over the stored events, or remembered where those are not stored (`memory.py`). Of a
condition it is a number that it compares (`looks.py`). The hours are those that are read; which of them are seen, `axis.py`
decides, and how far back each kind looks. The list of kinds stands in docs/pictures.md.
"""

import asyncio
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import NamedTuple

import msgspec

from daemon.pictures import gaps
from daemon.pictures.axis import framed, stretch, within
from daemon.pictures.chart import Point
from daemon.pictures.gaps import SILENCE_MS, Outage
from daemon.pictures.looks import is_part, is_stored, looks
from daemon.pictures.memory import Recalled, remembered
from daemon.pictures.replay import its, measured
from daemon.pictures.sides import placed, sided
from daemon.pictures.thinning import thinned
from rules.alerts import Alert, Change, Moment
from rules.compiled import Rule
from rules.events import Event, StablecoinQuote
from storage.database import Database
from storage.past import Past, moments_of, past_of

PATIENCE_S = 2.0
EVENTS_MAX = 20_000
_TOLD = (Change.FIRED, Change.ESCALATED, Change.EASED, Change.CLEARED)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """A rule and a key over time, in the unit of the rule's limits."""

    look: Rule  # the rule, or what is seen of its condition
    points: tuple[Point, ...]  # oldest first; None stands for a gap
    begins_ms: int
    ends_ms: int
    is_stems: bool = False  # single events, not a course
    outages: tuple[Outage, ...] = ()  # when nobody listened
    moments: tuple[Moment, ...] = ()  # what became of the episode, oldest first


def is_shown(rule: Rule, alert: Alert) -> bool:
    """Whether there is a number with a course, and nobody's own."""
    if alert.is_private or rule.on.IS_PRIVATE:
        return False
    return alert.kind == rule.kind and set(alert.key) == set(rule.by) and bool(looks(rule))


async def values_of(
    database: Database, rule: Rule, alert: Alert, until_ms: int, recalled: Recalled | None = None
) -> Series | None:
    """What the rule measured around this alert, as far as anybody still knows; None if there is nothing to show."""
    if not is_shown(rule, alert):
        return None
    begins_ms, ends_ms = stretch(rule, alert, until_ms)
    seen = looks(rule)
    try:
        async with asyncio.timeout(PATIENCE_S):
            past = await _past(database, rule, alert, begins_ms, ends_ms, any(is_stored(look) for look in seen))
            if past.is_cut:  # the windows are whole only so much later
                begins_ms = max(begins_ms, past.events[0].received_ms + rule.window_ms)
            begins_ms, outages = await gaps.outages_of(database, rule, alert.key, begins_ms, ends_ms)
    except TimeoutError:
        return None
    if rule.is_momentary:  # an outage that reaches into it
        begins_ms = max(begins_ms, *(two for one, two in outages if one <= begins_ms and two <= alert.at_ms), begins_ms)
    known = _Known(
        its(rule, alert.key, past.events),
        recalled or {},
        [one for one in past.moments if begins_ms <= one.at_ms <= ends_ms and one.change in _TOLD],
        outages,
    )
    courses = [(look, _course(look, alert.key, known, begins_ms, ends_ms)) for look in seen]
    look, points = courses[0] if len(courses) == 1 else decisive(courses, alert.started_ms)
    if not points:
        return None
    look = sided(look, points, alert.started_ms)
    begins_ms, ends_ms = framed(look, alert, points, begins_ms, ends_ms)
    points = within(points, begins_ms, ends_ms, stands=look.is_timed)
    count = sum(1 for _, value in points if value is not None)
    if count < 2 and not (count and rule.is_momentary and alert.at_ms - begins_ms >= SILENCE_MS):
        return None  # a single order says something only beside a time without any
    if not rule.is_momentary:  # the absence of values says nothing
        begins_ms = max(begins_ms, points[0][0])
    return Series(
        look=look,
        points=tuple(thinned(points, begins_ms, ends_ms)),
        begins_ms=begins_ms,
        ends_ms=ends_ms,
        is_stems=rule.is_momentary,
        outages=tuple(outage for outage in outages if begins_ms < outage[1] and outage[0] < ends_ms),
        moments=tuple(past.moments),
    )


def decisive(courses: Sequence[tuple[Rule, list[Point]]], fired_ms: int) -> tuple[Rule, list[Point]]:
    """Of the comparisons that held when it fired, that which came to hold last: it is what was still missing."""
    since = [_held_since(look, points, fired_ms) for look, points in courses]
    latest = max((at_ms for at_ms in since if at_ms is not None), default=None)
    if latest is not None:
        return courses[since.index(latest)]
    return next((course for course in courses if course[1]), courses[0])


def _held_since(look: Rule, points: Iterable[Point], fired_ms: int) -> int | None:
    since = None
    for at_ms, value in reversed([point for point in points if point[0] <= fired_ms]):
        if value is None:
            continue
        if value * look.ladder.sign < look.ladder.enters[0]:
            break
        since = at_ms
    return since


async def _past(database: Database, rule: Rule, alert: Alert, begins_ms: int, ends_ms: int, is_stored: bool) -> Past:
    if not is_stored:
        return Past([], False, await moments_of(database, alert.episode_id))
    key = alert.key
    return await past_of(
        database,
        type=str(rule.on.__struct_config__.tag),
        symbol=key.get("symbol", key.get("coin", key.get("feed"))),
        venue=key.get("venue"),
        since_ms=begins_ms - 2 * rule.window_ms,  # what a change is compared with may be two windows old
        until_ms=ends_ms,
        episode_id=alert.episode_id,
        limit=EVENTS_MAX,
    )


class _Known(NamedTuple):
    events: Sequence[Event]
    recalled: Recalled
    told: Sequence[Moment]
    outages: Sequence[Outage]


def _course(look: Rule, key: dict[str, str], known: _Known, begins_ms: int, ends_ms: int) -> list[Point]:
    """One number over time, with what was said and without what nobody can know."""
    if is_stored(look):
        points = measured(look, key, known.events, begins_ms, ends_ms)
    else:
        points = remembered(known.recalled, look, begins_ms, ends_ms)
        if not points:  # since a restart: what was said before is no course
            return points
    if look.is_momentary:
        return points
    points = gaps.without(points, gaps.unheard(look, known.outages, [one.at_ms for one in known.told]), look)
    if not is_part(look):  # a condition tells whether it holds, and not by what
        points = _with_told(look, points, known.told)
    if look.on is StablecoinQuote and is_stored(look):
        points = gaps.at_peg(points, look)
    return gaps.with_gaps(points, look)


def _with_told(look: Rule, points: list[Point], moments: Sequence[Moment]) -> list[Point]:
    """What was said belongs into the course: the log keeps samples, and some of them are not what the rule saw."""
    told = {one.at_ms: placed(look, points, one.at_ms, one.value) for one in moments if isfinite(one.value)}
    kept = [point for point in points if point[0] not in told]
    return sorted([*kept, *told.items()], key=lambda point: point[0])
