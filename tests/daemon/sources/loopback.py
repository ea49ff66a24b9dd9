"""A small venue on 127.0.0.1 that does what a test says, and a house that takes the events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from daemon.sources.base import STARTED, Context, Feed, Wanted
from daemon.sources.script import Timing
from daemon.sources.timetable import Timetable
from daemon.supervisor import Supervisor
from daemon.upstream.http import Http
from rules.events import Event, FeedHealth
from tests.patience import PATIENCE_S

QUICK = Timing(
    open_s=PATIENCE_S,
    acknowledge_s=PATIENCE_S,
    ping_every_s=1,
    silence_s=PATIENCE_S,
    moves_within_s=PATIENCE_S,
    close_s=0.2,
    sends_per_s=1000,
    revise_s=0.002,
    revise_again_s=0.001,
)


async def until(holds: Callable[[], bool]) -> None:
    """Wait, not for ever, until something has become true."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is awaited changes in many places
            await asyncio.sleep(0.002)


class Venue:
    """A WebSocket server. `answer` is asked for the replies to each text that a client sends."""

    def __init__(
        self,
        answer: Callable[[str], Iterable[str | bytes]],
        *,
        greet: Callable[["Venue", ServerConnection], Awaitable[None]] | None = None,
        gate: Callable[[ServerConnection, Request], Response | None] | None = None,
    ) -> None:
        self._answer, self._greet, self._gate = answer, greet, gate
        self._server: Server | None = None
        self.connections: list[ServerConnection] = []
        self.heard: list[list[str]] = []  # by connection

    async def __aenter__(self) -> Self:
        self._server = await serve(self._talk, "127.0.0.1", 0, process_request=self._gate, max_size=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        for connection in self.connections:  # some tests leave them deaf, and a goodbye would wait
            connection.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    async def _talk(self, connection: ServerConnection) -> None:
        number = len(self.connections)
        self.connections.append(connection)
        self.heard.append([])
        try:
            if self._greet is not None:
                await self._greet(self, connection)
            async for text in connection:
                heard = text if isinstance(text, str) else text.decode()
                self.heard[number].append(heard)
                for reply in self._answer(heard):
                    await connection.send(reply, text=True)
        except ConnectionClosed:
            return

    async def send(self, *frames: str | bytes) -> None:
        """To the newest connection."""
        for frame in frames:
            await self.connections[-1].send(frame, text=True)


@dataclass
class House:
    """Takes what sources publish."""

    context: Context
    events: list[Event] = field(default_factory=list)

    @property
    def health(self) -> list[FeedHealth]:
        """What was said about feeds after their start."""
        return [event for event in self.events if isinstance(event, FeedHealth) and event.reason != STARTED]

    @property
    def facts(self) -> list[Event]:
        return [event for event in self.events if not isinstance(event, FeedHealth)]


@asynccontextmanager
async def house(wanted: Wanted) -> AsyncIterator[House]:
    """A context for sources, whose publisher remembers."""
    taken: list[Event] = []

    async def publish(events: Sequence[Event]) -> None:
        taken.extend(events)

    async with Http() as http, Timetable(grace_s=1) as timetable:
        yield House(Context(publish=publish, wanted=wanted, http=http, timetable=timetable), taken)


@asynccontextmanager
async def supervised(*feeds: Feed) -> AsyncIterator[None]:
    """The feeds as the daemon runs them, only less patient. A bug in one fails the test."""
    keeper = Supervisor(first_s=0.01, cap_s=0.02, calm_s=60)
    task = asyncio.create_task(keeper.run(feeds), name="supervisor")
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (exc := task.exception()) is not None:
            raise exc


Answer = bytes | Callable[[web.Request], web.Response]


@dataclass
class Rest:
    """A REST host. `answers` may be changed while it runs."""

    answers: dict[str, Answer]
    asked: list[web.Request] = field(default_factory=list)
    url: str = ""

    def paths(self) -> list[str]:
        return [request.path for request in self.asked]


@asynccontextmanager
async def rest(answers: Mapping[str, Answer]) -> AsyncIterator[Rest]:
    """A REST host on loopback: path -> body, or path -> what to do; 404 for the rest."""
    host = Rest(dict(answers))

    async def handle(request: web.Request) -> web.Response:
        host.asked.append(request)
        answer = host.answers.get(request.path)
        if answer is None:
            return web.Response(status=404, text="no such thing")
        if callable(answer):
            return answer(request)
        return web.Response(body=answer, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with AsyncExitStack() as stack:
        server = TestServer(app, host="127.0.0.1")
        await server.start_server()
        stack.push_async_callback(server.close)
        host.url = f"http://127.0.0.1:{server.port}"
        yield host
