"""Keeps order books whole: updates pass in an unbroken chain after a snapshot, and whatever breaks it is found out."""

import asyncio
import logging
from collections import deque
from collections.abc import Container, Sequence

import msgspec

from daemon.sources.base import FeedStatus
from daemon.sources.script import Reader
from daemon.views.books import fit
from daemon.wire.control import Control
from rules.events import BookSnapshot, BookUpdate, Event, Why

log = logging.getLogger(__name__)

WAITING_MAX = 2_000  # updates of one book kept for a snapshot that is on its way: minutes of the fastest stream


class _Book:
    """Where one book stands."""

    __slots__ = ("dropped", "is_fresh", "sequence", "waiting", "why")

    def __init__(self, why: Why) -> None:
        self.sequence: int | None = None  # of the last update that passed; None: waits for a snapshot
        self.is_fresh = False
        self.why = why  # the reason of the next snapshot
        self.dropped = 0  # since it was lost
        self.waiting: deque[BookUpdate] = deque(maxlen=WAITING_MAX)  # an unbroken chain


class Bookkeeper:
    """A Reader around a venue's decoder, for one connection.

    What is lost is counted in `status.gaps`, said once in the log, and the symbol put into `lost`: whoever reads that
    queue (a `beside` coroutine) has the book made anew. A venue that streams its snapshots is asked for the topic again;
    of one that answers them (`fetched`) the answer is given to `settle`, and the updates that came meanwhile follow it.
    """

    def __init__(
        self, reader: Reader, status: FeedStatus, *, fetched: bool = False, known: set[str] | None = None
    ) -> None:
        """`known`: books that an earlier connection of this feed has brought; what it missed since is a gap."""
        self._reader, self._status, self._fetched = reader, status, fetched
        self._known = set() if known is None else known
        self._books: dict[str, _Book] = {}
        self._followed: Container[str] | None = None  # None: whatever comes
        self.lost: asyncio.Queue[str] = asyncio.Queue()  # holds a symbol once at most

    @property
    def left_out(self) -> int:
        """Rows that the decoder could not read in frames that it could."""
        return int(getattr(self._reader, "left_out", 0))

    @property
    def left_out_why(self) -> str:
        return str(getattr(self._reader, "left_out_why", ""))

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """What the decoder says, without book updates that have no ground to stand on."""
        heard = self._reader.decode(frame, received_ms)
        if not isinstance(heard, (tuple, list)):
            return heard
        kept: list[Event] | None = None  # None while everything passes as it is, which is nearly always
        for position, event in enumerate(heard):
            kind = type(event)
            if kind is BookUpdate:
                passed: Event | None = event if self._follows(event) else None
            elif kind is BookSnapshot:
                passed = self._begin(event)
            else:
                passed = event
            if kept is None and passed is not event:
                kept = list(heard[:position])
            if kept is not None and passed is not None:
                kept.append(passed)
        return heard if kept is None else kept

    def settle(self, snapshot: BookSnapshot) -> list[Event]:
        """The snapshot that was fetched, and the updates that go on from there.

        Nothing if nobody waits for it any more, or if it is older than what has come since: then it is asked for again.
        """
        book = self._books.get(snapshot.symbol)
        if book is None or book.sequence is not None:
            return []
        if book.waiting and fit(book.waiting[0], snapshot.sequence, is_fresh=True) == "gap":
            self.lost.put_nowait(snapshot.symbol)
            return []
        waiting = tuple(book.waiting)
        return [self._begin(snapshot), *(update for update in waiting if self._follows(update))]

    def ask_again(self, symbol: str) -> None:
        """The snapshot could not be had; put it into `lost` once more."""
        book = self._books.get(symbol)
        if book is not None and book.sequence is None:
            self.lost.put_nowait(symbol)

    def keep(self, symbols: Container[str]) -> None:
        """Forget the other books, and what still comes of them: a return to one is a beginning, no gap."""
        self._followed = symbols
        for symbol in [symbol for symbol in self._books if symbol not in symbols]:
            del self._books[symbol]
            self._known.discard(symbol)

    def _begin(self, snapshot: BookSnapshot) -> BookSnapshot:
        symbol = snapshot.symbol
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = _Book(self._first_why(symbol))
        elif book.sequence is None and book.dropped:
            log.info(
                "order book is whole again",
                extra={"feed": self._status.name, "symbol": symbol, "updates_meanwhile": book.dropped},
            )
        why, book.why = book.why, "renewed"
        book.sequence, book.is_fresh, book.dropped = snapshot.sequence, True, 0
        book.waiting.clear()
        self._known.add(symbol)
        return snapshot if snapshot.why == why else msgspec.structs.replace(snapshot, why=why)

    def _follows(self, update: BookUpdate) -> bool:
        """Whether the update passes; otherwise it is old, or waits, or has shown that something is missing."""
        book = self._books.get(update.symbol)
        if book is None:
            if self._followed is not None and update.symbol not in self._followed:
                return False
            book = self._books[update.symbol] = _Book(self._first_why(update.symbol))
            if self._fetched:
                self.lost.put_nowait(update.symbol)  # not a gap: the snapshot is ours to fetch
            else:
                self._lose(book, update)
        elif book.sequence is not None:
            found = fit(update, book.sequence, is_fresh=book.is_fresh)
            if found == "next":
                book.sequence, book.is_fresh = update.sequence, False
                return True
            if found == "old":
                return False
            self._lose(book, update)
        self._wait(book, update)
        return False

    def _lose(self, book: _Book, update: BookUpdate) -> None:
        self._status.gaps += 1
        log.warning(
            "order book lost an update and is asked for anew",
            extra={
                "feed": self._status.name,
                "symbol": update.symbol,
                "stands_at": book.sequence,
                "next_follows": update.follows,
            },
        )
        book.sequence, book.why = None, "gap"
        self.lost.put_nowait(update.symbol)

    def _wait(self, book: _Book, update: BookUpdate) -> None:
        if book.why == "gap":
            book.dropped += 1
        if not self._fetched:
            return
        waiting = book.waiting
        if waiting and fit(update, waiting[-1].sequence, is_fresh=False) == "gap":
            waiting.clear()  # another hole while we wait: what came before it is of no use
        waiting.append(update)

    def _first_why(self, symbol: str) -> Why:
        return "gap" if symbol in self._known else "asked"
