"""A press as every chat tells it, and what a chat must be able to say to it."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

PLACE_MAX = 64 * 1024  # bytes; our own messages take a quarter of that


@dataclass(frozen=True, kw_only=True)
class Pressed:
    """Somebody pressed a button."""

    id: str  # the chat's name of this press: the same if it is told twice
    user: str  # who it was, as the list of those who may has it
    who: str  # and as people know them
    data: str  # what the button brought back
    channel: str = ""  # where to answer, if the chat must be told
    place: str | None = None  # all that is needed to edit the message, as JSON; None: it cannot be edited


class Closed(Enum):
    """What became of an edit."""

    DONE = auto()  # the message says who did what
    LATER = auto()  # it may work later
    NEVER = auto()  # it is gone, or will not be edited


class Mouth(Protocol):
    """Speaks for one bot. Neither method raises: what cannot be said is logged, and what was done stays done."""

    notes_all: bool  # every press waits for a note; else one that is seen by its edit needs none

    async def note(self, pressed: Pressed, words: str) -> None:
        """Tell this person alone."""

    async def close(self, place: str, words: str) -> Closed:
        """Take the buttons away and write under the message who did what. Twice is once."""


def bounded(place: bytes) -> str | None:
    """The place, unless it is larger than any message of ours."""
    return place.decode() if len(place) <= PLACE_MAX else None
