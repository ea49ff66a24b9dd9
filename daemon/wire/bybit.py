"""Bybit v5 linear streams: tickers (mark price, funding, open interest, best prices in one topic) and all liquidations.

Facts: a ticker is one snapshot and then deltas with only the changed keys, so the decoder keeps the merged ticker of
each symbol; a new connection needs a new decoder. A liquidation's `S` is the side of the *position* (Buy: a long was
liquidated, the reverse of Binance), `p` the bankruptcy price, not a fill, and one frame holds several. Contracts quoted
in USD are inverse: their sizes are dollars and are turned into coins by the price. Quote coins in `numbers.DOLLARS`
count as US dollars in a notional.
"""

from collections.abc import Container, Sequence
from operator import attrgetter

import msgspec

from daemon.wire.bybit_server import Encoder as Encoder
from daemon.wire.bybit_server import acknowledge as acknowledge
from daemon.wire.bybit_server import encode as encode
from daemon.wire.bybit_server import read_request as read_request
from daemon.wire.bybit_server import refuse as refuse
from daemon.wire.bybit_symbols import from_symbol as from_symbol
from daemon.wire.bybit_symbols import read_name
from daemon.wire.bybit_symbols import to_symbol as to_symbol
from daemon.wire.bybit_tickers import USUAL_INTERVAL_H as USUAL_INTERVAL_H
from daemon.wire.bybit_tickers import VENUE as VENUE
from daemon.wire.bybit_tickers import GappyTicker, Known, LiveTicker
from daemon.wire.bybit_trading import PLACE, READERS, reader_of_topic
from daemon.wire.bybit_trading import book_topic as book_topic
from daemon.wire.bybit_trading import candle_topic as candle_topic
from daemon.wire.bybit_trading import trade_topic as trade_topic
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.numbers import batches, positive
from daemon.wire.trouble import brief
from rules.events import Event, Liquidation, Side

WS_URL = "wss://stream.bybit.com/v5/public/linear"
REST_URL = "https://api.bybit.com"
PING: str | None = '{"op":"ping"}'
PING_EVERY_S = 20.0
SILENCE_S = 50.0

_INVALID_TOPIC = "Invalid topic:"
_CLOSED: dict[str, Side] = {"Buy": "long", "Sell": "short"}  # the side of the position, not of the order


class _Forced(msgspec.Struct, gc=False):
    T: int
    s: str
    S: str
    v: str
    p: str


class _Frame(msgspec.Struct, gc=False):
    topic: str = ""
    type: str = ""
    ts: int = 0
    cs: int | None = None
    data: list[_Forced] | LiveTicker | None = None
    op: str = ""
    success: bool | None = None
    ret_msg: str = ""
    req_id: str | None = None


class _GappyFrame(msgspec.Struct, gc=False):
    data: GappyTicker
    topic: str = ""
    type: str = ""
    ts: int = 0
    cs: int | None = None


class _Peek(msgspec.Struct, gc=False):
    topic: str = ""
    op: str = ""


_frame = msgspec.json.Decoder(_Frame, strict=False)  # numbers travel as text
_gappy = msgspec.json.Decoder(_GappyFrame)
_peek = msgspec.json.Decoder(_Peek)
_time_of = attrgetter("at_ms")
_OURS = ("tickers.", "allLiquidation.", "liquidation.", "publicTrade.", "orderbook.", "kline.")


class Decoder:
    """Reads the frames of one connection."""

    def __init__(self, intervals_h: dict[str, float] | None = None, prices_of: Container[str] | None = None) -> None:
        """`prices_of`: Bybit's names of contracts whose best prices somebody wants, because they change with nearly
        every frame; None: all."""
        self.intervals_h = intervals_h if intervals_h is not None else {}  # used where a ticker does not say its own
        self.left_out = 0  # rows skipped in batches of which the rest could be read
        self.left_out_why = ""
        self._prices_of = prices_of
        self._tickers: dict[str, Known] = {}

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame: mark price, funding, open interest and best prices where they changed; its
        liquidations; its trades; its candle; its order book or what changed in it."""
        try:
            if isinstance(frame, str):
                frame = frame.encode()
            read = READERS.get(frame[PLACE])
            if read is not None:
                return read(frame, received_ms)
            try:
                message = _frame.decode(frame)
            except msgspec.ValidationError:
                return self._unusual(frame, received_ms)
            topic, data = message.topic, message.data
            if isinstance(data, LiveTicker):
                if topic.startswith("tickers."):
                    known = self._tickers.get(data.symbol)
                    if known is not None and message.type == "delta" and data.has_no_prices():
                        return known.take(data, message.ts, received_ms, self.intervals_h)
                    return self._ticker(data, message, received_ms)
                if topic.startswith("liquidation."):
                    return (_retired_liquidation(data, received_ms),)
            elif data is not None and topic.startswith("allLiquidation."):
                return self._liquidations(data, received_ms)
            if topic.startswith(_OURS):
                if (read := reader_of_topic(topic)) is not None:
                    return read(frame, received_ms)
                raise ValueError(f"{topic} without its data")
            return () if topic else _answer(message)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            if _is_foreign(frame):
                return Ignored()
            raise Unreadable(f"Bybit sent a frame of the wrong shape: {brief(exc)}") from exc
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"Bybit sent a frame that cannot be read: {brief(exc)}") from exc

    def _unusual(self, frame: bytes, received_ms: int) -> Sequence[Event]:
        """A frame of ours that does not say its topic first, or a ticker with prices that are ""."""
        topic = _peek.decode(frame).topic
        read = reader_of_topic(topic)
        if read is not None:
            return read(frame, received_ms)
        if not topic.startswith("tickers."):
            _frame.decode(frame)  # says what is wrong with it
            return ()
        message = _gappy.decode(frame)
        return self._ticker(message.data.filled(), message, received_ms)

    def _ticker(self, new: LiveTicker, frame: _Frame | _GappyFrame, received_ms: int) -> tuple[Event, ...]:
        known = self._tickers.get(new.symbol)
        if known is None or frame.type != "delta":
            if frame.type == "delta":
                raise ValueError(f"a change of {new.symbol or 'a ticker'} came before its snapshot")
            known = self._tickers[new.symbol] = Known(new.symbol)
        events = known.take(new, frame.ts, received_ms, self.intervals_h)
        is_wanted = self._prices_of is None or new.symbol in self._prices_of
        prices = known.take_prices(new, frame.cs, frame.ts, received_ms, is_wanted=is_wanted)
        if prices is None:
            return events
        return (*events, prices) if events else (prices,)

    def _liquidations(self, rows: list[_Forced], received_ms: int) -> Sequence[Event]:
        if len(rows) == 1:  # most batches
            row = rows[0]
            return (_liquidation(row.s, row.S, row.v, row.p, row.T, received_ms),)
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                events.append(_liquidation(row.s, row.S, row.v, row.p, row.T, received_ms))
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
        if left_out:
            if not events:
                raise ValueError(why)
            self.left_out += left_out
            self.left_out_why = brief(why)
        events.sort(key=_time_of)
        return events


def _liquidation(name: str, side: str, size: str, at: str, at_ms: int, received_ms: int) -> Liquidation:
    symbol, is_in_dollars, is_inverse = read_name(name)
    quantity, price = positive(size), positive(at)
    if quantity is None or price is None:
        raise ValueError(f"a liquidation of {name} has no size or no price")
    if not is_in_dollars:
        raise ValueError(f"a liquidation of {symbol} is not quoted in dollars, and its dollar value is not known here")
    closed = _CLOSED.get(side)
    if closed is None:
        raise ValueError(f"'{side}' is not a side")
    notional = quantity * price
    if is_inverse:
        quantity, notional = quantity / price, quantity
    return Liquidation(
        venue=VENUE,
        symbol=symbol,
        side=closed,
        quantity=quantity,
        price=price,
        price_kind="bankruptcy",
        notional_usd=notional,
        at_ms=at_ms,
        received_ms=received_ms,
    )


def _retired_liquidation(old: LiveTicker, received_ms: int) -> Liquidation:
    """The topic before allLiquidation (until 2025): one object a frame, at most one a second."""
    if old.updated_time is None:
        raise ValueError("a liquidation in a shape that Bybit retired before v5")
    return _liquidation(old.symbol, old.side, old.size, old.price, old.updated_time, received_ms)


def _answer(message: _Frame) -> Control:
    if message.op == "pong" or message.ret_msg == "pong":
        return Pong()
    if message.success is False:
        _, _, topics = message.ret_msg.partition(_INVALID_TOPIC)
        items = tuple(topic.strip() for topic in topics.split(",") if topic.strip())
        return Rejected(message.ret_msg or "refused without a reason", items, message.req_id or None)
    if message.op == "subscribe" and message.success:
        return Accepted(request_id=message.req_id or None)
    if message.op:
        return Ignored()
    raise Unreadable("Bybit sent a frame without a topic and without an answer")


def _is_foreign(frame: bytes | str) -> bool:
    """A topic that we do not use may put other types under the same names: that is no trouble."""
    try:
        peek = _peek.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return bool(peek.topic and not peek.topic.startswith(_OURS)) or bool(peek.op)


def ticker_topic(symbol: str) -> str:
    """The topic of mark price, funding and open interest of one instrument."""
    return f"tickers.{from_symbol(symbol)}"


mark_topic = ticker_topic


def liquidation_topic(symbol: str) -> str:
    """The topic of all liquidations of one instrument."""
    return f"allLiquidation.{from_symbol(symbol)}"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these topics; the ids count up from `request_id`."""
    return _requests("subscribe", topics, request_id)


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these topics up."""
    return _requests("unsubscribe", topics, request_id)


def _requests(op: str, topics: Sequence[str], request_id: int) -> list[str]:
    """The arguments of one request may be 21,000 characters long."""
    return [
        msgspec.json.encode({"req_id": str(request_id + place), "op": op, "args": batch}).decode()
        for place, batch in enumerate(batches(topics, most=100, characters=20_000))
    ]
