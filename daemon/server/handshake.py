"""How a WebSocket connection begins and ends, whatever is spoken on it: who is let in, and the line that they get."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Iterable

from aiohttp import web

from daemon.server.frames import SHARED_WBITS
from daemon.server.goodbye import Goodbye
from daemon.server.limits import Refusal
from daemon.server.line import Line
from daemon.server.topics import Hub

log = logging.getLogger(__name__)


class Socket(web.WebSocketResponse):
    """aiohttp's for the handshake and the way in. The way out is a Line.

    aiohttp closes by writing and waiting until everything is read, which somebody who does not read can delay for ever;
    so its close does nothing, and each way out of a conversation ends in Line.goodbye, .goodbye_too or .abort.
    """

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        return False


def is_handshake(request: web.Request) -> bool:
    """Whether this asks for a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def address_of(request: web.Request) -> str:
    """Where it comes from, for the door's count."""
    return request.remote or "unknown"


def not_let_in(request: web.Request, hub: Hub, key: str | None) -> web.Response | None:
    """The answer to whoever asks for no WebSocket, or may not have one now; None for who may."""
    if not is_handshake(request):
        return web.Response(
            status=426,
            text=f"this is a WebSocket: open ws://{request.host}{request.path}\n",
            headers={"Upgrade": "websocket", "Connection": "Upgrade"},
        )
    refusal = hub.door.refusal(address_of(request), key)
    return None if refusal is None else refused(refusal)


def refused(refusal: Refusal) -> web.Response:
    """Come again later."""
    headers = {"Retry-After": str(refusal.retry_after_s)}
    return web.Response(status=refusal.status, text=refusal.text, headers=headers)


async def shake_hands(
    request: web.Request,
    hub: Hub,
    *,
    key: str | None,
    login: str | None,
    headers: Iterable[tuple[str, str]] = (),
    deflates: bool = True,
    message_size: int | None = None,
) -> tuple[Socket, Line | None]:
    """The way in and the way out; no line if the client left meanwhile. `hold` has to follow.

    `message_size` in bytes, where it is not that of the tables.
    """
    most = message_size or hub.limits.message_size
    ws = Socket(autoping=False, autoclose=False, max_msg_size=most + 1, compress=deflates)
    ws.headers.extend(headers)
    await ws.prepare(request)
    transport = request.transport
    if transport is None:
        return ws, None
    _bound_kernel_buffer(transport, hub.limits.kernel_buffer)
    line = Line(transport, deflates=int(ws.compress) >= SHARED_WBITS, key=key, limits=hub.limits, counters=hub.counters)
    line.login = login
    return ws, line


async def hold(hub: Hub, line: Line, talking: Awaitable[None], path: str) -> None:
    """Count this client among those inside until `talking` is over; a bug of ours costs this connection alone."""
    hub.enter(line)
    try:
        await talking
    except Exception as exc:  # our bug; aiohttp would write an HTTP page into the WebSocket
        log.error("a conversation broke", exc_info=exc, extra={"path": path})
        line.goodbye(Goodbye.BROKEN)
    finally:
        hub.exit(line)


def _bound_kernel_buffer(transport: asyncio.Transport, size: int) -> None:
    """Otherwise the kernel takes megabytes for somebody who does not read, before we see the first byte wait."""
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
