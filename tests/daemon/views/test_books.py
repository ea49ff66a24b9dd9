"""Order books folded from snapshots and updates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.views import books as module
from daemon.views.books import Books, fit
from rules.events import BookSnapshot, BookUpdate, Levels

NOW = 1_791_269_856_000
PLACE = ("binance", "BTC-USDT-PERP")

prices = st.integers(1, 40).map(lambda tick: tick / 10)
levels = st.lists(st.tuples(prices, st.sampled_from([0.0, 0.5, 1.0, 7.25])), max_size=12).map(tuple)


def snapshot(bids: Levels = (), asks: Levels = (), sequence: int = 100) -> BookSnapshot:
    return BookSnapshot(
        venue=PLACE[0], symbol=PLACE[1], bids=bids, asks=asks, sequence=sequence, at_ms=NOW, received_ms=NOW
    )


def update(
    bids: Levels = (), asks: Levels = (), *, sequence: int = 101, follows: int | None = 100, symbol: str = PLACE[1]
) -> BookUpdate:
    return BookUpdate(
        venue=PLACE[0], symbol=symbol, bids=bids, asks=asks, sequence=sequence, follows=follows, at_ms=NOW,
        received_ms=NOW,
    )  # fmt: skip


def reference(rows: list[Levels]) -> dict[float, float]:
    """What a dict makes of the same levels."""
    book: dict[float, float] = {}
    for row in rows:
        for price, size in row:
            book[price] = size
            if size == 0.0:
                del book[price]
    return book


@given(levels, levels, st.lists(st.tuples(levels, levels), max_size=8), st.integers(1, 50))
def test_a_book_rebuilt_from_any_deltas_equals_the_reference(
    bids: Levels, asks: Levels, deltas: list[tuple[Levels, Levels]], depth: int
) -> None:
    """Sizes set, changed and taken away in any order, prices named twice, prices that were never there."""
    books = Books()
    first_bids, first_asks = (tuple(reference([side]).items()) for side in (bids, asks))
    books.observe(snapshot(first_bids, first_asks))
    for number, (more_bids, more_asks) in enumerate(deltas, start=101):
        books.observe(update(more_bids, more_asks, sequence=number, follows=number - 1))
    all_bids = sorted(reference([bids, *(delta[0] for delta in deltas)]).items(), reverse=True)
    all_asks = sorted(reference([asks, *(delta[1] for delta in deltas)]).items())

    assert (tuple(all_bids), tuple(all_asks)) == books.levels(*PLACE)
    assert (tuple(all_bids[:depth]), tuple(all_asks[:depth])) == books.levels(*PLACE, depth)
    assert (all_bids[0] if all_bids else None, all_asks[0] if all_asks else None) == books.best(*PLACE)


def test_a_snapshot_makes_void_what_was_known_before() -> None:
    books = Books()
    books.observe(snapshot(((1.0, 1.0),), ((2.0, 1.0),)))
    books.observe(snapshot(((1.5, 3.0),), (), sequence=900))

    assert (((1.5, 3.0),), ()) == books.levels(*PLACE)


def test_a_book_with_a_gap_is_forgotten_until_its_next_snapshot() -> None:
    """A book that missed an update is not nearly right, it is wrong."""
    books = Books()
    books.observe(snapshot(((1.0, 1.0),)))
    books.observe(update(((1.1, 1.0),)))
    books.observe(update(((1.2, 1.0),), sequence=104, follows=103))
    books.observe(update(((1.3, 1.0),), sequence=105, follows=104))

    assert (None, None, 1) == (books.best(*PLACE), books.levels(*PLACE), books.gaps)
    books.observe(snapshot(((9.0, 1.0),), sequence=200))
    assert ((9.0, 1.0), None) == books.best(*PLACE)


def test_updates_of_a_book_that_is_not_known_pass() -> None:
    books = Books()
    books.observe(update(((1.0, 1.0),)))

    assert 0 == len(books)


@pytest.mark.parametrize(
    ("sequence", "follows", "is_fresh", "expected"),
    [
        (110, 100, False, "next"),
        (110, None, False, "next"),  # a venue that does not count
        (5, 100, False, "next"),  # OKX sets its counter back, and says which one it follows
        (110, 101, False, "gap"),
        (110, 99, False, "gap"),
        (100, 90, False, "old"),  # said twice
        (99, 90, True, "old"),
        (110, 90, True, "next"),  # the first one reaches back behind the snapshot
        (110, 101, True, "gap"),
    ],
)
def test_an_update_fits_a_book_that_stands_at_100(
    sequence: int, follows: int | None, is_fresh: bool, expected: str
) -> None:
    assert expected == fit(update(sequence=sequence, follows=follows), 100, is_fresh=is_fresh)


def test_a_book_in_the_middle_can_be_told_as_a_snapshot() -> None:
    """For somebody who comes later: it goes on from there."""
    books = Books()
    books.observe(snapshot(((1.0, 1.0),), ((2.0, 1.0),)))
    books.observe(update(((1.1, 4.0),)))
    told = books.snapshot(*PLACE, 1)

    assert snapshot(((1.1, 4.0),), ((2.0, 1.0),), sequence=101) == told


def test_a_book_keeps_its_best_levels_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far away from the price a venue names thousands that nobody clears up."""
    monkeypatch.setattr(module, "LEVELS_MAX", 3)
    books = Books()
    ladder = tuple((float(price), 1.0) for price in range(1, 9))
    books.observe(snapshot(ladder, ladder))
    books.observe(update(((9.0, 1.0),), ((0.5, 1.0),)))
    bids, asks = books.levels(*PLACE) or ((), ())

    assert [9.0, 8.0, 7.0] == [price for price, _ in bids]
    assert [0.5, 1.0, 2.0] == [price for price, _ in asks]


def test_books_that_nobody_follows_are_forgotten() -> None:
    books = Books(books_max=1)
    books.observe(snapshot())
    books.observe(update(symbol="ETH-USDT-PERP"))
    books.keep({PLACE})
    assert 1 == len(books)
    books.keep(())

    assert 0 == len(books)
