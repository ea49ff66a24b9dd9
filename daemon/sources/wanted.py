"""Which events somebody wants: rules, tables, connected clients. It changes while sources run, and they follow."""

import asyncio
from collections.abc import Collection, Iterable, Mapping

from rules.events import Event
from rules.selection import Selection

Wishes = Mapping[tuple[type[Event], str | None], Selection]  # (event type, venue or None for any) -> instruments


class Wanted:
    """All wishes together. A source asks it, and subscribes to exactly that."""

    def __init__(self, wishes: Iterable[tuple[type[Event], str | None, Selection]] = ()) -> None:
        """`wishes` are (event type, venue or None for any, instruments)."""
        self.version = 0  # another number, other wishes
        wishes = list(wishes)
        self._selections, self._names = _joined(wishes), _named(wishes)
        self._waiting: set[asyncio.Future[None]] = set()  # one for each feed that follows

    def revise(self, wishes: Iterable[tuple[type[Event], str | None, Selection]]) -> None:
        """These are wanted from now on, and no others."""
        wishes = list(wishes)
        self._selections, self._names = _joined(wishes), _named(wishes)
        self.version += 1
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def changed(self, since: int) -> None:
        """Return when the version is another than this."""
        if self.version != since:
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await waiting
        finally:
            self._waiting.discard(waiting)

    def about(self, kinds: Collection[type[Event]]) -> Wishes:
        """What is wanted of these types, of any venue: to be compared with what was wanted before."""
        return {what: which for what, which in self._selections.items() if what[0] in kinds}

    def selection(self, kind: type[Event], *, venue: str) -> Selection | None:
        """Which instruments of this venue are wanted for this type of event; None: nobody wants any."""
        here, anywhere = self._selections.get((kind, venue)), self._selections.get((kind, None))
        return here | anywhere if here is not None and anywhere is not None else here or anywhere

    def names(self, kind: type[Event], *, venue: str) -> frozenset[str]:
        """What somebody wants by its name, also where others want everything."""
        nothing: frozenset[str] = frozenset()
        return self._names.get((kind, venue), nothing) | self._names.get((kind, None), nothing)

    def is_everything(self, kind: type[Event]) -> bool:
        """Whether all events of this type are wanted, of any venue and instrument."""
        anywhere = self._selections.get((kind, None))
        return anywhere is not None and anywhere.names is None

    def any_of(self, kinds: Iterable[type[Event]], *, venue: str) -> bool:
        """Whether anything of these types is wanted from this venue."""
        return any(self.selection(kind, venue=venue) is not None for kind in kinds)


def has_grown(before: Wishes, after: Wishes) -> bool:
    """Whether something is wanted now that was not before."""
    return any(what not in before or before[what] | which != before[what] for what, which in after.items())


def _joined(wishes: Iterable[tuple[type[Event], str | None, Selection]]) -> Wishes:
    names: dict[tuple[type[Event], str | None], set[str] | None] = {}
    for kind, venue, which in wishes:
        known = names.setdefault((kind, venue), set())
        if which.names is None:
            names[kind, venue] = None
        elif known is not None:
            known |= which.names
    return {what: Selection(None if some is None else frozenset(some)) for what, some in names.items()}


def _named(
    wishes: Iterable[tuple[type[Event], str | None, Selection]],
) -> Mapping[tuple[type[Event], str | None], frozenset[str]]:
    found: dict[tuple[type[Event], str | None], frozenset[str]] = {}
    for kind, venue, which in wishes:
        if which.names is not None:
            found[kind, venue] = found.get((kind, venue), frozenset()) | which.names
    return found
