"""Our words as rows and back: each function returns a tuple in the order of its table's columns below."""

from math import isfinite, nan
from typing import Any

import msgspec
from sqlalchemy import Row

from rules.alerts import Alert, AlertState, Change, Moment, Peak, Severity, Transition
from rules.events import Event, to_json

EVENT_COLUMNS = ("type", "venue", "symbol", "at_ms", "received_ms", "once_key", "payload")
ALERT_COLUMNS = (
    "episode_id", "rule_id", "kind", "fingerprint", "key", "severity", "is_firing", "is_momentary", "sequence",
    "started_ms", "held_since_ms", "at_ms", "ended_ms", "value", "threshold", "peak", "facts", "template",
    "worst",
)  # fmt: skip
TRANSITION_COLUMNS = ("episode_id", "sequence", "change", "reason", "severity", "value", "at_ms", "muted", "alert")
STATE_COLUMNS = ("fingerprint", "rule_id", "phase", "payload")

_encode = msgspec.json.Encoder().encode
_key = msgspec.json.Decoder(dict[str, str])
_facts = msgspec.json.Decoder(dict[str, object])
_worst = msgspec.json.Decoder(Peak)
_state = msgspec.json.Decoder(AlertState)
_MAX = 2**63 - 1  # both databases keep 64-bit integers


def event_row(event: Event) -> tuple[Any, ...]:
    """What a venue sent is cut to what a database can keep: no NUL in a text, no time beyond 64 bits."""
    venue, symbol = event.place
    once_key = event.once_key
    return (
        event.__struct_config__.tag,
        _text(venue),
        _text(symbol),
        min(max(event.at_ms, -_MAX), _MAX),
        min(max(event.received_ms, -_MAX), _MAX),
        None if once_key is None else _text(once_key),
        to_json(event).decode(),
    )


def alert_row(alert: Alert) -> tuple[Any, ...]:
    """One episode. Its fingerprint is the part of its name before the time."""
    return (
        alert.episode_id,
        alert.rule_id,
        alert.kind,
        alert.episode_id.partition("-")[0],
        _encode(alert.key).decode(),
        alert.severity.value,
        alert.is_firing,
        alert.is_momentary,
        alert.sequence,
        alert.started_ms,
        alert.held_since_ms,
        alert.at_ms,
        alert.ended_ms,
        _finite(alert.value),
        None if alert.threshold is None else _finite(alert.threshold),
        _finite(alert.peak),
        _encode(alert.facts).decode(),
        None if alert.template is None else _text(alert.template),
        None if alert.worst is None or not isfinite(alert.worst.value) else _encode(alert.worst).decode(),
    )


def to_alert(row: Row[Any]) -> Alert:
    """The episode that `alert_row` wrote; a number that was not finite comes back as not a number."""
    return Alert(
        episode_id=row.episode_id,
        rule_id=row.rule_id,
        kind=row.kind,
        key=_key.decode(row.key),
        severity=Severity(row.severity),
        is_firing=bool(row.is_firing),
        is_momentary=bool(row.is_momentary),
        sequence=row.sequence,
        started_ms=row.started_ms,
        held_since_ms=row.held_since_ms,
        at_ms=row.at_ms,
        ended_ms=row.ended_ms,
        value=nan if row.value is None else row.value,
        threshold=row.threshold,
        peak=nan if row.peak is None else row.peak,
        facts=_facts.decode(row.facts),
        template=row.template,
        worst=None if row.worst is None else _worst.decode(row.worst),
    )


def transition_row(transition: Transition) -> tuple[Any, ...]:
    """One change, with the alert as it stands at that moment; JSON has no number that is not finite."""
    alert = transition.alert
    return (
        alert.episode_id,
        alert.sequence,
        transition.change.value,
        transition.reason.value,
        alert.severity.value,
        _finite(alert.value),
        alert.at_ms,
        transition.muted,
        _encode(alert).decode() if isfinite(alert.value) and isfinite(alert.peak) else None,
    )


def to_moment(row: Row[Any]) -> Moment:
    """One line of an episode's history, from the row of a change."""
    return Moment(Change(row.change), Severity(row.severity), row.at_ms, nan if row.value is None else row.value)


def state_row(state: AlertState) -> tuple[Any, ...]:
    """All that the engine remembers of one rule and key."""
    return state.fingerprint, state.rule_id, state.phase.value, _encode(state).decode()


def to_state(payload: str) -> AlertState:
    """The state that `state_row` wrote; msgspec.ValidationError if another version wrote it."""
    return _state.decode(payload)


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None


def _text(text: str) -> str:
    return text.replace("\x00", "") if "\x00" in text else text
