"""What venues' REST answers say of the past: candles, open interest, and funding that was paid."""

from collections.abc import Sequence

import msgspec

from daemon.wire.numbers import number, positive, whole
from daemon.wire.rows import readable


class Bar(msgspec.Struct, frozen=True, gc=False):
    """A stretch of trading from `at_ms` on. Volumes are None where the answer has none."""

    at_ms: int
    open: float
    high: float
    low: float
    close: float
    volume_base: float | None = None  # base coins
    volume_quote: float | None = None  # quote coins


class InterestPoint(msgspec.Struct, frozen=True, gc=False):
    """Open interest at one moment; None where the answer does not say it in that unit."""

    at_ms: int
    base: float | None = None  # base coins
    usd: float | None = None  # quote coins where those are dollars
    is_one_sided: bool = True  # False: Bybit may have counted both sides


class Paid(msgspec.Struct, frozen=True, gc=False):
    """Funding that was paid: a fraction, of an interval that most answers do not name."""

    at_ms: int
    rate: float
    mark: float | None = None


Columns = Sequence[int | float | str | None]


def bars_of(rows: Sequence[Columns], *, base: int | None = None, quote: int | None = None) -> list[Bar]:
    """Candles, oldest first, whatever the venue's order. Each row starts with time, open, high, low, close.

    `base`, `quote`: which column holds the volume in base coins and in quote coins. Rows without a price are left out.
    """

    def bar(row: Columns) -> Bar | None:
        if len(row) < 5:
            return None
        at_ms = whole(row[0])
        first, high, low, last = (positive(price) for price in row[1:5])
        if at_ms is None or first is None or high is None or low is None or last is None:
            return None
        return Bar(at_ms, first, high, low, last, _volume(row, base), _volume(row, quote))

    return sorted(readable(rows, bar), key=lambda bar: bar.at_ms)


def _volume(row: Columns, column: int | None) -> float | None:
    return number(row[column]) if column is not None and column < len(row) else None
