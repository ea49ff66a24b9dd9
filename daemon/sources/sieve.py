"""Lets through what is wanted, and each fact that may be counted only once, once."""

from collections.abc import Iterable, Mapping, Sequence

from daemon.sources.wanted import Wanted
from rules.events import EVENTS, Candle, Event, Trade

REMEMBER_MS = 48 * 3_600_000
REMEMBER_FACTS = 200_000
_PLACES = 16_384
FLEETING: frozenset[type[Event]] = frozenset((Trade, Candle))  # so many that they would push the others out of memory
REMEMBER_FLEETING_MS = 3_600_000
REMEMBER_FLEETING = 50_000
_NAMELESS = frozenset(kind for kind in EVENTS.values() if kind.once_key is Event.once_key)  # repeats are harmless


class Sieve:
    """One feed's filter. Its memory outlives connections, because a venue repeats itself after a reconnect."""

    def __init__(self, wanted: Wanted, kinds: Iterable[type[Event]], once: "Once | None" = None) -> None:
        """Lets through the `kinds` of this feed as far as they are wanted; other types are somebody else's to bring.

        `once` is the house's memory of facts; a feed without one has its own.
        """
        self._wanted, self.kinds = wanted, frozenset(kinds)
        self._version = -1  # of the wishes that the two below are about
        self._whole: set[type[Event]] = set()  # need not be asked about
        self._passes: dict[tuple[type[Event], tuple[str, str]], bool] = {}
        self._once = Once() if once is None else once
        self._fleeting = Once(remember_ms=REMEMBER_FLEETING_MS, remember_facts=REMEMBER_FLEETING)

    @property
    def tags(self) -> list[str]:
        """The names of the event types that it lets through."""
        return sorted(str(kind.__struct_config__.tag) for kind in self.kinds)

    def keep(self, events: Sequence[Event], received_ms: int) -> Sequence[Event]:
        """What of one frame goes on, in its order."""
        if self._version != self._wanted.version:
            self._follow()
        whole, passes, wanted = self._whole, self._passes, []
        for event in events:
            kind = type(event)
            if kind in whole:
                wanted.append(event)
                continue
            what = (kind, event.place)
            passed = passes.get(what)
            if passed is None:
                passed = self._ask(what)
            if passed:
                wanted.append(event)
        # a frame of trades or candles holds nothing else
        once = self._fleeting if wanted and type(wanted[0]) in FLEETING else self._once
        return once.keep(wanted, received_ms)

    def _follow(self) -> None:
        """Wishes have changed."""
        self._version = self._wanted.version
        self._whole = {kind for kind in self.kinds if self._wanted.is_everything(kind)}
        self._passes.clear()

    def _ask(self, what: tuple[type[Event], tuple[str, str]]) -> bool:
        kind, (venue, symbol) = what
        selection = self._wanted.selection(kind, venue=venue) if kind in self.kinds else None
        passed = selection is not None and selection.matches(symbol)
        if len(self._passes) >= _PLACES:
            self._passes.clear()
        self._passes[what] = passed
        return passed


class Once:
    """A bounded memory of facts by their `once_key`.

    Equal rows inside one frame are different facts (two positions of one size closed in the same millisecond), so
    a key remembers how often one frame said it; a later frame passes only what it says beyond that.
    """

    def __init__(self, *, remember_ms: int = REMEMBER_MS, remember_facts: int = REMEMBER_FACTS) -> None:
        self._remember_ms, self._remember_facts = remember_ms, remember_facts
        self._seen: dict[str, tuple[int, int]] = {}  # key -> (times in one frame, received), oldest first

    def __len__(self) -> int:
        return len(self._seen)

    def remember(self, facts: Iterable[tuple[str, int]]) -> None:
        """(once_key, received_ms) of what an earlier run has counted, oldest first."""
        for key, received_ms in facts:
            self._remember({key: 1}, received_ms)

    def keep(self, events: Sequence[Event], received_ms: int) -> Sequence[Event]:
        """The events of one frame without those that an earlier frame brought."""
        said: dict[str, int] | None = None
        kept: list[Event] | None = None  # None while nothing was dropped, which is nearly always
        for position, event in enumerate(events):
            key = None if type(event) in _NAMELESS else event.once_key
            if key is not None:
                if said is None:
                    said = {}
                said[key] = said.get(key, 0) + 1
                if key in self._seen and said[key] <= self._seen[key][0]:
                    if kept is None:
                        kept = list(events[:position])
                    continue
            if kept is not None:
                kept.append(event)
        if said is not None:
            self._remember(said, received_ms)
        return events if kept is None else kept

    def _remember(self, said: Mapping[str, int], received_ms: int) -> None:
        seen = self._seen
        for key, times in said.items():
            before = seen.pop(key, (0, 0))[0]
            seen[key] = (max(before, times), received_ms)
        oldest_ms = received_ms - self._remember_ms
        while seen:
            key = next(iter(seen))
            if len(seen) <= self._remember_facts and seen[key][1] >= oldest_ms:
                break
            del seen[key]
