"""Gate's side of its own streams: tickers and liquidations out of events, and answers to requests."""

from collections.abc import Mapping, Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.gate_symbols import Contract, from_symbol
from daemon.wire.numbers import plain
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

TICKERS = "futures.tickers"

_METHODS: dict[str, Method] = {"subscribe": "subscribe", "unsubscribe": "unsubscribe"}
_LIQUIDATIONS = "futures.public_liquidates"
_ROWS = 20  # liquidations of one contract in one frame

Payload = dict[str, object]


class _Request(msgspec.Struct, gc=False):
    channel: str
    event: str = ""
    payload: list[str] = msgspec.field(default_factory=list)
    id: int | str | None = None


_request = msgspec.json.Decoder(_Request)


class Encoder:
    """Writes the frames of one venue: a ticker is always whole. `contracts` (by Gate's name) say how much a size is."""

    def __init__(self, contracts: Mapping[str, Contract]) -> None:
        self._contracts = contracts
        self._tickers: dict[str, Payload] = {}

    def encode(self, events: Sequence[Event], now_ms: int) -> list[bytes]:
        """One ticker for the events of one symbol and time; neighbouring liquidations of a symbol share a frame.

        Settled funding has no channel and is left out. A contract of unknown size raises KeyError.
        """
        frames: list[Payload] = []
        open_tickers: dict[tuple[str, int], Payload] = {}
        for event in events:
            match event:
                case Liquidation():
                    self._add_liquidation(frames, event, now_ms)
                case MarkPrice() | OpenInterest() | FundingRate(is_settled=False):
                    name = from_symbol(event.symbol)
                    ticker = {**self._tickers.get(name, {}), **self._part(event, name)}
                    self._tickers[name] = ticker
                    if (same := open_tickers.get((name, event.at_ms))) is not None:
                        same.update(ticker)
                    else:
                        open_tickers[name, event.at_ms] = row = dict(ticker)
                        frames.append(_frame(TICKERS, [row], event.at_ms))
        return [msgspec.json.encode(frame) for frame in frames]

    def snapshot(self, symbol: str, now_ms: int) -> bytes | None:
        """The ticker as a newcomer gets it at once, or None if nothing was said of this symbol yet."""
        ticker = self._tickers.get(from_symbol(symbol))
        return None if ticker is None else msgspec.json.encode(_frame(TICKERS, [ticker], now_ms))

    def _part(self, event: MarkPrice | OpenInterest | FundingRate, name: str) -> Payload:
        if isinstance(event, MarkPrice):
            index = "" if event.index_price is None else plain(event.index_price)
            return {"contract": name, "mark_price": plain(event.price), "index_price": index}
        if isinstance(event, FundingRate):
            rate = plain(event.rate)
            return {"contract": name, "funding_rate": rate, "funding_rate_indicative": rate}
        return {"contract": name, "total_size": self._contracts_of(name, event.oi_base)}

    def _add_liquidation(self, frames: list[Payload], event: Liquidation, now_ms: int) -> None:
        name = from_symbol(event.symbol)
        size = self._contracts_of(name, event.quantity)
        row = {
            "price": plain(event.price),
            "size": f"-{size}" if event.side == "long" else size,
            "time": event.at_ms,
            "contract": name,
        }
        rows = frames[-1]["result"] if frames and frames[-1]["channel"] == _LIQUIDATIONS else None
        if isinstance(rows, list) and len(rows) < _ROWS and rows[0]["contract"] == name:
            rows.append(row)
        else:
            frames.append(_frame(_LIQUIDATIONS, [row], max(now_ms, event.at_ms)))

    def _contracts_of(self, name: str, coins: float) -> str:
        """Contracts are few: take off what the division added."""
        return plain(float(f"{coins / self._contracts[name].size:.15g}"))


def _frame(channel: str, rows: list[Payload], at_ms: int) -> Payload:
    return {"time": at_ms // 1_000, "time_ms": at_ms, "channel": channel, "event": "update", "result": rows}


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; Unreadable if it is no request at all."""
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to Gate: {brief(exc)}") from exc
    if request.channel == "futures.ping":
        return Request("ping")
    topics = tuple(f"{request.channel}:{name}" for name in request.payload)
    return Request(_METHODS.get(request.event, "other"), topics, request.id)


def acknowledge(request: Request) -> list[str]:
    """The answer repeats the channel, the payload and the id; a ping is answered by a pong."""
    if request.method == "ping":
        return ['{"time":0,"time_ms":0,"channel":"futures.pong","event":"","result":null}']
    return [_answered(request, {"result": {"status": "success"}})]


def refuse(request: Request, topics: Sequence[str], why: str = "unknown contract") -> list[str]:
    """An error for the whole request, naming the contracts."""
    named = ", ".join(topic.partition(":")[2] for topic in topics)
    return [_answered(request, {"error": {"code": 2, "message": f"{why} {named}"}, "result": None})]


def _answered(request: Request, outcome: Payload) -> str:
    channel = request.topics[0].partition(":")[0] if request.topics else ""
    payload = [topic.partition(":")[2] for topic in request.topics]
    answer: Payload = {"time": 0, "time_ms": 0, "channel": channel, "event": request.method, "payload": payload}
    return msgspec.json.encode(answer | ({"id": request.id} if request.id else {}) | outcome).decode()
