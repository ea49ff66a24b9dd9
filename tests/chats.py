"""Loopback chats: real servers that answer as Telegram, Slack and a json:// hook do, or misbehave as told."""

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Callable
from html import unescape
from typing import Any, Self

import msgspec
from aiohttp import web
from multidict import CIMultiDict

TELEGRAM_LIMIT = 4096
_START_ID = 100


class Reply(msgspec.Struct, frozen=True):
    """Answer with exactly this, and take no notice of the message."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = {}


class Vanish(msgspec.Struct, frozen=True):
    """Read the request and close the connection without a word; `after_taking` shows the message first."""

    after_taking: bool = True


class Slow(msgspec.Struct, frozen=True):
    """Take the message, and answer only once `release()` is called: longer than anybody waits, if never."""

    takes: bool = True


Mood = Reply | Vanish | Slow


def too_many(retry_after: int) -> Reply:
    """Telegram's 429."""
    return telegram_error(429, f"Too Many Requests: retry after {retry_after}", parameters={"retry_after": retry_after})


def telegram_error(status: int, description: str, **more: Any) -> Reply:
    """Any refusal of the Bot API."""
    return Reply(status, json.dumps({"ok": False, "error_code": status, "description": description, **more}))


def html_page(status: int) -> Reply:
    """What a proxy on the way puts in place of an answer."""
    return Reply(status, "<html><body><h1>Bad Gateway</h1></body></html>", "text/html")


class Seen(msgspec.Struct, frozen=True):
    """One request as it arrived."""

    at_s: float  # time.monotonic()
    method: str
    path: str
    headers: dict[str, str]
    body: Any  # decoded JSON, or the text if it was none
    connection: str  # the far end's port: the same for requests on one kept connection


class Shown(msgspec.Struct):
    """One message as a person in the chat sees it."""

    chat: str
    message_id: str
    text: str  # without markup
    raw: Any
    edits: int = 0

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
        self.moods: deque[Mood] = deque()
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

    async def wait_for(self, condition: Callable[[Self], bool], *, within_s: float = 10.0) -> None:
        """Return once the condition holds; it is asked after each request."""
        async with asyncio.timeout(within_s), self._arrived:
            await self._arrived.wait_for(lambda: condition(self))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.text()
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw
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
            headers=CIMultiDict(answer.headers),
        )

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


class Telegram(Chat):
    """A Bot API server: messages, edits, presses and updates; entities parsed and counted as the real one does.

    `happens` puts an update; a question for updates is answered at once when there are some, else when there are.
    Of two who ask at the same time the earlier is told that there is a conflict, as by the real one.
    """

    def __init__(self, token: str = "123456:AAE-loopback_token") -> None:
        super().__init__()
        self.token = token
        self.moved: dict[str, int] = {}  # group -> the supergroup it became
        self.updates: list[dict[str, Any]] = []
        self.notes: list[tuple[str, str]] = []  # (press, what was answered)
        self._happened = asyncio.Event()  # renewed each time; whoever waits on an old one is woken
        self.asking = 0  # the latest question for updates
        self.asked_from = 0  # and what it asked for
        self._is_closing = False
        self.moods_of: dict[str, deque[Mood]] = {}  # method -> moods of its own; the others are not for getUpdates

    def address(self, chat: str = "-1001") -> str:
        """The sink address of one chat here; `api_url` is this server's `url`."""
        return f"tgram://{self.token}/{chat}"

    async def __aexit__(self, *parts: object) -> None:
        self._is_closing = True
        self._wake()
        await super().__aexit__(*parts)

    def _mood(self, seen: Seen) -> Mood | None:
        method = seen.path.rpartition("/")[2]
        if own := self.moods_of.get(method):
            return own.popleft()
        return None if method == "getUpdates" else super()._mood(seen)

    async def _answered(self, seen: Seen) -> Reply:
        if seen.path == f"/bot{self.token}/getUpdates":
            return await self._updates(seen)
        return self._answer(seen)

    def happens(self, **what: Any) -> int:
        """Something for the bot: `message={...}` or `callback_query={...}`; its number."""
        number = 1_000 + len(self.updates)
        self.updates.append({"update_id": number, **what})
        self._wake()
        return number

    def writes(self, text: str, *, user: int = 1, name: str = "anna", chat: int = -1001) -> int:
        """Somebody writes a message."""
        sender = {"id": user, "is_bot": False, "first_name": name, "username": name}
        message = {
            "message_id": 9_000 + len(self.updates),
            "date": 1,
            "chat": {"id": chat},
            "from": sender,
            "text": text,
        }
        return self.happens(message=message)

    def presses(self, words: str, *, shown: Shown | None = None, user: int = 1, name: str = "anna") -> str:
        """Somebody presses the button that begins so, under this message or the latest; the name of the press."""
        shown = shown or self.shown[-1]
        (data,) = (one["callback_data"] for one in shown.buttons if one["text"].startswith(words))
        return self.brings(data, shown=shown, user=user, name=name)

    def brings(self, data: str, *, shown: Shown | None = None, user: int = 1, name: str = "anna") -> str:
        """The same with any data, also such as no button has."""
        shown = shown or self.shown[-1]
        press = f"press-{len(self.updates)}"
        message = {
            "message_id": int(shown.message_id),
            "date": 1,
            "chat": {"id": int(shown.chat)},
            "text": shown.text,
            "entities": [{"type": "bold", "offset": 0, "length": 4}],
        }
        sender = {"id": user, "is_bot": False, "first_name": name, "username": name}
        self.happens(callback_query={"id": press, "from": sender, "message": message, "data": data})
        return press

    def _wake(self) -> None:
        self._happened.set()
        self._happened = asyncio.Event()

    async def _updates(self, seen: Seen) -> Reply:
        """Those from `offset` on, which confirms the earlier ones."""
        self.asking += 1
        mine = self.asking
        self.asked_from = int(seen.body.get("offset", 0))
        self._wake()  # whoever asked before is told that somebody else does
        first, wait_s = int(seen.body.get("offset", 0)), float(seen.body.get("timeout", 0))
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    if mine != self.asking:
                        return telegram_error(
                            409,
                            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is"
                            " running",
                        )
                    if found := [one for one in self.updates if one["update_id"] >= first]:
                        break
                    if self._is_closing:
                        break
                    await self._happened.wait()
        except TimeoutError:
            found = []
        return Reply(200, json.dumps({"ok": True, "result": found[:100]}))

    def _answer(self, seen: Seen) -> Reply:
        _, _, rest = seen.path.partition("/bot")
        token, _, method = rest.partition("/")
        if token != self.token:
            return telegram_error(401, "Unauthorized")
        if method == "answerCallbackQuery":
            return self._note(seen.body)
        if method == "editMessageReplyMarkup":
            return self._unbutton(seen.body)
        if method not in {"sendMessage", "editMessageText"}:
            return telegram_error(404, "Not Found")
        if not isinstance(seen.body, dict):
            return telegram_error(400, "Bad Request: message text is empty")
        chat = str(seen.body.get("chat_id", ""))
        if chat in self.moved:
            return telegram_error(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                parameters={"migrate_to_chat_id": self.moved[chat]},
            )
        text = str(seen.body.get("text", ""))
        if seen.body.get("parse_mode") == "HTML":
            try:
                text = parse_html(text)
            except ValueError as exc:
                return telegram_error(400, f"Bad Request: can't parse entities: {exc}")
        if not text.strip():
            return telegram_error(400, "Bad Request: message text is empty")
        rows = seen.body.get("reply_markup", {}).get("inline_keyboard", [])
        if any(not 1 <= len(one["callback_data"].encode()) <= 64 for row in rows for one in row):
            return telegram_error(400, "Bad Request: BUTTON_DATA_INVALID")
        if len(text.encode("utf-16-le")) // 2 > TELEGRAM_LIMIT:
            return telegram_error(400, "Bad Request: message is too long")
        return self._take(method, chat, text, seen.body)

    def _take(self, method: str, chat: str, text: str, body: dict[str, Any]) -> Reply:
        if method == "sendMessage":
            shown = Shown(chat, str(_START_ID + len(self.shown)), text, body)
            self.shown.append(shown)
        else:
            found = self._find(chat, str(body.get("message_id")))
            if found is None:
                return telegram_error(400, "Bad Request: message to edit not found")
            if found.text == text and found.raw.get("reply_markup") == body.get("reply_markup"):
                return telegram_error(
                    400,
                    "Bad Request: message is not modified: specified new message content and reply markup are exactly"
                    " the same as a current content and reply markup of the message",
                )
            shown, found.text, found.raw, found.edits = found, text, body, found.edits + 1
        number = int(chat) if chat.lstrip("-").isdecimal() else -1009
        result = {"message_id": int(shown.message_id), "date": 1, "chat": {"id": number, "type": "group"}, "text": text}
        return Reply(200, json.dumps({"ok": True, "result": result}))

    def _note(self, body: dict[str, Any]) -> Reply:
        if len(str(body.get("text", ""))) > 200:
            return telegram_error(400, "Bad Request: MESSAGE_TOO_LONG")
        self.notes.append((str(body.get("callback_query_id")), str(body.get("text", ""))))
        return Reply(200, json.dumps({"ok": True, "result": True}))

    def _unbutton(self, body: dict[str, Any]) -> Reply:
        found = self._find(str(body.get("chat_id")), str(body.get("message_id")))
        if found is None:
            return telegram_error(400, "Bad Request: message to edit not found")
        found.raw = {key: value for key, value in found.raw.items() if key != "reply_markup"}
        found.edits += 1
        return Reply(200, json.dumps({"ok": True, "result": True}))


class Slack(Chat):
    """Incoming webhooks under /services and the Web API under /api, blocks checked against the limits."""

    def __init__(self, hook: str = "T0AAA/B0BBB/cccDDD", token: str = "xoxb-11-22-loopback") -> None:
        super().__init__()
        self.hook = hook
        self.token = token
        self.channels = {"#alerts": "C0ALERTS1"}

    @property
    def api_url(self) -> str:
        """What stands for https://slack.com/api; the webhook's is `url`."""
        return f"{self.url}/api"

    @property
    def hook_address(self) -> str:
        return f"slack://{self.hook}"

    @property
    def bot_address(self) -> str:
        return f"slack://{self.token}/#alerts"

    def _answer(self, seen: Seen) -> Reply:
        if seen.path.startswith("/services/"):
            return self._hook(seen)
        return self._api(seen)

    def _hook(self, seen: Seen) -> Reply:
        if seen.path != f"/services/{self.hook}":
            return Reply(404, "no_service", "text/plain")
        if wrong := blocks_error(seen.body):
            return Reply(400, wrong, "text/plain")
        self.shown.append(Shown("hook", str(len(self.shown)), slack_text(seen.body), seen.body))
        return Reply(200, "ok", "text/plain")

    def _api(self, seen: Seen) -> Reply:
        def no(error: str) -> Reply:
            return Reply(200, json.dumps({"ok": False, "error": error}))

        if seen.headers.get("Authorization") != f"Bearer {self.token}":
            return no("invalid_auth")
        if wrong := blocks_error(seen.body):
            return no(wrong)
        channel = str(seen.body.get("channel", ""))
        if seen.path == "/api/chat.postMessage":
            channel = self.channels.get(channel, channel)
            if channel not in self.channels.values():
                return no("channel_not_found")
            shown = Shown(channel, f"1790000000.{len(self.shown):06d}", slack_text(seen.body), seen.body)
            self.shown.append(shown)
        elif seen.path == "/api/chat.update":
            if channel not in self.channels.values():  # the real one does not take names here
                return no("channel_not_found")
            found = self._find(channel, str(seen.body.get("ts")))
            if found is None:
                return no("message_not_found")
            shown, found.text, found.raw, found.edits = found, slack_text(seen.body), seen.body, found.edits + 1
        else:
            return no("unknown_method")
        return Reply(200, json.dumps({"ok": True, "channel": channel, "ts": shown.message_id, "message": {}}))


class JsonHook(Chat):
    """Where Apprise's json:// posts to."""

    @property
    def address(self) -> str:
        return f"json://{self.url.removeprefix('http://')}/alerts"

    def _answer(self, seen: Seen) -> Reply:
        title, message = str(seen.body.get("title", "")), str(seen.body.get("message", ""))
        text = "\n".join(piece for piece in (title, message) if piece)
        self.shown.append(Shown("json", str(len(self.shown)), text, seen.body))
        return Reply(200, "{}")


_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)([^<>]*)>|<|&(?:lt|gt|amp|quot|#\d+|#x[0-9a-fA-F]+);")
_TAGS = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "blockquote"})


def parse_html(text: str) -> str:
    """The text behind Telegram's HTML; ValueError in the server's words for what it cannot parse."""
    out, position = [], 0
    opened: list[str] = []
    for match in _TAG.finditer(text):
        out.append(text[position : match.start()])
        position = match.end()
        name = (match[2] or "").lower()
        if match[0].startswith("&"):
            out.append(unescape(match[0]))
        elif name not in _TAGS:
            raise ValueError(f'Unsupported start tag "{name}" at byte offset {match.start()}')
        elif not match[1]:
            opened.append(name)
        elif not opened or opened.pop() != name:
            raise ValueError(f"Unexpected end tag at byte offset {match.start()}")
    if opened:
        raise ValueError(f'Can\'t find end tag corresponding to start tag "{opened[-1]}"')
    return "".join([*out, text[position:]])


def blocks_error(body: Any) -> str | None:
    """Slack's word for what is wrong with a message, or None."""
    if not isinstance(body, dict):
        return "invalid_payload"
    blocks = body.get("blocks") or []
    if not blocks and not body.get("text"):
        return "no_text"
    if len(blocks) > 50:
        return "invalid_blocks"
    for block in blocks:
        limit = {"header": 150, "section": 3000, "context": 3000}.get(block.get("type"))
        pieces = block["elements"] if block.get("type") == "context" else [block.get("text")]
        if limit is None or any(not piece["text"].strip() or len(piece["text"]) > limit for piece in pieces):
            return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > 13_200:
        return "msg_blocks_too_long"
    return None


def slack_text(body: dict[str, Any]) -> str:
    """What a person reads: the plain text beside the blocks, which says the same."""
    return unescape(str(body.get("text", "")))


def _takes(mood: Mood | None) -> bool:
    match mood:
        case Reply():
            return False
        case Vanish():
            return mood.after_taking
        case Slow():
            return mood.takes
    return True
