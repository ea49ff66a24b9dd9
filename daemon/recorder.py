"""From an event to what it means: rules are asked, and the answer is written down before anybody is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from daemon.bus import Mailbox
from daemon.clock import Clock
from daemon.keeping import Keeping
from rules.alerts import Alert, Transition
from rules.delivery import Acknowledgement, Policy, Post, Silence
from rules.delivery.letters import by_clock
from rules.delivery.standing import Mute
from rules.engine import Engine
from rules.events import Event
from storage.journal import Batch, Journal
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

EVENTS_MAX = 500  # a batch closes at so many events,
WINDOW_S = 0.02  # or after so long, or at once when something was decided
HOLD_FIRST_S, HOLD_MAX_S = 0.5, 15.0
SET_BACK_MS = 1_000  # the clock, in one step; less is a correction that nobody notices
LEAP_MS = 60_000  # forwards: it is right again
CATCH_UP = 10  # so much slower by a part the engine's time goes until such a clock is level with it
ALIVE_EVERY_MS = 5_000  # so exactly does a restart know since when nobody was watching


class Recorder:
    """The one writer of the engine and of what it decides. Holds the feeds back while the database cannot take it."""

    def __init__(
        self,
        *,
        engine: Engine,
        journal: Journal,
        keeping: Keeping,
        post: Post,
        clock: Clock,
        ring: Callable[[Iterable[str]], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`ring` wakes the lanes that have something new; `sleep` waits between two tries of a full disk."""
        self.engine = engine
        self.held_reason: str | None = None
        self.events_seen = 0
        self.transitions_seen = 0
        self._journal = journal
        self._keeping = keeping
        self._post = post
        self._next_policy: Policy | None = None
        self._clock = clock
        self._ring = ring
        self._sleep = sleep
        self._now_ms = 0
        self._clock_ms = 0  # as it was read last
        self._ahead_ms = 0.0  # of the clock, because that was set back
        self._written_ms = 0
        self._turn = asyncio.Lock()  # between two events: reloads and restores wait for it

    async def run(self, mailbox: Mailbox, stop: asyncio.Event) -> None:
        """Read until `stop` is set and the mailbox is empty."""
        while not (stop.is_set() and not mailbox.waiting):
            first = await mailbox.take(self._patience_s(stop))
            async with self._turn:
                await self._round(first, mailbox)

    def use(self, policy: Policy, keeping: Keeping) -> None:
        """A reload changed who is told or what is kept: from the next `decide` on."""
        self._next_policy = policy
        self._keeping = keeping

    async def decide(self, change: Callable[[Engine, int], list[Transition]]) -> None:
        """Change the engine between two events (restore, reload), and write what follows."""
        async with self._turn:
            now_ms = self._look()
            batch = _batch()
            if self._next_policy is not None:
                batch.notices.extend(self._post.use(self._next_policy, now_ms))
                self._next_policy = None
            self._take(change(self.engine, now_ms), batch, now_ms)
            await self._write(batch)

    async def hear(self, silences: Iterable[Silence], acknowledgements: Iterable[Acknowledgement]) -> None:
        """What people have said, all that still counts; write what follows."""
        async with self._turn:
            batch = _batch()
            batch.notices.extend(self._post.hear(silences, acknowledgements, self._look()))
            await self._write(batch)

    def why_muted(self, lane: str, alert: Alert, now_ms: int) -> Mute | None:
        """Why a message that is about to leave does not after all, or None; the post remembers that it did not."""
        mute = self._post.why_muted(lane, alert, now_ms)
        if mute is not None:
            self._post.keep_back(lane, alert, mute)
        return mute

    # -- one batch ----------------------------------------------------------------------------------------------

    def _patience_s(self, stop: asyncio.Event) -> float:
        times = [at_ms for at_ms in (self.engine.next_ms(), self._post.next_ms()) if at_ms is not None]
        due_ms = min(times, default=None)
        until_due_s = 1.0 if due_ms is None else max(0.0, (due_ms - self._clock()) / 1000)
        return 0.0 if stop.is_set() else min(1.0, until_due_s)  # a second, so that `stop` is seen

    async def _round(self, first: Sequence[Event], mailbox: Mailbox) -> None:
        batch = _batch()
        self._look()
        loop = asyncio.get_running_loop()
        closes_at = loop.time() + WINDOW_S
        events, count = first, 0
        while events:
            for event in events:
                self._observe(event, batch)
            count += len(events)
            if count >= EVENTS_MAX:
                break
            wait_s = 0.0 if batch.transitions else closes_at - loop.time()
            events = await mailbox.take(wait_s) if wait_s > 0 else mailbox.take_now()
        now_ms = self._look()
        self._take(self.engine.tick(now_ms), batch, now_ms)
        batch.notices.extend(self._post.tick(now_ms))
        await self._write(batch)

    def _observe(self, event: Event, batch: Batch) -> None:
        now_ms = self._time(event.received_ms)
        transitions = self.engine.observe(event, now_ms)
        self.events_seen += 1
        if self._keeping.keeps(event, now_ms) or transitions:  # what decided something is evidence
            batch.events.append(event)
        if transitions:
            self._take(transitions, batch, now_ms)

    def _time(self, at_ms: int) -> int:
        """The engine's time never goes back, whatever the clocks do."""
        if self._ahead_ms:
            at_ms = min(at_ms, self._clock_ms) + int(self._ahead_ms)  # what came before the step knows nothing of it
        self._now_ms = max(self._now_ms, at_ms)
        return self._now_ms

    def _look(self) -> int:
        """The engine's time by the clock. Where that was set back it goes on, a little slower until they are level.

        If it stood still, nothing would grow old: a sum over a minute would be one over an hour, and no wait would end.
        """
        clock_ms = self._clock()
        passed_ms, self._clock_ms = clock_ms - self._clock_ms, clock_ms
        if passed_ms < -SET_BACK_MS:
            self._ahead_ms -= passed_ms
            log.warning("clock was set back; decisions go on by the old one", extra={"by_s": -passed_ms // 1000})
        elif self._ahead_ms:
            self._ahead_ms = max(0.0, self._ahead_ms - passed_ms / (1 if passed_ms > LEAP_MS else CATCH_UP))
        self._post.ahead_ms = int(self._ahead_ms)
        return self._time(clock_ms)

    def _take(self, transitions: Sequence[Transition], batch: Batch, now_ms: int) -> None:
        if not transitions:
            return
        batch.notices.extend(self._post.take(transitions, now_ms))
        for transition in transitions:
            batch.transitions.append(transition)
            log.debug(
                "alert changed",
                extra={
                    "rule": transition.alert.rule_id,
                    "key": "private" if transition.alert.is_private else " ".join(transition.alert.key.values()),
                    "change": transition.change.value,
                    "severity": transition.alert.severity.value,
                },
            )
        self.transitions_seen += len(transitions)

    async def _write(self, batch: Batch) -> None:
        """Until the database has taken it: what was decided is not lost to a full disk."""
        states, forgotten = self.engine.take_changed()
        batch.states.extend(states)
        batch.forgotten.extend(forgotten)
        batch.told = self._post.take_changed()
        now_ms = self._clock()
        if now_ms < self._now_ms:
            batch.notices = by_clock(batch.notices, self._now_ms - now_ms)
        if not batch and 0 <= now_ms - self._written_ms < ALIVE_EVERY_MS:
            return
        wait_s = HOLD_FIRST_S
        while True:
            try:
                await self._journal.commit(batch, now_ms)
            except StorageTrouble as exc:
                self._held(str(exc))
                await self._sleep(wait_s)
                wait_s = min(HOLD_MAX_S, wait_s * 2)
                continue
            self._held(None)
            self._written_ms = now_ms
            self._ring({notice.sink for notice in batch.notices})
            return

    def _held(self, reason: str | None) -> None:
        if reason is not None and self.held_reason is None:
            log.error("the database cannot take what was decided; feeds wait", extra={"reason": reason})
        elif reason is None and self.held_reason is not None:
            log.info("the database is back; nothing was lost")
        self.held_reason = reason


def _batch() -> Batch:
    return Batch(events=[], transitions=[], states=[], forgotten=[], notices=[])
