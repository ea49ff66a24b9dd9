"""What a venue says about the conversation itself, rather than about the market."""

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """A subscription was taken. `items` are the topics by name; empty if the venue does not repeat them."""

    items: tuple[str, ...] = ()
    request_id: str | None = None


class Rejected(msgspec.Struct, frozen=True):
    """A subscription, or one item of it, was refused."""

    why: str
    items: tuple[str, ...] = ()
    request_id: str | None = None


class Pong(msgspec.Struct, frozen=True):
    """The far end answered our ping: it is alive, whether or not the market moves."""


class Ignored(msgspec.Struct, frozen=True):
    """Understood, and of no interest to us."""


class Answer(msgspec.Struct, frozen=True):
    """The far end wants a sign of life: `text` goes back at once, as it is."""

    text: str


class Leaving(msgspec.Struct, frozen=True):
    """The far end is about to close the connection, and asks us to come again."""


Control = Accepted | Rejected | Pong | Ignored | Answer | Leaving


class Unreadable(ValueError):
    """A frame that this codec cannot read; the text says what was wrong, without the whole frame."""


class Throttled(Unreadable):
    """A refusal because we asked too often, in a body that came with a good HTTP status."""
