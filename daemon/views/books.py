"""Order books as they are now, folded from snapshots and what changed since."""

from bisect import bisect_left, insort
from collections.abc import Container, Iterable
from typing import Literal

from rules.events import BookSnapshot, BookUpdate, Event, Level, Levels

LEVELS_MAX = 10_000  # of one side; beyond that the farthest are forgotten
BOOKS_MAX = 2_000

Place = tuple[str, str]  # venue, symbol
Fit = Literal["next", "old", "gap"]


def fit(update: BookUpdate, sequence: int, *, is_fresh: bool) -> Fit:
    """How an update stands to a book at `sequence`; `is_fresh`: nothing was built on its snapshot yet.

    The first one may reach back behind its snapshot, because both are made apart; from then on each must follow the
    one before. The counter itself may fall (OKX sets it back at maintenance) as long as the chain holds.
    """
    follows = update.follows
    if follows is None or follows == sequence:
        return "next"
    if update.sequence == sequence:
        return "old"  # said twice
    if not is_fresh:
        return "gap"
    if update.sequence < sequence:
        return "old"
    return "next" if follows < sequence else "gap"


class Side:
    """One side of a book: sizes by price, and the prices in order."""

    __slots__ = ("_is_bid", "_prices", "_sizes")

    def __init__(self, levels: Levels, *, is_bid: bool) -> None:
        self._is_bid = is_bid
        self._sizes = {price: size for price, size in levels if size > 0.0}
        self._prices = sorted(self._sizes)
        self._trim()

    def __len__(self) -> int:
        return len(self._prices)

    def change(self, levels: Levels) -> None:
        """New sizes at these prices; 0 takes a price away."""
        sizes, prices = self._sizes, self._prices
        for price, size in levels:
            if size > 0.0:
                if price not in sizes:
                    insort(prices, price)
                sizes[price] = size
            elif price in sizes:
                del sizes[price]
                del prices[bisect_left(prices, price)]
        if len(prices) > LEVELS_MAX:
            self._trim()

    def best(self) -> Level | None:
        """The highest bid or the lowest ask."""
        if not self._prices:
            return None
        price = self._prices[-1 if self._is_bid else 0]
        return price, self._sizes[price]

    def levels(self, depth: int | None = None) -> Levels:
        """The best ones first; None: all."""
        prices, sizes = self._prices, self._sizes
        if self._is_bid:
            prices = prices[-depth:] if depth else prices[:] if depth is None else []
            prices.reverse()
        elif depth is not None:
            prices = prices[:depth]
        return tuple((price, sizes[price]) for price in prices)

    def _trim(self) -> None:
        surplus = len(self._prices) - LEVELS_MAX
        if surplus <= 0:
            return
        far = self._prices[:surplus] if self._is_bid else self._prices[-surplus:]
        self._prices = self._prices[surplus:] if self._is_bid else self._prices[:-surplus]
        for price in far:
            del self._sizes[price]


class Book:
    """One order book: what rests on both sides, at the venue's counter `sequence`."""

    __slots__ = ("_is_fresh", "asks", "at_ms", "bids", "received_ms", "sequence")

    def __init__(self, snapshot: BookSnapshot) -> None:
        self.bids = Side(snapshot.bids, is_bid=True)
        self.asks = Side(snapshot.asks, is_bid=False)
        self.sequence = snapshot.sequence
        self.at_ms, self.received_ms = snapshot.at_ms, snapshot.received_ms
        self._is_fresh = True

    def take(self, update: BookUpdate) -> bool:
        """Apply what changed; False if something is missing before it, and the book can no longer be trusted."""
        found = fit(update, self.sequence, is_fresh=self._is_fresh)
        if found == "next":
            self.bids.change(update.bids)
            self.asks.change(update.asks)
            self.sequence, self._is_fresh = update.sequence, False
            self.at_ms, self.received_ms = update.at_ms, update.received_ms
        return found != "gap"


class Books:
    """Every book that we were told of. A book with a gap is forgotten until its next snapshot."""

    def __init__(self, *, books_max: int = BOOKS_MAX) -> None:
        self.gaps = 0
        self._books: dict[Place, Book] = {}
        self._books_max = books_max

    def __len__(self) -> int:
        return len(self._books)

    def observe(self, event: Event) -> None:
        """Fold snapshots and updates; everything else passes, and so do updates of a book that is not known."""
        match event:
            case BookUpdate():
                place = (event.venue, event.symbol)
                book = self._books.get(place)
                if book is not None and not book.take(event):
                    self.gaps += 1
                    del self._books[place]
            case BookSnapshot():
                place = (event.venue, event.symbol)
                if place in self._books or len(self._books) < self._books_max:
                    self._books[place] = Book(event)

    def get(self, venue: str, symbol: str) -> Book | None:
        """The book as it is now, if we know it."""
        return self._books.get((venue, symbol))

    def best(self, venue: str, symbol: str) -> tuple[Level | None, Level | None] | None:
        """The best bid and the best ask; None if the book is not known."""
        book = self._books.get((venue, symbol))
        return None if book is None else (book.bids.best(), book.asks.best())

    def levels(self, venue: str, symbol: str, depth: int | None = None) -> tuple[Levels, Levels] | None:
        """Bids and asks, best first, at most `depth` of each; None if the book is not known."""
        book = self._books.get((venue, symbol))
        return None if book is None else (book.bids.levels(depth), book.asks.levels(depth))

    def snapshot(self, venue: str, symbol: str, depth: int | None = None) -> BookSnapshot | None:
        """The book as an event, for somebody who asks for it in the middle; None if it is not known."""
        book = self._books.get((venue, symbol))
        if book is None:
            return None
        return BookSnapshot(
            venue=venue,
            symbol=symbol,
            bids=book.bids.levels(depth),
            asks=book.asks.levels(depth),
            sequence=book.sequence,
            at_ms=book.at_ms,
            received_ms=book.received_ms,
        )

    def forget(self, places: Iterable[Place]) -> None:
        """Nobody follows these any more."""
        for place in places:
            self._books.pop(place, None)

    def keep(self, followed: Container[Place]) -> None:
        """Forget all others."""
        self.forget([place for place in self._books if place not in followed])
