"""A message that is being sent, with all that is needed to put it into words."""

import msgspec

from rules.alerts import Alert, Change, Moment, Severity
from rules.delivery.letters import Form, Member, Notice, Words


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is being sent. It has alerts to be rendered from, or words of our own."""

    key: str
    lane: str
    form: Form = Form.ALERT
    severity: Severity  # the loudest of what it tells
    change: Change | None = None  # what it tells, all in all; None: a digest, or our own words
    alert: Alert | None = None  # as it stands now
    history: tuple[Moment, ...] = ()  # oldest first, at most the latest 100
    members: tuple[Member, ...] = ()  # of a summary or a digest, loudest first
    words: Words | None = None
    created_ms: int  # when the oldest part of it was decided
    due_ms: int = 0  # when it could leave at the earliest
    expires_ms: int
    attempts: int  # earlier tries that certainly did not arrive
    is_repeat: bool  # an earlier copy may have arrived
    merged: int = 1  # how many waiting changes this one message tells
    edits: str | None = None  # the far end's name of the episode's first message, if this replaces it
    edits_too: str | None = None  # and that of its latest, if that is another: nobody may read it as the last word
    replies: str | None = None  # the far end's name of the message that told the alert first, if this speaks again
    refreshes: str | None = None  # the same, if it can be changed: an edit makes no sound, and a sound changes nothing

    def notice(self, *, is_edit: bool = False) -> Notice:
        """What it tells; `is_edit`: as it reads in the place of an earlier message, which is no repeat of anything."""
        return Notice(
            key=self.key,
            form=self.form,
            change=self.change,
            severity=self.severity,
            alert=self.alert,
            history=self.history,
            members=self.members,
            words=self.words,
            created_ms=self.created_ms,
            due_ms=self.due_ms,
            is_repeat=self.is_repeat and not is_edit,
            is_edit=is_edit or self.edits is not None,
            is_reply=self.replies is not None,
            merged=self.merged,
        )
