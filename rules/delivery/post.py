"""Transitions, time and people's acts in, letters out: who is told what, who is not, and why.

The recorder, `tocsin test` and `tocsin backtest` ask the same Post, so the same file gives the same messages everywhere.
Quiet hours, caps and grouping are decided when a message is about to leave: see `gather`.
"""

import heapq
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from rules.alerts import Alert, Change, Transition, notice_key
from rules.delivery.letters import Letter
from rules.delivery.policy import Policy, SinkPolicy
from rules.delivery.silences import Acknowledgement, Silence
from rules.delivery.standing import COOLDOWN, Mute, Standing, Told

TOLD = (Change.FIRED, Change.ESCALATED, Change.EASED, Change.CLEARED)
_BAD_NEWS = (Change.FIRED, Change.ESCALATED)


class Changed(msgspec.Struct, kw_only=True):
    """What must be written down together with the letters."""

    standings: list[Standing] = []
    gone: list[str] = []  # episodes that are over
    lifted: list[str] = []  # silences that ended with their episode

    def __bool__(self) -> bool:
        return bool(self.standings or self.gone or self.lifted)


class Post:
    """One writer, no clock. Every method that may tell somebody something answers letters, oldest first."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.ahead_ms = 0  # of the clock, because that was set back: people's silences end by the clock
        self._standings: dict[str, Standing] = {}
        self._sources: dict[str, Alert] = {}  # firing alerts that may keep others quiet
        self._silences: dict[str, Silence] = {}
        self._acks: dict[str, Acknowledgement] = {}
        self._waiting: dict[str, set[str]] = {}  # cause -> episodes that some sink has not heard of because of it
        self._due: list[tuple[int, str]] = []  # (when, silence or episode), earliest first
        self._planned: dict[str, int] = {}  # the entry of each that counts; others are stale
        self._touched: dict[str, Standing] = {}
        self._gone: list[str] = []
        self._lifted: list[str] = []

    # -- what comes in ------------------------------------------------------------------------------------------------

    def take(self, transitions: Iterable[Transition], now_ms: int) -> list[Letter]:
        """What the engine has just decided: one letter for each sink concerned, also for one that is not told."""
        out: list[Letter] = []
        for transition in transitions:
            if transition.change in TOLD:
                self._take(transition, now_ms, out)
        return out

    def tick(self, now_ms: int) -> list[Letter]:
        """Time alone: repeats, and mutes that have ended."""
        out: list[Letter] = []
        while self._due and self._due[0][0] <= now_ms:
            at_ms, name = heapq.heappop(self._due)
            if self._planned.get(name) != at_ms:
                continue
            del self._planned[name]
            if (silence := self._silences.get(name)) is not None:
                if not silence.is_active(now_ms - self.ahead_ms):
                    del self._silences[name]
                    self._release(name, now_ms, out)
                elif silence.until_ms is not None:
                    left_ms = silence.until_ms + self.ahead_ms - now_ms
                    self._plan(name, now_ms + max(1, left_ms // 2))  # the two clocks do not go at one pace
            elif (standing := self._standings.get(name)) is not None:
                self._repeat(standing, now_ms, out)
        return out

    def next_ms(self) -> int | None:
        """When `tick` should be called next, or None."""
        return self._due[0][0] if self._due else None

    def hear(
        self, silences: Iterable[Silence], acknowledgements: Iterable[Acknowledgement], now_ms: int
    ) -> list[Letter]:
        """All that people have said and that still counts. What ended since the last time lets others speak again."""
        out: list[Letter] = []
        heard = {silence.silence_id: silence for silence in silences if silence.is_active(now_ms - self.ahead_ms)}
        # also what ended while we were not running: then nothing but the mute itself is left of it
        ended = [cause for cause in self._waiting if cause not in heard and cause not in self._sources]
        begun = [silence for name, silence in heard.items() if self._silences.get(name) != silence]
        self._silences = heard
        self._acks = {ack.episode_id: ack for ack in acknowledgements}
        for silence in begun:
            self._begin(silence)
        for name in ended:
            self._release(name, now_ms, out)
        return out

    def use(self, policy: Policy, now_ms: int) -> list[Letter]:
        """A reload changed who is told; whom nothing keeps quiet any more is told that an alert still fires."""
        self.policy = policy
        self._sources = {name: one.alert for name, one in self._standings.items() if self._may_mute(one.alert)}
        out: list[Letter] = []
        for cause in [cause for cause in self._waiting if cause not in self._silences]:
            self._release(cause, now_ms, out)
        for standing in self._standings.values():  # a sink that is back may have missed its time
            self._schedule(standing)
        return out

    # -- when a message leaves ----------------------------------------------------------------------------------------

    def why_muted(self, sink: str, alert: Alert, now_ms: int) -> Mute | None:
        """Why bad news of this alert is not told there now: a silence, or another alert that says it already."""
        del sink
        labels = self.policy.labels(alert.rule_id)
        for silence in self._silences.values():
            if silence.is_active(now_ms) and silence.matches(alert, labels):
                return Mute(_silenced(silence, now_ms), silence.silence_id, silence.until_ms)
        for episode_id, source in self._sources.items():
            if self.policy.mutes(source, alert):
                return Mute(f"inhibited by {source.rule_id}", episode_id)
        return None

    def keep_back(self, sink: str, alert: Alert, mute: Mute) -> None:
        """A letter that was on its way was muted after all; it is told if the alert outlasts the mute."""
        standing = self._standings.get(alert.episode_id)
        if standing is not None and (told := standing.sinks.get(sink)) is not None:
            self._mute(standing, told, mute)

    # -- what goes out to be remembered -------------------------------------------------------------------------------

    def take_changed(self) -> Changed:
        """What to write since the last call."""
        changed = Changed(standings=list(self._touched.values()), gone=self._gone, lifted=self._lifted)
        self._touched, self._gone, self._lifted = {}, [], []
        return changed

    def restore(self, standings: Iterable[Standing]) -> None:
        """Take up what an earlier run wrote; call `hear` afterwards, and `keep` when the rules are restored."""
        for standing in standings:
            self._standings[standing.episode_id] = standing
            if self._may_mute(standing.alert):
                self._sources[standing.episode_id] = standing.alert
            for told in standing.sinks.values():
                if told.mute is not None:
                    self._wait(standing, told.mute)
            self._schedule(standing)

    def keep(self, episodes: Iterable[str]) -> None:
        """Forget alerts that no rule knows any more."""
        known = set(episodes)
        for episode_id in [name for name in self._standings if name not in known]:
            self._forget(episode_id)

    @property
    def standings(self) -> Sequence[Standing]:
        """Alerts that fire, and who was told."""
        return list(self._standings.values())

    @property
    def silences(self) -> Sequence[Silence]:
        """Those that count at present."""
        return list(self._silences.values())

    # -- inside -------------------------------------------------------------------------------------------------------

    def _take(self, transition: Transition, now_ms: int, out: list[Letter]) -> None:
        alert, change = transition.alert, transition.change
        standing = self._standings.get(alert.episode_id)
        if change is Change.FIRED or standing is None:
            standing = Standing(alert=alert, notify=transition.notify)
        standing.alert = alert
        if change in _BAD_NEWS:
            standing.worse_ms = alert.at_ms
        names = dict.fromkeys(standing.sinks)
        if change is not Change.EASED or not names:
            names |= (
                dict.fromkeys(self.policy.recipients(alert, transition.notify)) if not _knows(change, names) else {}
            )
        for name in names:
            sink = self.policy.sinks.get(name)
            if sink is not None:  # else it was removed by a reload, and the alert is older
                self._tell(sink, standing, transition, now_ms, out)
        if change is Change.CLEARED:
            self._forget(alert.episode_id)
            self._release(alert.episode_id, now_ms, out)
        elif not alert.is_momentary:
            self._remember(standing)
            if alert.episode_id not in self._sources:  # it has eased to what keeps nobody quiet
                self._release(alert.episode_id, now_ms, out)

    def _tell(
        self, sink: SinkPolicy, standing: Standing, transition: Transition, now_ms: int, out: list[Letter]
    ) -> None:
        alert, change = transition.alert, transition.change
        told = standing.sinks.setdefault(sink.name, Told())
        mute = self._why(sink, transition, now_ms)
        key = notice_key(alert.episode_id, change, alert.sequence, sink.name)
        out.append(self._letter(sink, alert, change, alert.sequence, key, now_ms, mute))
        if change not in _BAD_NEWS:
            if self.policy.repeat_ms(alert, told.repeats) is None:  # it has eased to what is not repeated
                told.repeat_ms = None
            return
        told.mute, told.repeats, told.repeat_ms = None, 0, None
        if mute is not None:
            self._mute(standing, told, mute)
        else:
            self._plan_repeat(standing, told, now_ms)

    def _why(self, sink: SinkPolicy, transition: Transition, now_ms: int) -> Mute | None:
        """Why this sink is not told. An end is told to whoever was told the beginning: the outbox knows."""
        alert = transition.alert
        match transition.change:
            case Change.EASED if not sink.can_edit:
                return Mute("eased")  # good news that makes no sound: shown by an edit or not at all
            case Change.FIRED | Change.ESCALATED:
                if transition.muted is not None:
                    return Mute(transition.muted, COOLDOWN, transition.muted_until_ms)
                if alert.severity.rank < sink.min_severity.rank:
                    return Mute(f"below {sink.min_severity}")
                return self.why_muted(sink.name, alert, now_ms - self.ahead_ms)
        return None

    def _letter(
        self,
        sink: SinkPolicy,
        alert: Alert,
        change: Change,
        sequence: int,
        key: str,
        now_ms: int,
        mute: Mute | None,
    ) -> Letter:
        created_ms = alert.at_ms if change is not Change.STILL else now_ms
        due_ms = sink.group.due_ms(alert.severity, now_ms)
        return Letter(
            key=key,
            sink=sink.name,
            episode_id=alert.episode_id,
            change=change,
            severity=alert.severity,
            sequence=sequence,
            created_ms=created_ms,
            due_ms=due_ms,
            expires_ms=max(created_ms, due_ms) + sink.expire_ms,
            group=sink.group.key(alert),
            is_urgent=self.policy.is_urgent(alert),
            muted=None if mute is None else mute.reason,
        )

    def _repeat(self, standing: Standing, now_ms: int, out: list[Letter]) -> None:
        """Say again what still fires, or for the first time what a cooldown kept quiet."""
        for name, told in standing.sinks.items():
            sink = self.policy.sinks.get(name)
            if sink is None:
                continue
            if told.mute is not None and told.mute.cause == COOLDOWN and (told.mute.until_ms or 0) <= now_ms:
                self._still(sink, standing, told, now_ms, out)
            elif told.repeat_ms is not None and told.repeat_ms <= now_ms:
                told.repeats += 1
                self._still(sink, standing, told, now_ms, out)
        self._schedule(standing)

    def _release(self, cause: str, now_ms: int, out: list[Letter]) -> None:
        """What kept these alerts quiet has ended: whoever has not heard of one is told that it still fires."""
        for episode_id in sorted(self._waiting.pop(cause, ())):
            standing = self._standings.get(episode_id)
            if standing is None:
                continue
            for name, told in standing.sinks.items():
                if told.mute is None or told.mute.cause != cause:
                    continue
                if (sink := self.policy.sinks.get(name)) is None:
                    self._wait(standing, told.mute)  # until a reload brings it back
                else:
                    self._still(sink, standing, told, now_ms, out)

    def _still(self, sink: SinkPolicy, standing: Standing, told: Told, now_ms: int, out: list[Letter]) -> None:
        """Tell a sink that an alert still fires, unless something keeps it quiet, or somebody has said that they know."""
        alert = standing.alert
        self._touched[standing.episode_id] = standing
        if self._is_acknowledged(standing):
            told.mute = told.repeat_ms = None
            return
        mute = self.why_muted(sink.name, alert, now_ms - self.ahead_ms)
        if alert.severity.rank < sink.min_severity.rank:
            mute = Mute(f"below {sink.min_severity}")
        if mute is not None:
            self._mute(standing, told, mute)
            return
        told.mute = None
        key = notice_key(alert.episode_id, Change.STILL, told.number, sink.name)
        out.append(self._letter(sink, alert, Change.STILL, told.number, key, now_ms, None))
        told.number += 1
        self._plan_repeat(standing, told, now_ms)

    def _plan_repeat(self, standing: Standing, told: Told, now_ms: int) -> None:
        wait_ms = self.policy.repeat_ms(standing.alert, told.repeats)
        told.repeat_ms = None if wait_ms is None else now_ms + wait_ms
        self._schedule(standing)

    def _begin(self, silence: Silence) -> None:
        """Alerts that fire already and are meant are told again when the silence ends."""
        if silence.until_ms is not None:
            self._plan(silence.silence_id, silence.until_ms)
        mute = Mute(_silenced(silence, silence.created_ms), silence.silence_id, silence.until_ms)
        for standing in self._standings.values():
            if silence.matches(standing.alert, self.policy.labels(standing.alert.rule_id)):
                for told in standing.sinks.values():
                    if told.mute is None:
                        self._mute(standing, told, mute)

    def _mute(self, standing: Standing, told: Told, mute: Mute) -> None:
        told.mute, told.repeat_ms = mute, None
        self._wait(standing, mute)
        self._touched[standing.episode_id] = standing

    def _wait(self, standing: Standing, mute: Mute) -> None:
        if mute.cause and mute.cause != COOLDOWN:
            self._waiting.setdefault(mute.cause, set()).add(standing.episode_id)

    def _remember(self, standing: Standing) -> None:
        self._standings[standing.episode_id] = self._touched[standing.episode_id] = standing
        if self._may_mute(standing.alert):
            self._sources[standing.episode_id] = standing.alert
        else:
            self._sources.pop(standing.episode_id, None)
        self._schedule(standing)

    def _forget(self, episode_id: str) -> None:
        self._sources.pop(episode_id, None)
        self._touched.pop(episode_id, None)
        if self._standings.pop(episode_id, None) is not None:
            self._gone.append(episode_id)
        for silence_id in [name for name, one in self._silences.items() if one.episode_id == episode_id]:
            del self._silences[silence_id]
            self._lifted.append(silence_id)

    def _schedule(self, standing: Standing) -> None:
        at_ms = standing.next_ms(self.policy.sinks)
        if at_ms is not None:
            self._plan(standing.episode_id, at_ms)

    def _plan(self, name: str, at_ms: int) -> None:
        if at_ms < self._planned.get(name, at_ms + 1):
            self._planned[name] = at_ms
            heapq.heappush(self._due, (at_ms, name))

    def _may_mute(self, alert: Alert) -> bool:
        labels = self.policy.labels(alert.rule_id)
        return any(one.when.matches(alert, labels) for one in self.policy.inhibitions)

    def _is_acknowledged(self, standing: Standing) -> bool:
        ack = self._acks.get(standing.episode_id)
        return ack is not None and ack.at_ms >= standing.worse_ms


def _knows(change: Change, names: dict[str, None]) -> bool:
    """Whether good news has somebody to go to: it is for those who heard the bad."""
    return bool(names) and change not in _BAD_NEWS


def _silenced(silence: Silence, now_ms: int) -> str:
    """`silenced by anna until 14:00Z: too loud`."""
    until = ""
    if silence.until_ms is not None:
        moment = datetime.fromtimestamp(silence.until_ms / 1000, UTC)
        is_today = silence.until_ms // 86_400_000 == now_ms // 86_400_000
        until = f" until {moment:%H:%MZ}" if is_today else f" until {moment:%Y-%m-%d %H:%MZ}"
    elif silence.episode_id is not None:
        until = " until it clears"
    return f"silenced by {silence.author}{until}" + (f": {silence.reason}" if silence.reason else "")
