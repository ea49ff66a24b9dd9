"""One Socket Mode connection: opened, greeted, read to its end. Its address holds a ticket, which nobody is shown."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from daemon.upstream.http import USER_AGENT
from daemon.wire.slack import OFF, Frame, read_frame
from sinks.base import Unreached

log = logging.getLogger(__name__)

FRAME_MAX = 1024 * 1024  # bytes; a press brings the message it was made under, of at most 60,000
HELLO_S = 10.0
PING_S, PONG_S = 15.0, 15.0  # Slack asks us too, and that is answered below us
GOODBYE_S = 1.0  # Slack answers a goodbye and keeps the line: node-slack-sdk 2752

# at DEBUG the library prints the request, and the ticket with it
_deaf = logging.getLogger(f"{__name__}.websocket")
_deaf.setLevel(logging.CRITICAL)
_deaf.propagate = False


class SwitchedOff(Unreached):
    """Somebody has switched Socket Mode off in the app's settings."""

    def __init__(self) -> None:
        super().__init__(
            "Socket Mode is switched off in the Slack app's settings, so no press is heard: switch it on at"
            " api.slack.com/apps, your app, Socket Mode; alerts are sent all the same"
        )


class _Direct(connect):
    """Goes where it was told to: a redirect would carry the ticket elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Socket:
    """An open connection that Slack has greeted."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.unreadable = 0  # frames

    @classmethod
    async def open(cls, url: str, *, ping_s: float = PING_S, hello_s: float = HELLO_S) -> "Socket":
        """Connect, and wait for the greeting. Unreached if there is none."""
        try:
            connection = await _Direct(
                url,
                user_agent_header=USER_AGENT,
                open_timeout=hello_s,
                close_timeout=GOODBYE_S,
                ping_interval=ping_s,
                ping_timeout=ping_s,
                max_size=FRAME_MAX,
                logger=_deaf,
            )
        # from None: their words and their causes hold the address
        except InvalidStatus as exc:
            raise Unreached(f"Slack: its socket answered {exc.response.status_code}") from None
        except TimeoutError:
            raise Unreached(f"Slack: no socket within {hello_s:g} s") from None
        except OSError as exc:
            raise Unreached(f"Slack: no socket: {exc.strerror or type(exc).__name__}") from None
        except (WebSocketException, ValueError, ImportError) as exc:  # the last: a proxy that needs another library
            raise Unreached(f"Slack: no socket: {type(exc).__name__}") from None
        socket = cls(connection)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(socket.close)
            await socket._greeted(hello_s)
            stack.pop_all()
        return socket

    async def frames(self) -> AsyncIterator[Frame]:
        """What it says, to its end; Unreached says what the end was."""
        try:
            while True:
                if (frame := self._read(await self._connection.recv(decode=False))) is not None:
                    yield frame
        except ConnectionClosed as exc:
            raise Unreached(_parting(exc)) from None

    async def send(self, text: str) -> bool:
        """Whether it left."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            return False
        return True

    async def close(self) -> None:
        """Say goodbye, and do not wait long for the answer."""
        await self._connection.close()

    async def _greeted(self, hello_s: float) -> None:
        try:
            async with asyncio.timeout(hello_s):
                while True:
                    frame = self._read(await self._connection.recv(decode=False))
                    if frame is not None and frame.type == "hello":
                        return
                    if frame is not None and frame.type == "disconnect":
                        if frame.reason == OFF:
                            raise SwitchedOff
                        raise Unreached(f"Slack: its socket does not take us ({(frame.reason or '')[:40]})")
        except TimeoutError:
            raise Unreached(f"Slack: its socket said no hello within {hello_s:g} s") from None
        except ConnectionClosed as exc:
            raise Unreached(_parting(exc)) from None

    def _read(self, text: bytes) -> Frame | None:
        frame = read_frame(text)
        if frame is None:
            level = logging.DEBUG if self.unreadable else logging.WARNING
            self.unreadable += 1
            log.log(level, "a frame of Slack's cannot be read", extra={"bytes": len(text), "count": self.unreadable})
        return frame


def _parting(exc: ConnectionClosed) -> str:
    """Why it ended; Slack's own words are not repeated, because they are not ours to vouch for."""
    if exc.rcvd is not None:
        return f"Slack: it closed the socket ({int(exc.rcvd.code)})"
    if exc.sent is not None and exc.sent.code == 1011:
        return "Slack: its socket gave no sign of life"
    return "Slack: the socket broke"
