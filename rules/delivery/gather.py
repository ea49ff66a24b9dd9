"""What becomes of a letter whose time has come: it leaves, alone or with others like it, or it waits, or it is kept back."""

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from rules.alerts import Alert, Change, Severity
from rules.delivery.hours import say_clock
from rules.delivery.letters import Form, Letter, Member, Words, own_key
from rules.delivery.policy import Cap, SinkPolicy
from rules.units import say_setting

GOOD_NEWS = (Change.CLEARED, Change.EASED)  # an ease of what a cooldown kept quiet would be the first word of it
TOGETHER = (Change.FIRED, Change.STILL, Change.CLEARED)  # what several alerts may say as one
MANY = "Many at once"
LATE_ROOM = 3  # of what is late, so many still come one by one
NOT_TOLD = "nothing was told of this alert, so good news about it is not either"


class Told(StrEnum):
    """How an alert's earlier news reached a sink."""

    NOTHING = "nothing"
    ALONE = "alone"  # by a message of its own, which may be changed
    TOGETHER = "together"  # by a summary or a digest, which is changed only when all it told are over


def is_loud(change: Change | None, severity: Severity, *, is_urgent: bool = False) -> bool:
    """Whether it goes before what is milder. No end overtakes its beginning: one message tells all of an alert."""
    return change not in GOOD_NEWS and (is_urgent or severity is Severity.CRITICAL)


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """All that waits of one alert in one lane, due or not."""

    letters: tuple[Letter, ...]  # oldest first, at least one
    alert: Alert  # as it stands now
    told: Told = Told.NOTHING

    @property
    def change(self) -> Change | None:
        """What one message about all of it says. Who has heard nothing before hears that it fires, not that it got worse."""
        change = told_change([letter.change for letter in self.letters if letter.change is not None], self.alert)
        return Change.FIRED if change is Change.ESCALATED and self.told is Told.NOTHING else change

    @property
    def severity(self) -> Severity:
        """The loudest of it."""
        return max((letter.severity for letter in self.letters), key=lambda severity: severity.rank)

    @property
    def is_urgent(self) -> bool:
        return any(letter.is_urgent for letter in self.letters)

    @property
    def is_idle(self) -> bool:
        """Good news about what nobody was told."""
        return self.letters[0].change in GOOD_NEWS and self.told is Told.NOTHING

    @property
    def is_news(self) -> bool:
        """Bad news, which a silence keeps back; an end is told to whoever knows the beginning."""
        return self.told is Told.NOTHING or self.change not in GOOD_NEWS

    def is_edit(self, sink: SinkPolicy) -> bool:
        """Whether it changes what was told, and makes no sound."""
        return sink.can_edit and self.told is Told.ALONE and self.change in GOOD_NEWS

    def member(self) -> Member:
        """Its part in a summary or a digest."""
        changes = tuple(letter.change for letter in self.letters if letter.change is not None)
        return Member(self.alert, changes, self.letters[0].created_ms)


class Window(msgspec.Struct, frozen=True, gc=False):
    """The stretch in which a sink's messages are counted."""

    since_ms: int = 0
    count: int = 0

    def at(self, now_ms: int, per_ms: int) -> "Window":
        """The stretch that runs now: the old one, or a new one that begins with the next message."""
        return self if self.count and 0 <= now_ms - self.since_ms < per_ms else Window(now_ms, 0)

    def and_one(self) -> "Window":
        """The same after a message."""
        return Window(self.since_ms, self.count + 1)


class Crowd(msgspec.Struct, frozen=True, gc=False):
    """Alerts of one group and severity that are to be told now."""

    alerts: int
    severity: Severity
    since_ms: int = 0  # when the first of them could have left
    is_group: bool = True  # may leave as one summary

    def messages(self, sink: SinkPolicy) -> int:
        """So many of them, at the most."""
        return 1 if self.is_group and self.alerts >= sink.group.at_least else self.alerts


class Leave(msgspec.Struct, frozen=True):
    """It is told now."""


class Wait(msgspec.Struct, frozen=True):
    """Its time is later."""

    until_ms: int


class KeepBack(msgspec.Struct, frozen=True, kw_only=True):
    """It is not told by itself, but in a digest; `notice` says so, once."""

    reason: str
    digest: Letter
    notice: Letter | None = None


Verdict = Leave | Wait | KeepBack


def jammed(crowds: Sequence[Crowd], sink: SinkPolicy, room: int, now_ms: int) -> Severity | None:
    """Up to which severity alerts are told together, because a chat takes only `room` messages soon; None: each leaves.

    Of what is late already, because the chat was out of reach, few are enough: nobody reads yesterday one by one.
    What is critical leaves by itself unless that alone is too much: a trader must not wait for it behind warnings, and
    not for the hundredth of it either.
    """
    if any(now_ms - crowd.since_ms > sink.group.backlog_ms for crowd in crowds):
        room = min(room, LATE_ROOM)
    waiting, critical = 0, 0
    for crowd in crowds:
        waiting += (messages := crowd.messages(sink))
        critical += messages if crowd.severity is Severity.CRITICAL else 0
    if waiting <= room:
        return None
    return Severity.WARNING if critical <= room else Severity.CRITICAL


def judge(unit: Unit, sink: SinkPolicy, window: Window, now_ms: int, *, together: Severity | None = None) -> Verdict:
    """What becomes of all that waits of an alert, now that its time has come. `together`: see `jammed`."""
    quiet_ms = quiet_until_ms(sink, unit.severity, now_ms, is_urgent=unit.is_urgent)
    if quiet_ms is not None:
        if unit.is_edit(sink):
            return Wait(quiet_ms)  # the night changes no message either
        reason = f"quiet hours until {_clock(quiet_ms, sink)}"
        return KeepBack(reason=reason, digest=digest(sink, "quiet", quiet_ms, now_ms))
    cap = sink.cap
    if cap is not None and not (unit.is_urgent or unit.severity is Severity.CRITICAL or unit.is_edit(sink)):
        window = window.at(now_ms, cap.per_ms)
        if window.count >= cap.count:
            return _capped(sink, cap, window, now_ms)
    if together is None or unit.is_urgent or unit.is_edit(sink) or unit.severity.rank > together.rank:
        return Leave()
    return KeepBack(
        reason=f"more waited than the chat takes in {say_setting(sink.group.backlog_ms)}",
        digest=msgspec.structs.replace(digest(sink, "backlog", now_ms, now_ms), text=Words(headline=MANY)),
    )


def _capped(sink: SinkPolicy, cap: Cap, window: Window, now_ms: int) -> KeepBack:
    """Told at the end of the stretch; that it is so is said once."""
    ends_ms = window.since_ms + cap.per_ms
    stretch = say_setting(cap.per_ms)
    together = digest(sink, "cap", ends_ms, now_ms)
    words = Words(
        headline=f"{cap.count} message{'' if cap.count == 1 else 's'} within {stretch}: the next ones come together",
        lines=(f"in one digest at {say_clock(ends_ms, 'UTC')}; what is critical still comes at once",),
    )
    said = Letter(
        key=own_key("cap", sink.name, window.since_ms),
        sink=sink.name,
        severity=Severity.WARNING,
        created_ms=now_ms,
        due_ms=now_ms,
        expires_ms=ends_ms,
        form=Form.WORDS,
        text=words,
    )
    return KeepBack(reason=f"more than {cap.count} within {stretch}", digest=together, notice=said)


def quiet_until_ms(sink: SinkPolicy, severity: Severity, now_ms: int, *, is_urgent: bool = False) -> int | None:
    """When a message of this severity may leave, if the sink wants quiet now; None: at once."""
    if sink.quiet is None or is_urgent or sink.quiet.passes(severity):
        return None
    return sink.quiet.until_ms(now_ms)


def companions(unit: Unit, others: Sequence[Unit], sink: SinkPolicy, is_muted: Callable[[Alert], bool]) -> list[Unit]:
    """Those that leave as one message with this unit, itself first; only itself if they are few.

    `is_muted`: what is silenced or inhibited at this moment is not told beside others either.
    """
    group, change = unit.letters[0].group, unit.change
    if group is None or change not in TOGETHER or unit.is_edit(sink) or sink.group.at_least < 2:
        return [unit]
    alike = [
        other
        for other in others
        if other.alert.episode_id != unit.alert.episode_id
        and other.letters[0].group == group
        and other.change == change
        and not other.is_idle
        and not other.is_edit(sink)
    ]
    if len(alike) + 1 >= sink.group.at_least:  # else there is no need to ask
        alike = [other for other in alike if not (other.is_news and is_muted(other.alert))]
    return [unit, *alike] if len(alike) + 1 >= sink.group.at_least else [unit]


def told_change(changes: Sequence[Change], alert: Alert) -> Change | None:
    """What one message about several changes says: the end if it is among them, else the beginning, else the latest."""
    if not changes:
        return None
    if changes[-1] in (Change.CLEARED, Change.LAPSED):
        return changes[-1]
    if Change.FIRED in changes:  # also of an alert that is over since: the words say so, and nobody was told before
        return Change.FIRED
    if alert.ended_ms is not None and not alert.is_momentary:
        return Change.CLEARED
    return Change.ESCALATED if Change.ESCALATED in changes and changes[-1] is Change.STILL else changes[-1]


def digest(sink: SinkPolicy, why: str, due_ms: int, now_ms: int) -> Letter:
    """The one letter that tells all that is kept back until then."""
    return Letter(
        key=own_key("digest", why, sink.name, due_ms),
        sink=sink.name,
        severity=Severity.INFO,
        created_ms=now_ms,
        due_ms=due_ms,
        expires_ms=due_ms + sink.expire_ms,
        form=Form.DIGEST,
    )


def _clock(at_ms: int, sink: SinkPolicy) -> str:
    """07:00, by the sink's own clock if it has one."""
    return say_clock(at_ms, sink.quiet.zone if sink.quiet is not None else "UTC")
