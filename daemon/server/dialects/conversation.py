"""What all dialects share: the door, the handshake, a way in with bounds, and rules about silence."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from daemon.server.access import key_of, login_of
from daemon.server.goodbye import Goodbye
from daemon.server.handshake import Socket, address_of, hold, not_let_in, shake_hands
from daemon.server.inbound import Inbound
from daemon.server.line import Line
from daemon.server.topics import Hub

BURST = 200
"""messages at once: a client makes all its subscriptions as soon as it is connected"""

MESSAGE_SIZE = 65_536
"""bytes of a message, at least: one may subscribe to very many symbols"""


class Room(Protocol):
    """Where the clients of some paths are: a desk, or whoever else writes facts to them."""

    hub: Hub
    clients: Counter[str]  # by path


class Talk(Protocol):
    """One client of a dialect. It writes through its line: `say` for answers, the desk for facts."""

    def begin(self, takes: Callable[[int], bool]) -> None:
        """The handshake is done. `takes(n)`: n more messages came in one; False if that was too many (it was told)."""

    async def heard(self, message: str | bytes) -> None:
        """A message, text or binary, whole."""

    def trouble(self, code: str, text: str) -> None:
        """Say that something was wrong, in the dialect's own error form.

        `code` is one of `too_many_messages`, `too_long`; a goodbye follows.
        """

    def end(self) -> None:
        """The client is gone: leave every subscription."""


async def converse(
    request: web.Request, desk: Room, talk: Callable[[Line], Talk], *, turned_away: str | None = None
) -> web.StreamResponse:
    """Serve one client of a dialect until it leaves. `turned_away`: the reason with which it is sent off at once."""
    hub, key = desk.hub, key_of(request)
    answer = not_let_in(request, hub, key)
    if answer is not None:
        return answer
    with hub.door.admitted(address_of(request), key):
        size = max(MESSAGE_SIZE, hub.limits.message_size)
        ws, line = await shake_hands(request, hub, key=key, login=login_of(request), deflates=False, message_size=size)
        if line is None:
            return ws
        desk.clients[request.path] += 1
        try:
            await hold(hub, line, _Conversation(ws, line, desk, talk(line), size).run(turned_away), request.path)
        finally:
            desk.clients[request.path] -= 1
    return ws


class _Conversation(Inbound):
    """Hands messages to the talk, one after the other."""

    def __init__(self, ws: Socket, line: Line, desk: Room, talk: Talk, message_size: int) -> None:
        super().__init__(ws, line, desk.hub, burst=BURST, message_size=message_size)
        self._talk = talk

    async def run(self, turned_away: str | None) -> None:
        if turned_away is not None:
            self._line.goodbye(Goodbye.NO_KEY, turned_away)
            await self.listen()
            return
        try:
            self._talk.begin(self._takes)
            await self.listen()
        finally:
            self._talk.end()

    async def _heard(self, message: str | bytes) -> None:
        await self._talk.heard(message)

    def _tell_trouble(self, code: str, text: str) -> None:
        self._hub.counters.errors[code] += 1
        self._talk.trouble(code, text)


class Patience:
    """Ends a conversation in which nothing of some kind was heard for too long."""

    def __init__(self, after_s: float, line: Line, reason: str) -> None:
        self._after_s, self._line, self._reason = after_s, line, reason
        self._loop = asyncio.get_running_loop()
        self._heard_at_s = self._loop.time()
        self._timer = self._loop.call_later(after_s, self._look)

    def heard(self) -> None:
        """It was heard now."""
        self._heard_at_s = self._loop.time()

    def end(self) -> None:
        """Nobody waits any more."""
        self._timer.cancel()

    def _look(self) -> None:
        left_s = self._heard_at_s + self._after_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            self._line.goodbye(Goodbye.UNHEARD, self._reason)
