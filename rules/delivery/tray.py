"""The lanes without a database and without chats: every message leaves the moment it may, and arrives.

For `tocsin test` and `tocsin backtest`, which ask for the same verdicts as the outbox does.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from rules.alerts import Alert, Change, Moment, Transition
from rules.delivery.gather import (
    NOT_TOLD,
    KeepBack,
    Told,
    Unit,
    Wait,
    Window,
    companions,
    is_loud,
    judge,
    quiet_until_ms,
)
from rules.delivery.letters import Form, Letter, Notice
from rules.delivery.policy import SinkPolicy
from rules.delivery.post import Post
from rules.delivery.ranking import loudest_first

HISTORY_MAX = 100
ALERTS_MAX = 10_000  # then those that are over and told are forgotten


class Kept(msgspec.Struct, frozen=True):
    """A letter that was not told by itself, and why."""

    letter: Letter
    reason: str


class _Lane:
    """What waits for one sink, oldest first, and what it was told."""

    def __init__(self) -> None:
        self.waiting: list[Letter] = []
        self.window = Window()
        self.told: dict[str, Told] = {}
        self.digests: dict[str, list[Letter]] = {}


class Tray:
    """Put letters in, take messages out. Every method is told the time."""

    def __init__(self, post: Post) -> None:
        self.kept: list[Kept] = []  # what was suppressed, in the order in which it was
        self.post = post
        self._lanes: dict[str, _Lane] = {}
        self._alerts: dict[str, Alert] = {}
        self._history: dict[str, list[Moment]] = {}

    def put(self, transitions: Iterable[Transition], letters: Iterable[Letter]) -> None:
        """What was decided, and the letters about it (those of `tick` and `hear` have no transitions)."""
        for one in transitions:
            alert = one.alert
            self._alerts[alert.episode_id] = alert
            history = self._history.setdefault(alert.episode_id, [])
            history.append(Moment(one.change, alert.severity, alert.at_ms, alert.value))
            del history[:-HISTORY_MAX]
        for letter in letters:
            lane = self._lanes.setdefault(letter.sink, _Lane())
            if letter.muted is not None:
                self.kept.append(Kept(letter, letter.muted))
            else:
                lane.waiting.append(letter)

    def next_ms(self) -> int | None:
        """When the next letter is due, or None."""
        return min((letter.due_ms for lane in self._lanes.values() for letter in lane.waiting), default=None)

    def take(self, now_ms: int) -> list[tuple[str, Notice]]:
        """(sink, message) of all that leaves now, each sink's in its order."""
        told = [(name, notice) for name, lane in self._lanes.items() for notice in self._leave(name, lane, now_ms)]
        if len(self._alerts) > ALERTS_MAX:
            self._sweep()
        return told

    # -- inside -------------------------------------------------------------------------------------------------------

    def _leave(self, name: str, lane: _Lane, now_ms: int) -> Iterator[Notice]:
        sink = self.post.policy.sinks.get(name)
        if sink is None:
            lane.waiting.clear()
            return
        while due := [one for one in lane.waiting if one.due_ms <= now_ms]:
            head = next((one for one in due if _is_loud(one)), due[0])
            tell = self._alert if head.form is Form.ALERT else self._own
            notice = tell(head, lane, sink, now_ms)
            if notice is not None:
                yield notice

    def _own(self, head: Letter, lane: _Lane, sink: SinkPolicy, now_ms: int) -> Notice | None:
        """Our own words, or a digest."""
        lane.waiting.remove(head)
        letters = lane.digests.get(head.key, [])
        units = self._units(letters, lane)
        severity = max([head.severity, *(unit.severity for unit in units)], key=lambda severity: severity.rank)
        if (until_ms := quiet_until_ms(sink, severity, now_ms)) is not None:
            lane.waiting.append(msgspec.structs.replace(head, due_ms=until_ms))
            return None
        if head.form is Form.DIGEST:
            _count(lane, sink, now_ms)
        lane.digests.pop(head.key, None)
        members = loudest_first([unit.member() for unit in units], is_late=head.text is None)
        return Notice(
            key=head.key,
            form=head.form,
            severity=severity,
            members=members,
            words=head.text,
            created_ms=head.created_ms,
            due_ms=head.due_ms,
        )

    def _alert(self, head: Letter, lane: _Lane, sink: SinkPolicy, now_ms: int) -> Notice | None:
        unit = self._unit([one for one in lane.waiting if one.episode_id == head.episode_id], lane)
        if unit.is_idle:
            self._keep(lane, unit.letters[:1], NOT_TOLD)  # bad news may stand behind it
            return None
        if unit.is_news and (mute := self.post.why_muted(sink.name, unit.alert, now_ms)) is not None:
            self.post.keep_back(sink.name, unit.alert, mute)
            self._keep(lane, unit.letters, mute.reason)
            return None
        match judge(unit, sink, lane.window, now_ms):
            case Wait(until_ms=until_ms):
                for letter in unit.letters:
                    place = lane.waiting.index(letter)
                    lane.waiting[place] = msgspec.structs.replace(letter, due_ms=until_ms)
                return None
            case KeepBack(reason=reason, digest=digest, notice=notice):
                self._keep(lane, unit.letters, reason)
                if digest.key not in lane.digests:
                    lane.waiting += [one for one in (notice, digest) if one is not None]
                lane.digests.setdefault(digest.key, []).extend(unit.letters)
                if unit.told is Told.NOTHING:
                    lane.told[unit.alert.episode_id] = Told.TOGETHER
                return None
        return self._go(unit, lane, sink, now_ms)

    def _go(self, unit: Unit, lane: _Lane, sink: SinkPolicy, now_ms: int) -> Notice:
        group, episode_id = unit.letters[0].group, unit.alert.episode_id
        alike = [one for one in lane.waiting if one.form is Form.ALERT and one.group == group and group is not None]
        is_muted = lambda alert: self.post.why_muted(sink.name, alert, now_ms) is not None  # noqa: E731
        units = companions(unit, self._units(alike, lane), sink, is_muted)
        is_edit = unit.is_edit(sink)
        if not is_edit:
            _count(lane, sink, now_ms)
        is_reply = lane.told.get(episode_id, Told.NOTHING) is not Told.NOTHING
        is_single = len(units) == 1
        for one in units:
            self._drop(lane, one.letters)
            name = one.alert.episode_id
            if not is_edit:
                lane.told[name] = Told.ALONE if is_single else Told.TOGETHER
            if one.change is Change.CLEARED or (one.alert.ended_ms is not None and not one.alert.is_momentary):
                self._forget(lane, name)
        return Notice(
            key=unit.letters[0].key,
            form=Form.ALERT if is_single else Form.SUMMARY,
            change=unit.change,
            severity=max((one.severity for one in units), key=lambda severity: severity.rank),
            alert=unit.alert,
            history=tuple(self._history.get(episode_id, ())) if is_single else (),
            members=() if is_single else loudest_first([one.member() for one in units]),
            created_ms=min(one.letters[0].created_ms for one in units),
            due_ms=unit.letters[0].due_ms,
            is_edit=is_edit,
            is_reply=is_reply and not is_edit,
            merged=sum(len(one.letters) for one in units),
        )

    def _units(self, letters: Iterable[Letter], lane: _Lane) -> list[Unit]:
        """Letters by alert."""
        by_episode: dict[str, list[Letter]] = {}
        for letter in letters:
            if letter.episode_id is not None:
                by_episode.setdefault(letter.episode_id, []).append(letter)
        return [self._unit(some, lane) for some in by_episode.values()]

    def _unit(self, letters: list[Letter], lane: _Lane) -> Unit:
        episode_id = letters[0].episode_id or ""
        told = lane.told.get(episode_id, Told.NOTHING)
        return Unit(letters=tuple(letters), alert=self._alerts[episode_id], told=told)

    def _keep(self, lane: _Lane, letters: Sequence[Letter], reason: str) -> None:
        self._drop(lane, letters)
        self.kept += [Kept(letter, reason) for letter in letters]

    def _drop(self, lane: _Lane, letters: Sequence[Letter]) -> None:
        gone = {letter.key for letter in letters}
        lane.waiting = [one for one in lane.waiting if one.key not in gone]

    def _sweep(self) -> None:
        needed = {
            letter.episode_id
            for lane in self._lanes.values()
            for letters in (lane.waiting, *lane.digests.values())
            for letter in letters
        }
        for name in [name for name, alert in self._alerts.items() if not alert.is_firing and name not in needed]:
            del self._alerts[name]
            self._history.pop(name, None)
            for lane in self._lanes.values():
                lane.told.pop(name, None)

    def _forget(self, lane: _Lane, episode_id: str) -> None:
        lane.told.pop(episode_id, None)


def _is_loud(letter: Letter) -> bool:
    return is_loud(letter.change, letter.severity, is_urgent=letter.is_urgent)


def _count(lane: _Lane, sink: SinkPolicy, now_ms: int) -> None:
    """One more message within the stretch of a cap; a digest is one, too."""
    if sink.cap is not None:
        lane.window = lane.window.at(now_ms, sink.cap.per_ms).and_one()
