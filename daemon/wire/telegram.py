"""What Telegram's Bot API tells a bot that asks for updates: presses and messages. https://core.telegram.org/bots/api"""

from typing import Any, Self

import msgspec

from sinks.fit import tidy

TEXT_MAX, CAPTION_MAX = 4_096, 1_024  # UTF-16 units of a message, and of what stands beside a picture
NOTE_MAX = 200  # letters of the answer to a press


class User(msgspec.Struct, frozen=True, gc=False):
    """Whoever pressed or wrote."""

    id: int
    first_name: str = ""
    username: str | None = None

    @property
    def said(self) -> str:
        """`@anna`, `Anna` or the number."""
        name = tidy(f"@{self.username}" if self.username else self.first_name)
        return name[:40] or str(self.id)


class Chat(msgspec.Struct, frozen=True, gc=False):
    """Where it was."""

    id: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote, or what we did."""

    message_id: int
    chat: Chat
    user: User | None = msgspec.field(default=None, name="from")
    text: str | None = None
    entities: list[dict[str, Any]] = []  # its markup, in UTF-16 units from its beginning
    caption: str | None = None  # in place of the text, beside a picture
    caption_entities: list[dict[str, Any]] = []
    show_caption_above_media: bool = False
    photo: list[msgspec.Raw] = []  # in several sizes; which is of no matter
    message_thread_id: int | None = None
    is_topic_message: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One of our messages as it stood, and what is needed to edit it."""

    chat: int
    number: int
    text: str | None = None  # or the caption; None: it came without, because it is very old
    entities: list[dict[str, Any]] = []
    is_photo: bool = False
    is_above: bool = False  # the caption, of the picture

    @classmethod
    def of(cls, message: Message) -> Self:
        """Where this message stands."""
        is_photo = bool(message.photo) or message.caption is not None
        return cls(
            chat=message.chat.id,
            number=message.message_id,
            text=message.caption or "" if is_photo else message.text,
            entities=message.caption_entities if is_photo else message.entities,
            is_photo=is_photo,
            is_above=message.show_caption_above_media,
        )


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """A button was pressed."""

    id: str
    user: User = msgspec.field(name="from")
    message: Message | None = None  # missing when it is very old
    data: str = ""


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened; all but these two kinds pass."""

    update_id: int
    message: Message | None = None
    callback_query: Press | None = None


class Advice(msgspec.Struct, frozen=True, gc=False):
    """What comes with a refusal."""

    retry_after: float | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer of the Bot API."""

    ok: bool
    result: msgspec.Raw = msgspec.Raw(b"null")
    error_code: int | None = None
    description: str = ""
    parameters: Advice | None = None


class _Number(msgspec.Struct, gc=False):
    update_id: int


_answer = msgspec.json.Decoder(Answer)
_updates = msgspec.json.Decoder(list[msgspec.Raw])
_place = msgspec.json.Decoder(Place)
_number = msgspec.json.Decoder(_Number)
_update = msgspec.json.Decoder(Update)


def read_answer(body: bytes) -> Answer | None:
    """The answer, or None for what is none: a proxy's page, in any encoding, or half of something."""
    try:
        return _answer.decode(body)
    except (ValueError, RecursionError):  # msgspec's own trouble is a ValueError
        return None


def read_place(text: str) -> Place | None:
    """Where a message stood, or None for what is no such place."""
    try:
        return _place.decode(text)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        return None


def read_updates(result: bytes | msgspec.Raw) -> list[Update]:
    """What happened, oldest first. One that we cannot read is there without content, so that it can be passed by.

    ValueError or RecursionError if it is no list of updates at all.
    """
    found = []
    for raw in _updates.decode(result):
        try:
            found.append(_update.decode(raw))
        except (ValueError, RecursionError):
            found.append(Update(update_id=_number.decode(raw).update_id))
    return found
