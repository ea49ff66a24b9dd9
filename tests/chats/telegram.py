"""Telegram on loopback: a Bot API server that parses entities, counts letters and keeps a list of updates."""

import asyncio
import json
import re
import struct
from collections import deque
from html import unescape
from typing import Any, Self

from tests.chats.base import Chat, Mood, Reply, Seen, Shown

TELEGRAM_LIMIT, CAPTION_LIMIT = 4096, 1024
PHOTO_BYTES = 10 * 1024 * 1024
_START_ID = 100


def too_many(retry_after: int) -> Reply:
    """Telegram's 429."""
    return telegram_error(429, f"Too Many Requests: retry after {retry_after}", parameters={"retry_after": retry_after})


def telegram_error(status: int, description: str, **more: Any) -> Reply:
    """Any refusal of the Bot API."""
    return Reply(status, json.dumps({"ok": False, "error_code": status, "description": description, **more}))


class Telegram(Chat):
    """A Bot API server: messages, edits, presses and updates; entities parsed and counted as the real one does.

    `happens` puts an update; a question for updates is answered at once when there are some, else when there are.
    As by the real one, who asks when there is nothing to tell ends the question of whoever waits already, with a 409.
    """

    def __init__(self, token: str = "123456:AAE-loopback_token") -> None:
        super().__init__()
        self.token = token
        self.moved: dict[str, int] = {}  # group -> the supergroup it became
        self.updates: list[dict[str, Any]] = []
        self.notes: list[tuple[str, str]] = []  # (press, what was answered)
        self._happened = asyncio.Event()  # renewed each time; whoever waits on an old one is woken
        self.confirmed: set[int] = set()  # numbers of updates that are not told again
        self.asking = 0  # the latest question for updates
        self.asked_from = 0  # and what it asked for
        self._is_closing = False
        self._is_idle = False  # the open question is answered at once
        self.moods_of: dict[str, deque[Mood]] = {}  # method -> moods of its own; the others are not for getUpdates

    def address(self, chat: str = "-1001") -> str:
        """The sink address of one chat here; `api_url` is this server's `url`."""
        return f"tgram://{self.token}/{chat}"

    async def __aenter__(self) -> Self:
        self._is_closing = False
        return await super().__aenter__()

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

    def happens(self, *, number: int | None = None, **what: Any) -> int:
        """Something for the bot: `message={...}` or `callback_query={...}`; its number."""
        number = 1_000 + len(self.updates) if number is None else number
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
            **_as_told(shown),
        }
        sender = {"id": user, "is_bot": False, "first_name": name, "username": name}
        self.happens(callback_query={"id": press, "from": sender, "message": message, "data": data})
        return press

    def _wake(self) -> None:
        self._happened.set()
        self._happened = asyncio.Event()

    def release_question(self) -> None:
        """Answer whoever asks for updates that nothing has happened, as after half a minute."""
        self._is_idle = True
        self._wake()

    def _unconfirmed(self) -> list[dict[str, Any]]:
        return [one for one in self.updates if one["update_id"] not in self.confirmed]

    async def _updates(self, seen: Seen) -> Reply:
        """Those from `offset` on, which confirms the earlier ones."""
        self.asking += 1
        mine = self.asking
        self.asked_from = int(seen.body.get("offset", 0))
        self._wake()  # whoever asked before is told that somebody else does
        self.confirmed |= {one["update_id"] for one in self.updates if one["update_id"] < self.asked_from}
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
                    if found := [one for one in self._unconfirmed() if one["update_id"] >= first]:
                        break
                    if self._is_closing or self._is_idle:
                        self._is_idle = False
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
        if method not in _METHODS:
            return telegram_error(404, "Not Found")
        if not isinstance(seen.body, dict):
            return telegram_error(400, "Bad Request: message text is empty")
        try:
            return self._say(method, _fields(seen.body))
        except Refusal as exc:
            return exc.reply

    def _say(self, method: str, body: dict[str, Any]) -> Reply:
        """A message, a photo, or an edit of either."""
        chat = str(body.get("chat_id", ""))
        if chat in self.moved:
            return telegram_error(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                parameters={"migrate_to_chat_id": self.moved[chat]},
            )
        rows = body.get("reply_markup", {}).get("inline_keyboard", [])
        if any(not 1 <= len(one["callback_data"].encode()) <= 64 for row in rows for one in row):
            raise Refusal("BUTTON_DATA_INVALID")
        match method:
            case "sendPhoto":
                if not isinstance(photo := body.pop("photo", None), bytes):
                    raise Refusal("there is no photo in the request")
                return self._add(chat, _words(body, "caption"), body, _photo(photo))
            case "sendMessage":
                return self._add(chat, _words(body, "text"), body, None)
        found = self._find(chat, str(body.get("message_id")))
        if found is None:
            raise Refusal("message to edit not found")
        if method == "editMessageMedia":
            media = body["media"]
            photo = body.pop(media["media"].removeprefix("attach://"), None)
            if media["type"] != "photo" or not isinstance(photo, bytes):
                raise Refusal("wrong file identifier/HTTP URL specified")
            return self._change(found, _words(media, "caption"), body, _photo(photo))
        if method == "editMessageCaption":
            if found.photo is None:
                raise Refusal("there is no caption in the message to edit")
            return self._change(found, _words(body, "caption"), body, found.photo)
        if found.photo is not None:
            raise Refusal("there is no text in the message to edit")
        return self._change(found, _words(body, "text"), body, None)

    def _add(self, chat: str, text: str, body: dict[str, Any], photo: bytes | None) -> Reply:
        self.shown.append(Shown(chat, str(_START_ID + len(self.shown)), text, body, photo=photo))
        return _taken(self.shown[-1])

    def _change(self, found: Shown, text: str, body: dict[str, Any], photo: bytes | None) -> Reply:
        is_same = found.text == text and found.raw.get("reply_markup") == body.get("reply_markup")
        if is_same and photo is found.photo:  # a photo brought again is another one
            raise Refusal(
                "message is not modified: specified new message content and reply markup are exactly the same as a"
                " current content and reply markup of the message"
            )
        found.text, found.raw, found.photo, found.edits = text, body, photo, found.edits + 1
        return _taken(found)

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


_METHODS = frozenset({"sendMessage", "sendPhoto", "editMessageText", "editMessageCaption", "editMessageMedia"})


class Refusal(Exception):
    """What the Bot API will not do, in its words."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.reply = telegram_error(status, f"Bad Request: {why}" if status == 400 else why)


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    """What was asked; in a form whatever is no text is JSON."""
    return body | {
        key: json.loads(body[key])
        for key in ("media", "message_id", "message_thread_id", "reply_markup", "reply_parameters")
        if isinstance(body.get(key), str)
    }


def _words(body: dict[str, Any], key: str) -> str:
    """The text or caption behind its markup, or the refusal it deserves."""
    text = str(body.get(key, ""))
    if body.get("parse_mode") == "HTML":
        try:
            text = parse_html(text)
        except ValueError as exc:
            raise Refusal(f"can't parse entities: {exc}") from exc
    units = len(text.encode("utf-16-le")) // 2
    if key == "caption" and units > CAPTION_LIMIT:
        raise Refusal("message caption is too long")
    if key == "text" and not text.strip():
        raise Refusal("message text is empty")
    if units > TELEGRAM_LIMIT:
        raise Refusal("message is too long")
    return text


def _photo(png: bytes) -> bytes:
    """The photo, if it is one: sides of 10,000 together, none twenty times the other."""
    if len(png) > PHOTO_BYTES:
        raise Refusal("Request Entity Too Large", 413)
    if not png.startswith(b"\x89PNG\r\n\x1a\n") or png[12:16] != b"IHDR" or not png.endswith(b"IEND\xaeB`\x82"):
        raise Refusal("IMAGE_PROCESS_FAILED")
    width, height = struct.unpack(">II", png[16:24])
    if not 0 < width + height <= 10_000 or max(width, height) > 20 * min(width, height):
        raise Refusal("PHOTO_INVALID_DIMENSIONS")
    return png


def _as_told(shown: Shown) -> dict[str, Any]:
    """The words of a message as the Bot API tells them: a photo has a caption."""
    bold = [{"type": "bold", "offset": 0, "length": 4}]
    if shown.photo is None:
        return {"text": shown.text, "entities": bold}
    photo = [{"file_id": "photo", "file_unique_id": "p", "width": 90, "height": 51}]
    return {"caption": shown.text, "caption_entities": bold, "photo": photo}


def _taken(shown: Shown) -> Reply:
    number = int(shown.chat) if shown.chat.lstrip("-").isdecimal() else -1009
    where = {"message_id": int(shown.message_id), "date": 1, "chat": {"id": number, "type": "group"}}
    return Reply(200, json.dumps({"ok": True, "result": where | _as_told(shown)}))


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
