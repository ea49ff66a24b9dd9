"""Turns of phrase that several kinds share."""

from collections.abc import Iterable, Mapping

from rules.alerts import Alert, Severity
from rules.selection import EVERYTHING
from rules.units import say_duration


def listed(names: Iterable[str], everything: str) -> str:
    """`BTC, ETH`, or a word for all of them."""
    names = list(names)
    return everything if EVERYTHING in names else ", ".join(names)


def limits(levels: Mapping[Severity, str]) -> str:
    """`0.05% (warning) or 0.1% (critical)`."""
    rising = sorted(levels.items(), key=lambda level: level[0].rank)
    return " or ".join(f"{limit} ({severity})" for severity, limit in rising)


def number(facts: Mapping[str, object], name: str) -> float | None:
    """A fact as a number, or None."""
    value = facts.get(name)
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:  # a venue may send an integer of a thousand digits
        return None


def side(alert: Alert, name: str) -> int:
    """On which side of zero a fact stood when the episode was at its peak: 1, -1, or 0 if that is not known."""
    value = None if alert.worst is None else number(alert.worst.facts, name)
    return (value > 0) - (value < 0) if value is not None else 0


def until(at_ms: float | None, now_ms: int) -> str | None:
    """`in 1h12m`, or None if it is over or unknown. The last second is a whole one."""
    return f"in {say_duration(max(1_000, int(at_ms) - now_ms))}" if at_ms is not None and at_ms > now_ms else None
