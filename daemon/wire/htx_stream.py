"""HTX's two public streams of linear swaps: notifications (funding, liquidations) and the index (mark and index price).

Facts: every frame is gzip. The far end pings and must be answered in the same shape and *type*: {"op":"ping","ts":"..."}
is a string in pings and a number elsewhere (notifications), {"ping":...} a number (index). Error 2014 means that we have
the topic already. A liquidation's `direction` is the order's: sell closed a long; `volume` counts contracts, `amount`
coins, `trade_turnover` the quote coin. `settlement_time` is when `funding_rate` is paid. Mark and index price come as
candles of a minute, whose `close` is now, on two topics.
[inferred]: that funding is paid every 8 hours where nobody says otherwise, and that all liquidations are told.
"""

import zlib
from collections.abc import Mapping, Sequence

import msgspec

from daemon.wire.changes import Changes
from daemon.wire.control import Accepted, Answer, Control, Ignored, Pong, Rejected, Unreadable
from daemon.wire.htx_server import acknowledge as acknowledge
from daemon.wire.htx_server import encode as encode
from daemon.wire.htx_server import pack as pack
from daemon.wire.htx_server import read_request as read_request
from daemon.wire.htx_server import refuse as refuse
from daemon.wire.htx_symbols import VENUE as VENUE
from daemon.wire.htx_symbols import from_symbol as from_symbol
from daemon.wire.htx_symbols import to_symbol as to_symbol
from daemon.wire.numbers import is_in_dollars, number, positive, whole
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice

NOTIFICATION_URL = "wss://api.hbdm.com/linear-swap-notification"
INDEX_URL = "wss://api.hbdm.com/ws_index"
REST_URL = "https://api.hbdm.com"
PING: str | None = None  # its own pings are the signs of life, and are answered
PING_EVERY_S = 20.0
SILENCE_S = 75.0
USUAL_INTERVAL_H = 8.0
ALL_LIQUIDATIONS = "public.*.liquidation_orders"
ALL_FUNDING = "public.*.funding_rate"
SENDS_PER_S = 20.0  # 40 subscriptions a second are taken

_UNPACKED_MAX = 8 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_ALREADY = ("2014", 2014)
_HOUR_MS = 3_600_000
_INDEX_KEPT_MS = 10_000  # an index older than that is not told beside a mark price


class _Row(msgspec.Struct, gc=False):
    """A liquidation or a funding rate."""

    contract_code: str = ""
    direction: str = ""
    offset: str = ""
    volume: str | float | None = None
    amount: str | float | None = None
    price: str | float | None = None
    trade_turnover: str | float | None = None
    created_at: str | float | None = None
    funding_rate: str | float | None = None
    settlement_time: str | float | None = None


class _Tick(msgspec.Struct, gc=False):
    close: str | float | None = None


class _Frame(msgspec.Struct, gc=False):
    op: str = ""
    topic: str = ""
    ch: str = ""
    ts: int | str | None = None
    data: list[_Row] | None = None
    tick: _Tick | None = None
    ping: int | str | None = None
    cid: str | None = None
    id: str | None = None
    subbed: str = ""
    unsubbed: str = ""
    status: str = ""
    err_code: int | str | None = msgspec.field(name="err-code", default=None)
    err_msg: str | None = msgspec.field(name="err-msg", default=None)


class _Peek(msgspec.Struct, gc=False):
    op: str = ""
    topic: str = ""
    ch: str = ""


_frame = msgspec.json.Decoder(_Frame)
_peek = msgspec.json.Decoder(_Peek)


def unpack(frame: bytes | str) -> bytes | str:
    """The text of a frame: gzip, or plain as it is. Unreadable if it is neither, or would grow beyond 8 MB."""
    if isinstance(frame, str) or frame[:2] != _GZIP:
        return frame
    unzip = zlib.decompressobj(31)
    try:
        text = unzip.decompress(frame, _UNPACKED_MAX)
    except zlib.error as exc:
        raise Unreadable(f"HTX sent a frame that is no gzip: {brief(exc)}") from exc
    if unzip.unconsumed_tail:
        raise Unreadable(f"HTX sent a frame that unpacks to more than {_UNPACKED_MAX} bytes")
    return text


class Decoder:
    """Reads the frames of one connection. `sizes` (by HTX's name) are coins in a contract, `intervals_h` is by symbol."""

    def __init__(self, sizes: Mapping[str, float] | None = None, intervals_h: dict[str, float] | None = None) -> None:
        self.sizes = sizes or {}
        self.intervals_h = intervals_h if intervals_h is not None else {}
        self.left_out = 0  # rows skipped in frames of which the rest could be read
        self.left_out_why = ""
        self._marks, self._rates, self._settlements = Changes(), Changes(), Changes()
        self._indexes: dict[str, tuple[float, int]] = {}  # symbol -> price and when

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame; a ping of the far end comes as an Answer, in the type in which it asked."""
        text = unpack(frame)
        try:
            message = _frame.decode(text)
            if message.ch:
                return self._price(message, received_ms)
            if message.op != "notify":
                return _answer(message)
            if message.data is None:
                raise ValueError(f"{message.topic or 'a notification'} without its data")
            return self._several(message, message.data, received_ms)
        except Unreadable:
            raise
        except msgspec.ValidationError as exc:
            if _is_foreign(text):
                return Ignored()
            raise Unreadable(f"HTX sent a frame of the wrong shape: {brief(exc)}") from exc
        except (msgspec.DecodeError, ValueError, RecursionError) as exc:
            raise Unreadable(f"HTX sent a frame that cannot be read: {brief(exc)}") from exc

    def _price(self, message: _Frame, received_ms: int) -> tuple[Event, ...]:
        """A candle of the mark price or of the index: its close is the price now."""
        _, _, rest = message.ch.partition(".")
        name, _, kind = rest.partition(".")
        if not kind.startswith(("mark_price.", "index.")):
            return ()
        price = positive(message.tick.close) if message.tick is not None else None
        if price is None:
            raise ValueError(f"{message.ch} without a price")
        symbol, at_ms = to_symbol(name), whole(message.ts) or received_ms
        if kind.startswith("index."):
            if len(self._indexes) >= 4_096:  # more than are listed
                self._indexes.clear()
            self._indexes[symbol] = price, at_ms
            return ()
        index, index_at_ms = self._indexes.get(symbol, (None, 0))
        if at_ms - index_at_ms > _INDEX_KEPT_MS:
            index = None
        if not self._marks.is_new(symbol, (price, index), received_ms):
            return ()
        return (
            MarkPrice(venue=VENUE, symbol=symbol, price=price, index_price=index, at_ms=at_ms, received_ms=received_ms),
        )

    def _several(self, message: _Frame, rows: list[_Row], received_ms: int) -> Sequence[Event]:
        """The rows that can be read; the others are counted, unless there is no other."""
        is_funding = message.topic.endswith(".funding_rate")
        if not is_funding and not message.topic.endswith(".liquidation_orders"):
            return ()
        at_ms = whole(message.ts) or received_ms
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                event = self._funding(row, at_ms, received_ms) if is_funding else self._liquidation(row, received_ms)
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
                continue
            if event is not None:
                events.append(event)
        if left_out:
            if left_out == len(rows):
                raise ValueError(why)
            self.left_out += left_out
            self.left_out_why = brief(why)
        return events

    def _funding(self, row: _Row, at_ms: int, received_ms: int) -> FundingRate | None:
        symbol, rate = to_symbol(row.contract_code), number(row.funding_rate)
        if rate is None:
            return None
        settles_ms = whole(row.settlement_time)
        self._learn(symbol, settles_ms, received_ms)
        interval_h = self.intervals_h.get(symbol, USUAL_INTERVAL_H)
        if not self._rates.is_new(symbol, (rate, settles_ms, interval_h), received_ms):
            return None
        return FundingRate(
            venue=VENUE,
            symbol=symbol,
            rate=rate,
            interval_h=interval_h,
            settles_at_ms=settles_ms,
            at_ms=at_ms,
            received_ms=received_ms,
        )

    def _learn(self, symbol: str, settles_ms: int | None, received_ms: int) -> None:
        """Two settlements one after the other say how long the interval is, whatever we thought."""
        before = self._settlements.latest(symbol)
        if (
            settles_ms is None
            or not self._settlements.is_new(symbol, settles_ms, received_ms)
            or not isinstance(before, int)
        ):
            return
        hours = (settles_ms - before) / _HOUR_MS
        if hours in (1.0, 2.0, 4.0, 8.0):
            self.intervals_h[symbol] = hours

    def _liquidation(self, row: _Row, received_ms: int) -> Liquidation:
        symbol = to_symbol(row.contract_code)
        if not is_in_dollars(symbol):
            raise ValueError(f"a liquidation of {symbol} is not quoted in dollars, and its dollar value is not known")
        if row.direction not in ("buy", "sell") or row.offset == "open":
            raise ValueError(f"'{row.direction}' and '{row.offset}' do not say which side was closed")
        price, quantity = positive(row.price), positive(row.amount)
        if quantity is None:
            contracts, size = positive(row.volume), self.sizes.get(row.contract_code)
            quantity = None if contracts is None or size is None else contracts * size
        if quantity is None or price is None:
            raise ValueError(f"a liquidation of {row.contract_code} has no size in coins or no price")
        return Liquidation(
            venue=VENUE,
            symbol=symbol,
            side="long" if row.direction == "sell" else "short",
            quantity=quantity,
            price=price,
            price_kind="fill",
            notional_usd=positive(row.trade_turnover) or quantity * price,
            at_ms=whole(row.created_at) or received_ms,
            received_ms=received_ms,
        )


def _answer(message: _Frame) -> Control:
    if message.op == "ping":
        return Answer(msgspec.json.encode({"op": "pong", "ts": message.ts}).decode())
    if message.ping is not None:
        return Answer(msgspec.json.encode({"pong": message.ping}).decode())
    request_id, topic = message.cid or message.id, message.topic or message.subbed
    failed = message.err_code not in (None, 0, "0") and message.err_code not in _ALREADY
    if failed or message.status == "error":
        why = f"{message.err_code}: {message.err_msg or 'without a reason'}"
        return Rejected(brief(why), (topic,) if topic else (), request_id)
    if message.subbed or message.op == "sub":
        return Accepted((topic,) if topic else (), request_id)
    if message.op == "pong":
        return Pong()
    if message.op or message.unsubbed:
        return Ignored()
    raise Unreadable("HTX sent a frame without a topic and without an answer")


def _is_foreign(text: bytes | str) -> bool:
    """A topic that we do not use may put other types under the same names: that is no trouble."""
    try:
        peek = _peek.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    if peek.ch:
        return ".mark_price." not in peek.ch and ".index." not in peek.ch
    return bool(peek.topic) and not peek.topic.endswith((".funding_rate", ".liquidation_orders"))


def mark_topic(symbol: str) -> str:
    """The mark price of one instrument, on the index stream."""
    return f"market.{from_symbol(symbol)}.mark_price.1min"


def index_topic(symbol: str) -> str:
    """The index of one instrument, on the index stream."""
    return f"market.{from_symbol(symbol)}.index.1min"


def funding_topic(symbol: str) -> str:
    """The funding of one instrument, on the stream of notifications."""
    return f"public.{from_symbol(symbol)}.funding_rate"


def liquidation_topic(symbol: str) -> str:
    """Liquidations of one instrument, on the stream of notifications."""
    return f"public.{from_symbol(symbol)}.liquidation_orders"


def subscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that ask for these topics, one each; the ids count up from `request_id`."""
    return [_request("sub", topic, request_id + place) for place, topic in enumerate(topics)]


def unsubscribe(topics: Sequence[str], request_id: int) -> list[str]:
    """Text frames that give these topics up."""
    return [_request("unsub", topic, request_id + place) for place, topic in enumerate(topics)]


def _request(verb: str, topic: str, request_id: int) -> str:
    if topic.startswith("public."):
        return msgspec.json.encode({"op": verb, "cid": str(request_id), "topic": topic}).decode()
    return msgspec.json.encode({verb: topic, "id": str(request_id)}).decode()
