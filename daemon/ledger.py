"""What became of a lane's messages, written down however long the database takes, and said once."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from daemon.clock import Clock
from rules.alerts import Severity
from sinks.base import Busy, Receipt
from storage.claim import WhyMuted
from storage.deliveries import Delivery
from storage.notices import Words
from storage.outbox import Outbox, own_words
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

BACKOFF_FIRST_S, BACKOFF_MAX_S = 1.0, 60.0
BUSY_WITHOUT_ADVICE_S = 5.0
ADVICE_MAX_S = 86_400.0  # a far end that says `in ten years` is not believed


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


class Corridor(Protocol):
    """What a lane needs to know of the others."""

    why_muted: WhyMuted

    def ring(self, lanes: Iterable[str]) -> None:
        """Something new waits in these lanes."""

    def others(self, name: str) -> list[str]:
        """Where to tell that a lane has died."""


class Ledger:
    """One lane's outcomes. Every method returns once its outcome is written."""

    def __init__(
        self,
        name: str,
        status: LaneStatus,
        corridor: Corridor,
        outbox: Outbox,
        clock: Clock,
        *,
        repeats: frozenset[Severity],
        uniform: Callable[[float, float], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self.status = status
        self._name = name
        self._corridor = corridor
        self._outbox = outbox
        self._clock = clock
        self._repeats = repeats
        self._uniform = uniform
        self._sleep = sleep
        self._storage_held = False

    async def done(self, delivery: Delivery, receipt: Receipt) -> None:
        """It was taken."""
        status, now_ms = self.status, self._clock()
        status.sent += 1
        status.last_sent_ms = now_ms
        status.lag_ms = [*status.lag_ms[-199:], max(0, now_ms - max(delivery.created_ms, delivery.due_ms))]
        status.last_error = None
        if status.failing:
            log.info("sink is back", extra={"sink": self._name})
        status.failing = False
        await self.note(self._outbox.sent, delivery.key, receipt.message_id, now_ms)

    async def wait(self, delivery: Delivery, exc: Busy) -> None:
        """The far end refused this message for now."""
        log.info("lane is held", extra=self.about(delivery, str(exc)) | {"for_s": exc.retry_after_s})
        await self.hold(exc, key=delivery.key)

    async def hold(self, exc: Busy, *, key: str | None = None) -> None:
        """The far end said when to come back: the whole lane waits, also across a restart."""
        status = self.status
        advice_s = BUSY_WITHOUT_ADVICE_S if exc.retry_after_s is None else exc.retry_after_s
        advice_s = min(max(0.0, advice_s), ADVICE_MAX_S)
        until_ms = self._clock() + round(1000 * (advice_s + self._uniform(0.05, 0.5)))
        status.held += 1
        status.held_until_ms = until_ms
        status.last_error = str(exc)
        await self.note(self._outbox.hold_lane, self._name, until_ms, str(exc), key=key)

    async def try_later(self, delivery: Delivery, reason: str) -> None:
        """It certainly did not arrive. Said once, until something arrives again."""
        wait_ms = self._backoff_ms(delivery.attempts)
        level = logging.DEBUG if self.status.failing else logging.WARNING
        log.log(level, "message did not leave", extra=self.about(delivery, reason) | {"retry_in_s": wait_ms / 1000})
        self.status.failed += 1
        self.status.failing = True
        self.status.last_error = reason
        await self.note(self._outbox.retry_at, delivery.key, self._clock() + wait_ms, reason)

    async def doubt(self, delivery: Delivery, reason: str) -> None:
        """It left and nobody answered: the loud is sent once more and says so, the rest is left alone."""
        self.status.uncertain += 1
        self.status.failing = True
        self.status.last_error = reason
        resend = delivery.severity in self._repeats
        at_ms = self._clock() + self._backoff_ms(0)
        again = await self.note(self._outbox.uncertain, delivery.key, reason, resend=resend, at_ms=at_ms)
        log.warning(
            "message may or may not have arrived", extra=self.about(delivery, reason) | {"repeats": bool(again)}
        )

    async def bury(self, delivery: Delivery, reason: str) -> None:
        """The recipient is dead: stop its lane, and tell the operator on the others."""
        now_ms = self._clock()
        self.status.last_error = self.status.disabled = reason
        log.error("sink is dead and disabled", extra=self.about(delivery, reason))
        words = Words(
            headline=f"WARNING  sink {self._name} takes no more messages",
            lines=(
                reason,
                f"alerts for it wait; mend it or give it its new address, then: tocsin sinks test {self._name}",
            ),
        )
        tell = [own_words(other, words, Severity.WARNING, now_ms) for other in self._corridor.others(self._name)]
        await self.note(self._outbox.disable_lane, self._name, reason, tell, key=delivery.key)
        self._corridor.ring(self._corridor.others(self._name))

    async def dead(self, delivery: Delivery, reason: str) -> None:
        """This message will never be taken; the lane is well."""
        self.status.dead += 1
        self.status.last_error = reason
        log.error("message will never be taken", extra=self.about(delivery, reason))
        await self.note(self._outbox.dead, delivery.key, reason)

    async def note(self, write: Callable[..., Awaitable[object]], *args: object, **more: object) -> object:
        """Write an outcome, however long the database takes: an outcome that is known must not become a doubt."""
        wait_s = 0.2
        while True:
            try:
                answer = await write(*args, **more)
            except StorageTrouble as exc:
                self.say_held(str(exc))
                await self._sleep(wait_s)
                wait_s = min(5.0, wait_s * 2)
                continue
            self.say_held(None)
            return answer

    def _backoff_ms(self, attempts: int) -> int:
        ceiling_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(attempts, 10))
        return round(1000 * (ceiling_s / 2 + self._uniform(0.0, ceiling_s / 2)))

    def about(self, delivery: Delivery, reason: str) -> dict[str, object]:
        return {"sink": self._name, "id": delivery.key[:8], "reason": reason}

    def say_held(self, reason: str | None) -> None:
        if reason is not None and not self._storage_held:
            log.error("lane waits for the database", extra={"sink": self._name, "reason": reason})
        elif reason is None and self._storage_held:
            log.info("lane has the database again", extra={"sink": self._name})
        self._storage_held = reason is not None
