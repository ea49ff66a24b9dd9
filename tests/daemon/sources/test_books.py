"""The bookkeeper between a decoder and the house."""

import logging
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.sources.base import FeedStatus
from daemon.sources.books import Bookkeeper
from daemon.views.books import Books
from daemon.wire.control import Control, Pong
from rules.events import BookSnapshot, BookUpdate, Event, Levels

NOW = 1_791_269_856_000
BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"


def snapshot(sequence: int, *, symbol: str = BTC, bids: Levels = ((1.0, 1.0),)) -> BookSnapshot:
    return BookSnapshot(
        venue="binance", symbol=symbol, bids=bids, asks=(), sequence=sequence, at_ms=NOW, received_ms=NOW
    )


def update(sequence: int, follows: int | None = None, *, symbol: str = BTC, bids: Levels = ()) -> BookUpdate:
    return BookUpdate(
        venue="binance", symbol=symbol, bids=bids, asks=(), sequence=sequence,
        follows=sequence - 1 if follows is None else follows, at_ms=NOW, received_ms=NOW,
    )  # fmt: skip


class Venue:
    """A decoder that reads what a test puts in front of it."""

    def __init__(self) -> None:
        self.next: Sequence[Event] | Control = ()

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        return self.next


class Kept:
    """A bookkeeper, and what it let through."""

    def __init__(self, *, fetched: bool, known: set[str] | None = None) -> None:
        self.status = FeedStatus(name="venue.books", venue="venue", since_ms=NOW)
        self._venue = Venue()
        self.keeper = Bookkeeper(self._venue, self.status, fetched=fetched, known=known)

    def hear(self, *events: Event) -> list[Event]:
        self._venue.next = events
        heard = self.keeper.decode(b"", NOW)
        assert not isinstance(heard, Control)
        return list(heard)

    def lost(self) -> list[str]:
        found = []
        while not self.keeper.lost.empty():
            found.append(self.keeper.lost.get_nowait())
        return found


def test_updates_pass_in_an_unbroken_chain_after_a_snapshot() -> None:
    kept = Kept(fetched=False)

    assert [snapshot(100), update(101)] == kept.hear(snapshot(100), update(101))
    assert [update(105, 101)] == kept.hear(update(105, 101))
    assert ([], 0) == (kept.lost(), kept.status.gaps)


def test_a_lost_update_stops_the_book_until_its_next_snapshot(caplog: pytest.LogCaptureFixture) -> None:
    """Counted, said once in the log, and the snapshot that mends it says why it came; other books go on."""
    kept = Kept(fetched=False)
    kept.hear(snapshot(100), snapshot(500, symbol=ETH))
    with caplog.at_level(logging.INFO):
        assert [update(501, symbol=ETH)] == kept.hear(update(102), update(501, symbol=ETH), update(103))
        assert [] == kept.hear(update(104))
        assert ([BTC], 1) == (kept.lost(), kept.status.gaps)
        [mended] = kept.hear(snapshot(200))
        assert [update(201)] == kept.hear(update(201))

    assert isinstance(mended, BookSnapshot)
    assert "gap" == mended.why
    told = [(record.message, getattr(record, "symbol", "")) for record in caplog.records]
    assert [("order book lost an update and is asked for anew", BTC), ("order book is whole again", BTC)] == told


def test_a_snapshot_that_the_venue_sends_by_itself_says_so() -> None:
    kept = Kept(fetched=False)
    kept.hear(snapshot(100))
    [again] = kept.hear(snapshot(1))

    assert isinstance(again, BookSnapshot)
    assert "renewed" == again.why


def test_a_book_that_begins_asks_for_its_snapshot_and_replays_what_came_meanwhile() -> None:
    """Nothing is lost yet, so nothing is counted; what the snapshot holds already is left out."""
    kept = Kept(fetched=True)
    assert [] == kept.hear(update(98, 95), update(101, 98), update(104, 101))
    assert [BTC] == kept.lost()

    assert [snapshot(100), update(101, 98), update(104, 101)] == kept.keeper.settle(snapshot(100))
    assert [update(105, 104)] == kept.hear(update(105, 104))
    assert 0 == kept.status.gaps


def test_a_snapshot_older_than_the_stream_is_asked_for_again() -> None:
    """The host that answers lags behind the one that streams."""
    kept = Kept(fetched=True)
    kept.hear(update(101, 98))
    kept.lost()

    assert [] == kept.keeper.settle(snapshot(90))
    assert [BTC] == kept.lost()
    assert [snapshot(99), update(101, 98)] == kept.keeper.settle(snapshot(99))


def test_a_hole_among_the_updates_that_wait_starts_the_waiting_anew() -> None:
    kept = Kept(fetched=True)
    kept.hear(update(101), update(102), update(105), update(106))
    kept.lost()

    assert [] == kept.keeper.settle(snapshot(101))
    assert [snapshot(104), update(105), update(106)] == kept.keeper.settle(snapshot(104))


def test_frames_that_come_twice_are_no_gap() -> None:
    kept = Kept(fetched=False)
    kept.hear(snapshot(100), update(101))

    assert [] == kept.hear(update(101))
    assert ([update(102)], 0) == (kept.hear(update(102)), kept.status.gaps)


def test_a_book_of_an_earlier_connection_has_a_gap() -> None:
    """What was missed in between nobody knows."""
    known: set[str] = set()
    Kept(fetched=False, known=known).hear(snapshot(100))
    [mended] = Kept(fetched=False, known=known).hear(snapshot(300))

    assert isinstance(mended, BookSnapshot)
    assert "gap" == mended.why


def test_a_book_that_was_given_up_begins_anew_without_a_gap() -> None:
    kept = Kept(fetched=True, known=set())
    kept.hear(update(101))
    kept.keeper.settle(snapshot(101))
    kept.lost()
    kept.keeper.keep(frozenset())
    assert [] == kept.hear(update(102))  # on its way when we gave it up
    kept.keeper.keep(frozenset((BTC,)))
    assert [] == kept.hear(update(900))
    [begun] = kept.keeper.settle(snapshot(900))

    assert ("asked", 0) == (getattr(begun, "why", None), kept.status.gaps)


def test_words_about_the_conversation_pass() -> None:
    venue = Venue()
    venue.next = Pong()
    keeper = Bookkeeper(venue, FeedStatus(name="x", venue="x", since_ms=0))

    assert Pong() == keeper.decode(b"", NOW)


@given(st.lists(st.sampled_from(["next", "lost", "twice", "fetch"]), max_size=60))
def test_whatever_gets_lost_what_passes_rebuilds_the_venues_book(happens: list[str]) -> None:
    """Updates that vanish or come twice, snapshots at any time: every book that is shown is the venue's at that counter."""
    kept, books, passed = Kept(fetched=True), Books(), list[Event]()
    history: dict[int, dict[float, float]] = {100: {1.0: 1.0}}  # counter -> the venue's bids
    sequence = 100
    for what in happens:
        if what == "fetch":
            bids = tuple(history[sequence].items())
            for symbol in kept.lost():
                passed += kept.keeper.settle(snapshot(sequence, symbol=symbol, bids=bids))
            continue
        if what != "twice" or sequence == 100:
            sequence += 1
            history[sequence] = {**history[sequence - 1], sequence % 5 + 1.0: float(sequence)}
        if what != "lost":
            passed += kept.hear(update(sequence, bids=((sequence % 5 + 1.0, float(sequence)),)))
    for event in passed:
        books.observe(event)
        levels = books.levels("binance", BTC)

        assert isinstance(event, BookSnapshot | BookUpdate)
        assert levels is not None
        assert history[event.sequence] == dict(levels[0])

    assert 0 == books.gaps
