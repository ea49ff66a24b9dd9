"""From an event to what it means: rules are asked, and the answer is written down before anybody is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from daemon.bus import Mailbox
from daemon.clock import Clock
from daemon.keeping import Keeping
from rules.alerts import Change, Severity, Transition, notice_key
from rules.engine import Engine
from rules.events import Event
from storage.journal import Batch, Journal
from storage.notices import NewNotice
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

EVENTS_MAX = 500  # a batch closes at so many events,
WINDOW_S = 0.02  # or after so long, or at once when something was decided
HOLD_FIRST_S, HOLD_MAX_S = 0.5, 15.0
ALIVE_EVERY_MS = 5_000  # so exactly does a restart know since when nobody was watching

_TOLD = (Change.FIRED, Change.ESCALATED, Change.EASED, Change.CLEARED)


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """What the recorder must know of a sink."""

    name: str
    min_severity: Severity
    expire_ms: int
    can_edit: bool


class Recorder:
    """The one writer of the engine and of what it decides. Holds the feeds back while the database cannot take it."""

    def __init__(
        self,
        *,
        engine: Engine,
        journal: Journal,
        keeping: Keeping,
        recipients: Iterable[Recipient],
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
        self._recipients = {recipient.name: recipient for recipient in recipients}
        self._clock = clock
        self._ring = ring
        self._sleep = sleep
        self._now_ms = 0
        self._written_ms = 0
        self._turn = asyncio.Lock()  # between two events: reloads and restores wait for it

    async def run(self, mailbox: Mailbox, stop: asyncio.Event) -> None:
        """Read until `stop` is set and the mailbox is empty."""
        while not (stop.is_set() and not mailbox.waiting):
            first = await mailbox.take(self._patience_s(stop))
            async with self._turn:
                await self._round(first, mailbox)

    def use(self, recipients: Iterable[Recipient], keeping: Keeping) -> None:
        """A reload changed who is told or what is kept."""
        self._recipients = {recipient.name: recipient for recipient in recipients}
        self._keeping = keeping

    async def decide(self, change: Callable[[Engine, int], list[Transition]]) -> None:
        """Change the engine between two events (restore, reload), and write what follows."""
        async with self._turn:
            batch = Batch(events=[], transitions=[], states=[], forgotten=[], notices=[])
            self._take(change(self.engine, self._time(self._clock())), batch)
            await self._write(batch)

    # -- one batch ----------------------------------------------------------------------------------------------

    def _patience_s(self, stop: asyncio.Event) -> float:
        due_ms = self.engine.next_ms()
        until_due_s = 1.0 if due_ms is None else max(0.0, (due_ms - self._clock()) / 1000)
        return 0.0 if stop.is_set() else min(1.0, until_due_s)  # a second, so that `stop` is seen

    async def _round(self, first: Sequence[Event], mailbox: Mailbox) -> None:
        batch = Batch(events=[], transitions=[], states=[], forgotten=[], notices=[])
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
        self._take(self.engine.tick(self._time(self._clock())), batch)
        await self._write(batch)

    def _observe(self, event: Event, batch: Batch) -> None:
        now_ms = self._time(event.received_ms)
        transitions = self.engine.observe(event, now_ms)
        self.events_seen += 1
        if self._keeping.keeps(event, now_ms) or transitions:  # what decided something is evidence
            batch.events.append(event)
        if transitions:
            self._take(transitions, batch)

    def _time(self, at_ms: int) -> int:
        """The engine's time never goes back, whatever the clocks do."""
        self._now_ms = max(self._now_ms, at_ms)
        return self._now_ms

    def _take(self, transitions: Sequence[Transition], batch: Batch) -> None:
        for transition in transitions:
            batch.transitions.append(transition)
            batch.notices.extend(self._notices(transition))
            log.debug(
                "alert changed",
                extra={
                    "rule": transition.alert.rule_id,
                    "key": " ".join(transition.alert.key.values()),
                    "change": transition.change.value,
                    "severity": transition.alert.severity.value,
                },
            )
        self.transitions_seen += len(transitions)

    def _notices(self, transition: Transition) -> Iterable[NewNotice]:
        """One row for each sink the rule names, also where nobody will be told: then the row says why."""
        if transition.change not in _TOLD:
            return
        alert = transition.alert
        names = self._recipients if transition.notify is None else transition.notify
        for name in names:
            recipient = self._recipients.get(name)
            if recipient is None:  # the sink was removed by a reload, the episode is older
                continue
            yield NewNotice(
                key=notice_key(alert.episode_id, transition.change, alert.sequence, name),
                lane=name,
                episode_id=alert.episode_id,
                change=transition.change,
                severity=alert.severity,
                sequence=alert.sequence,
                created_ms=alert.at_ms,
                expires_ms=alert.at_ms + recipient.expire_ms,
                muted=transition.muted or _why_muted(transition, recipient),
            )

    async def _write(self, batch: Batch) -> None:
        """Until the database has taken it: what was decided is not lost to a full disk."""
        states, forgotten = self.engine.take_changed()
        batch.states.extend(states)
        batch.forgotten.extend(forgotten)
        now_ms = self._clock()
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
            self._ring({notice.lane for notice in batch.notices})
            return

    def _held(self, reason: str | None) -> None:
        if reason is not None and self.held_reason is None:
            log.error("the database cannot take what was decided; feeds wait", extra={"reason": reason})
        elif reason is None and self.held_reason is not None:
            log.info("the database is back; nothing was lost")
        self.held_reason = reason


def _why_muted(transition: Transition, recipient: Recipient) -> str | None:
    """Why this sink is not told, or None. An end is told to whoever was told the beginning: the outbox knows."""
    match transition.change:
        case Change.EASED if not recipient.can_edit:
            return "eased"  # good news that makes no sound: shown by an edit or not at all
        case Change.FIRED | Change.ESCALATED if transition.alert.severity.rank < recipient.min_severity.rank:
            return f"below {recipient.min_severity}"
    return None
