"""Binance's side of its own streams: frames out of events, and answers to requests."""

from collections.abc import Sequence

import msgspec

from daemon.wire.binance_symbols import contract_usd, from_symbol, is_coin_margined
from daemon.wire.binance_trading import COIN_MARGINED
from daemon.wire.binance_trading_server import Payload, payload_of
from daemon.wire.control import Unreadable
from daemon.wire.numbers import plain
from daemon.wire.request import Method, Request
from daemon.wire.trouble import brief
from rules.events import Event, FundingRate, Liquidation, MarkPrice

_METHODS: dict[str, Method] = {"SUBSCRIBE": "subscribe", "UNSUBSCRIBE": "unsubscribe", "LIST_SUBSCRIPTIONS": "list"}
_EMPTY_MARK: dict[str, object] = {"p": "", "ap": "", "P": "", "i": ""}
_DOLLAR_MARGINED = 1
_EMPTY_FUNDING: dict[str, object] = {"r": "", "T": 0}


class _Request(msgspec.Struct, gc=False):
    method: str
    params: list[str | bool] = msgspec.field(default_factory=list)
    id: int | str | None = None


_request = msgspec.json.Decoder(_Request)


def encode(events: Sequence[Event], now_ms: int) -> list[bytes]:
    """One bare frame for each liquidation, and one for the mark price and funding of the same symbol and time.

    Trades, tickers, candles and book updates have a frame each. A lone mark price goes out like a delivery contract's
    (r "", T 0). Settled funding and open interest have no stream at Binance and are left out.
    """
    return [msgspec.json.encode(payload) for _, payload in payloads(events, now_ms)]


def encode_combined(events: Sequence[Event], now_ms: int) -> list[bytes]:
    """The same frames as /stream wraps them."""
    return [msgspec.json.encode({"stream": name, "data": payload}) for name, payload in payloads(events, now_ms)]


def encode_array(events: Sequence[Event], now_ms: int) -> bytes:
    """One frame with all mark prices, as `!markPrice@arr@1s` sends them."""
    return msgspec.json.encode([payload for _, payload in payloads(events, now_ms)])


def payloads(events: Sequence[Event], now_ms: int) -> list[tuple[str, Payload]]:
    """What each stream sends, beside the name of the stream."""
    found: list[tuple[str, Payload]] = []
    marks: dict[tuple[str, int], tuple[Payload, Payload]] = {}
    for event in events:
        match event:
            case Liquidation():
                found.append((f"{from_symbol(event.symbol).lower()}@forceOrder", _liquidation(event, now_ms)))
            case MarkPrice() | FundingRate(is_settled=False):
                key, new = (event.symbol, event.at_ms), _part(event)
                payload, part = marks.get(key, ({}, new))
                if not payload or part.keys() == new.keys():
                    name = from_symbol(event.symbol)
                    payload = {"e": "markPriceUpdate", "E": event.at_ms, "s": name, **_EMPTY_MARK, **_EMPTY_FUNDING}
                    payload["st"] = _universe(event.symbol)
                    found.append((f"{name.lower()}@markPrice@1s", payload))
                    marks[key] = payload, new
                payload |= new
            case _ if (other := payload_of(event, now_ms)) is not None:
                found.append(other)
    return found


def _part(event: MarkPrice | FundingRate) -> Payload:
    if isinstance(event, FundingRate):
        return {"r": plain(event.rate), "T": event.settles_at_ms or 0}
    price = plain(event.price)
    return {"p": price, "ap": price, "P": price, "i": "" if event.index_price is None else plain(event.index_price)}


def _liquidation(event: Liquidation, now_ms: int) -> Payload:
    name, price, quantity = from_symbol(event.symbol), plain(event.price), plain(event.quantity)
    if is_coin_margined(event.symbol):
        quantity = plain(float(round(event.notional_usd / contract_usd(event.symbol))))
    order: Payload = {"s": name, "S": "SELL" if event.side == "long" else "BUY", "o": "LIMIT", "f": "IOC"}
    order |= {"q": quantity, "p": price, "ap": price if event.price_kind == "fill" else "0", "X": "FILLED"}
    order |= {"l": quantity, "z": quantity, "T": event.at_ms, "ps": name, "st": _universe(event.symbol)}
    return {"e": "forceOrder", "E": max(now_ms, event.at_ms), "o": order}


def _universe(symbol: str) -> int:
    return COIN_MARGINED if is_coin_margined(symbol) else _DOLLAR_MARGINED


def read_request(frame: bytes | str) -> Request:
    """What a client asks for; Unreadable if it is no request at all."""
    try:
        request = _request.decode(frame)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a request to Binance: {brief(exc)}") from exc
    topics = tuple(topic for topic in request.params if isinstance(topic, str))
    return Request(_METHODS.get(request.method, "other"), topics, request.id)


def acknowledge(request: Request, subscribed: Sequence[str] = ()) -> list[str]:
    """The answer to a request. An unknown stream is acknowledged like a good one; `subscribed` answers a listing."""
    result = list(subscribed) if request.method == "list" else None
    return [msgspec.json.encode({"result": result, "id": request.id}).decode()]


def refuse(request: Request, topics: Sequence[str], why: str) -> list[str]:
    """An error in the newer form, which names the request but no topic; `topics` go into its text."""
    message = f"{why}: {', '.join(topics)}" if topics else why
    return [msgspec.json.encode({"error": {"code": 2, "msg": message}, "id": request.id}).decode()]
