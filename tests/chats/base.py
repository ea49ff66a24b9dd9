"""What all loopback chats have in common: a real server on 127.0.0.1, a record of requests, and moods."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self

import msgspec
from aiohttp import web
from multidict import CIMultiDict

from tests.patience import PATIENCE_S


class Reply(msgspec.Struct, frozen=True):
    """Answer with exactly this, and take no notice of the message."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    encoding: str = "utf-8"


class Vanish(msgspec.Struct, frozen=True):
    """Read the request and close the connection without a word; `after_taking` shows the message first."""

    after_taking: bool = True


class Slow(msgspec.Struct, frozen=True):
    """Take the message, and answer only once `release()` is called: longer than anybody waits, if never."""

    takes: bool = True


Mood = Reply | Vanish | Slow


def html_page(status: int) -> Reply:
    """What a proxy on the way puts in place of an answer."""
    return Reply(status, "<html><body><h1>Bad Gateway</h1></body></html>", "text/html")


class Seen(msgspec.Struct, frozen=True):
    """One request as it arrived."""

    at_s: float  # time.monotonic()
    method: str
    path: str
    headers: dict[str, str]
    body: Any  # decoded JSON, or the fields of a form (files as bytes), or the text or bytes if it was neither
    connection: str  # the far end's port: the same for requests on one kept connection


class Shown(msgspec.Struct):
    """One message as a person in the chat sees it."""

    chat: str
    message_id: str
    text: str  # without markup
    raw: Any
    edits: int = 0
    photo: bytes | None = None

    @property
    def buttons(self) -> list[dict[str, str]]:
        """What can be pressed under a Telegram message."""
        return [one for row in self.raw.get("reply_markup", {}).get("inline_keyboard", []) for one in row]


class Chat:
    """What all receivers have in common: a server on 127.0.0.1, a record of requests, and moods.

    A mood lasts for one request; `always` is for the rest.
    """

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.shown: list[Shown] = []
        self.moods: deque[Mood | None] = deque()  # None: as usual
        self.always: Mood | None = None
        self.url = ""
        self.port = 0  # set before it opens, it stands for a chat that comes back where it was
        self._runner: web.AppRunner | None = None
        self._arrived = asyncio.Condition()
        self._released = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def texts(self) -> list[str]:
        """What stands in the chat, in the order it came."""
        return [shown.text for shown in self.shown]

    def release(self) -> None:
        """Let every slow answer go."""
        self._released.set()

    async def wait_for(self, condition: Callable[[Self], bool]) -> None:
        """Return once the condition holds; it is asked after each request."""
        try:
            async with asyncio.timeout(PATIENCE_S), self._arrived:
                await self._arrived.wait_for(lambda: condition(self))
        except TimeoutError:
            raise AssertionError(f"never came; what did come:\n{self._record()}") from None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        peer = request.transport.get_extra_info("peername") if request.transport else ("", 0)
        seen = Seen(time.monotonic(), request.method, request.path, dict(request.headers), body, str(peer[1]))
        mood = self._mood(seen)
        answer = await self._answered(seen) if _takes(mood) else Reply(200)
        self.requests.append(seen)
        async with self._arrived:
            self._arrived.notify_all()
        match mood:
            case Reply():
                answer = mood
            case Vanish():
                if request.transport is not None:
                    request.transport.abort()
            case Slow():
                await self._released.wait()
        return web.Response(
            status=answer.status,
            text=answer.body,
            content_type=answer.content_type,
            charset=answer.encoding,
            headers=CIMultiDict(answer.headers),
        )

    def _record(self) -> str:
        """The newest requests and messages, shortened, for whoever must find out what a test waited for in vain."""
        requests = [f"{seen.at_s:.3f} {seen.method} {seen.path} {str(seen.body)[:300]}" for seen in self.requests[-20:]]
        messages = [f"{one.message_id}, edited {one.edits} times: {one.text[:200]!r}" for one in self.shown[-20:]]
        return "\n".join([*requests, "--- shown", *messages])

    def _mood(self, seen: Seen) -> Mood | None:
        """How this request is treated."""
        del seen
        return self.moods.popleft() if self.moods else self.always

    async def _answered(self, seen: Seen) -> Reply:
        """The answer, once there is one."""
        return self._answer(seen)

    def _answer(self, seen: Seen) -> Reply:
        """Take the message, or refuse it as the real one would."""
        raise NotImplementedError

    def _find(self, chat: str, message_id: str) -> Shown | None:
        for shown in self.shown:
            if (shown.chat, shown.message_id) == (chat, message_id):
                return shown
        return None


async def _body(request: web.Request) -> Any:
    if request.content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        fields = await request.post()
        return {key: value.file.read() if isinstance(value, web.FileField) else value for key, value in fields.items()}
    raw = await request.read()
    try:
        return json.loads(raw)
    except ValueError:
        pass
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _takes(mood: Mood | None) -> bool:
    match mood:
        case Reply():
            return False
        case Vanish():
            return mood.after_taking
        case Slow():
            return mood.takes
    return True
