"""From the outbox to people: one lane per sink, one message at a time, and the truth about each written down."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from daemon.clock import Clock
from rules.alerts import Change, Severity
from rules.delivery.policy import SinkPolicy
from rules.kinds import say
from sinks.base import (
    Busy,
    Gone,
    Message,
    Notice,
    Receipt,
    SinkTrouble,
    Uncertain,
    Undeliverable,
    Unreached,
)
from sinks.registry import PacedSink
from sinks.render import render
from storage.claim import Delivery, WhyMuted, never
from storage.notices import Words
from storage.outbox import Outbox, own_words
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

Dress = Callable[[Delivery, Message], Awaitable[Message]]  # puts buttons under a message that is about to leave

PATIENCE_S = 30.0  # longer than any driver's own time-outs; past it the answer did not come
BACKOFF_FIRST_S, BACKOFF_MAX_S = 1.0, 60.0
BUSY_WITHOUT_ADVICE_S = 5.0
NO_ANSWER = "no answer came"
LOOK_ANYWAY_S = 5.0  # a bell may be missed (another process wrote); the table is the truth
ADVICE_MAX_S = 86_400.0  # a far end that says `in ten years` is not believed


@dataclass(frozen=True, kw_only=True)
class LaneConfig:
    """How one sink wants its messages treated."""

    sink: PacedSink
    address_hash: str
    repeats: frozenset[Severity] = frozenset({Severity.CRITICAL})  # sent once more when the answer was lost
    policy: SinkPolicy | None = None  # when it wants to be told; None: at once, and edited where the chat can
    late_after_ms: int = 120_000
    dress: Dress | None = None  # None: nothing can be pressed


@dataclass(kw_only=True)
class LaneStatus:
    """How a lane is doing, for /healthz and /metrics."""

    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    dead: int = 0
    held: int = 0
    edited: int = 0
    last_sent_ms: int | None = None
    last_error: str | None = None  # None: the latest message was taken
    failing: bool = False  # the latest try did not arrive, or nobody knows
    held_until_ms: int | None = None
    disabled: str | None = None  # why nothing leaves until a person acts
    lag_ms: list[int] = field(default_factory=list)  # decision to answer of the latest messages


class Dispatch:
    """Runs the lanes. `ring` wakes them; `run` keeps them going until `stop`."""

    def __init__(
        self,
        outbox: Outbox,
        lanes: Mapping[str, LaneConfig],
        *,
        clock: Clock,
        label: str | None = None,
        why_muted: WhyMuted = never,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`why_muted` is asked once more when a message is about to leave: silences come and go."""
        self.why_muted = why_muted
        self.status = {name: LaneStatus() for name in lanes}
        self._lanes = {
            name: _Lane(name, config, self, outbox, clock, label, uniform, sleep) for name, config in lanes.items()
        }

    def ring(self, lanes: Iterable[str]) -> None:
        """Something new waits in these lanes."""
        for name in lanes:
            if (lane := self._lanes.get(name)) is not None:
                lane.bell.set()

    def others(self, name: str) -> list[str]:
        """Where to tell that a lane has died."""
        return [other for other in self._lanes if other != name]

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; a message on its way is waited for."""
        async with asyncio.TaskGroup() as group:
            for name, lane in self._lanes.items():
                group.create_task(lane.run(stop), name=f"lane {name}")


class _Lane:
    """The queue of one sink."""

    def __init__(
        self,
        name: str,
        config: LaneConfig,
        house: Dispatch,
        outbox: Outbox,
        clock: Clock,
        label: str | None,
        uniform: Callable[[float, float], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.bell = asyncio.Event()
        self._name = name
        self._config = config
        self._policy = config.policy or SinkPolicy(name=name, can_edit=config.sink.can_edit)
        self._house = house
        self._outbox = outbox
        self._clock = clock
        self._label = label
        self._uniform = uniform
        self._sleep = sleep
        self._pace = config.sink.pace
        self._status = house.status[name]
        self._storage_held = False
        self._claimed_ms: int | None = None  # when we last tried to, until we know what came of it

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.bell.clear()
            try:
                busy = await self._one(stop)
            except StorageTrouble as exc:
                self._say_held(str(exc))
                busy = False
            if not busy and not stop.is_set():
                await self._rest(stop)

    async def _one(self, stop: asyncio.Event) -> bool:
        """Deliver the next message, if one may leave. True: look again at once."""
        # never longer than one gap, or a clock that was set back would silence the lane
        wait_ms = min(self._pace.wait_ms(self._clock()), self._pace.gap_ms)
        if wait_ms:
            await _first(stop.wait(), self._sleep(wait_ms / 1000))
            if stop.is_set():
                return False
        delivery = await self._claim()
        self._say_held(None)
        if delivery is None:
            return False
        self._pace = self._pace.spent(self._clock())
        await self._deliver(delivery)
        return True

    async def _claim(self) -> Delivery | None:
        """The next message. A claim whose answer was lost may hold: it is put back, or it would block the lane."""
        if self._claimed_ms is not None:
            await self._outbox.unclaim(self._name, self._claimed_ms)
        self._claimed_ms = self._clock()
        delivery = await self._outbox.claim(
            self._name, self._claimed_ms, sink=self._policy, why_muted=self._house.why_muted
        )
        self._claimed_ms = None
        return delivery

    async def _rest(self, stop: asyncio.Event) -> None:
        """Until the bell rings, the next message is due, or a few seconds have passed."""
        try:
            await self._look()
            due_ms = await self._outbox.next_at_ms(self._name, self._clock())
        except StorageTrouble:
            due_ms = None
        wait_s = LOOK_ANYWAY_S if due_ms is None else min(LOOK_ANYWAY_S, max(0.01, (due_ms - self._clock()) / 1000))
        await _first(stop.wait(), self.bell.wait(), timeout_s=wait_s)

    async def _look(self) -> None:
        """What the table says of this lane; an earlier run or a person at the command line may have changed it."""
        lane = next((lane for lane in await self._outbox.lanes() if lane.name == self._name), None)
        status = self._status
        disabled = lane.disabled_reason if lane is not None else None
        status.held_until_ms = lane.not_before_ms if lane is not None else None
        if disabled is not None and status.disabled is None:
            log.error("sink is disabled", extra={"sink": self._name, "reason": disabled})
        elif disabled is None and status.disabled is not None:
            log.info("sink is enabled again", extra={"sink": self._name})
        status.disabled = disabled

    async def _deliver(self, delivery: Delivery) -> None:
        """Send, and write down what became of it. Between the claim and the note we may be killed: see `recover`.

        Any other exception is a bug of ours and stops the house: the message stays marked as being sent, so the next
        start lists it as uncertain, and repeats it once at most.
        """
        try:
            receipt = await self._send(delivery)
        except Busy as exc:
            await self._wait(delivery, exc)
        except Unreached as exc:
            await self._try_later(delivery, str(exc))
        except (Uncertain, TimeoutError) as exc:
            await self._doubt(delivery, str(exc) or NO_ANSWER)
        except Gone as exc:
            await self._bury(delivery, str(exc))
        except Undeliverable as exc:
            self._status.dead += 1
            self._status.last_error = str(exc)
            log.error("message will never be taken", extra=self._about(delivery, str(exc)))
            await self._note(self._outbox.dead, delivery.key, str(exc))
        else:
            await self._done(delivery, receipt)
            if delivery.refreshes is not None:
                await self._refresh(delivery, delivery.refreshes)

    async def _refresh(self, delivery: Delivery, name: str) -> None:
        """Let the alert's first message say how it stands. What matters was told aloud: this is tried once."""
        self._pace = self._pace.spent(self._clock())
        message = await self._dressed(delivery, self._message(delivery, is_edit=True))
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._config.sink.deliver(message, edits=name)
            self._status.edited += 1
        except (SinkTrouble, TimeoutError) as exc:
            log.debug("the first message stays as it was", extra=self._about(delivery, str(exc) or NO_ANSWER))

    async def _send(self, delivery: Delivery) -> Receipt:
        message = await self._dressed(delivery, self._message(delivery))
        if delivery.edits is not None:
            if await self._edit(delivery, message):
                return Receipt(delivery.edits)
            await self._note(self._outbox.send_anew, delivery.key)
        async with asyncio.timeout(PATIENCE_S):
            return await self._config.sink.deliver(message)

    async def _edit(self, delivery: Delivery, message: Message) -> bool:
        """Change the messages that this replaces, the latest first; False: not all can be changed.

        An edit whose answer was lost is made again: the same edit twice is one edit.
        """
        is_changed = True
        for number, name in enumerate(filter(None, (delivery.edits_too, delivery.edits))):
            if number:
                self._pace = self._pace.spent(self._clock())
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._config.sink.deliver(message, edits=name)
            except (Uncertain, TimeoutError) as exc:
                raise Unreached(str(exc) or NO_ANSWER) from exc
            except (Undeliverable, Gone) as exc:  # it cannot be changed, or is in a chat of an earlier address
                log.debug("a message cannot be changed", extra=self._about(delivery, str(exc)))
                is_changed = False
        self._status.edited += is_changed
        return is_changed

    async def _dressed(self, delivery: Delivery, message: Message) -> Message:
        """With its buttons; without a database it goes out bare, because the words matter more."""
        if self._config.dress is None:
            return message
        try:
            return await self._config.dress(delivery, message)
        except StorageTrouble as exc:
            log.warning("message goes without buttons", extra=self._about(delivery, str(exc)))
            return message

    def _message(self, delivery: Delivery, *, is_edit: bool = False) -> Message:
        """The words, as they are true now."""
        notice = Notice(
            key=delivery.key,
            form=delivery.form,
            change=delivery.change,
            severity=delivery.severity,
            alert=delivery.alert,
            history=delivery.history,
            members=delivery.members,
            words=delivery.words,
            created_ms=delivery.created_ms,
            due_ms=delivery.due_ms,
            is_repeat=delivery.is_repeat and not is_edit,
            is_edit=is_edit or delivery.edits is not None,
            is_reply=delivery.replies is not None,
            merged=delivery.merged,
        )
        late_after_ms = self._config.late_after_ms
        message = render(notice, self._clock(), say=say, label=self._label, late_after_ms=late_after_ms)
        is_good_news = delivery.change in (Change.CLEARED, Change.EASED)
        return replace(
            message,
            is_silent=is_good_news or delivery.severity in self._policy.silent,
            replies=None if is_edit else delivery.replies,
        )

    # -- what became of it ----------------------------------------------------------------------------------------

    async def _done(self, delivery: Delivery, receipt: Receipt) -> None:
        status, now_ms = self._status, self._clock()
        status.sent += 1
        status.last_sent_ms = now_ms
        status.lag_ms = [*status.lag_ms[-199:], max(0, now_ms - max(delivery.created_ms, delivery.due_ms))]
        status.last_error = None
        if status.failing:
            log.info("sink is back", extra={"sink": self._name})
        status.failing = False
        await self._note(self._outbox.sent, delivery.key, receipt.message_id, now_ms)

    async def _wait(self, delivery: Delivery, exc: Busy) -> None:
        """The far end said when to come back: the whole lane waits, also across a restart."""
        status = self._status
        advice_s = BUSY_WITHOUT_ADVICE_S if exc.retry_after_s is None else exc.retry_after_s
        advice_s = min(max(0.0, advice_s), ADVICE_MAX_S)
        until_ms = self._clock() + round(1000 * (advice_s + self._uniform(0.05, 0.5)))
        status.held += 1
        status.held_until_ms = until_ms
        status.last_error = str(exc)
        log.info("lane is held", extra=self._about(delivery, str(exc)) | {"for_s": advice_s})
        await self._note(self._outbox.hold_lane, self._name, until_ms, str(exc), key=delivery.key)

    async def _try_later(self, delivery: Delivery, reason: str) -> None:
        """It certainly did not arrive. Said once, until something arrives again."""
        wait_ms = self._backoff_ms(delivery.attempts)
        level = logging.DEBUG if self._status.failing else logging.WARNING
        log.log(level, "message did not leave", extra=self._about(delivery, reason) | {"retry_in_s": wait_ms / 1000})
        self._status.failed += 1
        self._status.failing = True
        self._status.last_error = reason
        await self._note(self._outbox.retry_at, delivery.key, self._clock() + wait_ms, reason)

    async def _doubt(self, delivery: Delivery, reason: str) -> None:
        """It left and nobody answered: the loud is sent once more and says so, the rest is left alone."""
        self._status.uncertain += 1
        self._status.failing = True
        self._status.last_error = reason
        resend = delivery.severity in self._config.repeats
        at_ms = self._clock() + self._backoff_ms(0)
        again = await self._note(self._outbox.uncertain, delivery.key, reason, resend=resend, at_ms=at_ms)
        log.warning(
            "message may or may not have arrived", extra=self._about(delivery, reason) | {"repeats": bool(again)}
        )

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        """The recipient is dead: stop its lane, and tell the operator on the others."""
        now_ms = self._clock()
        self._status.last_error = self._status.disabled = reason
        log.error("sink is dead and disabled", extra=self._about(delivery, reason))
        words = Words(
            headline=f"WARNING  sink {self._name} takes no more messages",
            lines=(
                reason,
                f"alerts for it wait; mend it or give it its new address, then: tocsin sinks test {self._name}",
            ),
        )
        tell = [own_words(other, words, Severity.WARNING, now_ms) for other in self._house.others(self._name)]
        await self._note(self._outbox.disable_lane, self._name, reason, tell, key=delivery.key)
        self._house.ring(self._house.others(self._name))

    async def _note(self, write: Callable[..., Awaitable[object]], *args: object, **more: object) -> object:
        """Write an outcome, however long the database takes: an outcome that is known must not become a doubt."""
        wait_s = 0.2
        while True:
            try:
                answer = await write(*args, **more)
            except StorageTrouble as exc:
                self._say_held(str(exc))
                await self._sleep(wait_s)
                wait_s = min(5.0, wait_s * 2)
                continue
            self._say_held(None)
            return answer

    def _backoff_ms(self, attempts: int) -> int:
        ceiling_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(attempts, 10))
        return round(1000 * (ceiling_s / 2 + self._uniform(0.0, ceiling_s / 2)))

    def _about(self, delivery: Delivery, reason: str) -> dict[str, object]:
        return {"sink": self._name, "id": delivery.key[:8], "reason": reason}

    def _say_held(self, reason: str | None) -> None:
        if reason is not None and not self._storage_held:
            log.error("lane waits for the database", extra={"sink": self._name, "reason": reason})
        elif reason is None and self._storage_held:
            log.info("lane has the database again", extra={"sink": self._name})
        self._storage_held = reason is not None


async def _first(*waits: Awaitable[Any], timeout_s: float | None = None) -> None:
    """Until one of these is over, or the time is."""
    tasks = {asyncio.ensure_future(wait) for wait in waits}
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
