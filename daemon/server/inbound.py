"""The way in from one client: messages one after the other, within bounds, until either side leaves."""

import asyncio
from abc import ABC, abstractmethod

from aiohttp import WebSocketError, WSCloseCode, WSMessage, WSMsgType

from daemon.server.frames import pong_frame
from daemon.server.goodbye import Goodbye
from daemon.server.handshake import Socket
from daemon.server.limits import Allowance
from daemon.server.line import Line
from daemon.server.topics import Hub

_GONE = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
_POLL_S = 0.05


class Inbound(ABC):
    """Reads; what the messages mean, and how a client is told that it erred, is the endpoint's own."""

    def __init__(
        self, ws: Socket, line: Line, hub: Hub, *, burst: float | None = None, message_size: int | None = None
    ) -> None:
        """`burst`: messages that may come at once; None: twice as many as in a second. `message_size` as in shake_hands."""
        self._message_size = message_size or hub.limits.message_size
        self._ws = ws
        self._line = line
        self._hub = hub
        self._now_s = asyncio.get_running_loop().time
        self._allowance = Allowance(hub.limits.messages_per_s, self._now_s(), burst)

    @abstractmethod
    async def _heard(self, message: str | bytes) -> None:
        """A text or a binary message has come."""

    @abstractmethod
    def _tell_trouble(self, code: str, text: str) -> None:
        """Say to the client that something was wrong with what it sent."""

    async def listen(self) -> None:
        """Until either side leaves."""
        while True:
            message = await self._ws.receive()
            if message.type in _GONE:
                if message.type is WSMsgType.CLOSE:
                    self._line.goodbye_too(message.data)
                return
            if message.type is WSMsgType.ERROR:
                if isinstance(message.data, WebSocketError):
                    await self._part(message.data.code)
                return
            if not self._line.is_leaving:
                await self._heed(message)

    def _takes(self, messages: int = 1) -> bool:
        """Whether so many messages are within the allowance; if not, the client is told and sent away."""
        now_s = self._now_s()
        if all(self._allowance.takes(now_s) for _ in range(messages)):
            return True
        limit = self._hub.limits.messages_per_s
        self._tell_trouble("too_many_messages", f"more than {limit:g} messages a second; connect again and send fewer")
        self._line.goodbye(Goodbye.TOO_MANY_MESSAGES)
        return False

    async def _heed(self, message: WSMessage) -> None:
        if not self._takes():
            return
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                await self._heard(message.data)
            case WSMsgType.PING:
                self._line.say(pong_frame(bytes(message.data)))
            case WSMsgType.PONG:
                self._line.heard()

    async def _part(self, code: int) -> None:
        """The way in is broken: say why, and leave time to read it, because closing now could take it back."""
        if code == WSCloseCode.MESSAGE_TOO_BIG:
            most = self._message_size
            self._tell_trouble("too_long", f"a message may have {most:,} bytes; connect again and send less")
        self._line.goodbye(Goodbye.of(code))
        transport, until_s = self._line.transport, self._now_s() + self._hub.limits.goodbye_s / 2
        while not transport.is_closing() and self._now_s() < until_s:  # noqa: ASYNC110 - aiohttp has no event for it
            await asyncio.sleep(_POLL_S)
