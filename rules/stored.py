"""What an earlier run has left of an episode, and how it is ended or taken up."""

from contextlib import suppress

import msgspec

from rules.alerts import Alert, AlertState, Change, Reason, Transition
from rules.compiled import Rule
from rules.events import Event, type_of


def is_strange(state: AlertState, rule: Rule) -> bool:
    """Whether a stored episode belongs to another kind of rule that had the same name."""
    alert = state.alert
    return alert is not None and (alert.kind != rule.kind or alert.is_momentary != rule.is_momentary)


def close_foreign(state: AlertState, now_ms: int, reason: Reason) -> list[Transition]:
    """End a stored episode whose rule no longer exists."""
    alert = state.alert
    if alert is None:
        return []
    ended = msgspec.structs.replace(alert, is_firing=False, sequence=alert.sequence + 1, at_ms=now_ms, ended_ms=now_ms)
    return [Transition(alert=ended, change=Change.CLEARED if alert.is_firing else Change.LAPSED, reason=reason)]


def event_of(alert: Alert, rule: Rule) -> Event | None:
    """The event that an alert last quoted, or None if it cannot be told any more."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert({**alert.facts, type_of: rule.on.__struct_config__.tag}, rule.on)
    return None
