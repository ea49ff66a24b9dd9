"""Bybit v5 over REST, for tables and charts: all tickers at once, and history.

Facts: refusals come with HTTP 200 and a retCode other than 0. Since 2026-06-11 `openInterest` counts both sides, and
`single*` fields one; without them it is not known which is meant. Linear contracts have sizes and volumes in base coins
and values and turnovers in quote coins; inverse ones the other way round. Lists come newest first, percents are fractions.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from daemon.wire.control import Throttled, Unreadable
from daemon.wire.history import Bar, InterestPoint, Paid, bars_of
from daemon.wire.numbers import number, plain, positive, whole
from daemon.wire.rows import readable, written
from daemon.wire.trouble import brief

TICKERS = "/v5/market/tickers"
FUNDING_HISTORY = "/v5/market/funding/history"  # startTime without endTime is an error
FUNDING_ROWS = 200
OPEN_INTEREST = "/v5/market/open-interest"
INTEREST_ROWS = 200
KLINE = "/v5/market/kline"
MARK_KLINE = "/v5/market/mark-price-kline"
KLINE_ROWS = 1_000

Category = Literal["linear", "inverse"]
T = TypeVar("T")
_TOO_OFTEN = 10006


class Ticker(msgspec.Struct, frozen=True, gc=False):
    """An instrument now, in the same units for both categories."""

    pair: str
    last: float | None = None
    mark: float | None = None
    index: float | None = None
    rate: float | None = None  # fraction per interval
    interval_h: float | None = None
    next_ms: int | None = None
    oi_base: float | None = None  # base coins
    oi_quote: float | None = None  # quote coins
    is_one_sided: bool = True  # False: it may count both sides
    volume_base: float | None = None
    volume_quote: float | None = None


class Tickers(msgspec.Struct, frozen=True):
    """All instruments of a category, at one time."""

    category: Category
    rows: list[Ticker]
    at_ms: int


class _Row(msgspec.Struct, gc=False, rename="camel"):
    symbol: str = ""
    last_price: str | None = None
    mark_price: str | None = None
    index_price: str | None = None
    funding_rate: str | None = None
    funding_interval_hour: str | None = None
    next_funding_time: str | None = None
    open_interest: str | None = None
    open_interest_value: str | None = None
    single_open_interest: str | None = None
    single_open_interest_value: str | None = None
    turnover_24h: str | None = msgspec.field(name="turnover24h", default=None)
    volume_24h: str | None = msgspec.field(name="volume24h", default=None)
    funding_rate_timestamp: str | None = None
    timestamp: str | None = None


class _List(msgspec.Struct, gc=False, rename="camel"):
    category: str = "linear"
    rows: list[_Row] = msgspec.field(name="list", default_factory=list)
    next_page_cursor: str = ""


class _Candles(msgspec.Struct, gc=False):
    category: str = "linear"
    rows: list[list[str]] = msgspec.field(name="list", default_factory=list)


class _RawList(msgspec.Struct, gc=False):
    rows: list[dict[str, Any]] = msgspec.field(name="list", default_factory=list)


class _Answer(msgspec.Struct, gc=False, rename="camel"):
    ret_code: int
    result: msgspec.Raw = msgspec.Raw(b"{}")
    ret_msg: str = ""
    time: int = 0


_answer = msgspec.json.Decoder(_Answer)
_list = msgspec.json.Decoder(_List)
_candles = msgspec.json.Decoder(_Candles)
_raw = msgspec.json.Decoder(_RawList)


def decode_tickers(body: bytes) -> Tickers:
    """All instruments of one category, or one."""
    answer, found = _read(body, _list.decode)
    category = _category(found.category)
    return Tickers(category, readable(found.rows, lambda row: _ticker(row, category)), answer.time)


def _ticker(row: _Row, category: Category) -> Ticker:
    one_sided = bool(row.single_open_interest)
    # the two kinds are never mixed: a one-sided size beside a value of both sides would be twice as dear
    size = number(row.single_open_interest if one_sided else row.open_interest)
    value = number(row.single_open_interest_value if one_sided else row.open_interest_value)
    amount, turnover = number(row.volume_24h), number(row.turnover_24h)
    if category == "inverse":  # sizes are dollars, values coins
        size, value, amount, turnover = value, size, turnover, amount
    next_ms = whole(row.next_funding_time)
    return Ticker(
        pair=row.symbol,
        last=positive(row.last_price),
        mark=positive(row.mark_price),
        index=positive(row.index_price),
        rate=number(row.funding_rate) if next_ms else None,  # what expires says ""
        interval_h=positive(row.funding_interval_hour),
        next_ms=next_ms,
        oi_base=size,
        oi_quote=value,
        is_one_sided=one_sided,
        volume_base=amount,
        volume_quote=turnover,
    )


def decode_raw(body: bytes) -> list[dict[str, Any]]:
    """The rows as they were sent, for those who show them."""
    return _read(body, _raw.decode)[1].rows


def encode_tickers(tickers: Tickers) -> bytes:
    """The answer to /v5/market/tickers; one-sided interest is written with its double, as Bybit does."""
    rows = [_ticker_row(row, tickers.category) for row in tickers.rows]
    return _envelope({"category": tickers.category, "list": rows}, tickers.at_ms)


def _ticker_row(row: Ticker, category: Category) -> dict[str, str]:
    size, value, amount, turnover = row.oi_base, row.oi_quote, row.volume_base, row.volume_quote
    if category == "inverse":
        size, value, amount, turnover = value, size, turnover, amount
    sides = 2.0 if row.is_one_sided else 1.0
    found = {
        "symbol": row.pair,
        "lastPrice": written(row.last),
        "indexPrice": written(row.index),
        "markPrice": written(row.mark),
        "openInterest": "" if size is None else plain(size * sides),
        "openInterestValue": "" if value is None else plain(value * sides),
        "turnover24h": written(turnover),
        "volume24h": written(amount),
        "fundingRate": written(row.rate),
        "nextFundingTime": str(row.next_ms or 0),
        "fundingIntervalHour": written(row.interval_h),
        "fundingCap": "0.005",
    }
    if row.is_one_sided:
        found |= {"singleOpenInterest": written(size), "singleOpenInterestValue": written(value)}
    return found


def decode_funding_history(body: bytes) -> list[Paid]:
    """Funding that was paid, oldest first."""
    return sorted(readable(_read(body, _list.decode)[1].rows, _paid), key=lambda paid: paid.at_ms)


def _paid(row: _Row) -> Paid | None:
    at_ms, rate = whole(row.funding_rate_timestamp), number(row.funding_rate)
    return None if at_ms is None or rate is None else Paid(at_ms, rate)


def encode_funding_history(pair: str, rows: Sequence[Paid], now_ms: int, category: Category = "linear") -> bytes:
    """The answer to /v5/market/funding/history, newest first."""
    found = [
        {"symbol": pair, "fundingRate": plain(row.rate), "fundingRateTimestamp": str(row.at_ms)}
        for row in sorted(rows, key=lambda row: -row.at_ms)
    ]
    return _envelope({"category": category, "list": found}, now_ms)


def decode_interest_history(body: bytes) -> tuple[list[InterestPoint], str]:
    """Open interest of the past, oldest first, and the cursor of the next (older) page: "" after the last."""
    found = _read(body, _list.decode)[1]
    category = _category(found.category)
    points = readable(found.rows, lambda row: _point(row, category))
    return sorted(points, key=lambda point: point.at_ms), found.next_page_cursor


def _point(row: _Row, category: Category) -> InterestPoint | None:
    one_sided = bool(row.single_open_interest)
    at_ms, size = whole(row.timestamp), number(row.single_open_interest if one_sided else row.open_interest)
    if at_ms is None or size is None:
        return None
    if category == "inverse":
        return InterestPoint(at_ms, usd=size, is_one_sided=one_sided)
    return InterestPoint(at_ms, base=size, is_one_sided=one_sided)


def encode_interest_history(
    pair: str, points: Sequence[InterestPoint], now_ms: int, category: Category = "linear", cursor: str = ""
) -> bytes:
    """The answer to /v5/market/open-interest, newest first."""
    rows = []
    for point in sorted(points, key=lambda point: -point.at_ms):
        size = (point.usd if category == "inverse" else point.base) or 0.0
        row = {"openInterest": plain(size * (2.0 if point.is_one_sided else 1.0)), "timestamp": str(point.at_ms)}
        if point.is_one_sided:
            row["singleOpenInterest"] = plain(size)
        rows.append(row)
    return _envelope({"symbol": pair, "category": category, "list": rows, "nextPageCursor": cursor}, now_ms)


def decode_klines(body: bytes) -> list[Bar]:
    """Candles or, from mark-price-kline, candles without volumes; oldest first, and the last one is running."""
    found = _read(body, _candles.decode)[1]
    base, quote = (5, 6) if _category(found.category) == "linear" else (6, 5)
    return bars_of(found.rows, base=base, quote=quote)


def encode_klines(pair: str, bars: Sequence[Bar], now_ms: int, category: Category = "linear") -> bytes:
    """The answer to kline, newest first, or to mark-price-kline if the candles have no volumes."""
    rows = []
    for bar in sorted(bars, key=lambda bar: -bar.at_ms):
        row = [str(bar.at_ms), *(plain(price) for price in (bar.open, bar.high, bar.low, bar.close))]
        volumes = (bar.volume_base, bar.volume_quote) if category == "linear" else (bar.volume_quote, bar.volume_base)
        if volumes != (None, None):
            row += [written(volume) for volume in volumes]
        rows.append(row)
    return _envelope({"symbol": pair, "category": category, "list": rows}, now_ms)


def encode_error(code: int, message: str, now_ms: int) -> bytes:
    """What Bybit answers when it refuses, with HTTP status 200."""
    return _envelope({}, now_ms, code=code, message=message)


def _category(text: str) -> Category:
    return "inverse" if text == "inverse" else "linear"


def _envelope(result: Mapping[str, object], now_ms: int, *, code: int = 0, message: str = "OK") -> bytes:
    answer = {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now_ms}
    return msgspec.json.encode(answer)


def _read(body: bytes, decode: Callable[[msgspec.Raw], T]) -> tuple[_Answer, T]:
    try:
        answer = _answer.decode(body)
        if answer.ret_code == _TOO_OFTEN:
            raise Throttled(f"Bybit was asked too often: {answer.ret_code} {brief(answer.ret_msg)}")
        if answer.ret_code != 0:
            raise Unreadable(f"Bybit refused: {answer.ret_code} {brief(answer.ret_msg)}")
        return answer, decode(answer.result)
    except Unreadable:
        raise
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Bybit sent an answer that cannot be read: {brief(exc)}") from exc
