"""What is asked of the Bot API: the name of a message, the method, and its fields as JSON or as a form with a file.

https://core.telegram.org/bots/api. [inferred]: that editMessageMedia makes a photo of a text in every kind of chat.
"""

from typing import Any, Self

import aiohttp
import msgspec

from rules.alerts import Change, Severity
from sinks.address import TelegramChat
from sinks.base import Message, Picture
from sinks.telegram_words import CAPTION_MAX, TEXT_MAX, to_html, to_plain

_PHOTO = "photo"
_FILE = "picture"


class Name(msgspec.Struct, frozen=True, gc=False):
    """What a message is called: `chat/number`, and `chat/number/photo` where its words stand under a photo."""

    chat: str
    number: int
    is_photo: bool = False

    @classmethod
    def read(cls, name: str) -> Self | None:
        chat, _, rest = name.partition("/")
        number, _, kind = rest.partition("/")
        return cls(chat, int(number), kind == _PHOTO) if chat and number.isdecimal() and kind in {"", _PHOTO} else None

    def __str__(self) -> str:
        return f"{self.chat}/{self.number}" + (f"/{_PHOTO}" if self.is_photo else "")


class Try(msgspec.Struct, frozen=True, gc=False):
    """One way to say it. What the far end does not like about it is changed, each thing once."""

    chat: str
    number: int | None = None  # of the message that is edited
    is_photo: bool = False  # that message shows one
    picture: Picture | None = None  # to be shown now
    is_plain: bool = False
    has_moved: bool = False
    was_mistaken: bool = False  # about `is_photo`

    @property
    def method(self) -> str:
        if self.number is None:
            return "sendPhoto" if self.picture else "sendMessage"
        return "editMessageMedia" if self.picture else "editMessageCaption" if self.is_photo else "editMessageText"

    @property
    def has_caption(self) -> bool:
        return self.is_photo or self.picture is not None


def fields_of(message: Message, now: Try, address: TelegramChat) -> dict[str, Any]:
    """What the method is given."""
    fields: dict[str, Any] = {"chat_id": int(now.chat) if now.chat.lstrip("-").isdecimal() else now.chat}
    words = _worded(message, now)
    if now.number is not None and now.picture is not None:
        words = {"media": {"type": "photo", "media": f"attach://{_FILE}", **words}}
    fields |= words
    if message.buttons:
        rows = [[{"text": one.words, "callback_data": one.data} for one in row] for row in message.buttons]
        fields["reply_markup"] = {"inline_keyboard": rows}
    if now.number is not None:
        fields["message_id"] = now.number
        return fields
    fields["disable_notification"] = address.is_silent or _is_quiet(message)
    if (first := _first_of(message, now.chat)) is not None:  # and if it was deleted, the words still arrive
        fields["reply_parameters"] = {"message_id": first, "allow_sending_without_reply": True}
    if address.topic is not None:
        fields["message_thread_id"] = address.topic
    return fields


def form_of(fields: dict[str, Any], now: Try) -> aiohttp.FormData:
    """The same fields as multipart: whatever is no text travels as JSON."""
    form = aiohttp.FormData()
    for key, value in fields.items():
        form.add_field(key, value if isinstance(value, str) else msgspec.json.encode(value).decode())
    if now.picture is not None:
        name = _FILE if now.number is not None else "photo"
        form.add_field(name, now.picture.png, filename="picture.png", content_type="image/png")
    return form


def _worded(message: Message, now: Try) -> dict[str, Any]:
    """The words as the fields of a text or of a caption."""
    key, room = ("caption", CAPTION_MAX) if now.has_caption else ("text", TEXT_MAX)
    fields: dict[str, Any] = {key: to_plain(message, room) if now.is_plain else to_html(message, room)}
    if not now.is_plain:
        fields["parse_mode"] = "HTML"
    if now.has_caption:
        return fields | {"show_caption_above_media": True}
    return fields | {"link_preview_options": {"is_disabled": True}}


def _is_quiet(message: Message) -> bool:
    """Good news and small news arrive without a sound, unless the sink was told otherwise."""
    if message.is_silent is not None:
        return message.is_silent
    return message.severity is Severity.INFO or message.change in {Change.CLEARED, Change.EASED}


def _first_of(message: Message, chat: str) -> int | None:
    """The number of the message that this one speaks of again; None if it stands in another chat."""
    first = Name.read(message.replies or "")
    if first is None:
        return None
    is_here = first.chat == chat or not chat.lstrip("-").isdecimal()  # @names have a number we cannot know
    return first.number if is_here else None
