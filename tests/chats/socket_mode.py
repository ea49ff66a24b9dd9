"""Slack's Socket Mode on loopback: tickets, a real WebSocket server, envelopes, and what they are acknowledged with."""

import asyncio
import itertools
import json
import time
from collections import deque
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.chats.base import Reply, Seen, Shown
from tests.patience import PATIENCE_S


class Acknowledged(msgspec.Struct, frozen=True):
    """What came back for an envelope."""

    envelope_id: str
    took_s: float
    payload: Any
    connection: int  # the number of the socket it came by


class SocketMode:
    """An app's sockets. Each press goes to one of them, the newest that is open unless a test says otherwise."""

    def __init__(self, app_token: str = "xapp-1-A0LOOP-22-loopback") -> None:
        self.app_token = app_token
        self.refusals: deque[Reply] = deque()  # for whoever asks for a socket
        self.greets = True
        self.status: int | None = None  # with which whoever connects is turned away
        self.redirects_to: str | None = None
        self.address: str | None = None  # named in place of our own
        self.home = "https://hooks.slack.com"  # where answers to a press could be posted; the daemon never does
        self.opened = 0  # sockets asked for
        self.sockets: list[ServerConnection] = []  # all there ever were
        self.acknowledged: list[Acknowledged] = []
        self.strange: list[str] = []  # what was said that is no acknowledgement
        self._sent_s: dict[str, float] = {}
        self._tickets: set[str] = set()
        self._numbers = itertools.count()
        self._server: Server | None = None

    async def start(self) -> None:
        self._server = await serve(self._talk, "127.0.0.1", 0, process_request=self._admit, ping_interval=None)

    async def stop(self) -> None:
        assert self._server is not None
        for socket in self.sockets:  # some tests leave them deaf, and a goodbye would wait
            socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    @property
    def live(self) -> list[ServerConnection]:
        """Those that are open, oldest first."""
        return [socket for socket in self.sockets if socket.state.name == "OPEN"]

    def answer(self, seen: Seen) -> Reply:
        """apps.connections.open."""
        self.opened += 1
        if self.refusals:
            return self.refusals.popleft()
        token = seen.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != self.app_token:
            return _no("not_allowed_token_type" if token.startswith("xoxb-") else "invalid_auth")
        ticket = f"ticket-{next(self._numbers)}"
        self._tickets.add(ticket)
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        address = self.address or f"ws://127.0.0.1:{port}"
        return Reply(200, json.dumps({"ok": True, "url": f"{address}/link/?ticket={ticket}&app_id=A0LOOP"}))

    async def presses(self, words: str, shown: Shown, *, user: str = "U0ANNA001", name: str = "anna") -> str:
        """Somebody presses the button that begins so, under this message; the envelope's name."""
        (value,) = (one["value"] for one in buttons(shown) if one["text"]["text"].startswith(words))
        return await self.brings(value, shown, user=user, name=name)

    async def brings(
        self, value: str, shown: Shown, *, user: str = "U0ANNA001", name: str = "anna", times: int = 1
    ) -> str:
        """The same with any value, also such as no button has; delivered more than once if a test says so."""
        return await self.delivers(
            click(value, shown, user=user, name=name, when=f"{next(self._numbers)}"), times=times
        )

    async def delivers(
        self, payload: Any, *, kind: str = "interactive", accepts: bool = False, times: int = 1, by: int = -1
    ) -> str:
        """An envelope, by the newest socket that is open."""
        envelope_id = f"envelope-{next(self._numbers)}"
        said = {"envelope_id": envelope_id, "type": kind, "accepts_response_payload": accepts, "payload": payload}
        self._sent_s[envelope_id] = time.monotonic()
        socket = (await self.socket()) if by == -1 else self.sockets[by]
        for _ in range(times):
            await socket.send(json.dumps(said))
        return envelope_id

    async def socket(self) -> ServerConnection:
        """The newest that is open, once there is one."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.live:  # noqa: ASYNC110 - it is opened by another server's loop
                await asyncio.sleep(0.005)
        return self.live[-1]

    async def says(self, text: str | bytes) -> None:
        """Anything, by the newest socket."""
        await (await self.socket()).send(text, text=True)

    async def disconnects(self, reason: str, *, closes: bool = False) -> None:
        """Announce that the newest socket will be closed, and perhaps close it."""
        socket = await self.socket()
        await socket.send(json.dumps({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}))
        if closes:
            await socket.close()

    async def drops(self) -> None:
        """Cut the newest socket without a word."""
        (await self.socket()).transport.abort()

    async def falls_silent(self) -> None:
        """Read nothing more from the newest socket, so that no ping is answered."""
        (await self.socket()).transport.pause_reading()

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        ticket = parse_qs(urlsplit(request.path).query).get("ticket", [""])[0]
        if self.redirects_to is not None:
            response = connection.respond(302, "elsewhere")
            response.headers["Location"] = f"{self.redirects_to}/link/?ticket={ticket}"
            return response
        if self.status is not None or ticket not in self._tickets:
            return connection.respond(self.status or 403, f"no {ticket}")
        self._tickets.discard(ticket)  # good for one time
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        number = len(self.sockets)
        self.sockets.append(connection)
        try:
            if self.greets:
                hello = {"type": "hello", "num_connections": len(self.live), "connection_info": {"app_id": "A0LOOP"}}
                await connection.send(json.dumps(hello))
            async for text in connection:
                self._hear(text, number)
        except ConnectionClosed:
            return

    def _hear(self, text: str | bytes, number: int) -> None:
        said = json.loads(text)
        if said.get("envelope_id") not in self._sent_s:
            self.strange.append(str(text))
            return
        took_s = time.monotonic() - self._sent_s[said["envelope_id"]]
        self.acknowledged.append(Acknowledged(said["envelope_id"], took_s, said.get("payload"), number))


def buttons(shown: Shown) -> list[dict[str, Any]]:
    """What can be pressed under a message."""
    blocks = shown.raw.get("blocks") or []
    return [one for block in blocks if block["type"] == "actions" for one in block["elements"]]


def click(
    value: str, shown: Shown, *, user: str, name: str, when: str, home: str = "https://hooks.slack.com"
) -> dict[str, Any]:
    """A `block_actions` payload, with more in it than anybody needs; the blocks as Slack tells them."""
    blocks = [_told(number, block) for number, block in enumerate(shown.raw.get("blocks") or [])]
    return {
        "type": "block_actions",
        "user": {"id": user, "username": name, "name": name, "team_id": "T0LOOP"},
        "api_app_id": "A0LOOP",
        "token": "verification-token",
        "container": {
            "type": "message",
            "message_ts": shown.message_id,
            "channel_id": shown.chat,
            "is_ephemeral": False,
        },
        "trigger_id": "1.2.3",
        "team": {"id": "T0LOOP", "domain": "loop"},
        "channel": {"id": shown.chat, "name": "alerts"},
        "message": {
            "type": "message",
            "bot_id": "B0LOOP",
            "ts": shown.message_id,
            "text": shown.raw.get("text", ""),
            "blocks": blocks,
            **_files(shown),
        },
        "state": {"values": {}},
        "response_url": f"{home}/actions/T0LOOP/1/secret",
        "actions": [
            {
                "type": "button",
                "action_id": "tocsin-0",
                "block_id": "b9",
                "text": {"type": "plain_text", "text": "?", "emoji": False},
                "value": value,
                "action_ts": f"1790000009.{when}",
            }
        ],
    }


def _files(shown: Shown) -> dict[str, Any]:
    """What hangs under it, with more of each than its name; a message without files does not speak of any."""
    more = {"name": "picture.png", "mimetype": "image/png", "filetype": "png", "mode": "hosted", "size": 61275}
    more |= {"url_private": "https://files.slack.com/files-pri/T0LOOP-F1/picture.png", "is_public": False}
    files = [{"id": file_id, "created": 1790000000, **more} for file_id in shown.raw.get("file_ids", [])]
    return {"files": files} if files else {}


def _told(number: int, block: dict[str, Any]) -> dict[str, Any]:
    """Slack names every block, and tells of a picture what it does not take back."""
    told = block | {"block_id": f"b{number}"}
    if block["type"] == "image":
        told |= {"image_width": 640, "image_height": 320, "image_bytes": 61275, "is_animated": False}
        told |= {"fallback": "640x320px image", "image_url": "https://files.slack.com/files-pri/T0LOOP-F1/a.png"}
        told["slack_file"] = block["slack_file"] | {"url": "https://loop.slack.com/files/U0/F1/a.png"}
    return told


def _no(error: str) -> Reply:
    return Reply(200, json.dumps({"ok": False, "error": error}))
