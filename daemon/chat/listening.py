"""Asks one bot's updates again and again, if nobody else does, and remembers how far it has come."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from daemon.chat.api import BotApi, Refused
from daemon.wire.telegram import Update
from sinks.base import SinkTrouble
from storage.bots import Lease
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

POLL_S = 25  # Telegram keeps a question open for so long
LEASE_MS = 120_000  # longer than any question and its answer
OTHER_WAIT_S = 10.0
CONFLICT_WAIT_S = 30.0
BACKOFF_FIRST_S, BACKOFF_MAX_S = 1.0, 60.0
ADVICE_MAX_S = 3_600.0

SHARED = (
    "another program asks Telegram for this bot's updates, and only one can: stop it, or make a bot of its own"
    " with @BotFather; buttons and commands are not heard meanwhile, alerts are sent all the same"
)
DENIED = "Telegram does not know this bot; is the token right?"


class Listener:
    """One bot's conversation. `heard` is told each update once it is certain that it was not dealt with.

    An update counts as dealt with when `heard` returns: after a crash in between it is heard again.
    """

    def __init__(
        self,
        name: str,
        api: BotApi,
        lease: Lease,
        heard: Callable[[Update], Awaitable[None]],
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._api = api
        self._lease = lease
        self._heard = heard
        self._sleep = sleep
        self._stumbles = 0
        self._trouble: str | None = None  # said once, until it is over

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
                self._say(logging.INFO, "another Tocsin on this database answers for this bot")
                return OTHER_WAIT_S
            for update in await self._api.updates(first, wait_s=POLL_S):
                if update.update_id >= first:
                    await self._heard(update)
                    await self._lease.advance(update.update_id + 1)
        except Refused as exc:
            return self._refused(exc)
        except (SinkTrouble, StorageTrouble) as exc:
            return self._stumble(str(exc))
        self._recovered()
        return 0.0

    def _refused(self, exc: Refused) -> float:
        match exc.status:
            case 409:
                self._say(logging.ERROR, SHARED)
                return CONFLICT_WAIT_S
            case 401 | 404:
                self._say(logging.ERROR, DENIED)
                return BACKOFF_MAX_S
            case 429 if exc.retry_after_s is not None:
                return min(max(exc.retry_after_s, 0.1), ADVICE_MAX_S)
        return self._stumble(str(exc))

    def _stumble(self, reason: str) -> float:
        wait_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self._stumbles, 10))
        self._stumbles += 1
        self._say(logging.WARNING, reason)
        return wait_s

    def _say(self, level: int, reason: str) -> None:
        """Once when it breaks, once when it is back, and again only if it is something else."""
        is_known = self._trouble is not None and (level <= logging.WARNING or self._trouble == reason)
        log.log(logging.DEBUG if is_known else level, "bot is not heard", extra={"sink": self._name, "reason": reason})
        self._trouble = reason

    def _recovered(self) -> None:
        if self._trouble is not None:
            log.info("bot is heard", extra={"sink": self._name})
        self._trouble, self._stumbles = None, 0

    async def _leave(self) -> None:
        try:
            await self._lease.leave()
        except StorageTrouble as exc:  # it ends by itself
            log.debug("lease of a bot stays until it ends", extra={"sink": self._name, "reason": str(exc)})
