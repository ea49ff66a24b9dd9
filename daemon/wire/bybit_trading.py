"""Bybit v5 linear streams of trading: public trades, order books and candles.

Facts: an order book is a snapshot, then deltas whose `u` counts up by one; size 0 takes a level away; `u` 1 is a new
snapshot after a restart of Bybit's service, whatever it is called. `S` of a trade is the side of the taker. A candle is
pushed while it moves and once more with `confirm` when it is over; it names its symbol in the topic only. Contracts
quoted in USD are inverse: their sizes are dollars and are turned into coins by the price.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from daemon.wire.bybit_symbols import from_symbol, read_name
from daemon.wire.bybit_tickers import VENUE
from daemon.wire.numbers import Amount, Positive
from rules.events import BookSnapshot, BookUpdate, Candle, Event, Levels, Trade

BOOK_LEVELS = 50
_STARTS, _LETTERS = len('{"topic":"'), 6
PLACE = slice(_STARTS, _STARTS + _LETTERS)


class _Trade(msgspec.Struct, gc=False):
    T: int
    s: str
    S: Literal["Buy", "Sell"]
    v: Positive
    p: Positive
    i: str


class _Trades(msgspec.Struct, gc=False):
    topic: str
    data: list[_Trade]


class _Book(msgspec.Struct, gc=False):
    s: str
    b: tuple[tuple[Positive, Amount], ...]
    a: tuple[tuple[Positive, Amount], ...]
    u: int


class _BookFrame(msgspec.Struct, gc=False):
    topic: str
    type: str
    ts: int
    data: _Book
    cts: int = 0  # when the matching engine did it


class _Bar(msgspec.Struct, gc=False):
    start: int
    end: int
    open: Positive
    high: Positive
    low: Positive
    close: Positive
    volume: Amount
    turnover: Amount
    confirm: bool
    timestamp: int


class _Bars(msgspec.Struct, gc=False):
    topic: str
    data: list[_Bar]


# numbers travel as text; msgspec reads and checks them on its way
_trades = msgspec.json.Decoder(_Trades, strict=False)
_book = msgspec.json.Decoder(_BookFrame, strict=False)
_bars = msgspec.json.Decoder(_Bars, strict=False)

Read = Callable[[bytes, int], Sequence[Event]]


def decode_trades(frame: bytes, received_ms: int) -> list[Event]:
    """The trades of a publicTrade frame. ValueError, or msgspec's, if it makes no sense."""
    events: list[Event] = []
    for row in _trades.decode(frame).data:  # written out: they are many
        price, quantity = row.p, row.v
        symbol, _, is_inverse = read_name(row.s)
        trade = Trade(
            venue=VENUE,
            symbol=symbol,
            price=price,
            quantity=quantity / price if is_inverse else quantity,
            taker="buy" if row.S == "Buy" else "sell",
            trade_id=row.i,
            at_ms=row.T,
            received_ms=received_ms,
        )
        events.append(trade)
    return events


def decode_book(frame: bytes, received_ms: int) -> tuple[Event, ...]:
    """The snapshot or the change in an orderbook frame. ValueError, or msgspec's, if it makes no sense."""
    message = _book.decode(frame)
    book, at_ms = message.data, message.cts or message.ts
    symbol, _, is_inverse = read_name(book.s)
    bids, asks, sequence = book.b, book.a, book.u
    if is_inverse:
        bids, asks = _in_coins(bids), _in_coins(asks)
    if sequence == 1 or message.type == "snapshot":
        snapshot = BookSnapshot(
            venue=VENUE,
            symbol=symbol,
            bids=bids,
            asks=asks,
            sequence=sequence,
            why="renewed" if sequence == 1 else "asked",
            at_ms=at_ms,
            received_ms=received_ms,
        )
        return (snapshot,)
    return (
        BookUpdate(
            venue=VENUE,
            symbol=symbol,
            bids=bids,
            asks=asks,
            sequence=sequence,
            follows=sequence - 1,
            at_ms=at_ms,
            received_ms=received_ms,
        ),
    )


def _in_coins(levels: Levels) -> Levels:
    return tuple([(price, size / price) for price, size in levels])


def decode_candles(frame: bytes, received_ms: int) -> tuple[Event, ...]:
    """The candle of a kline frame. ValueError, or msgspec's, if it makes no sense."""
    message = _bars.decode(frame)
    symbol, _, is_inverse = read_name(message.topic.rpartition(".")[2])
    rows = message.data
    if len(rows) == 1:
        return (_candle(rows[0], symbol, is_inverse, received_ms),)
    return tuple([_candle(row, symbol, is_inverse, received_ms) for row in rows])


def _candle(row: _Bar, symbol: str, is_inverse: bool, received_ms: int) -> Candle:
    return Candle(
        venue=VENUE,
        symbol=symbol,
        opened_ms=row.start,
        interval_ms=row.end + 1 - row.start,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.turnover if is_inverse else row.volume,
        is_closed=row.confirm,
        at_ms=row.timestamp,
        received_ms=received_ms,
    )


READERS: dict[bytes, Read] = {b"public": decode_trades, b"orderb": decode_book, b"kline.": decode_candles}
"""Who reads a frame, by the letters of its topic that stand at `PLACE`, where Bybit always puts them."""
_PREFIXES = ("publicTrade.", "orderbook.", "kline.")


def reader_of_topic(topic: str) -> Read | None:
    """Who reads frames of this topic."""
    return READERS.get(topic[:_LETTERS].encode()) if topic.startswith(_PREFIXES) else None


def trade_topic(symbol: str) -> str:
    """The topic of all trades of one instrument."""
    return f"publicTrade.{from_symbol(symbol)}"


def book_topic(symbol: str) -> str:
    """The topic of the order book of one instrument, 50 levels deep, every 20 ms."""
    return f"orderbook.{BOOK_LEVELS}.{from_symbol(symbol)}"


def candle_topic(symbol: str) -> str:
    """The topic of the one-minute candles of one instrument."""
    return f"kline.1.{from_symbol(symbol)}"
