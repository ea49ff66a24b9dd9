"""From limits as a trader writes them to a ladder of levels with hysteresis."""

from collections.abc import Mapping
from itertools import pairwise

from rules.alerts import Severity
from rules.compiled import Ladder, just_above


def order(levels: Mapping[Severity, float], *, falling: bool = False) -> tuple[Severity, ...]:
    """The severities from the mildest up; ValueError if a louder one has a milder limit."""
    severities = tuple(sorted(levels, key=lambda severity: severity.rank))
    for mild, loud in pairwise(severities):
        if (levels[loud] >= levels[mild]) if falling else (levels[loud] <= levels[mild]):
            word = "lower" if falling else "higher"
            raise ValueError(f"{loud} is reached no later than {mild}; give {loud} a {word} limit")
    return severities


def ladder(
    levels: Mapping[Severity, float],
    *,
    strict: bool,
    clear: float | None = None,
    hysteresis: float = 0.0,
    falling: bool = False,
) -> Ladder:
    """Levels to enter above (`strict`) or at their limits; `clear` is where the mildest is left.

    A level is left `hysteresis` below its limit. With `clear` and no hysteresis, every level gets the mildest one's gap.
    `falling`: lower values are worse.
    """
    sign = -1.0 if falling else 1.0
    severities = order(levels, falling=falling)
    limits = [levels[severity] * sign for severity in severities]
    enters = [just_above(limit) if strict else limit for limit in limits]
    gap = limits[0] - clear * sign if clear is not None and not hysteresis else hysteresis
    exits = [enters[0] if not gap else just_above(limits[0] - gap)]
    for below, limit, enter in zip(limits, limits[1:], enters[1:], strict=False):
        exits.append(enter if not gap else max(just_above(limit - gap), just_above(below)))
    if clear is not None:
        exits[0] = just_above(clear * sign)
    # a gap of nothing must not put the way out above the way in: at its very limit a level would flap for ever
    exits = [min(leave, enter) for leave, enter in zip(exits, enters, strict=True)]
    return Ladder(
        severities=severities,
        enters=tuple(enters),
        exits=tuple(exits),
        shown=tuple(levels[severity] for severity in severities),
        sign=sign,
    )


SWITCH = (1.0, 0.5)  # a condition scores 1 while it holds, 0 when it is over, 0.5 in between


def switch(severity: Severity) -> Ladder:
    """The one-step ladder of a condition."""
    return Ladder(severities=(severity,), enters=(SWITCH[0],), exits=(SWITCH[1],), shown=(None,))
