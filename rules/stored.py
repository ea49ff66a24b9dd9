"""What is kept of an episode for its messages and for the next run, and how it is ended or taken up there."""

from contextlib import suppress

import msgspec

from rules.alerts import Alert, AlertState, Change, Peak, Reason, Transition
from rules.compiled import Ladder, Measure, Rule
from rules.events import Event, facts_of, type_of


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


def quotable(
    rule: Rule, measure: Measure, event: Event | None, score: float, before: Alert | None
) -> dict[str, object]:
    """What a message may quote: of the rule, of the latest event, of the windows.

    `before`: the alert as it stood when data was last fresh, if nothing has come since (a restart, say).
    """
    facts = rule.facts if before is None else before.facts | rule.facts
    of_event = {} if event is None else facts_of(event)
    windows = {name: fact for name, fact in measure.facts().items() if fact is not None}
    return facts | of_event | windows | {"value": score * rule.ladder.sign}


def peak_of(ladder: Ladder, rung: int, score: float, facts: dict[str, object]) -> Peak:
    """A peak, as it will be told when it is over."""
    return Peak(ladder.severities[rung - 1], score * ladder.sign, ladder.shown[rung - 1], facts)


def event_of(alert: Alert, rule: Rule) -> Event | None:
    """The event that an alert last quoted, or None if it cannot be told any more."""
    with suppress(msgspec.ValidationError):
        return msgspec.convert({**alert.facts, type_of: rule.on.__struct_config__.tag}, rule.on)
    return None
