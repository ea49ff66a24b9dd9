"""A hub on a real port, an endpoint that does what a test says, and clients that read bytes, or do not read at all."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect

from daemon.server.client import converse
from daemon.server.limits import Limits
from daemon.server.parameters import BadParameter
from daemon.server.topics import Answer, Hub
from tests.patience import PATIENCE_S

NOW_MS = 1_790_000_000_000
PATH = "/board"
COINS = ("BTC", "ETH", "SOL")


@dataclass(eq=False)
class Board:
    """An endpoint with one parameter, a version that a test moves, and padding to any size."""

    path: str = PATH
    is_stream: bool = False
    size: int = 0
    next_s: float = 60.0
    needs_coin: bool = False
    version: int = 0
    asked: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    fails: Exception | None = None
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    """coins whose answer waits for its event"""

    def parse(self, asked: Mapping[str, Any], previous: str | None) -> str:
        for name in asked:
            if name not in ("coin", "page"):
                raise BadParameter("unknown_parameter", name, "coin and page are all there is")
        if asked.get("page") == "broken":
            raise ZeroDivisionError("a bug of the endpoint")
        if not str(asked.get("page", "1")).isdigit():
            raise BadParameter("not_a_number", "page", "a number from 1 up")
        coin = asked.get("coin", previous or (None if self.needs_coin else "BTC"))
        if coin is None:
            raise BadParameter("missing", "coin", "say which coin: coin=BTC")
        if not isinstance(coin, str) or not coin.startswith(COINS):
            raise BadParameter("unknown_value", "coin", "BTC, ETH or SOL")
        return coin

    def key(self, params: str) -> Hashable:
        return params

    async def answer(self, params: str, now_ms: int, last: Answer | None) -> Answer:
        self.asked.append(params)
        if params in self.gates:
            await self.gates[params].wait()
        if self.fails is not None:
            raise self.fails
        if params.endswith("-NONE"):
            raise BadParameter("unknown_value", "coin", "this looks like a coin, but there is none")
        version = self.version
        if last is not None and last.version == version:
            return last
        self.computed.append(params)
        said = {"coin": params, "version": version, "padding": "ab" * (self.size // 2)}
        return Answer(version, json.dumps(said).encode(), self.next_s)

    def changes(self, params: str) -> int:
        return self.version


@dataclass
class House:
    """A hub that listens."""

    hub: Hub
    port: int

    def url(self, query: str = "", path: str = PATH) -> str:
        return f"ws://127.0.0.1:{self.port}{path}{query}"

    @asynccontextmanager
    async def client(self, query: str = "", path: str = PATH, **options: Any) -> AsyncIterator[ClientConnection]:
        """A client as anybody would write it."""
        async with connect(self.url(query, path), max_size=None, **options) as client:
            yield client

    @contextmanager
    def raw(self, query: str = "", path: str = PATH, *, extra: str = "", receive_buffer: int = 0) -> Iterator["Raw"]:
        """A client that reads bytes when it is told to, and answers nothing by itself."""
        with closing(socket.socket()) as found:
            if receive_buffer:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            found.setblocking(False)
            yield Raw(found, self.port, path + query, extra)


class Raw:
    """A bare socket that speaks as much WebSocket as a test needs."""

    def __init__(self, found: socket.socket, port: int, target: str, extra: str) -> None:
        self._socket = found
        self._port = port
        self._target = target
        self._extra = extra
        self._read = b""

    async def open(self) -> str:
        """Shake hands; answers with the server's head."""
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        asked = (
            f"GET {self._target} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n{self._extra}\r\n"
        )
        await loop.sock_sendall(self._socket, asked.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await loop.sock_recv(self._socket, 1)
        return head.decode()

    async def send(self, payload: bytes, opcode: int = 1) -> None:
        """One masked message."""
        size = len(payload)
        length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0xFE, size)
        frame = struct.pack("!B", 0x80 | opcode) + length + bytes(4) + payload
        await asyncio.get_running_loop().sock_sendall(self._socket, frame)

    async def frame(self) -> bytes:
        """The next frame, header and all; b"" once the connection is gone."""
        while True:
            size = _whole(self._read)
            if size is not None:
                found, self._read = self._read[:size], self._read[size:]
                return found
            try:
                more = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65_536), PATIENCE_S)
            except ConnectionError:
                more = b""
            if not more:
                return b""
            self._read += more


def _whole(read: bytes) -> int | None:
    """Size of the first frame, if it is all there."""
    if len(read) < 2:
        return None
    head, size = 2, read[1]
    if size == 126:
        head, size = 4, int.from_bytes(read[2:4])
    elif size == 127:
        head, size = 10, int.from_bytes(read[2:10])
    return head + size if len(read) >= head + size else None


def payload(frame: bytes) -> dict[str, Any]:
    """What a plain frame says."""
    start = {126: 4, 127: 10}.get(frame[1], 2)
    said: dict[str, Any] = json.loads(frame[start:])
    return said


async def hear(client: ClientConnection) -> dict[str, Any]:
    """The next message."""
    said: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), PATIENCE_S))
    return said


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to become true, not for ever."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is another process's or the kernel's doing
            await asyncio.sleep(0.002)


@asynccontextmanager
async def house(*boards: Board, key: str | None = None, cookie: str = "", **bounds: Any) -> AsyncIterator[House]:
    """Boards behind a port of this machine, with `Limits(**bounds)`."""
    bounds = {"min_push_ms": 1, "goodbye_s": 5.0, "catch_up_s": 0.005, "retry_s": 0.005} | bounds
    hub = Hub(boards, Limits(**bounds), lambda: NOW_MS)
    headers = [("Set-Cookie", cookie)] if cookie else []

    async def handle(request: web.Request) -> web.StreamResponse:
        endpoint = hub.endpoints[request.path]
        return await converse(request, hub, endpoint, key=key, headers=headers)

    app = web.Application()
    app.add_routes([web.get(board.path, handle) for board in boards])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        async with hub:
            yield House(hub, runner.addresses[0][1])
    finally:
        await runner.cleanup()
