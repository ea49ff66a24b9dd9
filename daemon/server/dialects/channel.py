"""One kind of frame of a dialect: an event is written once, for all who listen to it."""

from collections.abc import Iterable, Sequence

from rules.events import Event

Place = tuple[str, str]


class Channel:
    """Base of all channels. What it returns is what `Subscription.frame` is given: a body, or a frame that is ready."""

    name: str = ""
    kinds: frozenset[type[Event]] = frozenset()

    def observe(self, event: Event) -> None:
        """Remember what newcomers are told; called for every event of its kinds, listeners or not."""

    def address(self, event: Event) -> Place:
        """(venue, symbol) by which listeners are found; symbol may be an account, or whatever they asked by."""
        return event.place

    def write(self, event: Event) -> Sequence[bytes]:
        """What this event says to those who listen; called only if somebody does. Empty: nothing."""
        raise NotImplementedError

    def known(self, venue: str | None, symbol: str | None) -> Iterable[bytes]:
        """What a newcomer is told at once; None: all of them."""
        return ()

    def due(self, now_ms: int) -> Iterable[tuple[Place, bytes]]:
        """What is to be said now because time has passed; asked about once a second."""
        return ()
