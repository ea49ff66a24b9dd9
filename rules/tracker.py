"""One rule and one key: the state machine between `nothing` and `firing`.

inactive --enter--> pending --`for`--> firing --clear--> recovering --`keep_firing_for`--> inactive
   ^                   | no longer       ^                   | no longer clear
   +-------------------+                 +-------------------+
"""

from math import inf, isfinite

import msgspec

from rules.alerts import Alert, AlertState, Change, Peak, Phase, Reason, Severity, Transition, episode_id, fingerprint
from rules.compiled import Measure, Rule, just_above
from rules.events import Event
from rules.stored import event_of, peak_of, quotable

_NO_PEAK = inf  # of a tracker whose episode is not running
FAR_MS = 10**15  # the year 33658: a wait that only the next value can end


class Tracker:
    """State of one rule and key. `low <= score < high` means: nothing changes."""

    __slots__ = (
        "alert",
        "assess",
        "episode_ms",
        "event",
        "fingerprint",
        "high",
        "is_dropped",
        "is_timed",
        "is_written",
        "key",
        "low",
        "measure",
        "nearest_ms",
        "not_before_ms",
        "peak",
        "phase",
        "rule",
        "rung",
        "scheduled_ms",
        "score",
        "seen_ms",
        "since_ms",
        "stale_ms",
        "told_ms",
        "told_rung",
        "trusted_ms",
        "worst",
    )

    def __init__(self, rule: Rule, key: dict[str, str]) -> None:
        self.key = key
        self.fingerprint = fingerprint(rule.rule_id, key)
        self.phase = Phase.INACTIVE
        self.rung = 0
        self.since_ms = 0
        self.stale_ms: int | None = None
        self.trusted_ms: float = inf  # though no value has come, the windows are whole again then
        self.not_before_ms = 0  # a wait that began under other limits ends no earlier
        self.episode_ms = -1  # the time in the latest episode's name
        self.seen_ms = 0
        self.told_ms: int | None = None
        self.told_rung = 0
        self.alert: Alert | None = None
        self.event: Event | None = None
        self.score = 0.0
        self.peak = _NO_PEAK
        self.worst: Peak | None = None  # how it stood at its peak
        self.scheduled_ms: float = inf
        self.is_dropped = False
        self.is_written = False
        self._use(rule, None)
        self._bound()

    def _use(self, rule: Rule, before: Measure | None) -> None:
        self.rule = rule
        self.measure = rule.measure(before)
        self.assess = self.measure.assess
        self.is_timed = rule.is_timed
        self.nearest_ms = self.measure.nearest_ms

    # -- restart and reload ---------------------------------------------------------------------------------------

    def resume(self, state: AlertState, alive_ms: int, now_ms: int) -> None:
        """Take up a stored state; the data has been stale since the earlier run was last alive."""
        ladder, alert = self.rule.ladder, state.alert
        self.phase, self.rung, self.since_ms = state.phase, state.rung, state.since_ms
        self.seen_ms, self.told_ms, self.told_rung = state.seen_ms, state.told_ms, state.told_rung
        self.missed(alive_ms)
        self.stale_ms = min(at for at in (state.stale_ms, self.stale_ms, alive_ms) if at is not None)
        self.alert = alert
        if alert is not None:
            self.score, self.peak, self.worst = alert.value * ladder.sign, alert.peak * ladder.sign, alert.worst
            self.episode_ms = int(alert.episode_id.split("-")[1])
            self.event = event_of(alert, self.rule)
        if state.spec_hash != self.rule.spec_hash:
            self._climb_to(alert.severity if alert is not None else None)
        self.is_written = True
        self._trust_after(now_ms)
        self._bound()

    def adopt(self, rule: Rule, now_ms: int) -> None:
        """A reload changed the rule's thresholds or times: keep the episode, judge it anew at the next value."""
        self.grow_stale(now_ms)
        old = self.rule
        self._use(rule, self.measure)
        if rule.facts != old.facts or rule.ladder.sign != old.ladder.sign:  # the number may mean something else now
            self.peak, self.worst = _NO_PEAK if self.phase is Phase.INACTIVE else -inf, None
        self._climb_to(old.ladder.severities[self.rung - 1] if self.rung else None)
        self._trust_after(now_ms)
        self._bound()

    def _climb_to(self, loudness: Severity | None) -> None:
        """Stand on the new ladder where the old severity belongs. A wait goes on, but the next value decides."""
        if self.rung:
            self.rung = self.rule.ladder.place(loudness)
        self.told_rung = min(self.told_rung, len(self.rule.ladder.severities))
        if self.phase in (Phase.PENDING, Phase.RECOVERING):
            self.not_before_ms = FAR_MS

    def state(self) -> AlertState:
        alert = self.alert
        if alert is not None and isfinite(self.peak) and alert.peak != self.peak * self.rule.ladder.sign:
            alert = msgspec.structs.replace(alert, peak=self.peak * self.rule.ladder.sign, worst=self.worst)
        return AlertState(
            fingerprint=self.fingerprint,
            rule_id=self.rule.rule_id,
            spec_hash=self.rule.spec_hash,
            key=self.key,
            phase=self.phase,
            rung=self.rung,
            since_ms=self.since_ms,
            stale_ms=self.stale_ms,
            seen_ms=self.seen_ms,
            told_ms=self.told_ms,
            told_rung=self.told_rung,
            alert=alert,
        )

    def is_worth_keeping(self) -> bool:
        """Whether a restart would miss this state."""
        return self.phase is not Phase.INACTIVE or (self.told_ms is not None and self.rule.cooldown_ms > 0)

    # -- what happens ---------------------------------------------------------------------------------------------

    def settle(self, score: float, now_ms: int, out: list[Transition]) -> bool:
        """A score has come at `now_ms`. True if the state is worth writing even without a transition."""
        self.missed(now_ms)
        touched = self._revive(now_ms)
        self.seen_ms = now_ms
        touched |= self.judge(score, now_ms, out)
        return touched

    def judge(self, score: float, now_ms: int, out: list[Transition]) -> bool:
        """Act on a score. True if the state is worth writing even without a transition."""
        self.score = score
        phase, peak, rule, ladder = self.phase, self.peak, self.rule, self.rule.ladder
        if rule.is_momentary:
            if score >= ladder.enters[0]:
                self._flash(ladder.rung(score, 0), now_ms, out)
            return False
        match self.phase:
            case Phase.INACTIVE if score >= ladder.enters[0]:
                self.since_ms = now_ms
                if rule.for_ms:
                    self.phase = Phase.PENDING
                    self._say(Change.PENDING, Reason.FIRST, now_ms, out)
                else:
                    self._fire(now_ms, out)
            case Phase.PENDING if score < ladder.enters[0]:
                self.phase = Phase.INACTIVE
                self._say(Change.LAPSED, Reason.LAPSED, now_ms, out)
                self.alert = None
            case Phase.PENDING:
                self.pass_time(now_ms, out)
            case Phase.FIRING:
                self._move(score, now_ms, out)
            case Phase.RECOVERING if score >= ladder.exits[0]:
                self.phase = Phase.FIRING
                self._move(score, now_ms, out)
            case Phase.RECOVERING:
                self.pass_time(now_ms, out)
        self._bound()
        return self.phase is not phase or self.peak != peak

    def pass_time(self, now_ms: int, out: list[Transition]) -> None:
        """Only time has passed; act if a wait is over and the data was fresh all the while."""
        due_ms = self._wait_over_ms()
        if due_ms is None or due_ms > now_ms:
            return
        if self.phase is Phase.PENDING:
            self._fire(due_ms, out)
        elif self.phase is Phase.RECOVERING:
            self._clear(due_ms, Reason.CLEARED, out)
        self._bound()

    def due_ms(self) -> int | None:
        """When time alone may change something."""
        over_ms = self._wait_over_ms()
        if not self.is_timed or self.event is None:
            return over_ms
        if self.stale_ms is not None:
            next_ms = int(self.trusted_ms) if self.trusted_ms < inf else None
        else:
            next_ms = self.measure.next_ms()
        if over_ms is None or next_ms is None:
            return next_ms if over_ms is None else over_ms
        return min(over_ms, next_ms)

    def grow_stale(self, now_ms: int) -> bool:
        """No value can be believed from now on. True if that is worth writing."""
        if self.phase is Phase.INACTIVE:
            return False
        self.trusted_ms = inf
        self.missed(now_ms)
        is_news = self.stale_ms is None
        if is_news:
            self.stale_ms = now_ms
        self._bound()
        return is_news

    def may_recover(self, now_ms: int) -> bool:
        """The feed is back. True if time alone will make the score believable again."""
        if self.stale_ms is None or self.phase is Phase.INACTIVE:
            return False
        self._trust_after(now_ms)
        return self.trusted_ms < inf

    def trust(self, now_ms: int) -> bool:
        """Believe the windows again if they have been fed for their whole length. True if that is worth writing."""
        if self.stale_ms is None or self.trusted_ms > now_ms:
            return False
        self.seen_ms = now_ms
        return self._revive(now_ms)

    def _trust_after(self, now_ms: int) -> None:
        """A sum of events needs no new event to be right again: a window's length without any is an answer, too."""
        if self.stale_ms is not None and self.is_timed and self.rule.max_age_ms is None and self.event is not None:
            self.trusted_ms = now_ms + self.rule.window_ms

    def close(self, now_ms: int, reason: Reason, out: list[Transition]) -> None:
        """The rule is gone or follows other keys now: end what is running."""
        if self.phase is Phase.PENDING:
            self._say(Change.LAPSED, reason, now_ms, out)
        elif self.phase is not Phase.INACTIVE:
            self._clear(now_ms, reason, out)
        self.phase = Phase.INACTIVE

    # -- inside -------------------------------------------------------------------------------------------------

    def _wait_over_ms(self) -> int | None:
        """When `for` or `keep_firing_for` will have passed with fresh data; None while it cannot."""
        if self.phase is Phase.PENDING:
            over_ms = self.since_ms + self.rule.for_ms
        elif self.phase is Phase.RECOVERING:
            over_ms = self.since_ms + self.rule.keep_firing_ms
        else:
            return None
        over_ms = max(over_ms, self.not_before_ms)
        fresh_until = self._fresh_until_ms()
        return over_ms if fresh_until is None or over_ms <= fresh_until else None

    def _fresh_until_ms(self) -> int | None:
        if self.stale_ms is not None:
            return self.stale_ms
        return None if self.rule.max_age_ms is None else self.seen_ms + self.rule.max_age_ms

    def _revive(self, now_ms: int) -> bool:
        """A value has come after a silence: the silence counts for nothing."""
        if self.stale_ms is None:
            return False
        self.since_ms += max(0, now_ms - max(self.stale_ms, self.since_ms))
        self.stale_ms, self.trusted_ms = None, inf
        self.not_before_ms = now_ms if self.not_before_ms == FAR_MS else 0
        return self.phase is not Phase.INACTIVE

    def missed(self, now_ms: int) -> None:
        """If the last value is too old, the stretch since it ceased to be fresh is stale."""
        if self.rule.max_age_ms is not None and self.stale_ms is None and self.seen_ms:
            fresh_until = self.seen_ms + self.rule.max_age_ms
            if now_ms > fresh_until:
                self.stale_ms = fresh_until

    def _fire(self, now_ms: int, out: list[Transition]) -> None:
        self.phase = Phase.FIRING
        self.rung = max(1, self.rule.ladder.rung(self.score, 0))
        self._reach(self.score)
        muted = self._cooldown(now_ms)
        self._say(Change.FIRED, Reason.FIRST, now_ms, out, muted=muted)

    def _move(self, score: float, now_ms: int, out: list[Transition]) -> None:
        """Firing already: up, down, out, or only a new peak."""
        rung = self.rule.ladder.rung(score, self.rung)
        is_worse, self.rung = rung > self.rung, max(rung, self.rung)
        if score > self.peak:
            self._reach(score)
        if is_worse:
            self._say(Change.ESCALATED, Reason.ESCALATED, now_ms, out)
        elif rung == 0:
            if self.rule.keep_firing_ms:
                self.phase, self.since_ms = Phase.RECOVERING, now_ms
            else:
                self._clear(now_ms, Reason.CLEARED, out)
        elif rung < self.rung:
            self.rung = rung
            self._say(Change.EASED, Reason.EASED, now_ms, out)

    def _reach(self, score: float) -> None:
        """It has never stood worse. What it is then is kept; the end knows only the end."""
        self.peak, self.worst = score, peak_of(self.rule.ladder, self.rung, score, self._facts())

    def _clear(self, now_ms: int, reason: Reason, out: list[Transition]) -> None:
        self.phase = Phase.INACTIVE
        self._say(Change.CLEARED, reason, now_ms, out)
        self.rung, self.alert, self.peak, self.worst = 0, None, _NO_PEAK, None

    def _flash(self, rung: int, now_ms: int, out: list[Transition]) -> None:
        """An event rule: said once, nothing to clear."""
        self.rung, self.since_ms, self.peak = rung, now_ms, self.score
        once = self.event.once_key if self.event is not None else None
        self.alert = None
        self._say(Change.FIRED, Reason.FIRST, now_ms, out, muted=self._cooldown(now_ms), once=once)
        self.rung, self.alert, self.peak = 0, None, _NO_PEAK

    def _cooldown(self, now_ms: int) -> str | None:
        """Why this fire is not told, or None; a worse one breaks the cooldown."""
        wait_ms = self.rule.cooldown_ms
        if wait_ms and self.told_ms is not None and now_ms - self.told_ms < wait_ms and self.rung <= self.told_rung:
            return "cooldown"
        return None

    def _say(
        self,
        change: Change,
        reason: Reason,
        now_ms: int,
        out: list[Transition],
        *,
        muted: str | None = None,
        once: str | None = None,
    ) -> None:
        rule, ladder, rung, before = self.rule, self.rule.ladder, max(1, self.rung), self.alert
        goes_on = change not in (Change.PENDING, Change.FIRED)
        if before is not None and change is not Change.PENDING:
            mark = before.episode_id
        else:
            # two episodes within one millisecond are two; only what has a name of its own needs no other time
            self.episode_ms = self.since_ms if once is not None else max(self.since_ms, self.episode_ms + 1)
            mark = episode_id(self.fingerprint, self.episode_ms)
            if once is not None:  # two orders of one millisecond are two alerts; one order read twice is one
                mark = f"{mark}-{fingerprint(once, {})[:12]}"
        is_over = change in (Change.CLEARED, Change.LAPSED)
        self.alert = alert = Alert(
            episode_id=mark,
            rule_id=rule.rule_id,
            kind=rule.kind,
            key=self.key,
            severity=before.severity if is_over and before is not None else ladder.severities[rung - 1],
            is_firing=not is_over and change is not Change.PENDING and not rule.is_momentary,
            is_momentary=rule.is_momentary,
            sequence=0 if before is None or change is Change.PENDING else before.sequence + 1,
            started_ms=before.started_ms if before is not None and goes_on else now_ms,
            held_since_ms=before.held_since_ms if before is not None and goes_on else self.since_ms,
            at_ms=now_ms,
            ended_ms=now_ms if is_over else None,
            value=self.score * ladder.sign,
            threshold=ladder.shown[rung - 1],
            peak=(self.peak if isfinite(self.peak) else self.score) * ladder.sign,
            facts=self._facts(),
            template=rule.template,
            worst=self.worst,
        )
        if muted is None and change in (Change.FIRED, Change.ESCALATED):
            self.told_ms, self.told_rung = now_ms, self.rung
        told = Transition(alert=alert, change=change, reason=reason, notify=rule.notify, muted=muted)
        if muted is not None and self.told_ms is not None:
            told = msgspec.structs.replace(told, muted_until_ms=self.told_ms + rule.cooldown_ms)
        out.append(told)

    def _facts(self) -> dict[str, object]:
        before = self.alert if self.stale_ms is not None else None
        return quotable(self.rule, self.measure, self.event, self.score, before)

    def _bound(self) -> None:
        """Between which scores nothing changes, not even the peak, for the engine's short cut."""
        ladder = self.rule.ladder
        if self.stale_ms is not None:  # the next value ends the silence
            self.low, self.high = inf, -inf
        elif self.phase is Phase.INACTIVE:
            self.low, self.high = -inf, ladder.enters[0]
        elif self.phase is Phase.FIRING:
            self.low = ladder.exits[self.rung - 1]
            self.high = just_above(self.peak)
            if self.rung < len(ladder.enters):
                self.high = min(self.high, ladder.enters[self.rung])
        else:  # a wait is running: every value counts, because its absence would
            self.low, self.high = inf, -inf
