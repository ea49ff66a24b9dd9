"""Telegram by its Bot API: sent as HTML, with a picture if there is one, edited in place, and honest about answers."""

import logging

import aiohttp
import msgspec
from msgspec.structs import replace

from sinks.address import TelegramChat, scrub
from sinks.base import Gone, Message, Picture, Receipt, Shows, SinkTrouble, Uncertain, Undeliverable
from sinks.fit import cut, tidy
from sinks.outcome import EditLost, trouble
from sinks.pace import TELEGRAM_CHAT, TELEGRAM_GROUP, Pace
from sinks.post import Patience, Reply, post, post_body
from sinks.telegram_request import Name, Try, fields_of, form_of
from sinks.telegram_words import fits_caption

API_URL = "https://api.telegram.org"

_SAME = "message is not modified"
_UNREADABLE = "can't parse entities"
_NO_TEXT, _NO_CAPTION = "no text in the message to edit", "no caption in the message to edit"
_NO_PHOTOS = ("rights to send photos", "chat_send_photos_forbidden", "chat_send_media_forbidden")
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
    """One chat of one bot. A message's name holds the chat, so that an edit finds it even after the chat moved."""

    can_edit = True
    shows = Shows.WITH

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
        self._has_refused = False  # a picture, and not taken one since
        self._address = address
        self._session = session
        self._url = f"{(api_url or API_URL).rstrip('/')}/bot{address.token}"
        self._patience = patience or Patience()

    def __repr__(self) -> str:
        return f"<TelegramSink {self.name} {self._address}>"

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Send or edit; once more where the chat moved to, as plain text, without the picture, or as what it is.

        A picture is shown if the words fit beneath it. Whatever Telegram has against the picture, the words arrive.
        """
        now = self._first(message, edits)
        while True:
            reply = await self._call(message, now)
            answer = _read(reply)
            another = self._otherwise(now, reply, answer)
            if another is None:
                receipt = self._judge(reply, answer, now)
                self._has_refused = self._has_refused and now.picture is None
                return receipt
            now = another

    async def aclose(self) -> None:
        """Nothing to let go of: the session is the house's."""

    def _first(self, message: Message, edits: str | None) -> Try:
        if edits is None:
            return Try(self.moved_to or self._address.chat, picture=_fitting(message))
        name = Name.read(edits)
        if name is None:
            raise EditLost("Telegram: this message has no number that could be edited")
        # a text message takes a photo and is one from then on; it never becomes a text again
        picture = message.picture if name.is_photo else _fitting(message)
        return Try(name.chat, name.number, name.is_photo, picture)

    def _otherwise(self, now: Try, reply: Reply, answer: _Answer | None) -> Try | None:
        """How else to say it; None if this answer stands. Each of these refusals is certain: nothing was shown."""
        if answer is not None and answer.ok:
            return None
        why = answer.description.lower() if answer is not None else ""
        moved = answer.parameters.migrate_to_chat_id if answer is not None and answer.parameters else None
        if moved is not None and now.number is None and not now.has_moved:
            self._note_move(str(moved))
            return replace(now, chat=str(moved), has_moved=True)
        if _UNREADABLE in why and not now.is_plain:
            return replace(now, is_plain=True)
        if now.picture is not None and self._is_about_picture(reply, answer, now):
            self._note_refusal(self._say(reply.status, answer.description if answer is not None else ""))
            return replace(now, picture=None)
        if now.number is not None and now.picture is None and not now.was_mistaken:
            mark = _NO_CAPTION if now.is_photo else _NO_TEXT
            return replace(now, is_photo=not now.is_photo, was_mistaken=True) if mark in why else None
        return None

    def _is_about_picture(self, reply: Reply, answer: _Answer | None, now: Try) -> bool:
        """Any refusal of this message that is not one of the chat: Telegram has many words for a photo it dislikes."""
        if answer is None:
            return isinstance(self._unreadable(reply), Undeliverable | Gone)  # a proxy may take words, and no files
        why = answer.description.lower()
        if _SAME in why:
            return False
        if any(mark in why for mark in _NO_PHOTOS):
            return True
        verdict = self._refusal(reply, answer, why, is_edit=now.number is not None)
        return isinstance(verdict, Undeliverable) and not isinstance(verdict, EditLost)

    async def _call(self, message: Message, now: Try) -> Reply:
        url, who = f"{self._url}/{now.method}", f"Telegram ({self.name})"
        fields = fields_of(message, now, self._address)
        if now.picture is None:
            return await post(self._session, url, fields, who=who, patience=self._patience)
        form = form_of(fields, now)
        return await post_body(self._session, url, form, who=who, patience=self._patience)

    def _judge(self, reply: Reply, answer: _Answer | None, now: Try) -> Receipt:
        if answer is None:
            raise self._unreadable(reply)
        why = answer.description.lower()
        is_done = answer.ok and reply.status == 200
        if now.number is not None:
            if is_done or _SAME in why:  # it already says so: an edit may be repeated as often as we like
                return Receipt(str(Name(now.chat, now.number, now.has_caption)))
        elif is_done:
            return Receipt(_name(answer.result, is_photo=now.has_caption))
        raise self._refusal(reply, answer, why, is_edit=now.number is not None)

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

    def _note_refusal(self, reason: str) -> None:
        level = logging.DEBUG if self._has_refused else logging.WARNING  # a chat without photos is one for long
        self._has_refused = True
        log.log(level, "picture left out", extra={"sink": self.name, "reason": reason})

    def _note_move(self, chat: str) -> None:
        self.moved_to = chat
        log.warning("telegram chat moved", extra={"sink": self.name, "new_chat": chat})


def _fitting(message: Message) -> Picture | None:
    """The picture, if the words fit beneath it: they matter more."""
    return message.picture if message.picture is not None and fits_caption(message) else None


def _read(reply: Reply) -> _Answer | None:
    try:
        return _decoder.decode(reply.body or b"")
    except (ValueError, RecursionError):  # a page in another encoding, too
        return None


def _name(result: _Sent | bool | None, *, is_photo: bool) -> str | None:
    if not isinstance(result, _Sent) or result.message_id is None or result.chat is None:
        return None
    return str(Name(str(result.chat.id), result.message_id, is_photo))
