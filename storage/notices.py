"""A message that was decided, before anybody has put it into words."""

from typing import Any

import msgspec

from rules.alerts import Change, Severity

WAITING = "waiting"  # to be sent, when its turn and its time have come
SENDING = "sending"  # may be on its way at this moment
SENT = "sent"  # the far end said yes
UNCERTAIN = "uncertain"  # it left, no answer came, and it is not sent again
DEAD = "dead"  # it will never be taken
EXPIRED = "expired"  # it waited until it was of no use
MERGED = "merged"  # told by another message of the same episode
SUPPRESSED = "suppressed"  # muted when it was decided
STATUSES = (WAITING, SENDING, SENT, UNCERTAIN, DEAD, EXPIRED, MERGED, SUPPRESSED)

NOTICE_COLUMNS = (
    "key", "lane", "episode_id", "change", "severity", "sequence", "text", "created_ms", "expires_ms", "status",
    "muted", "attempts", "repeats", "finished_ms", "last_error",
)  # fmt: skip


class Words(msgspec.Struct, frozen=True, gc=False):
    """Our own words (a test, a lane that died); what is not an alert has nothing to be rendered from."""

    headline: str
    lines: tuple[str, ...] = ()
    footer: str = ""


class NewNotice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message to one lane. With an episode it is rendered when it leaves; without, it carries its words."""

    key: str  # rules.alerts.notice_key: the same decision gives the same key
    lane: str
    episode_id: str | None = None
    change: Change | None = None
    severity: Severity
    sequence: int = 0
    created_ms: int
    expires_ms: int
    muted: str | None = None  # why it is not sent; kept as a row that says so
    text: Words | None = None


_encode = msgspec.json.Encoder().encode
_words = msgspec.json.Decoder(Words)


def notice_row(notice: NewNotice) -> tuple[Any, ...]:
    """In the order of NOTICE_COLUMNS."""
    is_muted = notice.muted is not None
    return (
        notice.key,
        notice.lane,
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
    )


def to_words(text: str) -> Words:
    """What `notice_row` wrote."""
    return _words.decode(text)
