"""A message between the decision and the mouth: what is to be told, to whom, and when at the earliest."""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import blake2b

import msgspec

from rules.alerts import Alert, Change, Moment, Severity


class Form(StrEnum):
    """How a message tells."""

    ALERT = "alert"  # one alert
    SUMMARY = "summary"  # several alerts of one group at once
    DIGEST = "digest"  # all that was kept back for a while
    WORDS = "words"  # our own words


class Words(msgspec.Struct, frozen=True, gc=False):
    """Our own words (a test, a lane that died); what is not an alert has nothing to be rendered from."""

    headline: str
    lines: tuple[str, ...] = ()
    footer: str = ""


class Letter(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decision to tell one sink something, or not to. It becomes one row of the outbox, never two."""

    key: str  # rules.alerts.notice_key: the same decision gives the same key
    sink: str
    episode_id: str | None = None  # None: our own words, or a digest
    change: Change | None = None
    severity: Severity
    sequence: int = 0
    created_ms: int
    due_ms: int = 0  # leaves no earlier
    expires_ms: int
    group: str | None = None  # letters with the same one may become one message; None: never
    is_urgent: bool = False  # quiet hours do not count for it
    form: Form = Form.ALERT
    muted: str | None = None  # why it is not sent; kept as a row that says so
    text: Words | None = None


class Member(msgspec.Struct, frozen=True, gc=False):
    """One alert inside a summary or a digest."""

    alert: Alert  # as it stands now
    changes: tuple[Change, ...] = ()  # what of it is told here, oldest first
    at_ms: int = 0  # when the first of these was decided


class Notice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one message is to tell, before anybody has put it into words. Rendered when it leaves, never earlier."""

    key: str  # the outbox row's; its head labels a repeat
    form: Form = Form.ALERT
    change: Change | None = None  # what it tells, all in all; None: a digest, or our own words
    severity: Severity = Severity.INFO  # the loudest of what it tells
    alert: Alert | None = None  # as it stands now, not as it stood when it was decided
    history: tuple[Moment, ...] = ()  # the episode's changes so far, oldest first
    members: tuple[Member, ...] = ()  # of a summary or a digest: loudest first
    words: Words | None = None
    created_ms: int  # when the oldest part of it was decided
    due_ms: int = 0  # when it could leave at the earliest; later than that is late
    is_repeat: bool = False  # an earlier copy may have arrived
    is_edit: bool = False  # takes the place of what was told of the alert before
    is_reply: bool = False  # speaks again about what was told before
    merged: int = 1  # how many waiting changes this one message tells


def by_clock(letters: Iterable[Letter], behind_ms: int) -> list[Letter]:
    """Letters that wait as long as was decided, though the clock was set back by so much: decisions never go back."""
    return [
        msgspec.structs.replace(one, due_ms=one.due_ms - behind_ms, expires_ms=one.expires_ms - behind_ms)
        for one in letters
    ]


def own_key(*parts: object) -> str:
    """The name of a message of ours (a digest, the daily line): the same occasion gives the same name."""
    return blake2b(msgspec.json.encode([str(part) for part in parts]), digest_size=16).hexdigest()
