"""Arithmetic on history that is the same for every venue. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from daemon.upstream.records import Candle, FundingPoint, OiPricePoint
from daemon.wire.history import Bar, InterestPoint, Paid
from daemon.wire.numbers import DOLLARS

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FIVE_MINUTES_MS = 300_000
TWO_HOURS_OF_BARS = 24  # of five minutes; the newest is running
_USUAL_INTERVALS_H = (1.0, 2.0, 4.0, 8.0)


def is_in_dollars(symbol: str) -> bool:
    """Whether the quote coin of our symbol counts as US dollars."""
    return symbol.split("-")[1] in DOLLARS


def two_hours(bars: Sequence[Bar], now_ms: int) -> float | None:
    """Volume of the last two hours in quote coins, from candles of five minutes: the running one and the 23 before it.

    None if the newest candle is older than two hours, or if any of them does not say.
    """
    if not bars:
        return None
    newest_ms = max(bar.at_ms for bar in bars)
    if newest_ms < now_ms - 2 * HOUR_MS:
        return None
    first_ms = newest_ms - (TWO_HOURS_OF_BARS - 1) * FIVE_MINUTES_MS
    volumes = [bar.volume_quote for bar in bars if bar.at_ms >= first_ms]
    known = [volume for volume in volumes if volume is not None]
    return sum(known) if len(known) == len(volumes) else None


def funding_points(
    paid: Sequence[Paid], interval_h: float, marks: Mapping[int, float] | None = None
) -> list[FundingPoint]:
    """Points with their interval: the gap to the row before, where that is one that venues use; else `interval_h`.

    Venues change a contract's interval and do not say so in its history. `marks`: prices by time, for rows without one.
    """
    points = []
    for place, row in enumerate(paid):
        gap_h = round((row.at_ms - paid[place - 1].at_ms) / HOUR_MS, 2) if place else 0.0
        points.append(
            FundingPoint(
                at_ms=row.at_ms,
                rate=row.rate,
                interval_h=gap_h if gap_h in _USUAL_INTERVALS_H else interval_h,
                mark_price=row.mark if row.mark is not None else (marks or {}).get(_hour(row.at_ms)),
            )
        )
    return points


def opening_prices(bars: Iterable[Bar]) -> dict[int, float]:
    """The price at the moment at which each candle began, by its full hour."""
    return {_hour(bar.at_ms): bar.open for bar in bars}


def _hour(at_ms: int) -> int:
    """Settlements are written some milliseconds late."""
    return at_ms - at_ms % HOUR_MS


def oi_prices(points: Sequence[InterestPoint], prices: Mapping[int, float], *, in_dollars: bool) -> list[OiPricePoint]:
    """Open interest in US dollars beside the price of the same moment; moments that lack one are left out.

    Where some rows count one side and others may count both, only the first kind is kept: mixed, they would jump.
    """
    one_sided = any(point.is_one_sided for point in points)
    joined = []
    for point in points:
        price = prices.get(point.at_ms)
        if price is None or (one_sided and not point.is_one_sided):
            continue
        usd = point.usd
        if usd is None and point.base is not None and in_dollars:
            usd = point.base * price
        if usd is not None:
            joined.append(
                OiPricePoint(at_ms=point.at_ms, price=price, oi_usd=usd, is_oi_ambiguous=not point.is_one_sided)
            )
    return joined


def candles(bars: Iterable[Bar], *, in_dollars: bool) -> list[Candle]:
    """Candles as records."""
    return [
        Candle(
            at_ms=bar.at_ms,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume_base=bar.volume_base,
            volume_usd=bar.volume_quote if in_dollars else None,
        )
        for bar in bars
    ]


def times(value: float | None, other: float | None) -> float | None:
    """The product, or None if either is unknown."""
    return None if value is None or other is None else value * other
