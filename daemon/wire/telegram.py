"""What Telegram's Bot API tells a bot that asks for updates: presses and messages. https://core.telegram.org/bots/api"""

from typing import Any

import msgspec

from sinks.fit import tidy

TEXT_MAX = 4_096  # UTF-16 units of a message
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
    message_thread_id: int | None = None
    is_topic_message: bool = False


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
_number = msgspec.json.Decoder(_Number)
_update = msgspec.json.Decoder(Update)


def read_answer(body: bytes) -> Answer | None:
    """The answer, or None for what is none: a proxy's page, or half of something."""
    try:
        return _answer.decode(body)
    except msgspec.MsgspecError:
        return None


def read_updates(result: bytes | msgspec.Raw) -> list[Update]:
    """What happened, oldest first. One that we cannot read is there without content, so that it can be passed by.

    msgspec.MsgspecError if it is no list of updates at all.
    """
    found = []
    for raw in _updates.decode(result):
        try:
            found.append(_update.decode(raw))
        except msgspec.MsgspecError:
            found.append(Update(update_id=_number.decode(raw).update_id))
    return found
