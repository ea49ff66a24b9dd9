"""Binance USD-M futures streams: mark prices with funding, and liquidations.

Facts: one frame carries mark price and predicted funding; the funding interval is not in it (`intervals_h`, from
/fapi/v1/fundingInfo, 8 h for symbols that are not listed there). A liquidation's `S` is the side of the forced order,
so SELL closed a long; `z` is all that was filled (`l` only the last fill), `ap` its average price (`p` only the limit),
`T` the time (`E` is about a second later). The all-market streams push COIN-M rows too (st=2): those are left out,
because their quantities are contracts. Quote coins in `numbers.DOLLARS` count as US dollars in a notional.
"""

from collections.abc import Sequence

import msgspec

from daemon.wire.binance_server import acknowledge as acknowledge
from daemon.wire.binance_server import encode as encode
from daemon.wire.binance_server import encode_array as encode_array
from daemon.wire.binance_server import encode_combined as encode_combined
from daemon.wire.binance_server import read_request as read_request
from daemon.wire.binance_server import refuse as refuse
from daemon.wire.binance_symbols import from_symbol as from_symbol
from daemon.wire.binance_symbols import to_symbol as to_symbol
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.numbers import DOLLARS, batches, number, positive
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, PriceKind, Side

VENUE = "binance"
WS_URL = "wss://fstream.binance.com/market/ws"  # routed: an unrouted path acknowledges and then never delivers
REST_URL = "https://fapi.binance.com"
PING_ID = 0  # our requests count from 1, so an answer to 0 is the answer to PING
PING: str | None = '{"method":"LIST_SUBSCRIPTIONS","id":0}'  # the one request that changes nothing and is answered
PING_EVERY_S = 60.0
SILENCE_S = 150.0
MAX_TOPICS = 200  # on one connection; newer pages say 1024, older ones 200
USUAL_INTERVAL_H = 8.0

ALL_MARKS = "!markPrice@arr@1s"
ALL_LIQUIDATIONS = "!forceOrder@arr"

_COIN_MARGINED = 2


class _Order(msgspec.Struct, gc=False):
    s: str
    S: str
    T: int
    z: str
    p: str = ""
    ap: str = ""
    st: int = 1


class _Failure(msgspec.Struct, gc=False):
    code: int | str | None = None
    msg: str = ""


class _Row(msgspec.Struct, gc=False):
    """Every frame that is not an array: market data, or an answer to a request."""

    e: str = ""
    E: int = 0
    s: str = ""
    p: str = ""
    i: str = ""
    r: str = ""
    T: int = 0
    st: int = 1
    o: _Order | None = None
    id: int | str | None = None
    result: list[str] | None = None
    error: _Failure | None = None
    code: int | None = None
    msg: str = ""


class _Wrapped(msgspec.Struct, gc=False):
    """What /stream sends instead of the bare payload."""

    stream: str
    data: _Row | list[_Row]


class _Peek(msgspec.Struct, gc=False):
    e: str = ""


class _WrappedPeek(msgspec.Struct, gc=False):
    data: _Peek | list[_Peek] | None = None


_row = msgspec.json.Decoder(_Row)
_rows = msgspec.json.Decoder(list[_Row])
_wrapped = msgspec.json.Decoder(_Wrapped)
_peek = msgspec.json.Decoder(_Peek | list[_Peek])
_wrapped_peek = msgspec.json.Decoder(_WrappedPeek)
_OURS = ("markPriceUpdate", "forceOrder")


class Decoder:
    """Reads the frames of one connection."""

    def __init__(self, intervals_h: dict[str, float] | None = None) -> None:
        self.intervals_h = intervals_h if intervals_h is not None else {}  # our symbol -> hours; others are 8
        self.left_out = 0  # rows skipped in arrays of which the rest could be read
        self.left_out_why = ""

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame, mark price before funding; Unreadable if it makes no sense."""
        try:
            row = _row.decode(frame)
            if row.e == "markPriceUpdate":
                return self._mark(row, received_ms)
            if row.e == "forceOrder":
                return self._liquidation(row, received_ms)
            return () if row.e else self._answer(frame, row, received_ms)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            return self._another_shape(frame, received_ms, exc)
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"Binance sent a frame that cannot be read: {brief(exc)}") from exc

    def _mark(self, row: _Row, received_ms: int) -> tuple[Event, ...]:
        if row.st == _COIN_MARGINED:
            return ()
        symbol = to_symbol(row.s)
        price = positive(row.p)
        rate = number(row.r) if row.T else None  # delivery contracts: r "" or 0, T 0
        if price is None and rate is None:
            return ()
        mark = price and MarkPrice(
            venue=VENUE,
            symbol=symbol,
            price=price,
            index_price=positive(row.i),
            at_ms=row.E,
            received_ms=received_ms,
        )
        funding = rate is not None and FundingRate(
            venue=VENUE,
            symbol=symbol,
            rate=rate,
            interval_h=self.intervals_h.get(symbol, USUAL_INTERVAL_H),
            settles_at_ms=row.T,
            at_ms=row.E,
            received_ms=received_ms,
        )
        if mark and funding:
            return mark, funding
        return (mark or funding,)  # type: ignore[return-value]  # one of the two is there, see above

    def _liquidation(self, row: _Row, received_ms: int) -> tuple[Event, ...]:
        order = row.o
        if order is None:
            raise ValueError("a forceOrder without its order")
        if row.st == _COIN_MARGINED or order.st == _COIN_MARGINED:
            return ()
        quantity = positive(order.z)
        if quantity is None:
            return ()  # nothing was filled, so nothing was closed yet
        kind: PriceKind = "fill"
        price = positive(order.ap)
        if price is None:
            kind, price = "order", positive(order.p)
        if price is None:
            raise ValueError(f"a liquidation of {order.s} has no price")
        symbol = to_symbol(order.s)
        return (
            Liquidation(
                venue=VENUE,
                symbol=symbol,
                side=_closed_side(order.S),
                quantity=quantity,
                price=price,
                price_kind=kind,
                notional_usd=quantity * price if is_in_dollars(symbol) else _no_dollars(symbol),
                at_ms=order.T,
                received_ms=received_ms,
            ),
        )

    def _array(self, rows: list[_Row], received_ms: int) -> Sequence[Event]:
        """The rows that can be read; the others are counted, unless there is no other."""
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                if row.e == "markPriceUpdate":
                    events += self._mark(row, received_ms)
                elif row.e == "forceOrder":
                    events += self._liquidation(row, received_ms)
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
        if left_out:
            if not events:
                raise Unreadable(f"Binance sent {left_out} rows that cannot be read: {brief(why)}")
            self.left_out += left_out
            self.left_out_why = brief(why)
        return events

    def _answer(self, frame: bytes | str, row: _Row, received_ms: int) -> Sequence[Event] | Control:
        request_id = None if row.id is None else str(row.id)
        if row.error is not None:
            return Rejected(row.error.msg or f"error {row.error.code}", request_id=request_id)
        if row.code is not None:
            return Rejected(row.msg or f"error {row.code}", request_id=request_id)
        if request_id is not None:
            return Pong() if row.id == PING_ID else Accepted(tuple(row.result or ()), request_id)
        wrapped = _wrapped.decode(frame).data
        return self._array(wrapped if isinstance(wrapped, list) else [wrapped], received_ms)

    def _another_shape(
        self, frame: bytes | str, received_ms: int, trouble: msgspec.ValidationError
    ) -> Sequence[Event] | Control:
        """An all-market array; or a stream that we do not use, which may mean other things by the same letters."""
        try:
            if frame[:1] in (b"[", "["):
                return self._array(_rows.decode(frame), received_ms)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            trouble = exc
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"Binance sent a frame that cannot be read: {brief(exc)}") from exc
        if _is_foreign(frame):
            return Ignored()
        raise Unreadable(f"Binance sent a frame of the wrong shape: {brief(trouble)}") from trouble


def _is_foreign(frame: bytes | str) -> bool:
    try:
        peek: object = _peek.decode(frame)
        if isinstance(peek, _Peek) and not peek.e:
            peek = _wrapped_peek.decode(frame).data
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    first = peek[0] if isinstance(peek, list) and peek else peek
    return isinstance(first, _Peek) and bool(first.e) and first.e not in _OURS


def _closed_side(order_side: str) -> Side:
    """The forced order goes against the position: SELL closed a long."""
    if order_side == "SELL":
        return "long"
    if order_side == "BUY":
        return "short"
    raise ValueError(f"'{order_side}' is not a side")


def is_in_dollars(symbol: str) -> bool:
    """Whether the quote coin counts as US dollars."""
    return symbol.split("-", 2)[1] in DOLLARS


def _no_dollars(symbol: str) -> float:
    raise ValueError(f"a liquidation of {symbol} is not quoted in dollars, and its dollar value is not known here")


def mark_topic(symbol: str) -> str:
    """The stream of mark price and funding of one instrument, once a second."""
    return f"{from_symbol(symbol).lower()}@markPrice@1s"


def liquidation_topic(symbol: str) -> str:
    """The stream of one instrument's liquidations: the largest (or latest) order of each second."""
    return f"{from_symbol(symbol).lower()}@forceOrder"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these streams; the ids count up from `request_id` (1 or more)."""
    return _requests("SUBSCRIBE", topics, request_id)


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these streams up."""
    return _requests("UNSUBSCRIBE", topics, request_id)


def _requests(method: str, topics: Sequence[str], request_id: int) -> list[str]:
    return [
        msgspec.json.encode({"method": method, "params": batch, "id": request_id + place}).decode()
        for place, batch in enumerate(batches(topics, most=100, characters=4_000))
    ]
