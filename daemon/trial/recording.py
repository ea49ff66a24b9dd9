"""A longer or denser past: the sources run, what they say is written down, and no rule looks at it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from daemon.bus import Bus, Mailbox
from daemon.clock import Clock, wall_ms
from daemon.config.model import Config
from daemon.feeds import Feeds
from daemon.keeping import Keeping
from daemon.sources.sieve import REMEMBER_MS
from daemon.sources.timetable import Timetable
from daemon.upstream.http import Http
from daemon.wishes import Wish
from rules.events import Event
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import known_facts
from storage.retention import forget
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

FORGET_EVERY_S = 3_600.0
HOLD_FIRST_S, HOLD_MAX_S = 0.5, 15.0
EVENTS_MAX = 500  # a transaction closes at so many
LOOK_S = 0.5  # how often `stop` is looked at while nothing comes
DAY_MS = 86_400_000


class Recording:
    """Sources on one side, the log on the other. A database that takes nothing holds the feeds back."""

    def __init__(
        self,
        database: Database,
        keeping: Keeping,
        *,
        clock: Clock = wall_ms,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.kept = 0
        self._journal = Journal(database)
        self._keeping = keeping
        self._clock = clock
        self._sleep = sleep

    async def run(self, mailbox: Mailbox, stop: asyncio.Event) -> None:
        """Until `stop` is set and the mailbox is empty."""
        while not (stop.is_set() and not mailbox.waiting):
            events = await mailbox.take(0.0 if stop.is_set() else LOOK_S)
            kept: list[Event] = []
            while events:  # all that is there, up to a batch
                kept += [event for event in events if self._keeping.keeps(event, event.received_ms)]
                events = mailbox.take_now() if len(kept) < EVENTS_MAX else ()
            if kept:
                await self._write(Batch(events=kept))
                self.kept += len(kept)

    async def _write(self, batch: Batch) -> None:
        wait_s = HOLD_FIRST_S
        while True:
            try:
                return await self._journal.commit(batch, self._clock())
            except StorageTrouble as exc:
                level = logging.WARNING if wait_s == HOLD_FIRST_S else logging.DEBUG
                log.log(level, "the database takes nothing; feeds wait", extra={"reason": str(exc)})
            await self._sleep(wait_s)
            wait_s = min(HOLD_MAX_S, wait_s * 2)


async def record(
    config: Config,
    address: str,
    wishes: frozenset[Wish],
    *,
    every_ms: int,
    keep_ms: int,
    stop: asyncio.Event,
    clock: Clock = wall_ms,
    begun: Callable[[Database], object] = lambda database: None,
) -> int:
    """Listen to exactly these wishes until `stop`; how many events were written.

    Levels are kept once in `every_ms` for each instrument, facts always, all for `keep_ms`. Raises StorageTrouble where
    the database cannot be opened.
    """
    async with AsyncExitStack() as stack:
        database = await Database.open(address, clock=clock)
        stack.push_async_callback(database.close)
        bus = Bus()
        mailbox = bus.mailbox("recording")
        http = await stack.enter_async_context(Http(clock=clock))
        timetable = await stack.enter_async_context(Timetable())
        feeds = Feeds(publish=bus.publish, http=http, timetable=timetable, clock=clock)
        feeds.once.remember(await known_facts(database, clock() - REMEMBER_MS))
        stack.push_async_callback(feeds.stop)
        timetable.every(FORGET_EVERY_S, lambda: _forget(database, clock(), keep_ms), name="retention")
        recording = Recording(database, Keeping(every_ms, quotes_every_ms=every_ms), clock=clock)
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(recording.run(mailbox, ended), name="recording")
            await feeds.use(wishes, config.sources)
            begun(database)
            stopping = group.create_task(stop.wait(), name="stop")
            ends: set[asyncio.Future[Any]] = {stopping, writing, feeds.trouble}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            await feeds.stop()
            ended.set()
        if feeds.trouble.done():
            feeds.trouble.result()
        return recording.kept


async def _forget(database: Database, now_ms: int, keep_ms: int) -> None:
    try:
        await forget(database, now_ms, days=max(1, -(-keep_ms // DAY_MS)))
    except StorageTrouble as exc:
        log.debug("old rows stay for now", extra={"reason": str(exc)})
