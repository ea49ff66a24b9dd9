"""Who is told first where one message speaks of several alerts."""

from collections.abc import Sequence
from math import isfinite

from rules.alerts import Alert
from rules.delivery.letters import Member

KINDS = (  # in this order where they are equally severe: a percentage is neither more nor less than a million dollars
    "adl",
    "account",
    "depeg",
    "liquidation",
    "price_change",
    "open_interest_change",
    "funding",
    "funding_spread",
    "basis",
    "insurance_fund_change",
    "feed_health",
    "order",
    "expression",
    "long_short_ratio",
    "fear_greed",
)


def loudest_first(members: Sequence[Member], *, is_late: bool = False) -> tuple[Member, ...]:
    """The worst first; of these what still fires, kind by kind; of a kind the largest, then the oldest, then by name.

    What happens in one moment is news as long as it is fresh. `is_late`, in a digest of what was kept back, it is over.
    """
    return tuple(sorted(members, key=lambda member: _place(member, is_late)))


def shown(alert: Alert) -> Alert:
    """The alert as a listing tells it: as it stood at its peak, if it is over or was louder then; else as it stands."""
    worst = alert.worst
    if worst is not None and (alert.ended_ms is not None or worst.severity.rank > alert.severity.rank):
        return alert.at_worst()
    return alert


def dollars(alert: Alert) -> float:
    """What an alert is about in US dollars, as far as it says; 0.0 if it does not."""
    if alert.kind == "liquidation":  # one order, or the sum over a window
        return alert.value
    value = alert.facts.get("notional_usd")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def excess(alert: Alert) -> float:
    """By what part of its limit an alert is beyond it: 0.5 is half as much again; 0.0 if it has no limit."""
    value, limit = alert.value, alert.threshold
    if limit is None or not isfinite(value):
        return 0.0
    beyond = limit - value if alert.peak < limit else value - limit
    return beyond / abs(limit) if limit else beyond


def _place(member: Member, is_late: bool) -> tuple[object, ...]:
    alert = shown(member.alert)
    size = dollars(alert) if alert.kind == "liquidation" else excess(alert)
    kind = KINDS.index(alert.kind) if alert.kind in KINDS else len(KINDS)
    is_over = is_late if member.alert.is_momentary else member.alert.ended_ms is not None
    return (-alert.severity.rank, is_over, kind, -size, -dollars(alert), member.at_ms, _name(alert))


def _name(alert: Alert) -> tuple[str, ...]:
    """The same order wherever these are told; `fired at once` is no order."""
    return (alert.rule_id, *alert.key.values(), alert.episode_id)
