"""Telegram by its Bot API: sent as HTML, edited in place, cut to fit, and honest about what was received."""

import logging
from html import escape
from typing import Any

import aiohttp
import msgspec

from rules.alerts import Change, Severity
from sinks.address import TelegramChat, scrub
from sinks.base import Gone, Message, Receipt, SinkTrouble, Uncertain
from sinks.fit import cut, tidy, weight
from sinks.outcome import EditLost, trouble
from sinks.pace import TELEGRAM_CHAT, TELEGRAM_GROUP, Pace
from sinks.post import Patience, Reply, post

API_URL = "https://api.telegram.org"
LIMIT = 4096  # UTF-16 units after entities
_HEADLINE_MAX, _FOOTER_MAX = 1024, 512

_SAME = "message is not modified"
_UNREADABLE = "can't parse entities"
_LOST = ("message to edit not found", "message can't be edited", "message_id_invalid", "message identifier is not spec")
_DEAD = (
    "chat not found",
    "chat_write_forbidden",
    "group chat was",  # deactivated, or upgraded without saying where to
    "have no rights to send",
    "not enough rights",
    "peer_id_invalid",
    "message thread not found",
    "topic_closed",
    "topic_deleted",
    "user is deactivated",
    "bot was kicked",
    "bot was blocked",
)

log = logging.getLogger(__name__)


class _Advice(msgspec.Struct, gc=False):
    retry_after: float | None = None
    migrate_to_chat_id: int | None = None


class _Chat(msgspec.Struct, gc=False):
    id: int


class _Sent(msgspec.Struct, gc=False):
    message_id: int | None = None
    chat: _Chat | None = None


class _Answer(msgspec.Struct, gc=False):
    """Every answer of the Bot API."""

    ok: bool
    result: _Sent | bool | None = None
    error_code: int | None = None
    description: str = ""
    parameters: _Advice | None = None


_decoder = msgspec.json.Decoder(_Answer)


class TelegramSink:
    """One chat of one bot. A message's name is `chat/number`, so that an edit finds it even after the chat moved."""

    can_edit = True

    def __init__(
        self,
        name: str,
        address: TelegramChat,
        *,
        session: aiohttp.ClientSession,
        api_url: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.name = name
        self.pace: Pace = TELEGRAM_GROUP if address.is_group else TELEGRAM_CHAT
        self.moved_to: str | None = None  # the chat's new number, once Telegram has said so; write it into the file
        self._address = address
        self._session = session
        self._url = f"{(api_url or API_URL).rstrip('/')}/bot{address.token}"
        self._patience = patience or Patience()

    def __repr__(self) -> str:
        return f"<TelegramSink {self.name} {self._address}>"

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Send or edit. At most three requests: one as HTML, one where the chat moved to, one as plain text."""
        chat, number = _split(edits) if edits else (self.moved_to or self._address.chat, None)
        is_plain = has_moved = False
        while True:
            reply = await self._call(message, chat, number, is_plain=is_plain)
            answer = _read(reply)
            if answer is None or answer.ok:
                break
            moved = answer.parameters.migrate_to_chat_id if answer.parameters else None
            if moved is not None and number is None and not has_moved:
                has_moved, chat = True, str(moved)
                self._note_move(chat)
            elif _UNREADABLE in answer.description.lower() and not is_plain:
                is_plain = True
            else:
                break
        return self._judge(reply, answer, edits)

    async def aclose(self) -> None:
        """Nothing to let go of: the session is the house's."""

    async def _call(self, message: Message, chat: str, number: int | None, *, is_plain: bool) -> Reply:
        payload: dict[str, Any] = {"chat_id": int(chat) if chat.lstrip("-").isdecimal() else chat}
        if is_plain:
            payload["text"] = to_plain(message)
        else:
            payload |= {"text": to_html(message), "parse_mode": "HTML"}
        payload["link_preview_options"] = {"is_disabled": True}
        if message.buttons:
            rows = [[{"text": one.words, "callback_data": one.data} for one in row] for row in message.buttons]
            payload["reply_markup"] = {"inline_keyboard": rows}
        if number is not None:
            method = "editMessageText"
            payload["message_id"] = number
        else:
            method = "sendMessage"
            payload["disable_notification"] = self._address.is_silent or _is_quiet(message)
            if (first := _first_of(message, chat)) is not None:  # and if it was deleted, the words still arrive
                payload["reply_parameters"] = {"message_id": first, "allow_sending_without_reply": True}
            if self._address.topic is not None:
                payload["message_thread_id"] = self._address.topic
        url = f"{self._url}/{method}"
        return await post(self._session, url, payload, who=f"Telegram ({self.name})", patience=self._patience)

    def _judge(self, reply: Reply, answer: _Answer | None, edits: str | None) -> Receipt:
        if answer is None:
            raise self._unreadable(reply)
        if answer.ok and reply.status == 200:
            return Receipt(edits or _name(answer.result))
        why = answer.description.lower()
        if edits is not None and _SAME in why:
            return Receipt(edits)  # it already says so: an edit may be repeated as often as we like
        raise self._refusal(reply, answer, why, is_edit=edits is not None)

    def _refusal(self, reply: Reply, answer: _Answer, why: str, *, is_edit: bool) -> SinkTrouble:
        status = answer.error_code or (reply.status if reply.status != 200 else 400)  # ok:false in a 200 is a refusal
        text = self._say(status, answer.description)
        if is_edit and status == 400 and any(mark in why for mark in _LOST):
            return EditLost(text)
        if status == 400 and any(mark in why for mark in _DEAD):
            return Gone(text)
        advice = answer.parameters.retry_after if answer.parameters else None
        return trouble(status, text, retry_after_s=reply.retry_after_s if advice is None else advice)

    def _unreadable(self, reply: Reply) -> SinkTrouble:
        """An answer that is not the Bot API's: a proxy's page, or half of something."""
        if 200 <= reply.status < 300:
            return Uncertain(f"Telegram ({self.name}): answered {reply.status} with something that is not an answer")
        return trouble(reply.status, self._say(reply.status, ""), retry_after_s=reply.retry_after_s)

    def _say(self, status: int, description: str) -> str:
        words = scrub(cut(tidy(description), 200), self._address.secrets)
        return f"Telegram ({self.name}): {status}" + (f", {words}" if words else "")

    def _note_move(self, chat: str) -> None:
        self.moved_to = chat
        log.warning("telegram chat moved", extra={"sink": self.name, "new_chat": chat})


def to_html(message: Message) -> str:
    """The message in Telegram's HTML: headline bold, small print in italics, the middle cut if it is too much."""
    headline, body, footer = _fitted(message)
    pieces = [f"<b>{_escaped(headline)}</b>", _escaped(body), f"<i>{_escaped(footer)}</i>" if footer else ""]
    return "\n".join(piece for piece in pieces if piece)


def to_plain(message: Message) -> str:
    """The same without markup."""
    return "\n".join(piece for piece in _fitted(message) if piece)


def _fitted(message: Message) -> tuple[str, str, str]:
    headline = cut(tidy(message.headline), _HEADLINE_MAX) or "(no words)"
    footer = cut(tidy(message.footer), _FOOTER_MAX)
    body = "\n".join(line for line in map(tidy, message.lines) if line)
    return headline, cut(body, LIMIT - weight(headline) - weight(footer) - 2), footer


def _escaped(text: str) -> str:
    return escape(text, quote=False)


def _is_quiet(message: Message) -> bool:
    """Good news and small news arrive without a sound, unless the sink was told otherwise."""
    if message.is_silent is not None:
        return message.is_silent
    return message.severity is Severity.INFO or message.change in {Change.CLEARED, Change.EASED}


def _read(reply: Reply) -> _Answer | None:
    try:
        return _decoder.decode(reply.body or b"")
    except msgspec.MsgspecError:
        return None


def _name(result: _Sent | bool | None) -> str | None:
    if not isinstance(result, _Sent) or result.message_id is None or result.chat is None:
        return None
    return f"{result.chat.id}/{result.message_id}"


def _first_of(message: Message, chat: str) -> int | None:
    """The number of the message that this one speaks of again; None if it stands in another chat."""
    home, _, number = (message.replies or "").rpartition("/")
    is_here = home == chat or (home != "" and not chat.lstrip("-").isdecimal())  # @names have a number we cannot know
    return int(number) if is_here and number.isdecimal() else None


def _split(message_id: str) -> tuple[str, int]:
    chat, _, number = message_id.rpartition("/")
    if not chat or not number.isdecimal():
        raise EditLost("Telegram: this message has no number that could be edited")
    return chat, int(number)
