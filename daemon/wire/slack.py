"""What Slack tells an app over Socket Mode, and what it is answered. https://docs.slack.dev/apis/events-api/using-socket-mode

Nothing of this was seen live: the shapes are those of the documentation and of the clients that Slack publishes. [inferred]
"""

from typing import Any

import msgspec

from sinks.fit import tidy

TEXT_MAX = 4_000  # letters of an ephemeral message that are sure to be taken
BUTTON, CLICK = "button", "block_actions"
SOON, OFF = ("warning", "refresh_requested"), "link_disabled"  # why a disconnect: it is replaced, or switched off


class Person(msgspec.Struct, frozen=True, gc=False):
    """Whoever pressed."""

    id: str  # U012AB3CD, in larger organisations W012AB3CD
    username: str = ""
    name: str = ""

    @property
    def said(self) -> str:
        """`@anna`, or the id."""
        name = tidy(self.username or self.name)[:40]
        return f"@{name}" if name else self.id


class Container(msgspec.Struct, frozen=True, gc=False):
    """Where the button stands."""

    channel_id: str = ""
    message_ts: str = ""


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it stands in the channel."""

    text: str | None = None
    blocks: list[dict[str, Any]] | None = None
    files: Any = None  # what hangs under it; in a press not documented, so nothing of it may cost the press

    @property
    def file_ids(self) -> list[str]:
        """What the files are called."""
        files = self.files if isinstance(self.files, list) else []
        names = [one.get("id") for one in files if isinstance(one, dict)]
        return [name for name in names if isinstance(name, str)]


class Action(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One element that was used."""

    type: str = ""
    value: str = ""
    action_ts: str = ""  # when; the same if the press is told twice [inferred]


class Click(msgspec.Struct, frozen=True, kw_only=True):
    """What an `interactive` envelope carries; all but `block_actions` passes."""

    type: str
    user: Person
    container: Container = Container()
    message: Written | None = None
    actions: list[Action] = []

    @property
    def button(self) -> Action | None:
        """The button that was pressed; None if it was something else."""
        if self.type != CLICK:
            return None
        return next((one for one in self.actions if one.type == BUTTON), None)


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One message on the socket: `hello`, `disconnect`, or an envelope that wants to be acknowledged."""

    type: str
    reason: str | None = None  # of a disconnect: warning, refresh_requested, link_disabled, too_many_websockets
    envelope_id: str | None = None
    accepts_response_payload: bool = False
    payload: msgspec.Raw = msgspec.Raw(b"null")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer of the Web API."""

    ok: bool = False
    error: str = ""
    url: str = ""  # of apps.connections.open; it holds a ticket
    retry_after: float | None = None


_frame = msgspec.json.Decoder(Frame)
_click = msgspec.json.Decoder(Click)
_answer = msgspec.json.Decoder(Answer)


def read_frame(text: str | bytes) -> Frame | None:
    """The frame, or None for what is none."""
    try:
        return _frame.decode(text)
    except (ValueError, RecursionError):  # msgspec's own trouble is a ValueError
        return None


def read_click(payload: bytes | msgspec.Raw) -> Click | None:
    """What was pressed, or None for what we cannot read."""
    try:
        return _click.decode(payload)
    except (ValueError, RecursionError):
        return None


def read_answer(body: bytes) -> Answer | None:
    """The answer, or None for what is none: a proxy's page, in any encoding, or half of something."""
    try:
        return _answer.decode(body)
    except (ValueError, RecursionError):
        return None


def acknowledgement(envelope_id: str, words: str = "") -> str:
    """What an envelope is answered with; `words` only where it accepts a payload."""
    said: dict[str, Any] = {"envelope_id": envelope_id}
    if words:
        said["payload"] = {"text": words}
    return msgspec.json.encode(said).decode()
