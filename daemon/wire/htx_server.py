"""HTX's side of its own streams: gzip frames out of events, and answers to requests."""

import gzip
from collections.abc import Mapping, Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.htx_symbols import from_symbol
from daemon.wire.numbers import plain
from daemon.wire.request import Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice

Payload = dict[str, object]


class _Request(msgspec.Struct, gc=False):
    op: str = ""
    topic: str = ""
    cid: str | None = None
    sub: str = ""
    unsub: str = ""
    id: str | None = None
    pong: int | str | None = None
    ts: int | str | None = None


_request = msgspec.json.Decoder(_Request)


def pack(text: str | bytes) -> bytes:
    """A frame as it travels; the same text gives the same bytes."""
    return gzip.compress(text.encode() if isinstance(text, str) else text, compresslevel=1, mtime=0)


def encode(events: Sequence[Event], now_ms: int, sizes: Mapping[str, float] | None = None) -> list[bytes]:
    """One frame an event; a mark price with an index sends the index's candle first.

    `sizes` (by HTX's name) are coins in a contract, 1 if unknown. Open interest and settled funding have no topic.
    """
    return [pack(frame) for _, frame in topical(events, now_ms, sizes)]


def topical(events: Sequence[Event], now_ms: int, sizes: Mapping[str, float] | None = None) -> list[tuple[str, bytes]]:
    """The same beside their topics, not packed yet."""
    frames: list[tuple[str, Payload]] = []
    for event in events:
        match event:
            case MarkPrice():
                name = from_symbol(event.symbol)
                if event.index_price is not None:
                    frames.append(_candle(f"market.{name}.index.1min", event.index_price, event.at_ms))
                frames.append(_candle(f"market.{name}.mark_price.1min", event.price, event.at_ms))
            case FundingRate(is_settled=False):
                frames.append(_notice(f"public.{from_symbol(event.symbol)}.funding_rate", _funding(event), event.at_ms))
            case Liquidation():
                row = _liquidation(event, (sizes or {}).get(from_symbol(event.symbol), 1.0))
                topic = f"public.{from_symbol(event.symbol)}.liquidation_orders"
                frames.append(_notice(topic, row, max(now_ms, event.at_ms)))
    return [(topic, msgspec.json.encode(frame)) for topic, frame in frames]


def _candle(topic: str, price: float, at_ms: int) -> tuple[str, Payload]:
    text = plain(price)
    tick = {"id": at_ms // 60_000 * 60, "open": text, "close": text, "high": text, "low": text, "vol": "0"}
    return topic, {"ch": topic, "ts": at_ms, "tick": tick}


def _notice(topic: str, row: Payload, at_ms: int) -> tuple[str, Payload]:
    return topic, {"op": "notify", "topic": topic, "ts": at_ms, "data": [row]}


def _funding(event: FundingRate) -> Payload:
    base, quote, _ = event.symbol.split("-")
    settles = "" if event.settles_at_ms is None else str(event.settles_at_ms)
    return {
        "symbol": base,
        "contract_code": from_symbol(event.symbol),
        "fee_asset": quote,
        "funding_time": str(event.at_ms // 60_000 * 60_000),
        "funding_rate": plain(event.rate),
        "estimated_rate": None,
        "settlement_time": settles,
    }


def _liquidation(event: Liquidation, size: float) -> Payload:
    return {
        "symbol": event.symbol.partition("-")[0],
        "contract_code": from_symbol(event.symbol),
        "direction": "sell" if event.side == "long" else "buy",
        "offset": "close",
        "volume": round(event.quantity / size),
        "price": event.price,
        "created_at": event.at_ms,
        "amount": event.quantity,
        "trade_turnover": event.notional_usd,
    }


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; the answer to our ping reads as a ping whose id is what it echoed."""
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to HTX: {brief(exc)}") from exc
    if request.op == "pong" or request.pong is not None:
        return Request("ping", id=request.ts if request.op == "pong" else request.pong)
    topic, request_id = request.topic or request.sub or request.unsub, request.cid or request.id
    topics = (topic,) if topic else ()
    if request.op == "sub" or request.sub:
        return Request("subscribe", topics, request_id)
    if request.op == "unsub" or request.unsub:
        return Request("unsubscribe", topics, request_id)
    return Request("other", topics, request_id)


def acknowledge(request: Request, now_ms: int = 0) -> list[str]:
    """The answer to a subscription or its end, not packed; what answers a ping is not answered."""
    if request.method == "ping":
        return []
    [topic] = request.topics or ("",)
    verb = "sub" if request.method == "subscribe" else "unsub"
    answer: Payload = {verb + "bed": topic, "id": request.id, "status": "ok", "ts": now_ms}
    if topic.startswith("public."):
        answer = {"op": verb, "cid": request.id, "topic": topic, "ts": now_ms, "err-code": 0}
    return [msgspec.json.encode(answer).decode()]


def refuse(request: Request, why: str = "invalid topic", code: int = 2011, now_ms: int = 0) -> list[str]:
    """An error, not packed: with a number on the stream of notifications, with a word on the index stream."""
    topic = "".join(request.topics)
    if topic.startswith("public."):
        answer: Payload = {"op": "sub", "cid": request.id, "topic": topic, "ts": now_ms, "err-code": code}
    else:
        answer = {"status": "error", "id": request.id, "ts": now_ms, "err-code": "bad-request"}
    return [msgspec.json.encode(answer | {"err-msg": f"{why} {topic}".strip()}).decode()]
