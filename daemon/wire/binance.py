"""Binance USD-M futures streams: mark prices with funding, and liquidations; `binance_trading` adds what trading leaves.

Facts: one frame carries mark price and predicted funding; the funding interval is not in it (`intervals_h`, from
/fapi/v1/fundingInfo, 8 h for symbols that are not listed there). A liquidation's `S` is the side of the forced order,
so SELL closed a long; `z` is all that was filled (`l` only the last fill), `ap` its average price (`p` only the limit),
`T` the time (`E` is about a second later). Quote coins in `numbers.DOLLARS` count as US dollars in a notional.

The all-market streams push COIN-M rows too (st=2), whose quantities are contracts of 100 or 10 dollars. Only those of
`coin_margined` are read, and the others left out.
"""

from collections.abc import Container, Sequence

import msgspec

from daemon.wire.binance_server import acknowledge as acknowledge
from daemon.wire.binance_server import encode as encode
from daemon.wire.binance_server import encode_array as encode_array
from daemon.wire.binance_server import encode_combined as encode_combined
from daemon.wire.binance_server import read_request as read_request
from daemon.wire.binance_server import refuse as refuse
from daemon.wire.binance_symbols import VENUE as VENUE
from daemon.wire.binance_symbols import contract_usd
from daemon.wire.binance_symbols import from_symbol as from_symbol
from daemon.wire.binance_symbols import is_coin_margined as is_coin_margined
from daemon.wire.binance_symbols import to_symbol as to_symbol
from daemon.wire.binance_trading import (
    COIN_MARGINED,
    DepthRow,
    KlineRow,
    Marks,
    TickerRow,
    TradeRow,
    book_update,
    candle,
    ticker,
    trade,
)
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.numbers import DOLLARS, batches, number, positive
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, PriceKind, Side

WS_URL = "wss://fstream.binance.com/market/ws"  # routed: an unrouted path acknowledges and then never delivers
PUBLIC_WS_URL = "wss://fstream.binance.com/public/ws"  # trades, best prices and books; never mixed with the other
REST_URL = "https://fapi.binance.com"
PING_ID = 0  # our requests count from 1, so an answer to 0 is the answer to PING
PING: str | None = '{"method":"LIST_SUBSCRIPTIONS","id":0}'  # the one request that changes nothing and is answered
PING_EVERY_S = 60.0
SILENCE_S = 150.0
MAX_TOPICS = 200  # on one connection; newer pages say 1024, older ones 200
USUAL_INTERVAL_H = 8.0

ALL_MARKS = "!markPrice@arr@1s"
ALL_LIQUIDATIONS = "!forceOrder@arr"


class _Order(msgspec.Struct, gc=False):
    s: str
    S: str
    T: int
    z: str
    p: str = ""
    ap: str = ""
    st: int = 1


class _Mark(msgspec.Struct, gc=False, tag_field="e", tag="markPriceUpdate"):
    s: str
    E: int = 0
    p: str = ""
    i: str = ""
    r: str = ""
    T: int = 0
    st: int = 1


class _Force(msgspec.Struct, gc=False, tag_field="e", tag="forceOrder"):
    o: _Order
    st: int = 1


_Market = _Mark | _Force | TradeRow | TickerRow | DepthRow | KlineRow


class _Failure(msgspec.Struct, gc=False):
    code: int | str | None = None
    msg: str = ""


class _Answer(msgspec.Struct, gc=False):
    """What is not market data by itself: an answer to a request, or the envelope that /stream puts around a payload."""

    id: int | str | None = None
    result: list[str] | None = None
    error: _Failure | None = None
    code: int | None = None
    msg: str = ""
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


class _Peek(msgspec.Struct, gc=False):
    e: str = ""


_row = msgspec.json.Decoder(_Market, strict=False)  # prices are texts; the trading rows take them as floats at once
_rows = msgspec.json.Decoder(list[_Market], strict=False)
_answer = msgspec.json.Decoder(_Answer)
_peek = msgspec.json.Decoder(_Peek | list[_Peek])
_OURS = ("markPriceUpdate", "forceOrder", "trade", "bookTicker", "depthUpdate", "kline")


class Decoder:
    """Reads the frames of one connection, of either route."""

    def __init__(
        self,
        intervals_h: dict[str, float] | None = None,
        marks: Marks | None = None,
        *,
        coin_margined: Container[str] = (),
    ) -> None:
        """`marks` is written by the decoder of /market and read by that of /public.

        `coin_margined` are the instruments of COIN-M that somebody wants; it is asked at every row, so it may change.
        """
        self.intervals_h = intervals_h if intervals_h is not None else {}  # our symbol -> hours; others are 8
        self.marks = marks if marks is not None else {}
        self._coin_margined = coin_margined
        self.left_out = 0  # rows skipped in arrays of which the rest could be read
        self.left_out_why = ""

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame, mark price before funding; Unreadable if it makes no sense."""
        try:
            return self._read(_row.decode(frame), received_ms)
        except msgspec.ValidationError as exc:
            return self._another_shape(frame, received_ms, exc)
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"Binance sent a frame that cannot be read: {brief(exc)}") from exc

    def _read(self, row: _Market, received_ms: int) -> tuple[Event, ...]:
        if isinstance(row, DepthRow):
            return book_update(row, received_ms)
        if isinstance(row, TickerRow):
            return ticker(row, self.marks, received_ms)
        if isinstance(row, TradeRow):
            return trade(row, received_ms)
        if isinstance(row, _Mark):
            return self._mark(row, received_ms)
        if isinstance(row, KlineRow):
            return candle(row, received_ms)
        return self._liquidation(row, received_ms)

    def _mark(self, row: _Mark, received_ms: int) -> tuple[Event, ...]:
        if row.st == COIN_MARGINED and not self._is_wanted(row.s):
            return ()
        symbol = to_symbol(row.s)
        if is_coin_margined(symbol) and symbol not in self._coin_margined:  # not every row says `st`
            return ()
        price = positive(row.p)
        rate = number(row.r) if row.T else None  # delivery contracts: r "" or 0, T 0
        if price is None and rate is None:
            return ()
        if price is not None:
            self.marks[symbol] = price, row.E
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

    def _liquidation(self, row: _Force, received_ms: int) -> tuple[Event, ...]:
        order = row.o
        if COIN_MARGINED in (row.st, order.st) and not self._is_wanted(order.s):
            return ()
        symbol = to_symbol(order.s)
        in_contracts = is_coin_margined(symbol)  # not every row says `st`
        if in_contracts and symbol not in self._coin_margined:
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
        if in_contracts:
            notional_usd = quantity * contract_usd(symbol)
            quantity = notional_usd / price
        else:
            notional_usd = quantity * price if is_in_dollars(symbol) else _no_dollars(symbol)
        return (
            Liquidation(
                venue=VENUE,
                symbol=symbol,
                side=_closed_side(order.S),
                quantity=quantity,
                price=price,
                price_kind=kind,
                notional_usd=notional_usd,
                at_ms=order.T,
                received_ms=received_ms,
            ),
        )

    def _is_wanted(self, name: str) -> bool:
        try:
            return to_symbol(name) in self._coin_margined
        except ValueError:
            return False  # nobody can ask for what we cannot name

    def _array(self, rows: Sequence[_Market], received_ms: int) -> Sequence[Event]:
        """The rows that can be read; the others are counted, unless there is no other."""
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                events += self._read(row, received_ms)
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
        if left_out:
            if not events:
                raise Unreadable(f"Binance sent {left_out} rows that cannot be read: {brief(why)}")
            self.left_out += left_out
            self.left_out_why = brief(why)
        return events

    def _another_shape(
        self, frame: bytes | str, received_ms: int, trouble: msgspec.ValidationError
    ) -> Sequence[Event] | Control:
        """An answer, an all-market array, an envelope; or a stream that we do not use."""
        try:
            if frame[:1] in (b"[", "["):
                return self._array(_rows.decode(frame), received_ms)
            if not _is_foreign(frame) and (said := self._conversation(_answer.decode(frame), received_ms)) is not None:
                return said
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            trouble = exc
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"Binance sent a frame that cannot be read: {brief(exc)}") from exc
        if _is_foreign(frame):
            return Ignored()
        raise Unreadable(f"Binance sent a frame of the wrong shape: {brief(trouble)}") from trouble

    def _conversation(self, answer: _Answer, received_ms: int) -> Sequence[Event] | Control | None:
        request_id = None if answer.id is None else str(answer.id)
        if answer.error is not None:
            return Rejected(answer.error.msg or f"error {answer.error.code}", request_id=request_id)
        if answer.code is not None:
            return Rejected(answer.msg or f"error {answer.code}", request_id=request_id)
        if request_id is not None:
            return Pong() if answer.id == PING_ID else Accepted(tuple(answer.result or ()), request_id)
        return self.decode(bytes(answer.data), received_ms) if len(bytes(answer.data)) else None


def _is_foreign(frame: bytes | str) -> bool:
    try:
        peek = _peek.decode(frame)
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
