"""Amberdata's ten channels: what each makes of our events, and what it remembers for newcomers."""

from collections.abc import Callable, Iterable, Sequence

from daemon.demand import LINGER_S
from daemon.server.dialects.channel import Channel, Newest, Place
from daemon.views.books import Books
from daemon.wire import amberdata as wire
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FeedHealth,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    OpenInterest,
    Ticker,
    Trade,
)

DEPTH = 1_000  # levels a side of a snapshot
SNAPSHOT_EVERY_MS = 60_000
LINGER_MS = round(LINGER_S * 1_000)  # as long as sources go on after the last listener: an older book is nobody's
MINUTE_MS = 60_000
_CLOCK_TURNED_S = 60  # a venue's clock that is ahead by more has been wrong before


class Plain(Channel):
    """Every event is told, and nothing is remembered."""

    def __init__(self, kind: type[Event]) -> None:
        self.name, self.kinds = wire.CHANNELS[kind], frozenset((kind,))

    def write(self, event: Event) -> Sequence[bytes]:
        """As it is."""
        return wire.encode(event)


class Rare(Plain):
    """The same for what comes every few minutes or hours: a newcomer is told the newest at once."""

    def __init__(self, kind: type[Event]) -> None:
        super().__init__(kind)
        self.minded = self.kinds
        self._newest: Newest[Event] = Newest()

    def observe(self, event: Event) -> None:
        """The newest counts; a poll may bring an older one afterwards."""
        before = self._newest.get(event.place)
        if before is None or event.at_ms >= before.at_ms:
            self._newest.keep(event.place, event)

    def known(self, venue: str | None, symbol: str | None) -> Iterable[bytes]:
        """The newest."""
        for event in self._newest.of(venue, symbol):
            yield from self.write(event)


class Candles(Rare):
    """Closed minutes alone."""

    def __init__(self) -> None:
        super().__init__(Candle)

    def observe(self, event: Event) -> None:
        """Only what will not change any more."""
        if _is_closed_minute(event):
            super().observe(event)

    def write(self, event: Event) -> Sequence[bytes]:
        """Only what will not change any more."""
        return super().write(event) if _is_closed_minute(event) else ()


def _is_closed_minute(event: Event) -> bool:
    return isinstance(event, Candle) and event.is_closed and event.interval_ms == MINUTE_MS


class Tickers(Plain):
    """The first of each UTC second, by the venue's clock."""

    def __init__(self) -> None:
        super().__init__(Ticker)
        self._told_s: Newest[int] = Newest()

    def write(self, event: Event) -> Sequence[bytes]:
        """Nothing, if one of this second was told already."""
        at_s = event.at_ms // 1_000
        before_s = self._told_s.get(event.place)
        if before_s is not None and before_s - _CLOCK_TURNED_S < at_s <= before_s:
            return ()
        self._told_s.keep(event.place, at_s)
        return super().write(event)


class Snapshots(Channel):
    """Whole books: at subscription, whenever a venue sends one (after each gap), and once a minute."""

    name = wire.ORDER_SNAPSHOTS
    kinds = frozenset((BookSnapshot,))
    minded = frozenset((BookSnapshot, BookUpdate, FundingRate, FeedHealth))

    def __init__(self) -> None:
        self.books = Books()
        self._told_ms: dict[Place, int] = {}  # of every book that we may know
        self._left_ms: dict[Place, int] = {}  # since when nobody follows it
        self._funding: Newest[float] = Newest()

    def observe(self, event: Event) -> None:
        """Fold books, and forget them when their feed breaks: what comes after is another book."""
        match event:
            case BookUpdate():
                self.books.observe(event)
            case BookSnapshot():
                self.books.observe(event)
                self._told_ms[event.place] = event.received_ms
            case FundingRate(is_settled=False):
                self._funding.keep(event.place, event.rate)
            case FeedHealth(state="down", carries=carries) if not carries or "book_update" in carries:
                self._forget([place for place in self._told_ms if place[0] == event.venue])

    def write(self, event: Event) -> Sequence[bytes]:
        """The book as it was sent, as deep as snapshots go."""
        return self._body(event.place) or ()

    def known(self, venue: str | None, symbol: str | None) -> Iterable[bytes]:
        """The books as they are now."""
        for place in self._told_ms:
            if venue in (None, place[0]) and symbol in (None, place[1]):
                yield from self._body(place)

    def due(self, now_ms: int, is_followed: Callable[[Place], bool]) -> Iterable[tuple[Place, bytes]]:
        """Books that were not told for a minute, oldest first, a few at a time; those that nobody follows are forgotten."""
        followed = {place: is_followed(place) for place in self._told_ms}
        self._forget_unfollowed(followed, now_ms)
        late = sorted(
            (told_ms, place)
            for place, told_ms in self._told_ms.items()
            if followed[place] and now_ms - told_ms >= SNAPSHOT_EVERY_MS
        )
        for _, place in late[: max(4, len(followed) // 30)]:
            self._told_ms[place] = now_ms
            for body in self._body(place):
                yield place, body

    def _forget_unfollowed(self, followed: dict[Place, bool], now_ms: int) -> None:
        """Their updates may have ended; if somebody else keeps them coming, they stay."""
        for place, is_followed in followed.items():
            if is_followed:
                self._left_ms.pop(place, None)
            else:
                self._left_ms.setdefault(place, now_ms)
        gone = []
        for place, left_ms in self._left_ms.items():
            book = self.books.get(*place)
            if now_ms - max(left_ms, book.received_ms if book is not None else 0) > LINGER_MS:
                gone.append(place)
        self._forget(gone)

    def _forget(self, places: Sequence[Place]) -> None:
        self.books.forget(places)
        for place in places:
            self._told_ms.pop(place, None)
            self._left_ms.pop(place, None)

    def _body(self, place: Place) -> list[bytes]:
        book = self.books.snapshot(*place, DEPTH)
        return [] if book is None else wire.encode(book, funding=self._funding.get(place))


def channels() -> dict[str, Channel]:
    """All ten by name."""
    found: list[Channel] = [
        *(Plain(kind) for kind in (FundingRate, Liquidation, OpenInterest, BookUpdate, Trade)),
        *(Rare(kind) for kind in (InsuranceFund, LongShortRatio)),
        Candles(),
        Tickers(),
        Snapshots(),
    ]
    return {channel.name: channel for channel in found}
