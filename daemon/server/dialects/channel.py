"""One kind of frame of a dialect: an event is written once, for all who listen to it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from rules.events import Event

Place = tuple[str, str]
PLACES_MAX = 4_096
V = TypeVar("V")


class Channel:
    """Base of all channels. What it returns is what `Subscription.frame` is given: a body, or a frame that is ready."""

    name: str = ""
    kinds: frozenset[type[Event]] = frozenset()
    """what is written for those who listen"""
    minded: frozenset[type[Event]] = frozenset()
    """what `observe` is given"""

    def observe(self, event: Event) -> None:
        """Remember what newcomers are told, whether anybody listens or not."""

    def address(self, event: Event) -> Place:
        """(venue, symbol) by which listeners are found; symbol may be an account, or whatever they asked by."""
        return event.place

    def write(self, event: Event) -> Sequence[bytes]:
        """What this event says to those who listen; called only if somebody does. Empty: nothing."""
        raise NotImplementedError

    def known(self, venue: str | None, symbol: str | None) -> Iterable[bytes]:
        """What a newcomer is told at once; None: any."""
        return ()

    def due(self, now_ms: int, is_followed: Callable[[Place], bool]) -> Iterable[tuple[Place, bytes]]:
        """What is to be said now because time has passed; asked once a second.

        `is_followed`: whether anybody listens to this channel, or to another that tells of the same kinds of events.
        """
        return ()


class Newest(Generic[V]):
    """The newest of something by place; beyond `most` the one that was silent for longest is forgotten."""

    def __init__(self, most: int = PLACES_MAX) -> None:
        self._most = most
        self._values: dict[Place, V] = {}

    def __len__(self) -> int:
        return len(self._values)

    def keep(self, place: Place, value: V) -> None:
        """This is the newest now."""
        self._values.pop(place, None)
        self._values[place] = value
        if len(self._values) > self._most:
            del self._values[next(iter(self._values))]

    def get(self, place: Place) -> V | None:
        """The newest of this place, if there is one."""
        return self._values.get(place)

    def of(self, venue: str | None, symbol: str | None) -> list[V]:
        """All that fit; None: any."""
        if venue is not None and symbol is not None:
            found = self._values.get((venue, symbol))
            return [] if found is None else [found]
        return [
            value for (where, what), value in self._values.items() if venue in (None, where) and symbol in (None, what)
        ]
