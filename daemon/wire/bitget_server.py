"""Bitget's side of its own streams: tickers and liquidations out of events, and answers to requests."""

from collections.abc import Sequence

import msgspec

from daemon.wire.bitget_symbols import from_symbol
from daemon.wire.control import Unreadable
from daemon.wire.numbers import plain
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

PONG = "pong"

_METHODS: dict[str, Method] = {"subscribe": "subscribe", "unsubscribe": "unsubscribe"}
_INST_TYPE = "usdt-futures"

Payload = dict[str, object]


class _Arg(msgspec.Struct, gc=False):
    instType: str = ""  # noqa: N815 - their spelling
    topic: str = ""
    symbol: str = ""


class _Request(msgspec.Struct, gc=False):
    op: str
    args: list[_Arg] = msgspec.field(default_factory=list)


_request = msgspec.json.Decoder(_Request)


class Encoder:
    """Writes the frames of one venue: a ticker is always whole."""

    def __init__(self) -> None:
        self._tickers: dict[str, Payload] = {}

    def encode(self, events: Sequence[Event], now_ms: int) -> list[bytes]:
        """One ticker for the events of one symbol and time, and all liquidations in one frame.

        Settled funding has no topic and is left out.
        """
        frames: list[Payload] = []
        open_tickers: dict[tuple[str, int], Payload] = {}
        forced: list[Payload] = []
        for event in events:
            match event:
                case Liquidation():
                    if not forced:
                        frames.append(_frame("update", {"topic": "liquidation"}, forced, max(now_ms, event.at_ms)))
                    forced.append(_liquidation(event))
                case MarkPrice() | OpenInterest() | FundingRate(is_settled=False):
                    name = from_symbol(event.symbol)
                    ticker = {**self._tickers.get(name, {}), **_part(event)}
                    self._tickers[name] = ticker
                    if (same := open_tickers.get((name, event.at_ms))) is not None:
                        same.update(ticker)
                    else:
                        open_tickers[name, event.at_ms] = row = dict(ticker)
                        frames.append(_frame("snapshot", {"topic": "ticker", "symbol": name}, [row], event.at_ms))
        return [msgspec.json.encode(frame) for frame in frames]

    def snapshot(self, symbol: str, now_ms: int) -> bytes | None:
        """The ticker as a newcomer gets it at once, or None if nothing was said of this symbol yet."""
        name = from_symbol(symbol)
        ticker = self._tickers.get(name)
        if ticker is None:
            return None
        return msgspec.json.encode(_frame("snapshot", {"topic": "ticker", "symbol": name}, [ticker], now_ms))


def _frame(action: str, arg: Payload, rows: list[Payload], at_ms: int) -> Payload:
    return {"action": action, "arg": {"instType": _INST_TYPE, **arg}, "data": rows, "ts": at_ms}


def _part(event: MarkPrice | OpenInterest | FundingRate) -> Payload:
    if isinstance(event, MarkPrice):
        index = "" if event.index_price is None else plain(event.index_price)
        return {"markPrice": plain(event.price), "indexPrice": index}
    if isinstance(event, FundingRate):
        settles = "" if event.settles_at_ms is None else str(event.settles_at_ms)
        return {"fundingRate": plain(event.rate), "nextFundingTime": settles}
    return {"openInterest": plain(event.oi_base)}


def _liquidation(event: Liquidation) -> Payload:
    return {
        "symbol": from_symbol(event.symbol),
        "side": "buy" if event.side == "long" else "sell",
        "price": plain(event.price),
        "amount": plain(event.notional_usd),
        "ts": str(event.at_ms),
    }


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; a text ping is a request too. Unreadable if it is no request at all."""
    if frame in (b"ping", "ping"):
        return Request("ping")
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to Bitget: {brief(exc)}") from exc
    topics = tuple(f"{arg.topic}:{arg.symbol}" if arg.symbol else arg.topic for arg in request.args)
    return Request(_METHODS.get(request.op, "other"), topics)


def acknowledge(request: Request, topics: Sequence[str] | None = None) -> list[str]:
    """One answer a topic (all of the request's, or those given); a ping is answered by the text pong."""
    if request.method == "ping":
        return [PONG]
    return [
        msgspec.json.encode({"event": request.method, "arg": _arg(topic), "connId": "a4d3ae55"}).decode()
        for topic in (request.topics if topics is None else topics)
    ]


def refuse(request: Request, topics: Sequence[str], why: str = "doesn't exist") -> list[str]:
    """One error a topic."""
    del request
    return [
        msgspec.json.encode({"event": "error", "arg": _arg(topic), "code": "30001", "msg": f"{topic} {why}"}).decode()
        for topic in topics
    ]


def _arg(topic: str) -> Payload:
    name, _, symbol = topic.partition(":")
    arg: Payload = {"instType": _INST_TYPE, "topic": name}
    return {**arg, "symbol": symbol} if symbol else arg
