"""Bybit's side of its own streams: frames out of events, and answers to requests."""

from collections.abc import Sequence

import msgspec

from daemon.wire.bybit_symbols import from_symbol
from daemon.wire.bybit_trading_server import add_trade, book_frame, candle_frame, prices_part
from daemon.wire.control import Unreadable
from daemon.wire.numbers import plain
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FundingRate,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Ticker,
    Trade,
)

_METHODS: dict[str, Method] = {"subscribe": "subscribe", "unsubscribe": "unsubscribe", "ping": "ping"}
_CONN_ID = "cejreaspqfm9se7usbrg-2xh"

Payload = dict[str, object]


class _Request(msgspec.Struct, gc=False):
    op: str
    args: list[str | int] = msgspec.field(default_factory=list)
    req_id: str | None = None


_request = msgspec.json.Decoder(_Request)


class Encoder:
    """Writes the frames of one connection: a ticker's snapshot first, then only what changed."""

    def __init__(self) -> None:
        self._tickers: dict[str, Payload] = {}

    def encode(self, events: Sequence[Event], now_ms: int) -> list[bytes]:
        """Events of one symbol and time share a ticker frame; neighbouring liquidations of one symbol share a batch,
        and so do trades.

        Settled funding has no stream at Bybit and is left out.
        """
        frames: list[Payload] = []
        changes: dict[tuple[str, int], Payload] = {}
        for event in events:
            match event:
                case Liquidation():
                    self._add_liquidation(frames, event, now_ms)
                case Trade():
                    add_trade(frames, event, now_ms)
                case BookSnapshot() | BookUpdate():
                    frames.append(book_frame(event))
                case Candle():
                    frames.append(candle_frame(event, now_ms))
                case MarkPrice() | OpenInterest() | FundingRate(is_settled=False) | Ticker():
                    key, part = (event.symbol, event.at_ms), _part(event)
                    change = changes.get(key)
                    if change is None or change.keys() & part.keys():
                        name = from_symbol(event.symbol)
                        change = changes[key] = {"symbol": name}
                        frames.append({"topic": f"tickers.{name}", "data": change, "ts": event.at_ms})
                    change |= part
        return [msgspec.json.encode(self._finished(frame)) for frame in frames]

    def snapshot(self, symbol: str, now_ms: int) -> bytes | None:
        """The whole ticker as a newcomer gets it, or None if nothing was said of this symbol yet."""
        name = from_symbol(symbol)
        ticker = self._tickers.get(name)
        if ticker is None:
            return None
        return msgspec.json.encode({"topic": f"tickers.{name}", "type": "snapshot", "data": ticker, "ts": now_ms})

    def tickers(self) -> list[Payload]:
        """All tickers as they stand."""
        return list(self._tickers.values())

    def _finished(self, frame: Payload) -> Payload:
        data = frame["data"]
        if not isinstance(data, dict) or "type" in frame:  # no ticker
            return frame
        known = self._tickers.get(data["symbol"])
        self._tickers[data["symbol"]] = {**(known or {}), **data}
        return {"topic": frame["topic"], "type": "delta" if known else "snapshot", **frame}

    @staticmethod
    def _add_liquidation(frames: list[Payload], event: Liquidation, now_ms: int) -> None:
        name = from_symbol(event.symbol)
        topic = f"allLiquidation.{name}"
        size = event.notional_usd if event.symbol.split("-")[1] == "USD" else event.quantity
        row = {"T": event.at_ms, "s": name, "S": "Buy" if event.side == "long" else "Sell", "v": plain(size)}
        row["p"] = plain(event.price)
        last = frames[-1] if frames else {}
        rows = last.get("data")
        if last.get("topic") == topic and isinstance(rows, list):
            rows.append(row)
        else:
            frames.append({"topic": topic, "type": "snapshot", "ts": max(now_ms, event.at_ms), "data": [row]})


def encode(events: Sequence[Event], now_ms: int) -> list[bytes]:
    """The frames of a connection that is new to all of these symbols."""
    return Encoder().encode(events, now_ms)


def _part(event: MarkPrice | OpenInterest | FundingRate | Ticker) -> Payload:
    if isinstance(event, Ticker):
        return prices_part(event)
    if isinstance(event, MarkPrice):
        index = "" if event.index_price is None else plain(event.index_price)
        return {"markPrice": plain(event.price), "indexPrice": index}
    if isinstance(event, FundingRate):
        settles = "" if event.settles_at_ms is None else str(event.settles_at_ms)
        hours = plain(event.interval_h)
        return {"fundingRate": plain(event.rate), "nextFundingTime": settles, "fundingIntervalHour": hours}
    size, value = event.oi_base, event.oi_usd
    if event.symbol.split("-")[1] == "USD":  # inverse: the size is dollars, the value coins
        size, value = value or 0.0, size
    part: Payload = {"openInterest": plain(size * 2), "singleOpenInterest": plain(size)}
    if value is not None:
        part |= {"openInterestValue": plain(value * 2), "singleOpenInterestValue": plain(value)}
    return part


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; Unreadable if it is no request at all."""
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to Bybit: {brief(exc)}") from exc
    topics = tuple(topic for topic in request.args if isinstance(topic, str))
    return Request(_METHODS.get(request.op, "other"), topics, request.req_id)


def acknowledge(request: Request) -> list[str]:
    """The answer to a request; a ping is answered with a pong under its own name."""
    answer: Payload = {"success": True, "ret_msg": "", "conn_id": _CONN_ID, "req_id": request.id or ""}
    if request.method == "ping":
        return [msgspec.json.encode({**answer, "ret_msg": "pong", "op": "ping"}).decode()]
    return [msgspec.json.encode({**answer, "op": request.method}).decode()]


def refuse(request: Request, topics: Sequence[str], why: str = "Invalid topic") -> list[str]:
    """A failure that names the topics, as Bybit's do."""
    answer: Payload = {"success": False, "ret_msg": f"{why}: {','.join(topics)}", "conn_id": _CONN_ID}
    return [msgspec.json.encode({**answer, "req_id": request.id or "", "op": request.method}).decode()]
