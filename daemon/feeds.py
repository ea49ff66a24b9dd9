"""All sources of the house. They follow the wishes while they run; one whose settings change is built anew."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class _Running:
    feed: Feed
    task: asyncio.Task[None]


@dataclass
class _Source:
    config: "BaseModel"
    feeds: dict[str, _Running] = field(default_factory=dict)  # by name


class Feeds:
    """Runs the feeds; `use` says which. One change at a time."""

    def __init__(self, *, publish: Publish, http: Http, timetable: Timetable, clock: Clock) -> None:
        self._publish, self._clock = publish, clock
        self._asked: tuple[frozenset[Wish], Mapping[str, BaseModel]] | None = None
        self._sources: dict[str, _Source] = {}
        self._turn = asyncio.Lock()
        self._keeper = Supervisor()
        self.once = Once()  # outlives the feeds: what is built anew asks again for what was counted already
        self.wanted = Wanted()
        self._context = Context(
            publish=publish, wanted=self.wanted, http=http, timetable=timetable, clock=clock, once=self.once
        )
        self.trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def statuses(self) -> list[FeedStatus]:
        """How each feed is doing."""
        return [running.feed.status for running in self._all()]

    async def use(
        self,
        wishes: frozenset[Wish],
        sources: "Mapping[str, BaseModel] | None",
        *,
        believed_down: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Listen to exactly this from now on. Other wishes cost no connection: what goes on, goes on.

        `sources` are those the configuration names, each with its settings; None stands for every key-free one.
        `believed_down` are (venue, feed) of alerts that wait for a feed's return: those that nobody listens to any more
        are said to be up, or their alert would never end.
        """
        chosen: Mapping[str, BaseModel] = {name: CONFIGS[name]() for name in KEY_FREE} if sources is None else sources
        async with self._turn:
            if self._asked == (wishes, chosen):
                return
            is_first, before = self._asked is None, [running.feed.name for running in self._all()]
            down = {_place(running.feed) for running in self._all() if running.feed.status.state == "down"}
            self._asked = (wishes, chosen)
            self.wanted.revise(wishes)
            self._keeper.nudge()
            self._context.sources = frozenset(chosen)
            await self._settle(chosen)
            await self._release({*down, *believed_down} - {_place(running.feed) for running in self._all()})
        names = [running.feed.name for running in self._all()]
        if is_first or names != before:  # the greeting names the sources
            log.info("listening", extra={"feeds": ", ".join(names) or "to nothing", "said": True})

    def try_again(self) -> None:
        """A person has done something: feeds that were refused (a wrong key) need not wait for their time."""
        self._keeper.nudge()

    async def stop(self) -> None:
        """Take in nothing more."""
        async with self._turn:
            self._asked = None
            await self._end([(name, feed) for name, source in self._sources.items() for feed in source.feeds])
            self._sources.clear()

    def _all(self) -> Iterator[_Running]:
        for source in self._sources.values():
            yield from source.feeds.values()

    async def _settle(self, chosen: "Mapping[str, BaseModel]") -> None:
        """End what is wanted no more or was set differently, and start what is not there yet.

        A source builds the feeds of which something is wanted; those that run already are kept, with all they know.
        """
        built = {
            name: {feed.name: feed for feed in SOURCES[name].build(config, self._context)}
            for name, config in chosen.items()
        }
        await self._end(
            [
                (name, feed)
                for name, source in self._sources.items()
                for feed in source.feeds
                if name not in chosen or source.config != chosen[name] or feed not in built[name]
            ]
        )
        known = self._sources
        self._sources = {}
        for name, config in chosen.items():
            running = known[name].feeds if name in known else {}
            source = self._sources[name] = _Source(config)
            for feed in built[name].values():
                source.feeds[feed.name] = running.get(feed.name) or self._start(feed)

    def _start(self, feed: Feed) -> _Running:
        task = asyncio.create_task(self._keeper.keep(feed), name=feed.name)
        task.add_done_callback(self._ended)
        return _Running(feed, task)

    async def _end(self, which: Iterable[tuple[str, str]]) -> None:
        tasks = {self._sources[source].feeds[feed].task for source, feed in which}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for source, feed in which:
            del self._sources[source].feeds[feed]

    async def _release(self, gone: Iterable[tuple[str, str]]) -> None:
        now_ms = self._clock()
        for venue, feed in sorted(gone):
            up = FeedHealth(venue=venue, feed=feed, state="up", reason=UNHEARD, at_ms=now_ms, received_ms=now_ms)
            await self._publish((up,))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A feed ends when it has given up; an exception is a bug of ours and must stop the house."""
        if not task.cancelled() and (exc := task.exception()) is not None and not self.trouble.done():
            self.trouble.set_exception(BaseExceptionGroup(f"the feed {task.get_name()} has a bug", [exc]))


def _place(feed: Feed) -> tuple[str, str]:
    return feed.status.venue, feed.name
