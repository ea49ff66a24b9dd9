"""Who is connected to a venue of the box, and what each has asked for."""

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from daemon.simulator.misbehave import Bend, Manners

_WAITING = 1_024  # batches that may wait for one client


class Connection:
    """One client of one venue, with the topics it asked for."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request, manners: Manners, *, deaf: bool) -> None:
        self.ws = ws
        self.topics: set[str] = set()
        self.path = request.path  # some venues have several streams
        self.wrapped = False  # Binance's /stream puts each payload into an envelope
        self.deaf = deaf  # acknowledges and never delivers
        self.route = request.match_info.get("route", "")  # Binance's paths carry different streams
        self.sent = 0
        self.busy_at = asyncio.get_running_loop().time()  # when data or a request last went over
        self.bend = Bend(manners)
        self.waiting: asyncio.Queue[tuple[list[bytes], bool]] = asyncio.Queue(_WAITING)  # frames, and whether data
        self._transport = request.transport

    def tear(self) -> None:
        """End it without a goodbye."""
        if self._transport is not None:
            self._transport.abort()


class Subscriptions:
    """What the clients of one venue have asked for; can be waited for."""

    def __init__(self) -> None:
        self.clients: dict[str, set[Connection]] = {}
        self.connections: set[Connection] = set()
        self._changed = asyncio.Condition()

    @property
    def topics(self) -> frozenset[str]:
        """Everything that at least one client listens to."""
        return frozenset(self.clients)

    async def until(self, *topics: str, timeout_s: float = 60.0) -> None:
        """Wait until all of these are subscribed; without a name, until anything is."""
        await self._until(lambda: self.topics.issuperset(topics) if topics else bool(self.clients), timeout_s)

    async def until_gone(self, timeout_s: float = 60.0) -> None:
        """Wait until no client is connected."""
        await self._until(lambda: not self.connections, timeout_s)

    async def until_connected(self, count: int = 1, timeout_s: float = 60.0) -> None:
        """Wait until so many clients are connected."""
        await self._until(lambda: len(self.connections) >= count, timeout_s)

    async def _until(self, true: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(true)

    async def changed(self) -> None:
        """Tell those who wait to look again."""
        async with self._changed:
            self._changed.notify_all()

    def add(self, connection: Connection, topics: Iterable[str]) -> None:
        for topic in topics:
            connection.topics.add(topic)
            self.clients.setdefault(topic, set()).add(connection)

    def remove(self, connection: Connection, topics: Iterable[str]) -> None:
        for topic in list(topics):
            connection.topics.discard(topic)
            if (clients := self.clients.get(topic)) is not None:
                clients.discard(connection)
                if not clients:
                    del self.clients[topic]
