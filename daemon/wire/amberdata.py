"""Amberdata's futures stream, JSON-RPC 2.0 over a WebSocket: what a client says, what it is answered, and the frames.

Facts: a subscription is acknowledged with its id, and sometimes with `metadata`, the columns of rows that come as arrays
later; other frames carry objects, or lists of them. Errors have `description` where JSON-RPC has `message`. No answer to
`unsubscribe` and no heartbeat is published: `true`, and protocol pings. Rows: amberdata_rows, _trading and _books.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from daemon.wire.amberdata_books import Change, Half, to_snapshots
from daemon.wire.amberdata_rows import Forced, Fund, Funding, Interest, Ratio
from daemon.wire.amberdata_trading import Bar, Deal, Quote
from daemon.wire.control import Accepted, Control, Ignored, Rejected, Unreadable
from daemon.wire.trouble import brief
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    OpenInterest,
    Ticker,
    Trade,
)

WS_URL = "wss://ws.amberdata.com/futures"
KEY_HEADER = "x-api-key"
SUBSCRIPTIONS_MAX = 100  # of one connection
MINUTELY = "minutely"
EVERY = "*"  # in our topics: all instruments

_PREFIX = "market:futures:"
FUNDING_RATES, INSURANCE_FUNDS = f"{_PREFIX}funding_rates", f"{_PREFIX}insurance_funds"
LIQUIDATIONS, LONG_SHORT_RATIOS = f"{_PREFIX}liquidations", f"{_PREFIX}long_short_ratios"
OHLCV, OPEN_INTERESTS = f"{_PREFIX}ohlcv", f"{_PREFIX}open_interests"
ORDER_EVENTS, ORDER_SNAPSHOTS = f"{_PREFIX}order:events", f"{_PREFIX}order:snapshots"
TICKERS, TRADES = f"{_PREFIX}tickers:snapshots", f"{_PREFIX}trades"

CHANNELS: dict[type[Event], str] = {
    FundingRate: FUNDING_RATES,
    InsuranceFund: INSURANCE_FUNDS,
    Liquidation: LIQUIDATIONS,
    LongShortRatio: LONG_SHORT_RATIOS,
    Candle: OHLCV,
    OpenInterest: OPEN_INTERESTS,
    BookUpdate: ORDER_EVENTS,
    BookSnapshot: ORDER_SNAPSHOTS,
    Ticker: TICKERS,
    Trade: TRADES,
}
FIREHOSES = frozenset((TICKERS, ORDER_EVENTS))  # an instrument has to be named

_encode = msgspec.json.Encoder().encode


def encode(event: Event, *, funding: float | None = None) -> list[bytes]:
    """What this event is in `params.result`; an update of a book is one object a side. `funding` goes with snapshots."""
    match event:
        case Trade():
            return [_encode(Deal.of(event))]
        case BookUpdate():
            return [_encode(change) for change in Change.of(event)]
        case Ticker():
            return [_encode(Quote.of(event))]
        case BookSnapshot():
            return [_encode(Half.of(event, funding))]
        case Candle():
            return [_encode(Bar.of(event))]
        case FundingRate():
            return [_encode(Funding.of(event))]
        case OpenInterest():
            return [_encode(Interest.of(event))]
        case Liquidation():
            return [_encode(Forced.of(event))]
        case LongShortRatio():
            return [_encode(Ratio.of(event))]
        case InsuranceFund():
            return [_encode(Fund.of(event))]
    return []


def envelope(subscription: str) -> tuple[bytes, bytes]:
    """What stands before and after a result for this subscription."""
    return _encode({"jsonrpc": "2.0", "method": "subscription", "params": {"subscription": subscription}})[
        :-2
    ] + b',"result":', b"}}"


def acknowledged(request_id: object, result: object) -> bytes:
    """The answer to a request that was taken."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "result": result})


def refused(request_id: object, description: str, code: int) -> bytes:
    """The answer to one that was not."""
    return _encode({"jsonrpc": "2.0", "id": request_id, "error": {"description": description, "code": code}})


def topic(channel: str, venue: str, name: str) -> str:
    """How we call one subscription: market:futures:trades binance BTCUSDT."""
    return f"{channel} {venue} {name}"


class _Reading(NamedTuple):
    row: type[msgspec.Struct]
    decoder: "msgspec.json.Decoder[Any]"  # of an object, or a list of them


def _reading(row: Any) -> _Reading:
    return _Reading(row, msgspec.json.Decoder(row | list[row]))


_READINGS = {
    FUNDING_RATES: _reading(Funding),
    INSURANCE_FUNDS: _reading(Fund),
    LIQUIDATIONS: _reading(Forced),
    LONG_SHORT_RATIOS: _reading(Ratio),
    OHLCV: _reading(Bar),
    OPEN_INTERESTS: _reading(Interest),
    ORDER_EVENTS: _reading(Change),
    ORDER_SNAPSHOTS: _reading(Half),
    TICKERS: _reading(Quote),
    TRADES: _reading(Deal),
}
_RENAMED = {"pair": "instrument"}  # a column of older pages


class _Params(msgspec.Struct, gc=False):
    subscription: str = ""
    result: msgspec.Raw = msgspec.Raw()


class _Error(msgspec.Struct, gc=False):
    description: str = ""
    message: str = ""
    code: int = 0


class _Frame(msgspec.Struct, gc=False):
    id: int | str | None = None
    method: str = ""
    params: _Params | None = None
    result: str | bool | None = None
    metadata: list[str] | None = None
    error: _Error | None = None


_frame = msgspec.json.Decoder(_Frame)


class Client:
    """The client's side of one connection: what it asks, and what the answers and frames mean."""

    PING: str | None = None
    PING_EVERY_S = 20.0
    SILENCE_S = 60.0

    def __init__(self) -> None:
        self.left_out = 0  # rows skipped in lists of which the rest could be read
        self.left_out_why = ""
        self._asked: dict[str, str] = {}  # request id -> topic
        self._ids: dict[str, str] = {}  # topic -> subscription
        self._streams: dict[str, tuple[str, list[str]]] = {}  # subscription -> (channel, columns)

    def subscribe(self, topics: Sequence[str], request_id: int) -> list[str]:
        """A request for each topic. Ids count up from `request_id`."""
        frames = []
        for place, asked in enumerate(topics):
            channel, venue, name = asked.split(" ")
            wanted = {"exchange": venue} if name == EVERY else {"instrument": name, "exchange": venue}
            if channel == LONG_SHORT_RATIOS:
                wanted["period"] = MINUTELY
            self._asked[str(request_id + place)] = asked
            frames.append(_request("subscribe", [channel, wanted], request_id + place))
        return frames

    def unsubscribe(self, topics: Sequence[str], request_id: int) -> list[str]:
        """A request for each topic that was acknowledged."""
        found = [self._ids.pop(topic) for topic in topics if topic in self._ids]
        for subscription in found:
            self._streams.pop(subscription, None)
        return [_request("unsubscribe", [each], request_id + place) for place, each in enumerate(found)]

    def decode(self, frame: bytes | str, received_ms: int) -> Sequence[Event] | Control:
        """The events of a frame, or what it says about the conversation; Unreadable if it makes no sense."""
        try:
            said = _frame.decode(frame)
            if said.params is not None:
                return self._events(said.params, received_ms)
            return self._answer(said)
        except Unreadable:
            raise
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError, TypeError) as exc:
            raise Unreadable(f"Amberdata sent a frame that cannot be read: {brief(exc)}") from exc

    def _answer(self, said: _Frame) -> Control:
        request_id = None if said.id is None else str(said.id)
        if said.error is not None:
            asked = self._asked.pop(request_id or "", None)
            why = said.error.description or said.error.message or f"error {said.error.code}"
            return Rejected(brief(why), () if asked is None else (asked,), request_id)
        if request_id is None:
            raise Unreadable("Amberdata sent a frame with no result and no answer")
        asked = self._asked.pop(request_id, None)
        if asked is None or not isinstance(said.result, str):
            return Accepted((), request_id)
        self._ids[asked] = said.result
        self._streams[said.result] = (asked.partition(" ")[0], said.metadata or [])
        return Accepted((asked,), request_id)

    def _events(self, params: _Params, received_ms: int) -> Sequence[Event] | Control:
        stream = self._streams.get(params.subscription)
        if stream is None:
            return Ignored()  # of a subscription that we have just given up
        channel, columns = stream
        reading = _READINGS[channel]
        try:
            found = reading.decoder.decode(params.result)
        except msgspec.ValidationError:
            found = _from_arrays(reading, params.result, columns)
        rows = found if isinstance(found, list) else [found]
        if channel == ORDER_SNAPSHOTS:
            return tuple(to_snapshots(rows, received_ms))
        return self._readable(rows, lambda row: row.to_event(received_ms))

    def _readable(self, rows: Iterable[Any], read: Callable[[Any], Event | None]) -> Sequence[Event]:
        events: list[Event] = []
        left_out, why = 0, ""
        for row in rows:
            try:
                event = read(row)
            except ValueError as exc:
                left_out, why = left_out + 1, str(exc)
                continue
            if event is not None:
                events.append(event)
        if left_out:
            if not events:
                raise ValueError(why)
            self.left_out += left_out
            self.left_out_why = brief(why)
        return tuple(events)


def _from_arrays(reading: _Reading, result: msgspec.Raw, columns: Sequence[str]) -> list[Any]:
    """Rows without names, in the order of the columns that the acknowledgement gave."""
    rows = msgspec.json.decode(result)
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows) or not columns:
        reading.decoder.decode(result)  # says what is wrong
    names = [_RENAMED.get(column, column) for column in columns]
    return [msgspec.convert(dict(zip(names, row, strict=False)), reading.row) for row in rows]


def _request(method: str, params: Sequence[object], request_id: int) -> str:
    return _encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).decode()
