"""How verdicts and times are said, in every message alike."""

from datetime import UTC, datetime
from typing import Protocol

from rules.alerts import Alert, Change
from rules.sentences import Sentences
from rules.units import say_duration
from sinks.base import Notice

_DAY_MS = 86_400_000


class Say(Protocol):
    """How a rule kind puts one of its alerts."""

    def __call__(self, alert: Alert, now_ms: int, /) -> Sentences: ...


def headed(notice: Notice, words: list[str], now_ms: int, label: str | None, late_after_ms: int | None) -> str:
    """A headline with what must stand before it and behind it: the label, how late it is, that it may be a repeat."""
    before = [label] if label else []
    late_ms = now_ms - max(notice.created_ms, notice.due_ms)
    if late_after_ms is not None and late_ms > late_after_ms:
        before.append(f"delayed {_spoken(late_ms)}")
    return "  ".join([*before, *words]) + (f" (may be a repeat) #{notice.key[:6]}" if notice.is_repeat else "")


def verdict(change: Change | None, alert: Alert, *, is_over: bool = False) -> str:
    """The word a trader reads first: WARNING, ESCALATED to CRITICAL, EASED to WARNING, STILL WARNING, CLEARED."""
    loudness = alert.severity.upper()
    if is_over:
        return f"{loudness}, already over"
    match change:
        case Change.ESCALATED:
            return f"ESCALATED to {loudness}"
        case Change.EASED:
            return f"EASED to {loudness}"
        case Change.STILL:
            return f"STILL {loudness}"
        case Change.CLEARED:
            return "CLEARED"
        case Change.PENDING:
            return f"PENDING {loudness}"
        case Change.LAPSED:
            return "LAPSED"
    return loudness


def say_when(at_ms: int, now_ms: int) -> str:
    """12:01:05Z, with the date if it was another day."""
    is_today = at_ms // _DAY_MS == now_ms // _DAY_MS
    return say_clock(at_ms) if is_today else f"{say_date(at_ms)} {say_clock(at_ms)}"


def say_clock(at_ms: int) -> str:
    """12:01:05Z."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%SZ}"


def say_date(at_ms: int) -> str:
    """2026-09-21."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"


def say_length(ms: int) -> str:
    """14m: whole seconds."""
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


def say_peak(alert: Alert, sentences: Sentences) -> str:
    """`, peak 0.0975% per 8 h`, `, lowest 412 USDT`: how far it went; a condition has no limit and went nowhere."""
    falls = alert.threshold is not None and alert.peak < alert.threshold
    word = "lowest" if falls else "peak"
    if sentences.peak:
        return f", {word} {sentences.peak}"
    return "" if alert.threshold is None else f", {word} {alert.peak:.6g}"
