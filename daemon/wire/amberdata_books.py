"""Amberdata's order books: what changed as one object a side, and whole books as lists of them."""

from collections.abc import Iterable, Sequence

from daemon.wire.amberdata_rows import Number, Placed, placed
from daemon.wire.numbers import number, positive, whole
from rules.events import BookSnapshot, BookUpdate, Levels

Row = tuple[Number, Number, Number]  # price, base coins, orders there (nobody says how many)


class Change(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:order:events: one side of what changed; 0 where a price is gone."""

    timestamp: int | float | None = None
    exchange_timestamp: int | float | None = None
    exchange_timestamp_nanoseconds: int | float | None = 0
    received_timestamp: int | float | None = None
    received_timestamp_nanoseconds: int | float | None = 0
    is_bid: bool
    data: list[Row]
    sequence: int | str | None = None

    @classmethod
    def of(cls, event: BookUpdate) -> list["Change"]:
        """Asks, then bids, as far as there are any."""
        where = placed(event)
        return [
            cls(
                **where,
                timestamp=event.received_ms,
                exchange_timestamp=event.at_ms,
                received_timestamp=event.received_ms,
                is_bid=is_bid,
                data=_written(levels),
                sequence=event.sequence,
            )
            for is_bid, levels in ((False, event.asks), (True, event.bids))
            if levels
        ]

    def to_event(self, received_ms: int) -> BookUpdate:
        """One side. What it follows is not said, so whoever folds it has to trust the vendor."""
        venue, symbol = self.place()
        levels = _read(self.data)
        return BookUpdate(
            venue=venue,
            symbol=symbol,
            bids=levels if self.is_bid else (),
            asks=() if self.is_bid else levels,
            sequence=int(self.sequence or 0),
            at_ms=whole(self.exchange_timestamp) or whole(self.timestamp) or received_ms,
            received_ms=received_ms,
        )


class Half(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:order:snapshots: one side of a book. `timestamp` is always 0."""

    timestamp: int | float | None = 0
    exchange_timestamp: int | float | None = None
    is_bid: bool
    data: list[Row]
    sequence: int | str | None = None
    current_funding: Number = None

    @classmethod
    def of(cls, event: BookSnapshot, funding: float | None = None) -> list["Half"]:
        """Bids, then asks."""
        where = placed(event)
        return [
            cls(
                **where,
                exchange_timestamp=event.at_ms,
                is_bid=is_bid,
                data=_written(levels),
                sequence=event.sequence,
                current_funding=funding,
            )
            for is_bid, levels in ((True, event.bids), (False, event.asks))
        ]


def to_snapshots(halves: Sequence[Half], received_ms: int) -> list[BookSnapshot]:
    """The books of one frame: what has one place and one sequence belongs together, and a missing side is empty."""
    books: dict[tuple[str, str, int], dict[bool, Half]] = {}
    for half in halves:
        books.setdefault((*half.place(), int(half.sequence or 0)), {})[half.is_bid] = half
    return [
        BookSnapshot(
            venue=venue,
            symbol=symbol,
            bids=_side(sides.get(True)),
            asks=_side(sides.get(False)),
            sequence=sequence,
            at_ms=max(whole(half.exchange_timestamp) or received_ms for half in sides.values()),
            received_ms=received_ms,
        )
        for (venue, symbol, sequence), sides in books.items()
    ]


def _side(half: Half | None) -> Levels:
    return () if half is None else tuple(level for level in _read(half.data) if level[1] > 0.0)


def _written(levels: Levels) -> list[Row]:
    return [(price, size, None) for price, size in levels]


def _read(rows: Iterable[Row]) -> Levels:
    return tuple((price, number(row[1]) or 0.0) for row in rows if (price := positive(row[0])) is not None)
