"""Binance USD-M trading streams: trades, best prices, one-minute candles, and what changed in order books.

Facts: `trade`, `bookTicker` and depth travel on /public, klines on /market. `t` numbers trades; aggTrade (on /market)
numbers bundles of them by another count, so it is not used. Trades whose `X` is not MARKET are the insurance fund's
and deleveraging's own, between no two orders. `m`: the buyer was the maker, so the taker sold. `T` is when it happened
in the matching engine, `E` when it was sent. Depth: `u` is the counter after the update, `pu` that of the one before.
Rows with st=2 are COIN-M's, in contracts: left out.

Prices travel as text; msgspec reads them as floats in the same pass (strict=False), NaN and infinity excluded.
"""

from typing import Annotated

import msgspec

from daemon.wire.binance_symbols import VENUE, from_symbol, to_symbol
from rules.events import BookUpdate, Candle, Ticker, Trade

ALL_TICKERS = "!bookTicker"
MINUTE_MS = 60_000
MARK_GOOD_MS = 60_000  # an older mark price is not shown beside a ticker
COIN_MARGINED = 2
_MARKET = ("MARKET", "")

Marks = dict[str, tuple[float, int]]
"""Our symbol -> mark price and its time, as the /market connection has heard it."""

_Number = Annotated[float, msgspec.Meta(ge=0.0, le=1e300)]
_Price = Annotated[float, msgspec.Meta(gt=0.0, le=1e300)]
_Rows = tuple[tuple[_Price, _Number], ...]


class TradeRow(msgspec.Struct, gc=False, tag_field="e", tag="trade"):
    s: str
    T: int
    t: int
    p: _Number
    q: _Number
    m: bool
    X: str = ""
    st: int = 1


class TickerRow(msgspec.Struct, gc=False, tag_field="e", tag="bookTicker"):
    s: str
    u: int
    b: _Number
    B: _Number
    a: _Number
    A: _Number
    T: int = 0
    E: int = 0
    st: int = 1


class DepthRow(msgspec.Struct, gc=False, tag_field="e", tag="depthUpdate"):
    s: str
    T: int
    u: int
    pu: int
    b: _Rows
    a: _Rows
    st: int = 1


class _Kline(msgspec.Struct, gc=False):
    t: int
    T: int
    o: _Price
    c: _Price
    h: _Price
    l: _Price  # noqa: E741 - Binance's letter
    v: _Number
    x: bool


class KlineRow(msgspec.Struct, gc=False, tag_field="e", tag="kline"):
    s: str
    E: int
    k: _Kline
    st: int = 1


def trade(row: TradeRow, received_ms: int) -> tuple[Trade, ...]:
    """One trade of the market; none for what is not."""
    if row.st == COIN_MARGINED or row.X not in _MARKET or not row.p or not row.q:
        return ()
    return (
        Trade(
            venue=VENUE,
            symbol=to_symbol(row.s),
            price=row.p,
            quantity=row.q,
            taker="sell" if row.m else "buy",
            trade_id=str(row.t),
            at_ms=row.T,
            received_ms=received_ms,
        ),
    )


def ticker(row: TickerRow, marks: Marks, received_ms: int) -> tuple[Ticker, ...]:
    """The best prices, beside the mark price if a fresh one is known; an empty side says 0 and is missing."""
    if row.st == COIN_MARGINED:
        return ()
    symbol, at_ms = to_symbol(row.s), row.T or row.E
    mark = marks.get(symbol)
    return (
        Ticker(
            venue=VENUE,
            symbol=symbol,
            bid=row.b or None,
            ask=row.a or None,
            bid_quantity=row.B if row.b else None,
            ask_quantity=row.A if row.a else None,
            mark_price=mark[0] if mark is not None and at_ms - mark[1] <= MARK_GOOD_MS else None,
            sequence=row.u,
            at_ms=at_ms,
            received_ms=received_ms,
        ),
    )


def book_update(row: DepthRow, received_ms: int) -> tuple[BookUpdate, ...]:
    """What changed in one book since the counter `pu`."""
    if row.st == COIN_MARGINED:
        return ()
    return (
        BookUpdate(
            venue=VENUE,
            symbol=to_symbol(row.s),
            bids=row.b,
            asks=row.a,
            sequence=row.u,
            follows=row.pu,
            at_ms=row.T,
            received_ms=received_ms,
        ),
    )


def candle(row: KlineRow, received_ms: int) -> tuple[Candle, ...]:
    """The candle as it stands."""
    if row.st == COIN_MARGINED:
        return ()
    k = row.k
    return (
        Candle(
            venue=VENUE,
            symbol=to_symbol(row.s),
            opened_ms=k.t,
            interval_ms=k.T - k.t + 1,
            open=k.o,
            high=k.h,
            low=k.l,
            close=k.c,
            volume=k.v,
            is_closed=k.x,
            at_ms=row.E,
            received_ms=received_ms,
        ),
    )


def trade_topic(symbol: str) -> str:
    """The stream of one instrument's trades, on /public."""
    return f"{from_symbol(symbol).lower()}@trade"


def ticker_topic(symbol: str) -> str:
    """The stream of one instrument's best prices, on /public."""
    return f"{from_symbol(symbol).lower()}@bookTicker"


def book_topic(symbol: str) -> str:
    """The stream of what changed in one instrument's book, ten times a second, on /public."""
    return f"{from_symbol(symbol).lower()}@depth@100ms"


def candle_topic(symbol: str) -> str:
    """The stream of one instrument's one-minute candles, four times a second, on /market."""
    return f"{from_symbol(symbol).lower()}@kline_1m"
