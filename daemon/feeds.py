"""All sources of the house: built from the configuration and the wishes, and built anew when either changes."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from daemon.clock import Clock
from daemon.sources.base import Context, Feed, FeedStatus, Publish
from daemon.sources.configs import CONFIGS
from daemon.sources.registry import KEY_FREE, SOURCES
from daemon.sources.sieve import Once
from daemon.sources.timetable import Timetable
from daemon.sources.wanted import Wanted
from daemon.supervisor import Supervisor
from daemon.upstream.http import Http
from daemon.wishes import Wish
from rules.events import FeedHealth

if TYPE_CHECKING:
    from pydantic import BaseModel

log = logging.getLogger(__name__)

UNHEARD = "no longer listened to"


class Feeds:
    """Runs the feeds; `use` says which. One change at a time."""

    def __init__(self, *, publish: Publish, http: Http, timetable: Timetable, clock: Clock) -> None:
        self._publish = publish
        self._http = http
        self._timetable = timetable
        self._clock = clock
        self._running: asyncio.Task[None] | None = None
        self._asked: tuple[frozenset[Wish], Mapping[str, BaseModel]] | None = None
        self._feeds: Sequence[Feed] = ()
        self.once = Once()  # outlives the feeds: what is built anew asks again for what was counted already
        self.trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def statuses(self) -> list[FeedStatus]:
        """How each feed is doing."""
        return [feed.status for feed in self._feeds]

    async def use(
        self,
        wishes: frozenset[Wish],
        sources: "Mapping[str, BaseModel] | None",
        *,
        believed_down: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Listen to exactly this from now on; what is the same already goes on untouched.

        `sources` are those the configuration names, each with its settings; None stands for every key-free one.
        `believed_down` are (venue, feed) of alerts that wait for a feed's return: those that nobody listens to any more
        are said to be up, or their alert would never end.
        """
        chosen: Mapping[str, BaseModel] = {name: CONFIGS[name]() for name in KEY_FREE} if sources is None else sources
        if self._asked == (wishes, chosen):
            return
        before = {(feed.status.venue, feed.name) for feed in self._feeds if feed.status.state == "down"}
        await self.stop()
        context = Context(
            publish=self._publish,
            wanted=Wanted(wishes),
            http=self._http,
            timetable=self._timetable,
            clock=self._clock,
            once=self.once,
        )
        self._feeds = [feed for name, config in chosen.items() for feed in SOURCES[name].build(config, context)]
        self._asked = (wishes, chosen)
        self._running = asyncio.create_task(Supervisor().run(self._feeds), name="feeds")
        self._running.add_done_callback(self._ended)
        await self._release({*before, *believed_down} - {(feed.status.venue, feed.name) for feed in self._feeds})
        feeds = ", ".join(feed.name for feed in self._feeds) or "to nothing"
        log.info("listening", extra={"feeds": feeds, "said": True})  # the greeting names the sources

    async def stop(self) -> None:
        """Take in nothing more."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def _release(self, gone: Iterable[tuple[str, str]]) -> None:
        now_ms = self._clock()
        for venue, feed in sorted(gone):
            up = FeedHealth(venue=venue, feed=feed, state="up", reason=UNHEARD, at_ms=now_ms, received_ms=now_ms)
            await self._publish((up,))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Feeds end when each has given up; an exception is a bug of ours and must stop the house."""
        if not task.cancelled() and (exc := task.exception()) is not None and not self.trouble.done():
            self.trouble.set_exception(exc)
