"""A letter as a row of the outbox, and what may become of it."""

from typing import Any

import msgspec
from sqlalchemy import Row

from rules.alerts import Change, Severity
from rules.delivery.letters import Form, Letter
from rules.delivery.letters import Words as Words

WAITING = "waiting"  # to be sent, when its turn and its time have come
SENDING = "sending"  # may be on its way at this moment
SENT = "sent"  # the far end said yes
UNCERTAIN = "uncertain"  # it left, no answer came, and it is not sent again
DEAD = "dead"  # it will never be taken
EXPIRED = "expired"  # it waited until it was of no use
MERGED = "merged"  # told by another message: of the same episode, or a summary
SUPPRESSED = "suppressed"  # not told by itself; its row says why, and which digest tells it if one does
STATUSES = (WAITING, SENDING, SENT, UNCERTAIN, DEAD, EXPIRED, MERGED, SUPPRESSED)

NOTICE_COLUMNS = (
    "key", "lane", "episode_id", "change", "severity", "sequence", "text", "created_ms", "expires_ms", "status",
    "muted", "attempts", "repeats", "finished_ms", "last_error", "due_ms", "group_key", "form", "is_urgent",
)  # fmt: skip


_encode = msgspec.json.Encoder().encode
_words = msgspec.json.Decoder(Words)


def notice_row(notice: Letter) -> tuple[Any, ...]:
    """In the order of NOTICE_COLUMNS."""
    is_muted = notice.muted is not None
    return (
        notice.key,
        notice.sink,
        notice.episode_id,
        None if notice.change is None else notice.change.value,
        notice.severity.value,
        notice.sequence,
        None if notice.text is None else _encode(notice.text).decode(),
        notice.created_ms,
        notice.expires_ms,
        SUPPRESSED if is_muted else WAITING,
        notice.muted,
        0,
        0,
        notice.created_ms if is_muted else None,
        f"muted: {notice.muted}" if is_muted else None,
        notice.due_ms or None,
        notice.group,
        Form.WORDS.value if notice.text is not None and notice.form is Form.ALERT else notice.form.value,
        notice.is_urgent,
    )


def to_letter(row: Row[Any]) -> Letter:
    """What `notice_row` wrote, as it stands now."""
    return Letter(
        key=row.key,
        sink=row.lane,
        episode_id=row.episode_id,
        change=None if row.change is None else Change(row.change),
        severity=Severity(row.severity),
        sequence=row.sequence,
        created_ms=row.created_ms,
        due_ms=row.due_ms or 0,
        expires_ms=row.expires_ms,
        group=row.group_key,
        is_urgent=bool(row.is_urgent),
        form=form_of(row),
        muted=row.muted,
        text=None if row.text is None else to_words(row.text),
    )


def form_of(row: Row[Any]) -> Form:
    """How the row tells; an older program wrote none."""
    return Form.ALERT if row.form is None else Form(row.form)


def is_summary(row: Row[Any]) -> bool:
    """Whether it tells several alerts, or was to: those are merged into it."""
    return form_of(row) is Form.SUMMARY


def to_words(text: str) -> Words:
    """What `notice_row` wrote."""
    return _words.decode(text)
