"""What is done every now and then, and has time: a database in trouble is told by the recorder and the lanes."""

import logging

from daemon.clock import Clock
from daemon.sources.timetable import Timetable
from storage.database import Database
from storage.outbox import Outbox
from storage.retention import forget
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

FORGET_EVERY_S = 3_600.0
EXPIRE_EVERY_S = 60.0


class Chores:
    """Removes rows that were kept long enough, and ends messages that nobody needs any more."""

    def __init__(self, database: Database, outbox: Outbox, *, keep_ms: int, clock: Clock) -> None:
        self._database = database
        self._outbox = outbox
        self._keep_days = max(1, -(-keep_ms // 86_400_000))  # 36h are two days: rather late than early
        self._clock = clock

    def plan(self, timetable: Timetable) -> None:
        """Each in its time, from now on."""
        timetable.every(FORGET_EVERY_S, self._forget, name="retention")
        timetable.every(EXPIRE_EVERY_S, self._expire, name="expiry")

    async def _forget(self) -> None:
        try:
            removed = await forget(self._database, self._clock(), days=self._keep_days)
        except StorageTrouble as exc:
            log.debug("old rows stay for now", extra={"reason": str(exc)})
            return
        log.debug("old rows are removed", extra={"events": removed.events, "messages": removed.messages})

    async def _expire(self) -> None:
        try:
            await self._outbox.expire(self._clock())
        except StorageTrouble as exc:
            log.debug("old messages wait to be ended", extra={"reason": str(exc)})
