"""The dialects on a real port, without a house behind them: a test says what happens and sees what was wanted."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from daemon.config.model import ServerConfig
from daemon.server.access import guard
from daemon.server.auth import Gate
from daemon.server.dialects.coinlocally import Credentials
from daemon.server.dialects.desk import TICK_S
from daemon.server.dialects.serve import KEY_HEADERS, Dialects
from daemon.server.limits import Limits
from daemon.server.sources import Sources
from daemon.server.topics import Hub
from daemon.upstream.cache import Cache
from daemon.upstream.http import Http
from daemon.upstream.market import Market
from daemon.upstream.market_config import MarketConfig
from daemon.views.all import Views
from daemon.wishes import Wish
from rules.events import Event
from tests.daemon.server.fan import Raw, until
from tests.patience import PATIENCE_S

NOW = 1_800_000_000_000
assert TICK_S <= 1.0


@dataclass
class Lease:
    """What was wanted, and is not any more once released."""

    wanted: Counter[Wish]
    wishes: Sequence[Wish]
    left_out: frozenset[Wish] = frozenset()

    def release(self) -> None:
        self.wanted.subtract(self.wishes)
        self.wishes = ()


@dataclass
class Booth:
    """Where the dialects are."""

    dialects: Dialects
    hub: Hub
    port: int
    wanted: Counter[Wish] = field(default_factory=Counter)
    now_ms: int = NOW

    @property
    def wishes(self) -> set[Wish]:
        return {wish for wish, count in self.wanted.items() if count}

    def url(self, path: str = "/futures", scheme: str = "ws") -> str:
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    @asynccontextmanager
    async def client(self, path: str = "/futures", **headers: str) -> AsyncIterator["Client"]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with connect(self.url(path), additional_headers=sent, max_size=None) as socket:
            yield Client(socket)

    def raw(self, found: Any, path: str = "/futures", extra: str = "") -> Raw:
        return Raw(found, self.port, path, extra)

    async def hear(self, *events: Event) -> None:
        """This happens."""
        await self.dialects.desk.hear(events)


class Client:
    """A client as anybody would write it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._early: list[Any] = []

    async def ask(self, message: Any) -> Any:
        """The answer to this."""
        await self.say(message)
        return await self.hear()

    async def say(self, message: Any) -> None:
        await self.socket.send(message if isinstance(message, (str, bytes)) else json.dumps(message))

    async def hear(self) -> Any:
        if self._early:
            return self._early.pop(0)
        return json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))

    async def goodbye(self) -> tuple[int, str]:
        """Code and reason with which the other side closes; what it says before is read."""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        assert self.socket.close_code is not None
        return self.socket.close_code, self.socket.close_reason or ""

    async def subscribe(self, channel: str, **wanted: str) -> str:
        """The id of a subscription to Amberdata; frames of others that come before it are kept."""
        await self.say({"jsonrpc": "2.0", "id": 1, "method": "subscribe", "params": [channel, wanted]})
        early = []
        while "params" in (said := await self.hear()):
            early.append(said)
        self._early += early
        assert "result" in said, said
        name: str = said["result"]
        return name


@asynccontextmanager
async def lent(
    clock: Callable[[], int], *, live: Iterable[str] = (), market: MarketConfig | None = None
) -> AsyncIterator[Sources]:
    """What endpoints read from; upstreams are those of `market`, or none."""
    async with Http() as http, Cache() as cache:
        config = market or MarketConfig(only=frozenset())
        yield Sources(market=Market(http, cache, config, clock), views=Views(), clock=clock, live=frozenset(live))


@asynccontextmanager
async def booth(
    *,
    live: Iterable[str] = ("BTC",),
    market: MarketConfig | None = None,
    gate: Gate | None = None,
    token: str | None = None,
    wants_nothing_more: bool = False,
    credentials: Credentials = MappingProxyType({}),
    **bounds: Any,
) -> AsyncIterator[Booth]:
    """The dialects behind a port of this machine, with `Limits(**bounds)`; upstreams are those of `market`, or none."""
    bounds = {"goodbye_s": 5.0} | bounds
    config = ServerConfig.model_validate({"token": token} if token else {})
    found: Booth

    def clock() -> int:
        return found.now_ms

    def want(wishes: Iterable[Wish]) -> Lease:
        some = list(wishes)
        if wants_nothing_more:
            return Lease(found.wanted, (), frozenset(some))
        found.wanted.update(some)
        return Lease(found.wanted, some)

    async with lent(clock, live=live, market=market) as sources:
        hub = Hub([], Limits(**bounds), clock)
        dialects = Dialects(hub, sources, want, credentials)
        app = web.Application(middlewares=[guard(config, gate, KEY_HEADERS)])
        app.add_routes([*dialects.routes(), web.get("/", dialects.amberdata.serve)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
            found = Booth(dialects, hub, runner.addresses[0][1])
            async with hub, dialects:
                yield found
        finally:
            await runner.cleanup()


__all__ = ["NOW", "Booth", "Client", "booth", "until"]
