"""What every sink is: one recipient that takes a rendered message and says truthfully what became of it."""

from enum import StrEnum
from typing import Protocol

import msgspec

from rules.alerts import Change, Severity
from rules.alerts import Moment as Moment
from rules.delivery.letters import Notice as Notice


class Button(msgspec.Struct, frozen=True, gc=False):
    """Something that can be pressed under a message, where the chat has that."""

    words: str
    data: str  # what the press brings back: at most 64 bytes


class Picture(msgspec.Struct, frozen=True, gc=False):
    """What is shown beside the words."""

    png: bytes
    says: str  # for whoever cannot see it


class Shows(StrEnum):
    """When a sink can show a picture."""

    NEVER = "never"  # it leaves the picture out
    WITH = "with"  # with the message, or added by an edit
    AFTER = "after"  # added by an edit: a file must be brought there first


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Words for people, without any chat's markup."""

    headline: str  # one line
    lines: tuple[str, ...] = ()
    listed: int = (
        0  # so many lines, from the first, tell one thing each; a chat that must cut counts what it leaves out
    )
    unlisted: int = 0  # so many things have no line; the line behind those that are listed counts them
    footer: str = ""  # rule id, times; small print
    severity: Severity = Severity.INFO
    change: Change | None = None  # None: a word of our own (a test, a lane that died)
    is_silent: bool | None = None  # without a sound, where the chat can; None: as the chat's driver thinks fit
    replies: str | None = None  # the name of the message that this one speaks of again, where the chat has threads
    buttons: tuple[tuple[Button, ...], ...] = ()  # in rows; an edit without them takes them away
    picture: Picture | None = None  # an edit without one leaves the one that stands there


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The far end took the message; `message_id` is its name there, if it has one and can be edited."""

    message_id: str | None = None


class Sink(Protocol):
    """One recipient, named by the trader. One message at a time; the outbox sees to that."""

    name: str
    can_edit: bool
    shows: Shows

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        """Send, or replace the message named by `edits`. Returns only if the far end said yes.

        Raises Busy, Unreached, Uncertain, Undeliverable or Gone; the text of each is fit for an operator and
        holds no secret. Never retries, never sleeps: the outbox does both, and remembers.
        """

    async def aclose(self) -> None:
        """Let go of connections."""


class SinkTrouble(Exception):
    """Anything that kept a message from being delivered."""


class Busy(SinkTrouble):
    """The far end refused for now and (often) said when to come back. Not sent."""

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class Unreached(SinkTrouble):
    """The message did not leave: no route, refused, no TLS, or a clear `try again` (500, 503). Not sent."""


class Uncertain(SinkTrouble):
    """The request left and no answer came: it may have arrived."""


class Undeliverable(SinkTrouble):
    """This message will never be taken, whatever we wait. The recipient is well."""


class Gone(SinkTrouble):
    """The recipient is dead: blocked, revoked, archived. Nothing will arrive until a person acts."""
