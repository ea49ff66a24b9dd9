"""A notice in words: what happened, how bad, how long, and how old the news is. No chat's markup."""

from rules import kinds
from rules.alerts import Alert, Change
from rules.delivery.letters import Form
from rules.sentences import Sentences
from sinks.base import Message, Moment, Notice
from sinks.render_many import render_many
from sinks.wording import Say, headed, say_clock, say_date, say_length, say_peak, say_when, verdict

LATE_AFTER_MS = 60_000
HELD_SHOWN_MS = 60_000  # what has held for less was only on its way to the chat
HISTORY_SHOWN = 8  # changes in the line that tells them in order


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
    says both, and how it stood at its peak: its end alone would read as an alert below its own limit.
    """
    if notice.form is not Form.ALERT or notice.alert is None:
        return render_many(notice, now_ms, label=label, say=say, late_after_ms=late_after_ms)
    alert = notice.alert
    is_over = notice.change is not Change.CLEARED and alert.ended_ms is not None and not alert.is_momentary
    told = alert.at_worst() if is_over else alert
    sentences = say(told, now_ms)
    words = [verdict(notice.change, told, is_over=is_over), sentences.headline]
    return Message(
        headline=headed(notice, words, now_ms, label, late_after_ms),
        lines=_lines(notice, alert, sentences, now_ms, is_over=is_over),
        footer=f"rule {alert.rule_id} · {say_date(alert.at_ms)} {say_clock(alert.at_ms)}",
        severity=told.severity,
        change=Change.CLEARED if is_over else notice.change,
    )


def _lines(notice: Notice, alert: Alert, sentences: Sentences, now_ms: int, *, is_over: bool) -> tuple[str, ...]:
    peak = say_peak(alert, sentences)
    first, *rest = sentences.details or ("",)
    if alert.is_momentary:
        return tuple(line for line in (first, *rest, _history(notice, now_ms)) if line)
    if alert.ended_ms is not None:
        since = say_when(alert.started_ms, now_ms)
        times = f"lasted {say_length(alert.ended_ms - alert.started_ms)}, since {since}{peak}"
        if is_over:
            times = f"fired {since}, cleared {say_when(alert.ended_ms, now_ms)}{peak if alert.worst is None else ''}"
        lines = [times, first, *rest]
    else:
        held_ms = now_ms - alert.held_since_ms
        waited_ms = alert.started_ms - alert.held_since_ms  # because its rule says `for`
        held = f"held {say_length(held_ms)}" if waited_ms >= 1_000 or held_ms >= HELD_SHOWN_MS else ""
        lines = [", ".join(piece for piece in (held, first) if piece), *rest]
        if notice.change is not Change.FIRED:
            lines.append(f"since {say_when(alert.started_ms, now_ms)}{peak}")
    return tuple(line for line in (*lines, _history(notice, now_ms)) if line)


def _history(notice: Notice, now_ms: int) -> str:
    """The changes so far, where one message tells several of them, or stands for all. Nobody was told of waiting."""
    history = [moment for moment in notice.history if moment.change is not Change.PENDING]
    if (notice.merged < 2 and not notice.is_edit) or len(history) < (2 if notice.is_edit else 1):
        return ""
    latest = history[-HISTORY_SHOWN:]
    missing = len(history) - len(latest)
    return "in order: " + ", ".join(
        [*([f"{missing} changes"] if missing else []), *(_told(moment, now_ms) for moment in latest)]
    )


def _told(moment: Moment, now_ms: int) -> str:
    loudness = "" if moment.change is Change.CLEARED else f" {moment.severity}"
    return f"{moment.change}{loudness} {say_when(moment.at_ms, now_ms)}"
