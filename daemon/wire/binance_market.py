"""Binance USD-M over REST, for tables and charts: all symbols at once, and history.

Facts: `lastFundingRate` is the running rate, to be paid at `nextFundingTime`, which is 0 for contracts that expire. Open
interest comes one symbol a call, in base coins. Its history reaches one month back and is in dollars too; its timestamp
is a number or a text. `volume` is base coins, `quoteVolume` quote coins. Volumes of mark price candles say 0 and mean
none. Rows of COIN-M (st=2, or quoted in USD) may be among those of USD-M: they count contracts, and are left out.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from daemon.wire.binance_symbols import to_symbol
from daemon.wire.control import Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid, bars_of
from daemon.wire.numbers import number, plain, positive, whole
from daemon.wire.rows import readable, written
from daemon.wire.trouble import brief

PREMIUM_INDEX = "/fapi/v1/premiumIndex"
PREMIUM_INDEX_WEIGHT = 10  # of all symbols
DAY = "/fapi/v1/ticker/24hr"
DAY_WEIGHT = 40  # of all symbols; 1 for one
OPEN_INTEREST = "/fapi/v1/openInterest"
INTEREST_HISTORY = "/futures/data/openInterestHist"  # weight 0, but 1,000 calls in 5 minutes
INTEREST_ROWS = 500
INTEREST_REACH_MS = 30 * 86_400_000  # older than a month is refused
FUNDING_RATE = "/fapi/v1/fundingRate"  # 500 calls in 5 minutes, shared with fundingInfo
FUNDING_ROWS = 1_000
KLINES = "/fapi/v1/klines"
MARK_KLINES = "/fapi/v1/markPriceKlines"
KLINE_ROWS = 1_500

T = TypeVar("T")
_COIN_MARGINED = 2


class Premium(msgspec.Struct, frozen=True, gc=False):
    """Mark price, index and running funding of a symbol."""

    pair: str
    mark: float | None
    index: float | None
    rate: float | None  # fraction per interval
    next_ms: int | None  # None: never, it expires
    at_ms: int


class Day(msgspec.Struct, frozen=True, gc=False):
    """What was traded in the last 24 hours."""

    pair: str
    last: float | None
    volume_base: float | None
    volume_quote: float | None
    at_ms: int


class Interest(msgspec.Struct, frozen=True, gc=False):
    """Open interest of a symbol now, in base coins, one side."""

    pair: str
    base: float | None
    at_ms: int


class _PremiumRow(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    mark_price: str = ""
    index_price: str = ""
    last_funding_rate: str = ""
    next_funding_time: int | str = 0
    time: int = 0
    st: int = 1


class _DayRow(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    last_price: str | None = None
    volume: str | None = None
    quote_volume: str | None = None
    close_time: int = 0
    st: int = 1


class _InterestRow(msgspec.Struct, gc=False, rename="camel"):
    symbol: str
    open_interest: str | None = None
    time: int = 0


class _PointRow(msgspec.Struct, gc=False, rename="camel"):
    timestamp: int | str
    sum_open_interest: str | None = None
    sum_open_interest_value: str | None = None


class _PaidRow(msgspec.Struct, gc=False, rename="camel"):
    funding_time: int | str
    funding_rate: str | None = None
    mark_price: str | None = None


class _Failure(msgspec.Struct, gc=False):
    code: int
    msg: str = ""


_premiums = msgspec.json.Decoder(_PremiumRow | list[_PremiumRow])
_days = msgspec.json.Decoder(_DayRow | list[_DayRow])
_interest = msgspec.json.Decoder(_InterestRow)
_points = msgspec.json.Decoder(list[_PointRow])
_paid = msgspec.json.Decoder(list[_PaidRow])
_bars = msgspec.json.Decoder(list[list[int | float | str]])
_failure = msgspec.json.Decoder(_Failure)


def is_coin_margined(pair: str, st: int = 1) -> bool:
    """Whether this row is COIN-M's: its sizes are contracts and its volumes the other way round."""
    if st == _COIN_MARGINED:
        return True
    try:
        return to_symbol(pair).split("-")[1] == "USD"
    except ValueError:
        return False  # nobody will ask for what we cannot name


def decode_premium_index(body: bytes) -> list[Premium]:
    """One symbol's or all symbols' rows."""
    answer = _read(_premiums.decode, body)
    return readable(
        answer if isinstance(answer, list) else [answer],
        lambda row: None if is_coin_margined(row.symbol, row.st) else _premium(row),
    )


def _premium(row: _PremiumRow) -> Premium:
    next_ms = whole(row.next_funding_time)
    return Premium(
        pair=row.symbol,
        mark=positive(row.mark_price),
        index=positive(row.index_price),
        rate=number(row.last_funding_rate) if next_ms else None,
        next_ms=next_ms,
        at_ms=row.time,
    )


def encode_premium_index(rows: Sequence[Premium], pair: str | None = None) -> bytes:
    """The answer to premiumIndex: an array, or one object if a symbol was asked for."""
    found = [
        {
            "symbol": row.pair,
            "markPrice": written(row.mark),
            "indexPrice": written(row.index),
            "estimatedSettlePrice": written(row.index),
            "lastFundingRate": written(row.rate),
            "interestRate": "0.00010000",
            "nextFundingTime": row.next_ms or 0,
            "time": row.at_ms,
        }
        for row in rows
        if pair in (None, row.pair)
    ]
    return _one_or_all(found, pair)


def decode_days(body: bytes) -> list[Day]:
    """One symbol's or all symbols' last 24 hours."""
    answer = _read(_days.decode, body)
    return readable(
        answer if isinstance(answer, list) else [answer],
        lambda row: None if is_coin_margined(row.symbol, row.st) else _day(row),
    )


def _day(row: _DayRow) -> Day:
    return Day(row.symbol, positive(row.last_price), number(row.volume), number(row.quote_volume), row.close_time)


def decode_raw(body: bytes) -> dict[str, Any]:
    """The answer about one symbol as it was sent, for those who show it."""
    return _read(lambda text: msgspec.json.decode(text, type=dict[str, Any]), body)


def encode_days(rows: Sequence[Day], pair: str | None = None) -> bytes:
    """The answer to ticker/24hr: an array, or one object if a symbol was asked for."""
    found = [
        {
            "symbol": row.pair,
            "priceChangePercent": "0",
            "lastPrice": written(row.last),
            "volume": written(row.volume_base),
            "quoteVolume": written(row.volume_quote),
            "openTime": row.at_ms - 86_400_000,
            "closeTime": row.at_ms,
        }
        for row in rows
        if pair in (None, row.pair)
    ]
    return _one_or_all(found, pair)


def decode_open_interest(body: bytes) -> Interest:
    """Open interest of one symbol."""
    row = _read(_interest.decode, body)
    return _read(lambda _: Interest(row.symbol, number(row.open_interest), row.time), body)


def encode_open_interest(row: Interest) -> bytes:
    """The answer to openInterest."""
    return msgspec.json.encode({"openInterest": written(row.base), "symbol": row.pair, "time": row.at_ms})


def decode_interest_history(body: bytes) -> list[InterestPoint]:
    """Open interest of the past, oldest first."""
    points = readable(_read(_points.decode, body), _point)
    return sorted(points, key=lambda point: point.at_ms)


def _point(row: _PointRow) -> InterestPoint | None:
    at_ms = whole(row.timestamp)
    if at_ms is None:
        return None
    return InterestPoint(at_ms, number(row.sum_open_interest), number(row.sum_open_interest_value))


def encode_interest_history(pair: str, points: Sequence[InterestPoint]) -> bytes:
    """The answer to openInterestHist."""
    rows = [
        {
            "symbol": pair,
            "sumOpenInterest": written(point.base),
            "sumOpenInterestValue": written(point.usd),
            "timestamp": point.at_ms,
        }
        for point in points
    ]
    return msgspec.json.encode(rows)


def decode_funding_rates(body: bytes) -> list[Paid]:
    """Funding of one symbol, oldest first."""
    return sorted(readable(_read(_paid.decode, body), _paid_row), key=lambda paid: paid.at_ms)


def _paid_row(row: _PaidRow) -> Paid | None:
    at_ms, rate = whole(row.funding_time), number(row.funding_rate)
    return None if at_ms is None or rate is None else Paid(at_ms, rate, positive(row.mark_price))


def encode_funding_rates(pair: str, rows: Sequence[Paid]) -> bytes:
    """The answer to fundingRate of one symbol."""
    found = [
        {
            "symbol": pair,
            "fundingRate": plain(row.rate),
            "fundingTime": row.at_ms,
            "markPrice": written(row.mark),
            "rateType": "Regular",
        }
        for row in rows
    ]
    return msgspec.json.encode(found)


def decode_klines(body: bytes, *, mark: bool = False) -> list[Bar]:
    """Candles, oldest first; the last one is running. Candles of the mark price have no volume."""
    rows = _read(_bars.decode, body)
    return bars_of(rows) if mark else bars_of(rows, base=5, quote=7)


def encode_klines(bars: Sequence[Bar], step_ms: int) -> bytes:
    """The answer to klines and to markPriceKlines."""
    rows = [
        [
            bar.at_ms,
            *(plain(price) for price in (bar.open, bar.high, bar.low, bar.close)),
            plain(bar.volume_base or 0.0),
            bar.at_ms + step_ms - 1,
            plain(bar.volume_quote or 0.0),
            0,
            "0",
            "0",
            "0",
        ]
        for bar in bars
    ]
    return msgspec.json.encode(rows)


def kline_weight(limit: int) -> int:
    """What a call for so many candles costs."""
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1_000 else 10


def encode_error(code: int, message: str) -> bytes:
    """What Binance answers when it refuses."""
    return msgspec.json.encode({"code": code, "msg": message})


def _one_or_all(rows: list[dict[str, Any]], pair: str | None) -> bytes:
    if pair is None:
        return msgspec.json.encode(rows)
    return msgspec.json.encode(rows[0]) if rows else encode_error(-1121, "Invalid symbol.")


def _read(decode: Callable[[bytes], T], body: bytes) -> T:
    try:
        return decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        try:
            failure = _failure.decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise Unreadable(f"Binance sent an answer that cannot be read: {brief(exc)}") from exc
        raise Unreadable(f"Binance refused: {failure.code} {brief(failure.msg)}") from exc
