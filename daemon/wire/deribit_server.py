"""Deribit's side of its own streams: tickers and trades out of events, and answers to requests."""

from collections.abc import Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.deribit import from_symbol, read_name
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

TEST_REQUEST = '{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}'

_METHODS: dict[str, Method] = {
    "public/subscribe": "subscribe",
    "public/unsubscribe": "unsubscribe",
    "public/set_heartbeat": "ping",  # what our own side sends instead of a ping
}
_INVALID_PARAMS = -32602

Payload = dict[str, object]


class _Params(msgspec.Struct, gc=False):
    channels: list[str] = msgspec.field(default_factory=list)
    interval: float = 0.0


class _Request(msgspec.Struct, gc=False):
    method: str
    params: _Params = msgspec.field(default_factory=_Params)
    id: int | str | None = None


_request = msgspec.json.Decoder(_Request)


class Encoder:
    """Writes the frames of one venue: a ticker is always whole, with what was said before beside what is new."""

    def __init__(self) -> None:
        self._tickers: dict[str, Payload] = {}
        self._trades = 0

    def encode(self, events: Sequence[Event], now_ms: int) -> list[bytes]:
        """One ticker for the events of one symbol and time, one frame of trades a liquidation.

        Settled funding does not exist at Deribit, and is left out.
        """
        del now_ms
        frames: list[Payload] = []
        open_tickers: dict[tuple[str, int], Payload] = {}
        for event in events:
            match event:
                case Liquidation():
                    frames.append(self._trade(event))
                case MarkPrice() | OpenInterest() | FundingRate(is_settled=False):
                    name = from_symbol(event.symbol)
                    ticker = {**self._tickers.get(name, {}), **_part(event, name), "timestamp": event.at_ms}
                    self._tickers[name] = ticker
                    if (same := open_tickers.get((name, event.at_ms))) is not None:
                        same.update(ticker)
                    else:
                        frames.append(_frame(f"ticker.{name}.100ms", data := dict(ticker)))
                        open_tickers[name, event.at_ms] = data
        return [msgspec.json.encode(frame) for frame in frames]

    def snapshot(self, symbol: str) -> bytes | None:
        """The ticker as a newcomer gets it at once, or None if nothing was said of this symbol yet."""
        name = from_symbol(symbol)
        ticker = self._tickers.get(name)
        return None if ticker is None else msgspec.json.encode(_frame(f"ticker.{name}.100ms", ticker))

    def _trade(self, event: Liquidation) -> Payload:
        name = from_symbol(event.symbol)
        self._trades += 1
        row = {
            "instrument_name": name,
            "timestamp": event.at_ms,
            "price": event.price,
            "amount": event.notional_usd if read_name(name).is_inverse else event.quantity,
            "direction": "sell" if event.side == "long" else "buy",
            "trade_id": str(self._trades),
            "trade_seq": self._trades,
            "tick_direction": 0,
            "liquidation": "T",
        }
        return _frame(f"trades.{name}.100ms", [row])


def _frame(channel: str, data: object) -> Payload:
    return {"jsonrpc": "2.0", "method": "subscription", "params": {"channel": channel, "data": data}}


def _part(event: MarkPrice | OpenInterest | FundingRate, name: str) -> Payload:
    part: Payload = {"instrument_name": name, "state": "open"}
    if isinstance(event, MarkPrice):
        return part | {"mark_price": event.price, "index_price": event.index_price}
    if isinstance(event, FundingRate):
        return part | {"funding_8h": event.rate_8h, "current_funding": event.rate_8h}
    return part | {"open_interest": event.oi_usd if read_name(name).is_inverse else event.oi_base}


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; setting a heartbeat reads as a ping, public/test as something other."""
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to Deribit: {brief(exc)}") from exc
    return Request(_METHODS.get(request.method, "other"), tuple(request.params.channels), request.id)


def acknowledge(request: Request, topics: Sequence[str] | None = None) -> list[str]:
    """The answer: the channels that were taken (all of the request's, or those given); "ok" to a heartbeat."""
    result: object = list(request.topics if topics is None else topics)
    if request.method == "ping":
        result = "ok"
    elif request.method == "other":
        result = {"version": "1.2.26"}
    answer: Payload = {"jsonrpc": "2.0", "id": request.id, "result": result}
    return [msgspec.json.encode(answer | {"usIn": 0, "usOut": 0, "usDiff": 0, "testnet": False}).decode()]


def refuse(request: Request, topics: Sequence[str], why: str = "Invalid params") -> list[str]:
    """An error for the whole request, as Deribit's are."""
    error = {"code": _INVALID_PARAMS, "message": why, "data": {"reason": "unknown channel", "param": list(topics)}}
    return [msgspec.json.encode({"jsonrpc": "2.0", "id": request.id, "error": error}).decode()]
