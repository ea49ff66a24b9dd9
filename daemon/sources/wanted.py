"""Which events somebody wants: rules, the recorder, connected clients."""

from collections.abc import Iterable

from rules.events import Event
from rules.selection import Selection


class Wanted:
    """All wishes together. A source asks it, and subscribes to exactly that."""

    def __init__(self, wishes: Iterable[tuple[type[Event], str | None, Selection]]) -> None:
        """`wishes` are (event type, venue or None for any, instruments)."""
        self._wishes = tuple(wishes)

    def selection(self, kind: type[Event], *, venue: str) -> Selection | None:
        """Which instruments of this venue are wanted for this type of event; None: nobody wants any."""
        found: Selection | None = None
        for wished, where, which in self._wishes:
            if wished is kind and where in (None, venue):
                found = which if found is None else found | which
        return found

    def is_everything(self, kind: type[Event]) -> bool:
        """Whether all events of this type are wanted, of any venue and instrument."""
        return any(wished is kind and where is None and which.names is None for wished, where, which in self._wishes)

    def any_of(self, kinds: Iterable[type[Event]], *, venue: str) -> bool:
        """Whether anything of these types is wanted from this venue."""
        return any(self.selection(kind, venue=venue) is not None for kind in kinds)
