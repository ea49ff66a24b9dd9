"""Hyperliquid's side of its own stream: the state of coins out of events, and answers to requests."""

from collections.abc import Sequence

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.hyperliquid import from_symbol
from daemon.wire.numbers import plain
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, MarkPrice, OpenInterest

_METHODS: dict[str, Method] = {"subscribe": "subscribe", "unsubscribe": "unsubscribe", "ping": "ping"}

Payload = dict[str, object]


class _Subscription(msgspec.Struct, gc=False):
    type: str = ""
    coin: str = ""


class _Request(msgspec.Struct, gc=False):
    method: str
    subscription: _Subscription | None = None


_request = msgspec.json.Decoder(_Request)


def encode(events: Sequence[Event], now_ms: int) -> list[bytes]:
    """One frame for the events of one coin and time, with what they say and no time.

    Liquidations and settled funding have no channel at Hyperliquid, and are left out.
    """
    del now_ms
    frames: dict[tuple[str, int], Payload] = {}
    for event in events:
        if fields := part(event):
            frames.setdefault((from_symbol(event.place[1]), event.at_ms), {}).update(fields)
    return [context_frame(coin, context) for (coin, _), context in frames.items()]


def part(event: Event) -> Payload:
    """What of a coin's state an event says; nothing for what has no channel."""
    match event:
        case MarkPrice():
            oracle = None if event.index_price is None else plain(event.index_price)
            return {"markPx": plain(event.price), "oraclePx": oracle}
        case FundingRate(is_settled=False):
            return {"funding": plain(event.rate / event.interval_h)}
        case OpenInterest():
            return {"openInterest": plain(event.oi_base)}
    return {}


def context_frame(coin: str, context: Payload) -> bytes:
    """The state of one coin as it is sent."""
    return msgspec.json.encode({"channel": "activeAssetCtx", "data": {"coin": coin, "ctx": context}})


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; Unreadable if it is no request at all."""
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to Hyperliquid: {brief(exc)}") from exc
    named = request.subscription
    topics = () if named is None else (f"{named.type}:{named.coin}",)
    return Request(_METHODS.get(request.method, "other"), topics)


def acknowledge(request: Request) -> list[str]:
    """The answer repeats the request; a ping is answered by a pong."""
    if request.method == "ping":
        return ['{"channel":"pong"}']
    kind, _, coin = "".join(request.topics).partition(":")
    data = {"method": request.method, "subscription": {"type": kind, "coin": coin}}
    return [msgspec.json.encode({"channel": "subscriptionResponse", "data": data}).decode()]


def refuse(request: Request, topics: Sequence[str], why: str = "Invalid subscription") -> list[str]:
    """An error for each topic, with the request inside the text as Hyperliquid has it."""
    answers = []
    for topic in topics:
        kind, _, coin = topic.partition(":")
        named = msgspec.json.encode({"type": kind, "coin": coin}).decode()
        answers.append(msgspec.json.encode({"channel": "error", "data": f"{why} {named}"}).decode())
    return answers
