"""A notice in words: what happened, how bad, how long, and how old the news is. No chat's markup."""

from datetime import UTC, datetime
from typing import Protocol

from rules import kinds
from rules.alerts import Alert, Change
from rules.sentences import Sentences
from rules.units import say_duration
from sinks.base import Message, Moment, Notice

LATE_AFTER_MS = 60_000
_DAY_MS = 86_400_000


class Say(Protocol):
    """How a rule kind puts one of its alerts."""

    def __call__(self, alert: Alert, now_ms: int, /) -> Sentences: ...


def render(
    notice: Notice,
    now_ms: int,
    *,
    label: str | None = None,
    say: Say = kinds.say,
    late_after_ms: int = LATE_AFTER_MS,
) -> Message:
    """The notice as it reads at `now_ms`. Called when the message leaves, so that it is never older than that.

    `label` stands first (SIMULATED). A fire that is told only after its episode has ended becomes one message that
    says both.
    """
    alert = notice.alert
    sentences = say(alert, now_ms)
    is_over = notice.change is not Change.CLEARED and alert.ended_ms is not None and not alert.is_momentary
    before = [label] if label else []
    late_ms = now_ms - notice.created_ms
    if late_ms > late_after_ms:
        before.append(f"delayed {_spoken(late_ms)}")
    headline = "  ".join([*before, _verdict(notice, is_over=is_over), sentences.headline])
    if notice.is_repeat:
        headline += f" (may be a repeat) #{notice.key[:6]}"
    return Message(
        headline=headline,
        lines=_lines(notice, sentences, now_ms, is_over=is_over),
        footer=f"rule {alert.rule_id} · {_date(alert.at_ms)} {_clock(alert.at_ms)}",
        severity=alert.severity,
        change=Change.CLEARED if is_over else notice.change,
    )


def _verdict(notice: Notice, *, is_over: bool) -> str:
    """The word a trader reads first: WARNING, ESCALATED to CRITICAL, EASED to WARNING, CLEARED."""
    loudness = notice.alert.severity.upper()
    if is_over:
        return f"{loudness}, already over"
    match notice.change:
        case Change.ESCALATED:
            return f"ESCALATED to {loudness}"
        case Change.EASED:
            return f"EASED to {loudness}"
        case Change.CLEARED:
            return "CLEARED"
        case Change.PENDING:
            return f"PENDING {loudness}"
        case Change.LAPSED:
            return "LAPSED"
    return loudness


def _lines(notice: Notice, sentences: Sentences, now_ms: int, *, is_over: bool) -> tuple[str, ...]:
    alert = notice.alert
    peak = _peak(alert, sentences)
    first, *rest = sentences.details or ("",)
    if alert.is_momentary:
        return tuple(line for line in (first, *rest, _history(notice, now_ms)) if line)
    if alert.ended_ms is not None:
        since = _when(alert.started_ms, now_ms)
        times = f"lasted {_length(alert.ended_ms - alert.started_ms)}, since {since}{peak}"
        if is_over:
            times = f"fired {since}, cleared {_when(alert.ended_ms, now_ms)}{peak}"
        lines = [times, first, *rest]
    else:
        held_ms = now_ms - alert.held_since_ms
        held = f"held {_length(held_ms)}" if held_ms >= 1_000 else ""
        lines = [", ".join(piece for piece in (held, first) if piece), *rest]
        if notice.change is not Change.FIRED:
            lines.append(f"since {_when(alert.started_ms, now_ms)}{peak}")
    return tuple(line for line in (*lines, _history(notice, now_ms)) if line)


def _peak(alert: Alert, sentences: Sentences) -> str:
    """How far it went; a condition, which has no limit, holds or does not, and went nowhere."""
    if sentences.peak:
        return f", peak {sentences.peak}"
    return "" if alert.threshold is None else f", peak {alert.peak:.6g}"


def _history(notice: Notice, now_ms: int) -> str:
    """The changes that this one message tells, when it tells more than one."""
    if notice.merged < 2:
        return ""
    return "in order: " + ", ".join(_told(moment, now_ms) for moment in notice.history[-6:]) if notice.history else ""


def _told(moment: Moment, now_ms: int) -> str:
    loudness = "" if moment.change is Change.CLEARED else f" {moment.severity}"
    return f"{moment.change}{loudness} {_when(moment.at_ms, now_ms)}"


def _when(at_ms: int, now_ms: int) -> str:
    """12:01:05Z, with the date if it was another day."""
    is_today = at_ms // _DAY_MS == now_ms // _DAY_MS
    return _clock(at_ms) if is_today else f"{_date(at_ms)} {_clock(at_ms)}"


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%SZ}"


def _date(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"


def _length(ms: int) -> str:
    return say_duration(ms - ms % 1_000)


def _spoken(ms: int) -> str:
    """How late, as one says it: 40 s, 7 min, 3 h 5 min, 2 days."""
    minutes, hours = ms // 60_000, ms // 3_600_000
    if minutes < 1:
        return f"{ms // 1_000} s"
    if hours < 1:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{hours // 24} days"
