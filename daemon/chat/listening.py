"""Asks one bot's updates again and again, if nobody else does, and remembers how far it has come."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from daemon.chat.api import BotApi, Refused
from daemon.chat.complaint import Complaint
from daemon.wire.telegram import Update
from sinks.base import SinkTrouble
from storage.bots import Lease
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

POLL_S = 25  # Telegram keeps a question open for so long
LEASE_MS = 120_000  # longer than any question and its answer
LEAVE_S = 1.0  # a database that takes nothing must not keep us
OTHER_WAIT_S = 10.0
PACE_S = 1.0  # between questions that are answered at once, and with nothing
CONFLICT_FIRST_S = 5.0  # so soon the other learns of us, too
CONFLICT_WAIT_S = 30.0
CALM_S = 300.0  # two that ask for the same updates take turns; without a conflict for so long there is one
BACKOFF_FIRST_S, BACKOFF_MAX_S = 1.0, 60.0
ADVICE_MAX_S = 3_600.0

SHARED = (
    "another program asks Telegram for this bot's updates, and only one can: stop it, or make a bot of its own"
    " with @BotFather; buttons and commands are not heard meanwhile, alerts are sent all the same"
)
DENIED = "Telegram does not know this bot; is the token right?"


class Listener:
    """One bot's conversation. `heard` is told each update once it is certain that it was not dealt with.

    An update counts as dealt with when `heard` returns: after a crash in between it is heard again, and also after
    StorageTrouble. One that makes us stumble over ourselves is passed by, because it would do so for ever; `sorry` may
    tell whoever waits for an answer.
    """

    def __init__(
        self,
        name: str,
        api: BotApi,
        lease: Lease,
        heard: Callable[[Update], Awaitable[None]],
        *,
        sorry: Callable[[Update], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._api = api
        self._lease = lease
        self._heard = heard
        self._sorry = sorry
        self._sleep = sleep
        self._clock_s = clock_s
        self._stumbles = 0
        self._shared_s: float | None = None  # the latest conflict
        self._complaint = Complaint(name)

    async def run(self) -> None:
        """For ever; another process may take over at once when it is cancelled."""
        try:
            while True:
                if wait_s := await self.once():
                    await self._sleep(wait_s)
        finally:
            await self._leave()

    async def once(self) -> float:
        """One question and all that it brings; how long to wait before the next, in seconds."""
        try:
            first = await self._lease.take(LEASE_MS)
            if first is None:
                self._complaint.say(logging.INFO, "another Tocsin on this database answers for this bot")
                return OTHER_WAIT_S
            asked_s = self._clock_s()
            updates = await self._api.updates(first, wait_s=POLL_S)
            for update in updates:
                if update.update_id >= first:
                    await self._hear(update)
                    if not await self._lease.advance(update.update_id + 1, LEASE_MS):
                        break  # it took us so long that another process believed us dead
        except Refused as exc:
            return self._refused(exc)
        except (SinkTrouble, StorageTrouble) as exc:
            return self._stumble(str(exc))
        self._recovered()
        return PACE_S if not updates and self._clock_s() - asked_s < PACE_S else 0.0

    async def _hear(self, update: Update) -> None:
        """StorageTrouble: again later. Anything else is a bug of ours, which costs this one update and no more."""
        try:
            await self._heard(update)
        except StorageTrouble:
            raise
        except Exception:
            log.exception("update went wrong", extra={"sink": self._name, "update": update.update_id})
            await self._apologise(update)

    async def _apologise(self, update: Update) -> None:
        if self._sorry is None:
            return
        try:
            await self._sorry(update)
        except Exception:
            log.exception("nobody was told what went wrong", extra={"sink": self._name, "update": update.update_id})

    def _refused(self, exc: Refused) -> float:
        match exc.status:
            case 409:
                is_first = self._shared_s is None
                self._complaint.say(logging.ERROR, SHARED)
                self._shared_s = self._clock_s()
                return CONFLICT_FIRST_S if is_first else CONFLICT_WAIT_S
            case 401 | 404:
                self._complaint.say(logging.ERROR, DENIED)
                return BACKOFF_MAX_S
            case 429 if exc.retry_after_s is not None:
                return min(max(exc.retry_after_s, 0.1), ADVICE_MAX_S)
        return self._stumble(str(exc))

    def _stumble(self, reason: str) -> float:
        wait_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self._stumbles, 10))
        self._stumbles += 1
        self._complaint.say(logging.WARNING, reason)
        return wait_s

    def _recovered(self) -> None:
        self._stumbles = 0
        if self._shared_s is not None and self._clock_s() - self._shared_s < CALM_S:
            return
        self._complaint.over()
        self._shared_s = None

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._lease.leave()
        except (StorageTrouble, TimeoutError) as exc:  # it ends by itself
            log.debug("lease of a bot stays until it ends", extra={"sink": self._name, "reason": str(exc)})
