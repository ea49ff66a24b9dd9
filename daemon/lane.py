"""The queue of one sink: one message at a time, at the chat's own pace, and the truth about each written down."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from daemon.clock import Clock
from daemon.courier import NO_ANSWER, Courier, LaneConfig
from daemon.late import Late
from daemon.ledger import Corridor, LaneStatus, Ledger
from sinks.base import Busy, Gone, Uncertain, Undeliverable, Unreached
from storage.deliveries import Delivery
from storage.outbox import Glance, Outbox
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

CATCH_UP_AGAIN_MS = 60_000  # after an edit that only tells who has answered, or that all is over, did not arrive
SET_BACK_MS = 1_000  # less is a correction that nobody notices
LOOK_ANYWAY_S = 5.0  # a bell may be missed (another process wrote); the table is the truth


class Lane:
    """The queue of one sink. `bell` wakes it, `run` keeps it going."""

    def __init__(
        self,
        name: str,
        config: LaneConfig,
        status: LaneStatus,
        corridor: Corridor,
        outbox: Outbox,
        clock: Clock,
        label: str | None,
        uniform: Callable[[float, float], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.bell = asyncio.Event()
        self._name = name
        self._behind = config.behind
        self._corridor = corridor
        self._outbox = outbox
        self._clock = clock
        self._sleep = sleep
        self._status = status
        self._ledger = Ledger(
            name, status, corridor, outbox, clock, repeats=config.repeats, uniform=uniform, sleep=sleep
        )
        self._courier = Courier(name, config, status, self._ledger, outbox, clock, label, sleep)
        self._claimed_ms: int | None = None  # when we last tried to, until we know what came of it
        self._catch_up_ms = 0  # no earlier, after a failure
        self._seen: Glance | None = None  # in this turn, and nothing was done since
        self._looked_ms = 0  # at the clock, the last time

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`."""
        async with asyncio.TaskGroup() as group:
            self._courier.late = Late(group)
            await self._work(stop)
            self._courier.late.close()

    async def _work(self, stop: asyncio.Event) -> None:
        is_rung = True  # what an earlier run has left
        while not stop.is_set():
            self.bell.clear()
            self._seen = None
            try:
                busy = await self._one(stop, is_rung)
            except StorageTrouble as exc:
                self._ledger.say_held(str(exc))
                busy = False
            if not busy and not stop.is_set():
                await self._rest(stop)
            is_rung = self.bell.is_set()

    async def _one(self, stop: asyncio.Event, is_rung: bool) -> bool:
        """Deliver the next message, if one may leave. True: look again at once.

        Unless the bell has rung a glance comes first: it costs little, and nobody who writes waits for it.
        """
        await self._heed_clock()
        # never longer than one gap, or a clock that was set back would silence the lane
        pace = self._courier.pace
        wait_ms = min(pace.wait_ms(self._clock()), pace.gap_ms)
        if wait_ms:
            await _first(stop.wait(), self._sleep(wait_ms / 1000))
            if stop.is_set():
                return False
        if not is_rung and self._claimed_ms is None:
            seen = await self._look()
            self._ledger.say_held(None)
            if seen.next_ms is None or seen.next_ms > self._clock():
                if seen.lags:
                    return await self._catch_up(stop)
                self._seen = seen
                return False
        delivery = await self._claim()
        self._ledger.say_held(None)
        if delivery is None:
            return await self._catch_up(stop)
        self._courier.spend()
        await self._deliver(delivery)
        return True

    async def _heed_clock(self) -> None:
        """One that was set back must not make a wait of seconds one of hours."""
        now_ms = self._clock()
        if (back_ms := self._looked_ms - now_ms) > SET_BACK_MS:
            await self._outbox.set_back(self._name, back_ms, now_ms)
            log.warning("clock was set back", extra={"sink": self._name, "by_s": round(back_ms / 1000)})
        self._looked_ms = now_ms

    async def _claim(self) -> Delivery | None:
        """The next message. A claim whose answer was lost may hold: it is put back, or it would block the lane."""
        if self._claimed_ms is not None:
            await self._outbox.unclaim(self._name, self._claimed_ms)
        self._claimed_ms = self._clock()
        delivery = await self._outbox.claim(
            self._name,
            self._claimed_ms,
            sink=self._courier.policy,
            why_muted=self._corridor.why_muted,
            room=self._courier.room(self._claimed_ms),
        )
        self._claimed_ms = None
        return delivery

    async def _rest(self, stop: asyncio.Event) -> None:
        """Until the bell rings, the next message is due, or a few seconds have passed."""
        try:
            due_ms = (self._seen or await self._look()).next_ms
        except StorageTrouble:
            due_ms = None
        wait_s = LOOK_ANYWAY_S if due_ms is None else min(LOOK_ANYWAY_S, max(0.01, (due_ms - self._clock()) / 1000))
        await _first(stop.wait(), self.bell.wait(), timeout_s=wait_s)

    async def _look(self) -> Glance:
        """What the table says of this lane; an earlier run or a person at the command line may have changed it."""
        seen, status = await self._outbox.glance(self._name, self._clock()), self._status
        status.held_until_ms = seen.held_until_ms
        if seen.disabled is not None and status.disabled is None:
            log.error("sink is disabled", extra={"sink": self._name, "reason": seen.disabled})
        elif seen.disabled is None and status.disabled is not None:
            log.info("sink is enabled again", extra={"sink": self._name})
        status.disabled = seen.disabled
        return seen

    async def _deliver(self, delivery: Delivery) -> None:
        """Send, and write down what became of it. Between the claim and the note we may be killed: see `recover`.

        Any other exception is a bug of ours and stops the house: the message stays marked as being sent, so the next
        start lists it as uncertain, and repeats it once at most.
        """
        try:
            sent = await self._courier.send(delivery)
        except Busy as exc:
            await self._ledger.wait(delivery, exc)
        except Unreached as exc:
            await self._ledger.try_later(delivery, str(exc))
        except (Uncertain, TimeoutError) as exc:
            await self._ledger.doubt(delivery, str(exc) or NO_ANSWER)
        except Gone as exc:
            await self._ledger.bury(delivery, str(exc))
        except Undeliverable as exc:
            await self._ledger.dead(delivery, str(exc))
        else:
            await self._ledger.done(delivery, sent.receipt)
            if sent.sketch is not None and sent.receipt.message_id is not None:
                await self._courier.follow(delivery, sent.receipt.message_id, sent.words, sent.sketch)
            if delivery.refreshes is not None:
                await self._courier.refresh(delivery, delivery.refreshes)

    async def _catch_up(self, stop: asyncio.Event) -> bool:
        """Let messages say what has happened since, while there is no news. True: look again at once."""
        behind, status, now_ms = self._behind, self._status, self._clock()
        is_held = status.disabled is not None or (status.held_until_ms or 0) > now_ms
        # no longer than one pause, or a clock that was set back would keep it
        is_tired = 0 < self._catch_up_ms - now_ms <= CATCH_UP_AGAIN_MS
        if behind is None or is_held or is_tired or (lag := await behind.next(self._courier.policy, now_ms)) is None:
            return False
        if spare_ms := self._courier.spare_ms():  # news must be able to leave at once after it
            await _first(stop.wait(), self.bell.wait(), self._sleep(spare_ms / 1000))
            if stop.is_set() or self.bell.is_set():
                return True
        if lag.delivery is not None and lag.delivery.edits is not None:
            self._courier.spend()
            try:
                await self._courier.say_anew(lag.delivery, lag.delivery.edits)
            except Busy as exc:
                await self._ledger.hold(exc)
                return False
            except Unreached as exc:
                log.debug("a message stays behind", extra=self._ledger.about(lag.delivery, str(exc)))
                self._catch_up_ms = now_ms + CATCH_UP_AGAIN_MS
                return False
        await behind.done(lag)
        return True


async def _first(*waits: Awaitable[Any], timeout_s: float | None = None) -> None:
    """Until one of these is over, or the time is."""
    tasks = {asyncio.ensure_future(wait) for wait in waits}
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
