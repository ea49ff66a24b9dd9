"""What an answer means: one place that turns a status and a reason into the trouble it stands for."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite

from sinks.base import Busy, Gone, SinkTrouble, Uncertain, Undeliverable, Unreached

_GONE = frozenset({401, 403, 404, 410})
_NOT_SENT = frozenset({408, 425, 500, 503, 521, 522, 523, 525, 526})  # 52x: a proxy that never reached the far end


class EditLost(Undeliverable):
    """The message that was to be edited is gone or closed for editing; a new one may still be sent."""


def trouble(status: int, text: str, *, retry_after_s: float | None = None) -> SinkTrouble:
    """The trouble that an HTTP status stands for, by the table of delivery outcomes.

    A 502 or 504 comes from a proxy that may have passed the message on: uncertain, and so is any status we do not know.
    """
    if status == 429 or (status == 503 and retry_after_s is not None):
        return Busy(text, retry_after_s=retry_after_s)
    if status in _GONE:
        return Gone(text)
    if status in _NOT_SENT or 300 <= status < 400:  # a redirect is a portal between us and the chat
        return Unreached(text)
    if 400 <= status < 500:
        return Undeliverable(text)
    return Uncertain(text)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The header's advice in seconds, written as a number or as a date; None without advice that makes sense."""
    advice = headers.get("Retry-After")
    if advice is None:
        return None
    try:
        seconds = float(advice)
    except ValueError:
        return _until(advice, headers.get("Date"))
    return max(0.0, seconds) if isfinite(seconds) else None


def _until(advice: str, date: str | None) -> float | None:
    """Seconds from the answer's own date to the advised one: the two clocks need not agree."""
    if date is None:
        return None
    try:
        return max(0.0, (parsedate_to_datetime(advice) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return None
