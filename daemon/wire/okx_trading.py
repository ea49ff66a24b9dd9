"""OKX v5 public streams of trading: trades, tickers, order books and candles of contracts.

Facts: sizes are contracts (see `okx_contracts`), except a candle's seventh column, which is coins. An order book is a
snapshot (`prevSeqId` -1), then updates whose `prevSeqId` is the `seqId` before; where both are the same nothing changed
and the frame is a sign of life, once a minute; a `seqId` below its `prevSeqId` is a new count after maintenance, and the
chain goes on from there. A trade's `side` is the taker's, and one row may sum up several fills of one order. Candles live
on another address (/business), and the one that is running is pushed until its last column says 1.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import inf

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import Amount, Positive
from daemon.wire.okx_contracts import Contract, from_symbol, ratio_of, to_symbol
from daemon.wire.trouble import LONGEST_NAME
from rules.events import BookSnapshot, BookUpdate, Candle, Event, Levels, Taker, Ticker, Trade

VENUE = "okx"

_STARTS, _LETTERS = len('{"arg":{"channel":"'), 5
PLACE = slice(_STARTS, _STARTS + _LETTERS)
_MINUTE_MS = 60_000
_UNITS_MS = {"m": _MINUTE_MS, "H": 60 * _MINUTE_MS, "D": 1_440 * _MINUTE_MS, "W": 10_080 * _MINUTE_MS}


class _Arg(msgspec.Struct, gc=False, rename="camel"):
    channel: str
    inst_id: str


class _Trade(msgspec.Struct, gc=False, rename="camel"):
    inst_id: str
    trade_id: str
    px: Positive
    sz: Positive
    side: Taker
    ts: int


class _Trades(msgspec.Struct, gc=False):
    data: list[_Trade]


class _Best(msgspec.Struct, gc=False, rename="camel"):
    inst_id: str
    ts: int
    last: Amount = 0.0  # 0 where there is none
    last_sz: Amount = 0.0
    ask_px: Amount = 0.0
    ask_sz: Amount = 0.0
    bid_px: Amount = 0.0
    bid_sz: Amount = 0.0


class _Bests(msgspec.Struct, gc=False):
    data: list[_Best]


class _Level(msgspec.Struct, gc=False, array_like=True):
    price: Positive
    contracts: Amount  # two more columns count liquidation orders (retired) and orders


class _Book(msgspec.Struct, gc=False, rename="camel"):
    asks: list[_Level]
    bids: list[_Level]
    ts: int
    seq_id: int
    prev_seq_id: int


class _Books(msgspec.Struct, gc=False):
    arg: _Arg
    data: list[_Book]
    action: str


class _Bar(msgspec.Struct, gc=False, array_like=True):
    ts: int
    open: Positive
    high: Positive
    low: Positive
    close: Positive
    contracts: str
    coins: Amount
    quote: str
    confirm: str


class _Bars(msgspec.Struct, gc=False):
    arg: _Arg
    data: list[_Bar]


# numbers travel as text; msgspec reads and checks them on its way
_trades = msgspec.json.Decoder(_Trades, strict=False)
_bests = msgspec.json.Decoder(_Bests, strict=False)
_books = msgspec.json.Decoder(_Books, strict=False)
_bars = msgspec.json.Decoder(_Bars, strict=False)

Contracts = Mapping[str, Contract]
Read = Callable[[bytes, int, Contracts], Sequence[Event]]


def decode_trades(frame: bytes, received_ms: int, contracts: Contracts) -> list[Event]:
    """The trades of a frame. ValueError, or msgspec's, if it makes no sense."""
    events: list[Event] = []
    for row in _trades.decode(frame).data:  # written out: they are many
        name, price = row.inst_id, row.px
        contract = contracts.get(name) or _unknown(name)
        symbol, times, over = _unit(name, contract.size)
        amount = row.sz * times / over
        trade = Trade(
            venue=VENUE,
            symbol=symbol,
            price=price,
            quantity=amount / price if contract.is_inverse else amount,
            taker=row.side,
            trade_id=row.trade_id,
            at_ms=row.ts,
            received_ms=received_ms,
        )
        events.append(trade)
    return events


@lru_cache(maxsize=16_384)
def _unit(name: str, size: float) -> tuple[str, float, float]:
    """Our name of a contract, and the whole numbers by which its sizes are multiplied and divided."""
    return to_symbol(name), *ratio_of(size)


def decode_tickers(frame: bytes, received_ms: int, contracts: Contracts) -> tuple[Event, ...]:
    """The best prices in a frame; OKX says the mark price elsewhere. ValueError, or msgspec's, if it makes no sense."""
    try:
        rows = _bests.decode(frame).data
    except msgspec.ValidationError:
        rows = _bests.decode(frame.replace(b'""', b'"0"')).data  # a side of the book that is empty
    if len(rows) == 1:
        return (_ticker(rows[0], received_ms, contracts),)
    return tuple([_ticker(row, received_ms, contracts) for row in rows])


def _ticker(row: _Best, received_ms: int, contracts: Contracts) -> Ticker:
    contract = contracts.get(row.inst_id) or _unknown(row.inst_id)
    symbol, times, over = _unit(row.inst_id, contract.size)
    bid, bid_contracts, ask, ask_contracts = row.bid_px, row.bid_sz, row.ask_px, row.ask_sz
    last, last_contracts = row.last, row.last_sz
    bid_size, ask_size = bid_contracts * times / over, ask_contracts * times / over
    last_size = last_contracts * times / over
    if contract.is_inverse:  # dollars are coins by the price
        bid_size, ask_size, last_size = bid_size / (bid or inf), ask_size / (ask or inf), last_size / (last or inf)
    return Ticker(
        venue=VENUE,
        symbol=symbol,
        bid=bid or None,
        ask=ask or None,
        bid_quantity=bid_size or None,
        ask_quantity=ask_size or None,
        last=last or None,
        last_quantity=last_size or None,
        at_ms=row.ts,
        received_ms=received_ms,
    )


def decode_books(frame: bytes, received_ms: int, contracts: Contracts) -> tuple[Event, ...]:
    """The snapshot or the change in a frame of `books`; a sign of life has none. ValueError, or msgspec's, likewise."""
    message = _books.decode(frame)
    name = message.arg.inst_id
    contract, symbol = contracts.get(name) or _unknown(name), to_symbol(name)
    [book] = message.data
    bids, asks = _in_coins(book.bids, contract), _in_coins(book.asks, contract)
    if message.action == "snapshot":
        snapshot = BookSnapshot(
            venue=VENUE,
            symbol=symbol,
            bids=bids,
            asks=asks,
            sequence=book.seq_id,
            at_ms=book.ts,
            received_ms=received_ms,
        )
        return (snapshot,)
    if not bids and not asks and book.seq_id == book.prev_seq_id:
        return ()
    return (
        BookUpdate(
            venue=VENUE,
            symbol=symbol,
            bids=bids,
            asks=asks,
            sequence=book.seq_id,
            follows=book.prev_seq_id,
            at_ms=book.ts,
            received_ms=received_ms,
        ),
    )


def _in_coins(levels: list[_Level], contract: Contract) -> Levels:
    times, over = ratio_of(contract.size)
    if contract.is_inverse:
        return tuple([(level.price, level.contracts * times / over / level.price) for level in levels])
    if times == 1.0:  # most contracts
        return tuple([(level.price, level.contracts / over) for level in levels])
    return tuple([(level.price, level.contracts * times / over) for level in levels])


def decode_candles(frame: bytes, received_ms: int, contracts: Contracts) -> tuple[Event, ...]:
    """The candles of a frame, which count coins already. ValueError, or msgspec's, if it makes no sense."""
    del contracts
    message = _bars.decode(frame)
    symbol, interval_ms = to_symbol(message.arg.inst_id), interval_of(message.arg.channel)
    rows = message.data
    if len(rows) == 1:
        return (_candle(rows[0], symbol, interval_ms, received_ms),)
    return tuple([_candle(row, symbol, interval_ms, received_ms) for row in rows])


def _candle(row: _Bar, symbol: str, interval_ms: int, received_ms: int) -> Candle:
    is_closed = row.confirm == "1"
    return Candle(
        venue=VENUE,
        symbol=symbol,
        opened_ms=row.ts,
        interval_ms=interval_ms,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        volume=row.coins,
        is_closed=is_closed,
        at_ms=row.ts + interval_ms if is_closed else received_ms,  # OKX does not say when it last moved
        received_ms=received_ms,
    )


@lru_cache(maxsize=64)
def interval_of(channel: str) -> int:
    """candle1m -> 60,000 ms. ValueError for months, which have no length, and for what is no candle."""
    written = channel.removeprefix("candle").removesuffix("utc")
    count, unit = written[:-1], written[-1:]
    if not count.isdecimal() or unit not in _UNITS_MS:
        raise ValueError(f"'{channel[:LONGEST_NAME]}' has no interval that we know")
    return int(count) * _UNITS_MS[unit]


def _unknown(name: str) -> Contract:
    to_symbol(name)  # says so if it is no contract at all
    raise Unreadable(f"OKX speaks of {name}, and the size of its contract is not known yet")


READERS: dict[bytes, Read] = {
    b"trade": decode_trades, b"ticke": decode_tickers, b"books": decode_books, b"candl": decode_candles,
}  # fmt: skip
"""Who reads a frame, by the letters of its channel that stand at `PLACE`, where OKX always puts them."""


def reader_of_channel(channel: str) -> Read | None:
    """Who reads frames of this channel."""
    return READERS.get(channel[:_LETTERS].encode())


def trade_topic(symbol: str) -> str:
    """Trades of one instrument."""
    return f"trades:{from_symbol(symbol)}"


def ticker_topic(symbol: str) -> str:
    """Best and last prices of one instrument, at most every 100 ms."""
    return f"tickers:{from_symbol(symbol)}"


def book_topic(symbol: str) -> str:
    """The order book of one instrument, 400 levels deep, every 100 ms."""
    return f"books:{from_symbol(symbol)}"


def candle_topic(symbol: str) -> str:
    """One-minute candles of one instrument, on the address of candles."""
    return f"candle1m:{from_symbol(symbol)}"
