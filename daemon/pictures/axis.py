"""From when to when a picture looks: enough of the past to compare with, and what happened large enough to be read.

It looks back as far as is usual for its kind at most. Of that it shows ten times as long as it took from the rise to the end
(or to now), or ten windows of its rule if that is longer, but two minutes at least, and a quarter of an hour without a
window. The rise is when the value was last closer to what is usual than to the mildest limit. Single orders are shown from
the first of them on, but an hour at least.
"""

from collections.abc import Sequence
from statistics import median

from daemon.pictures.chart import Point
from rules.alerts import Alert
from rules.compiled import Rule
from rules.events import Event, FearGreed, FundingRate, InsuranceFund, LongShortRatio, StablecoinQuote

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
USUAL_MS, LONGEST_MS = 6 * HOUR_MS, 48 * HOUR_MS
SHOWN_MS: dict[type[Event], int] = {
    FundingRate: DAY_MS,
    StablecoinQuote: DAY_MS,
    LongShortRatio: DAY_MS,
    InsuranceFund: 7 * DAY_MS,
    FearGreed: 30 * DAY_MS,
}
AFTER_MS = 30 * MINUTE_MS  # so much of what came after the end is still of interest
SHORTEST_MS = 2 * MINUTE_MS
SAMPLED_MS = 15 * MINUTE_MS  # what has no window of its own is seen once a minute: fewer would be no course
TIMES = 10  # as long as what happened: that is then a tenth of the width
TAIL = 4  # of what came after the end no more than a quarter of the width


def stretch(rule: Rule, alert: Alert, until_ms: int) -> tuple[int, int]:
    """From when to when it is looked at, at most: always from before it fired."""
    over_ms = _over_ms(alert)
    ends_ms = max(alert.at_ms, until_ms if over_ms is None else min(until_ms, over_ms + AFTER_MS))
    shown_ms = SHOWN_MS.get(rule.on, USUAL_MS)
    if rule.on is FundingRate and rule.kind == "funding" and rule.max_age_ms is None:  # settled: three a day
        shown_ms = LONGEST_MS
    shown_ms = max(shown_ms, min(4 * rule.window_ms, LONGEST_MS) if rule.on is not StablecoinQuote else 0)
    return min(ends_ms - shown_ms, alert.held_since_ms - shown_ms // 4), ends_ms


def framed(rule: Rule, alert: Alert, points: Sequence[Point], begins_ms: int, ends_ms: int) -> tuple[int, int]:
    """The part of this stretch in which what happened can be read."""
    over_ms = _over_ms(alert)
    if rule.is_momentary:
        width_ms = max(HOUR_MS, (alert.at_ms - points[0][0]) * 21 // 20)  # the first one not at the very edge
        return max(begins_ms, alert.at_ms - width_ms), min(ends_ms, alert.at_ms + width_ms // TAIL)
    over_ms = ends_ms if over_ms is None else min(over_ms, ends_ms)
    window_ms = _window_ms(rule)
    shortest_ms = max(TIMES * window_ms, SHORTEST_MS if window_ms else SAMPLED_MS)
    width_ms = max(TIMES * (over_ms - _rise_ms(rule, alert, points)), shortest_ms)
    ends_ms = min(ends_ms, over_ms + width_ms // TAIL)
    return max(begins_ms, ends_ms - width_ms), ends_ms


def within(points: Sequence[Point], begins_ms: int, ends_ms: int, *, stands: bool) -> list[Point]:
    """What is to be seen of them, from the first value on. What `stands` between two points reaches to both edges."""
    seen = [point for point in points if begins_ms <= point[0] <= ends_ms]
    if stands:
        before = next((value for at_ms, value in reversed(points) if at_ms < begins_ms), None)
        if before is not None and (not seen or seen[0][0] > begins_ms):
            seen.insert(0, (begins_ms, before))
        if seen and seen[-1][0] < ends_ms:
            seen.append((ends_ms, seen[-1][1]))
    first = next((number for number, (_, value) in enumerate(seen) if value is not None), len(seen))
    return seen[first:]


def _rise_ms(rule: Rule, alert: Alert, points: Sequence[Point]) -> int:
    """When it began, for whoever looks at it: earlier than the limit was passed."""
    sign = rule.ladder.sign
    before = [(at_ms, value * sign) for at_ms, value in points if value is not None and at_ms < alert.held_since_ms]
    if not before:
        return alert.held_since_ms
    halfway = (median(score for _, score in before) + rule.ladder.enters[0]) / 2
    return next((at_ms for at_ms, score in reversed(before) if score < halfway), before[0][0])


def _window_ms(rule: Rule) -> int:
    """Of a rule about a stretch of time. How long a quote counts is no such stretch."""
    length = rule.facts.get("window_ms")
    return length if isinstance(length, int) else rule.window_ms if rule.kind == "expression" else 0


def _over_ms(alert: Alert) -> int | None:
    return alert.at_ms if alert.is_momentary else alert.ended_ms
