"""One port for people and programs: /healthz, /metrics and the page."""

import asyncio
import errno
import logging
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aiohttp import web

from daemon.config.model import ServerConfig
from daemon.server.access import give_cookies, guard, key_of, login_of, routes
from daemon.server.api import RESOURCES, watching
from daemon.server.api import serve as api
from daemon.server.client import converse
from daemon.server.dialects.serve import KEY_HEADERS
from daemon.server.handshake import is_handshake
from daemon.server.health import health
from daemon.server.lenient import Lenient
from daemon.server.metrics import metrics
from daemon.server.page import page

if TYPE_CHECKING:
    from daemon.house import House

log = logging.getLogger(__name__)

KEEPALIVE_S = 30.0
BACKLOG = 1024  # a storm of reconnects meets the default of 100 otherwise


class PortTaken(Exception):
    """Somebody else listens there already; the text says what to do."""


class Server:
    """Listens from `async with` on; `port` is the real one, also where the configuration says 0."""

    def __init__(self, house: "House", config: ServerConfig) -> None:
        self._house = house
        self._config = config
        self.port = config.port
        dialects = KEY_HEADERS if house.showroom is not None else None
        app = web.Application(middlewares=[guard(config, house.gate, dialects), api.explained])
        app.add_routes(
            [web.get("/healthz", self._health), web.get("/metrics", self._metrics), web.get("/", self._page)]
        )
        app.add_routes(api.routes(house, config, RESOURCES))
        app.router.add_get(watching.PATH, api.guarded(config, watching.watching(house)))
        if house.gate is not None:
            app.add_routes(routes(house.gate))
            app.on_response_prepare.append(give_cookies)
        if house.showroom is not None:
            app.add_routes([web.get(path, self._stream) for path in house.showroom.hub.endpoints])
            app.add_routes(house.showroom.dialects.routes())
            house.showroom.dialects.coinlocally.is_followed = self._is_followed
        self._socket: asyncio.Server | None = None
        # whoever connects and asks nothing is let go; aiohttp would keep them for an hour
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, keepalive_timeout=KEEPALIVE_S)

    @property
    def url(self) -> str:
        """Where a person on this machine finds the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._config.host, self._config.host).strip("[]")
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        server = self._runner.server
        assert server is not None, "setup has made it"
        loop = asyncio.get_running_loop()
        try:
            self._socket = await loop.create_server(
                lambda: Lenient(server()), self._config.host, self._config.port, backlog=BACKLOG
            )
        except OSError as exc:
            await self._runner.cleanup()
            raise PortTaken(_why(exc, self._config)) from exc
        self.port = int(self._socket.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._house.showroom is not None:
            self._house.showroom.dialects.coinlocally.shut()
        await self._house.hub.stop()  # first: clients are told goodbye while their sockets are there
        if self._socket is not None:
            self._socket.close()
        await self._runner.cleanup()

    def _is_followed(self, account: str) -> bool:
        return any(status.name == f"coinlocally.{account}" for status in self._house.feeds.statuses)

    async def _health(self, request: web.Request) -> web.Response:
        report = health(self._house)
        return web.json_response(report, status=200 if report["status"] == "ok" else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=await metrics(self._house), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        assert self._house.showroom is not None, "its paths are only there with it"
        hub = self._house.showroom.hub
        return await converse(request, hub, hub.endpoints[request.path], key=key_of(request), login=login_of(request))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        if self._house.showroom is not None and is_handshake(request):  # as one of Amberdata's examples does
            return await self._house.showroom.dialects.amberdata.serve(request)
        return web.Response(text=await page(self._house), content_type="text/html")


def _why(exc: OSError, config: ServerConfig) -> str:
    where = f"{config.host}:{config.port}"
    match exc.errno:
        case errno.EADDRINUSE:
            return f"{where} is in use, perhaps by another Tocsin; set server.port to a free one, or to 0 for any"
        case errno.EACCES:
            return f"{where} may not be listened on by this user; set server.port above 1023"
        case errno.EADDRNOTAVAIL:
            return f"this machine has no address {config.host}; set server.host to 127.0.0.1 or 0.0.0.0"
    return f"cannot listen on {where}: {exc.strerror}; set server.host and server.port"
