"""All topics, and the clients that listen to them: who moves where, who is behind, who is still there."""

import asyncio
import logging
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

from daemon.clock import Clock
from daemon.server.goodbye import Goodbye
from daemon.server.limits import Counters, Door, Limits
from daemon.server.line import Line
from daemon.server.parameters import BadParameter
from daemon.server.topic import BATCH, Answer, Endpoint, Topic

__all__ = ["Answer", "Endpoint", "Hub", "NoRoom", "Topic"]

log = logging.getLogger(__name__)

_LOOKS = 32  # topics woken between two turns of the others: each answers as soon as it is


class NoRoom(Exception):
    """The bound of topics is reached, and each has clients."""


class Hub:
    """The fan-out. Use it as `async with`; leaving says goodbye to everybody."""

    def __init__(self, endpoints: Iterable[Endpoint], limits: Limits, clock: Clock) -> None:
        self.endpoints: Mapping[str, Endpoint] = {endpoint.path: endpoint for endpoint in endpoints}
        self.limits = limits
        self.counters = Counters()
        self.door = Door(limits, self.counters)
        self._clock = clock
        self._topics: dict[tuple[str, Hashable], Topic] = {}
        self._tasks: dict[Topic, asyncio.Task[None]] = {}
        self._keys: dict[Topic, tuple[str, Hashable]] = {}
        self._vacant: dict[Topic, float] = {}  # when the last client left, oldest first
        self._lines: dict[Line, None] = {}
        self._behind: dict[Line, None] = {}
        self._somebody_behind = asyncio.Event()
        self._nobody = asyncio.Event()
        self._nobody.set()
        self._moved = {True: asyncio.Event(), False: asyncio.Event()}  # streams, tables
        self._chores: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._chores = [
            asyncio.create_task(self._watch(is_stream=True), name="hub: streams"),
            asyncio.create_task(self._watch(is_stream=False), name="hub: tables"),
            asyncio.create_task(self._catch_up(), name="hub: catch up"),
            asyncio.create_task(self._keep(), name="hub: keep"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def topics(self) -> int:
        """How many there are, those included whose last client has just left."""
        return len(self._topics)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._lines)

    @property
    def waiting_bytes(self) -> int:
        """What all clients together have not read yet, beside what the kernel holds."""
        return sum(line.transport.get_write_buffer_size() for line in self._lines)

    def clients_by_path(self) -> Counter[str]:
        """How many clients listen to each endpoint."""
        found = Counter(dict.fromkeys(self.endpoints, 0))
        for topic in self._topics.values():
            found[topic.endpoint.path] += topic.clients
        return found

    def moved(self) -> None:
        """A streamed view has moved: to be called once per batch of events; costs next to nothing."""
        self._moved[True].set()
        self._moved[False].set()

    def dismiss(self, name: str) -> int:
        """Say goodbye to everybody who came in with this key or this login; answers how many that were."""
        found = [line for line in self._lines if name in (line.key, line.login) and not line.is_leaving]
        for line in found:
            line.goodbye(Goodbye.DISMISSED)
        return len(found)

    def enter(self, line: Line) -> None:
        """A client is connected; it hears nothing before it joins."""
        self._lines[line] = None
        self._nobody.clear()
        self.counters.connected += 1

    def exit(self, line: Line) -> None:
        """A client is gone."""
        line.end()
        self._lines.pop(line, None)
        self._behind.pop(line, None)
        if not self._lines:
            self._nobody.set()

    def has_room(self, endpoint: Endpoint, params: Any) -> bool:
        """Whether these parameters can be served."""
        is_known = (endpoint.path, endpoint.key(params)) in self._topics
        return is_known or len(self._topics) < self.limits.topics or bool(self._vacant)

    def join(self, line: Line, endpoint: Endpoint, params: Any) -> None:
        """Listen to this and to nothing else; what is known is sent at once. Raises NoRoom and changes nothing."""
        key = (endpoint.path, endpoint.key(params))
        topic = self._topics.get(key)
        if topic is None:
            topic = self._open(key, endpoint, params)
        if line.topic is not None and line.topic is not topic:
            line.topic.leave(line)
        topic.join(line)

    async def stop(self) -> None:
        """Let nobody in, say goodbye to all, and end every task."""
        self.door.is_shut = True
        for line in list(self._lines):
            line.goodbye(Goodbye.STOPPING)
        try:
            async with asyncio.timeout(self.limits.goodbye_s):
                await self._nobody.wait()
        except TimeoutError:
            for line in list(self._lines):
                line.abort("unanswered_goodbye")
        tasks = [*self._chores, *self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._chores.clear()

    def _open(self, key: tuple[str, Hashable], endpoint: Endpoint, params: Any) -> Topic:
        if len(self._topics) >= self.limits.topics:
            if not self._vacant:
                raise NoRoom
            self._close(next(iter(self._vacant)))
        topic = Topic(
            endpoint,
            params,
            limits=self.limits,
            counters=self.counters,
            clock=self._clock,
            fell_behind=self._fell_behind,
            vacated=self._set_vacant,
            rejected=self._reject,
        )
        task = asyncio.create_task(topic.run(), name=f"topic {endpoint.path}")
        task.add_done_callback(partial(self._ended, topic))
        self._topics[key], self._tasks[topic], self._keys[topic] = topic, task, key
        return topic

    def _close(self, topic: Topic) -> None:
        self._forget(topic).cancel()

    def _forget(self, topic: Topic) -> asyncio.Task[None]:
        self._topics.pop(self._keys.pop(topic))
        self._vacant.pop(topic, None)
        return self._tasks.pop(topic)

    def _reject(self, topic: Topic, error: BadParameter) -> None:
        """Called by the topic's task as its last deed; whoever asks the same later starts anew."""
        if topic in self._keys:
            self._forget(topic)
        topic.reject(error)

    def _ended(self, topic: Topic, task: asyncio.Task[None]) -> None:
        """A topic's task ends when it is told to; anything else is our bug, and costs that topic's clients alone."""
        if task.cancelled() or task.exception() is None:
            return
        log.error("a topic broke", exc_info=task.exception(), extra={"path": topic.endpoint.path})
        if topic in self._keys:
            topic.goodbye(Goodbye.BROKEN)
            self._close(topic)

    def _fell_behind(self, line: Line) -> None:
        self._behind[line] = None
        self._somebody_behind.set()

    def _set_vacant(self, topic: Topic, is_vacant: bool) -> None:
        self._vacant.pop(topic, None)
        if is_vacant and topic in self._keys:
            self._vacant[topic] = asyncio.get_running_loop().time()

    async def _watch(self, *, is_stream: bool) -> None:
        """Wake the topics whose views moved: streams at once, tables `min_push_ms` after the last look."""
        moved = self._moved[is_stream]
        pause_s = 0.0 if is_stream else self.limits.min_push_ms / 1_000
        while True:
            await moved.wait()
            moved.clear()
            looked = 0
            for topic in list(self._topics.values()):
                if topic.endpoint.is_stream is is_stream:
                    topic.look()
                    looked += 1
                    if looked % _LOOKS == 0:
                        await asyncio.sleep(0)
            await asyncio.sleep(pause_s)

    async def _catch_up(self) -> None:
        """Send the newest frame to those who fell behind as soon as they have read on."""
        while True:
            await self._somebody_behind.wait()
            await asyncio.sleep(self.limits.catch_up_s)
            for line in list(self._behind):
                if line.topic is None or not line.is_behind:
                    del self._behind[line]
                elif line.transport.get_write_buffer_size() <= self.limits.write_buffer:
                    del self._behind[line]
                    line.is_behind = False
                    line.topic.deliver(line)
            if not self._behind:
                self._somebody_behind.clear()

    async def _keep(self) -> None:
        """Ask who is still there, and forget topics that nobody came back to."""
        loop = asyncio.get_running_loop()
        pause_s = min(1.0, self.limits.ping_s / 2, max(self.limits.linger_s / 2, 0.01))
        while True:
            await asyncio.sleep(pause_s)
            for count, line in enumerate(list(self._lines)):
                line.check(loop.time())
                if count % BATCH == BATCH - 1:
                    await asyncio.sleep(0)
            long_ago_s = loop.time() - self.limits.linger_s
            for topic in [topic for topic, since_s in self._vacant.items() if since_s <= long_ago_s]:
                self._close(topic)
