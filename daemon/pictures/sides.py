"""On which side of zero a number is drawn: a fall goes down, though its rule asks only how far it fell.

A rule that looks one way scores a fall or a discount by its size. One that looks both ways scores the distance from zero,
and which side that was on is known of its own number alone, which is replayed in place of the score.
"""

from collections.abc import Sequence

import msgspec

from daemon.pictures.chart import Point
from rules.compiled import Ladder, Rule


def drawn(rule: Rule) -> Rule:
    """The rule with its number as people see it."""
    if rule.is_negated:
        return msgspec.structs.replace(rule, ladder=_turned(rule.ladder))
    if rule.signed is not None:
        return msgspec.structs.replace(rule, measure=rule.signed)
    return rule


def sided(look: Rule, points: Sequence[Point], fired_ms: int) -> Rule:
    """The same, its limits on the side on which it fired."""
    if look.signed is None or _side(points, fired_ms) > 0:
        return look
    return msgspec.structs.replace(look, ladder=_turned(look.ladder))


def placed(look: Rule, points: Sequence[Point], at_ms: int, told: float) -> float:
    """What was told at this moment, which was a score, on the side where it was."""
    if look.is_negated:
        return -told + 0.0
    return told if look.signed is None else told * _side(points, at_ms) + 0.0


def size(look: Rule, value: float) -> float:
    """The score of this value."""
    return value * look.ladder.sign if look.signed is None else abs(value)


def _side(points: Sequence[Point], at_ms: int) -> int:
    """1 or -1, as it stood then."""
    before = (value for when, value in reversed(points) if value and when <= at_ms)
    after = (value for when, value in points if value and when > at_ms)
    return -1 if next(before, next(after, 1.0)) < 0 else 1


def _turned(ladder: Ladder) -> Ladder:
    """The same scores, of numbers of which the lower ones are worse."""
    shown = tuple(None if limit is None else -limit for limit in ladder.shown)
    return msgspec.structs.replace(ladder, shown=shown, sign=-ladder.sign)
