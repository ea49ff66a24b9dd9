"""Bitget's unified streams (v3) of USDT futures: tickers with mark price, funding and open interest, and liquidations.

Facts: everything is text. The topic `liquidation` is for the whole product line, never for one instrument, and tells of
each pair and second only the largest long and the largest short. `side` is that of the *position*: buy, a long was
closed. A ticker names the next settlement but not the interval: the list of instruments does. A text ping keeps the
connection. Every argument of a request is answered by itself, without an id.
[inferred]: `amount` of a liquidation is its worth in the quote coin. No document says so, but both recorded rows divided
by their price are whole lots (13.70319 / 0.1649 = 83.1 APE), and neither is one undivided. Where the lot is known it
decides row by row. Also inferred: that `price` is the price of bankruptcy, and that `openInterest` is coins of one side.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf
from operator import attrgetter

import msgspec

from daemon.wire.bitget_server import Encoder as Encoder
from daemon.wire.bitget_server import acknowledge as acknowledge
from daemon.wire.bitget_server import read_request as read_request
from daemon.wire.bitget_server import refuse as refuse
from daemon.wire.bitget_symbols import CATEGORY as CATEGORY
from daemon.wire.bitget_symbols import INSTRUMENTS as INSTRUMENTS
from daemon.wire.bitget_symbols import USUAL_INTERVAL_H as USUAL_INTERVAL_H
from daemon.wire.bitget_symbols import VENUE as VENUE
from daemon.wire.bitget_symbols import Contract as Contract
from daemon.wire.bitget_symbols import decode_contracts as decode_contracts
from daemon.wire.bitget_symbols import encode_contracts as encode_contracts
from daemon.wire.bitget_symbols import from_symbol as from_symbol
from daemon.wire.bitget_symbols import to_symbol as to_symbol
from daemon.wire.changes import AGAIN_MS, Tickers
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.numbers import batches, is_in_dollars, number, positive, whole
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest, Side

WS_URL = "wss://ws.bitget.com/v3/ws/public"
REST_URL = "https://api.bitget.com"
PING: str | None = "ping"
PING_EVERY_S = 20.0  # two minutes without one end the connection
SILENCE_S = 50.0
LIQUIDATIONS = "liquidation"  # the topic, which names no instrument

_OURS = ("ticker", LIQUIDATIONS)
_INST_TYPE = "usdt-futures"
_CLOSED: dict[str, Side] = {"buy": "long", "sell": "short"}  # the side of the position, not of the order
_time_of = attrgetter("at_ms")
_NEARLY = 1e-6  # a quotient of two rounded numbers


class _Arg(msgspec.Struct, gc=False):
    topic: str = ""
    symbol: str = ""
    instType: str = ""  # noqa: N815 - their spelling


class _Row(msgspec.Struct, gc=False):
    """A ticker or a liquidation."""

    markPrice: str = ""  # noqa: N815 - their spelling; renaming would cost a lookup
    indexPrice: str = ""  # noqa: N815 - as above
    fundingRate: str = ""  # noqa: N815 - as above
    nextFundingTime: str = ""  # noqa: N815 - as above
    openInterest: str = ""  # noqa: N815 - as above
    symbol: str = ""
    side: str = ""
    price: str = ""
    amount: str = ""
    ts: str | int = ""


class _Frame(msgspec.Struct, gc=False):
    arg: _Arg | None = None
    data: list[_Row] | None = None
    ts: int | str = 0
    event: str = ""
    code: int | str = ""
    msg: str = ""


class _Peek(msgspec.Struct, gc=False):
    arg: _Arg | None = None
    event: str = ""


_frame = msgspec.json.Decoder(_Frame)
_peek = msgspec.json.Decoder(_Peek)


class Decoder:
    """Reads the frames of one connection. `contracts` (by Bitget's name) say intervals and lots as far as they are known."""

    def __init__(self, contracts: Mapping[str, Contract] | None = None) -> None:
        self.contracts = contracts or {}
        self.left_out = 0  # rows skipped in frames of which the rest could be read
        self.left_out_why = ""
        self._told = Tickers()

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame; Unreadable if it makes no sense."""
        try:
            message = _frame.decode(frame)
            arg, rows = message.arg, message.data
            if rows is None or arg is None or message.event:
                return _answer(message)
            if arg.topic == "ticker":
                if len(rows) != 1:
                    raise ValueError(f"{len(rows)} tickers in a frame about one instrument")
                return self._ticker(arg.symbol, rows[0], whole(message.ts) or received_ms, received_ms)
            return self._liquidations(rows, received_ms) if arg.topic == LIQUIDATIONS else ()
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            if _is_foreign(frame):
                return Ignored()
            raise Unreadable(f"Bitget sent a frame of the wrong shape: {brief(exc)}") from exc
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            if frame in (b"pong", "pong"):
                return Pong()
            raise Unreadable(f"Bitget sent a frame that cannot be read: {brief(exc)}") from exc

    def _ticker(self, name: str, row: _Row, at_ms: int, received_ms: int) -> tuple[Event, ...]:
        told = self._told.get(name) or self._told.begin(name, to_symbol(name))
        events: tuple[Event, ...] = ()
        mark = positive(row.markPrice)
        if row.markPrice != told.mark or row.indexPrice != told.index or received_ms >= told.price_until_ms:
            told.mark, told.index, told.price_until_ms = row.markPrice, row.indexPrice, received_ms + AGAIN_MS
            if mark is not None:
                price = MarkPrice(
                    venue=VENUE,
                    symbol=told.symbol,
                    price=mark,
                    index_price=positive(row.indexPrice),
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
                events = (price,)
        if row.fundingRate != told.rate or row.nextFundingTime != told.settles or received_ms >= told.funding_until_ms:
            told.rate, told.settles = row.fundingRate, row.nextFundingTime
            told.funding_until_ms = received_ms + AGAIN_MS
            rate, settles_ms = number(row.fundingRate), whole(row.nextFundingTime)
            if rate is not None and settles_ms is not None:  # what expires pays none, and says 0 and no time
                contract = self.contracts.get(name)
                funding = FundingRate(
                    venue=VENUE,
                    symbol=told.symbol,
                    rate=rate,
                    interval_h=USUAL_INTERVAL_H if contract is None else contract.interval_h,
                    settles_at_ms=settles_ms,
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
                events = (*events, funding)
        if row.openInterest != told.interest or received_ms >= told.interest_until_ms:
            told.interest, told.interest_until_ms = row.openInterest, received_ms + AGAIN_MS
            coins = number(row.openInterest)
            if coins is not None:
                interest = OpenInterest(
                    venue=VENUE,
                    symbol=told.symbol,
                    oi_base=coins,
                    oi_usd=coins * mark if mark is not None and is_in_dollars(told.symbol) else None,
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
                events = (*events, interest)
        return events

    def _liquidations(self, rows: list[_Row], received_ms: int) -> Sequence[Event]:
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                events.append(self._liquidation(row, received_ms))
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
        if left_out:
            if not events:
                raise ValueError(why)
            self.left_out += left_out
            self.left_out_why = brief(why)
        if len(events) > 1:
            events.sort(key=_time_of)
        return events

    def _liquidation(self, row: _Row, received_ms: int) -> Liquidation:
        symbol = _in_dollars(row.symbol)
        closed = _CLOSED.get(row.side)
        if closed is None:
            raise ValueError(f"'{row.side}' is not a side")
        try:
            amount, price = float(row.amount), float(row.price)
        except ValueError:
            amount = price = 0.0
        if not (0.0 < amount < inf and 0.0 < price < inf):
            raise ValueError(f"a liquidation of {row.symbol} has no size or no price")
        contract = self.contracts.get(row.symbol)
        quantity, notional = amount / price, amount
        step = None if contract is None else contract.step
        if step is not None and not _is_lots(quantity, step) and _is_lots(amount, step):
            quantity, notional = amount, amount * price
        return Liquidation(
            venue=VENUE,
            symbol=symbol,
            side=closed,
            quantity=quantity,
            price=price,
            price_kind="bankruptcy",
            notional_usd=notional,
            at_ms=whole(row.ts) or received_ms,
            received_ms=received_ms,
        )


@lru_cache(maxsize=4_096)
def _in_dollars(name: str) -> str:
    """Our symbol of an instrument whose quote coin counts as US dollars; ValueError for any other."""
    symbol = to_symbol(name)
    if not is_in_dollars(symbol):
        raise ValueError(f"a liquidation of {symbol} is not quoted in dollars, and its dollar value is not known")
    return symbol


def _is_lots(quantity: float, step: float) -> bool:
    """Whether this is a whole number of lots, but for rounding."""
    lots = quantity / step
    return abs(lots - round(lots)) <= _NEARLY * max(1.0, lots)


def _answer(message: _Frame) -> Control:
    arg = message.arg
    items = () if arg is None or not arg.topic else (_topic_of(arg),)
    if message.event == "subscribe" and items:
        return Accepted(items)
    if message.event == "error":
        return Rejected(brief(f"{message.code}: {message.msg}"), items)
    if message.event:
        return Ignored()  # unsubscribe, or an answer of the older API
    raise Unreadable("Bitget sent a frame without rows and without an event")


def _is_foreign(frame: bytes | str) -> bool:
    """A topic that we do not use may put other types under the same names: that is no trouble."""
    try:
        peek = _peek.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return bool(peek.event) or (peek.arg is not None and peek.arg.topic not in _OURS)


def _topic_of(arg: _Arg) -> str:
    return f"{arg.topic}:{arg.symbol}" if arg.symbol else arg.topic


def ticker_topic(symbol: str) -> str:
    """Mark price, funding and open interest of one instrument."""
    return f"ticker:{from_symbol(symbol)}"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these topics; Bitget knows no ids."""
    del request_id
    return _requests("subscribe", topics)


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these topics up."""
    del request_id
    return _requests("unsubscribe", topics)


def _requests(op: str, topics: Sequence[str]) -> list[str]:
    """A request may be 4,096 characters long, and an argument takes about 80."""
    return [
        msgspec.json.encode({"op": op, "args": [_arg(topic) for topic in batch]}).decode()
        for batch in batches(topics, most=40, characters=1_500)
    ]


def _arg(topic: str) -> dict[str, str]:
    name, _, symbol = topic.partition(":")
    arg = {"instType": _INST_TYPE, "topic": name}
    return {**arg, "symbol": symbol} if symbol else arg
