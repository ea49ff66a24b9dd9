"""Binance's side of its trading streams: payloads out of events, and which stream somebody means."""

from functools import lru_cache

from daemon.wire.binance_symbols import from_symbol, to_symbol
from daemon.wire.numbers import plain
from rules.events import BookUpdate, Candle, Event, Levels, Ticker, Trade

Payload = dict[str, object]

_KINDS: dict[str, tuple[type[Event], str]] = {  # what follows the instrument -> what it brings, and by which route
    "trade": (Trade, "public"),
    "bookTicker": (Ticker, "public"),
    "depth": (BookUpdate, "public"),
    "depth@100ms": (BookUpdate, "public"),
    "depth@500ms": (BookUpdate, "public"),
    "kline_1m": (Candle, "market"),
}
_PUBLIC = ("trade", "bookTicker", "depth", "rpiDepth")


def route_of(topic: str) -> str:
    """The path on which this stream delivers: `public` for trades, best prices and books, `market` for the rest."""
    name = topic.partition("@")[2] if not topic.startswith("!") else topic[1:]
    return "public" if name.startswith(_PUBLIC) else "market"


@lru_cache(maxsize=4_096)
def meaning_of(topic: str) -> tuple[type[Event], str] | None:
    """What a stream of one instrument's trading brings, and our symbol; None for any other stream."""
    name, _, kind = topic.partition("@")
    if kind not in _KINDS:
        return None
    try:
        return _KINDS[kind][0], to_symbol(name.upper())
    except ValueError:
        return None


def payload_of(event: Event, now_ms: int) -> tuple[str, Payload] | None:
    """The stream and what it sends; None for events of other kinds. An update's first counter is the one after `follows`."""
    match event:
        case Trade():
            return _trade(event, now_ms)
        case Ticker():
            return _ticker(event, now_ms)
        case BookUpdate():
            return _depth(event, now_ms)
        case Candle():
            return _kline(event)
    return None


def _trade(event: Trade, now_ms: int) -> tuple[str, Payload]:
    name = from_symbol(event.symbol)
    payload: Payload = {"e": "trade", "E": max(now_ms, event.at_ms), "T": event.at_ms, "s": name}
    payload |= {"t": int(event.trade_id), "p": plain(event.price), "q": plain(event.quantity), "X": "MARKET"}
    return f"{name.lower()}@trade", payload | {"m": event.taker == "sell", "st": 1}


def _ticker(event: Ticker, now_ms: int) -> tuple[str, Payload]:
    name = from_symbol(event.symbol)
    payload: Payload = {"e": "bookTicker", "u": event.sequence or 0, "s": name, "ps": name}
    payload |= {"b": plain(event.bid or 0.0), "B": plain(event.bid_quantity or 0.0)}
    payload |= {"a": plain(event.ask or 0.0), "A": plain(event.ask_quantity or 0.0)}
    return f"{name.lower()}@bookTicker", payload | {"T": event.at_ms, "E": max(now_ms, event.at_ms), "st": 1}


def _depth(event: BookUpdate, now_ms: int) -> tuple[str, Payload]:
    name = from_symbol(event.symbol)
    follows = event.sequence - 1 if event.follows is None else event.follows
    payload: Payload = {"e": "depthUpdate", "E": max(now_ms, event.at_ms), "T": event.at_ms, "s": name, "ps": name}
    payload |= {"st": 1, "U": min(follows + 1, event.sequence), "u": event.sequence, "pu": follows}
    return f"{name.lower()}@depth@100ms", payload | {"b": rows(event.bids), "a": rows(event.asks)}


def _kline(event: Candle) -> tuple[str, Payload]:
    name, ends_ms = from_symbol(event.symbol), event.opened_ms + event.interval_ms - 1
    candle: Payload = {"t": event.opened_ms, "T": ends_ms, "s": name, "i": f"{event.interval_ms // 60_000}m"}
    candle |= {"f": 0, "L": 0, "o": plain(event.open), "c": plain(event.close), "h": plain(event.high)}
    candle |= {"l": plain(event.low), "v": plain(event.volume), "n": 0, "x": event.is_closed}
    candle |= {"q": plain(event.volume * event.close), "V": "0", "Q": "0", "B": "0"}
    return f"{name.lower()}@kline_{candle['i']}", {"e": "kline", "E": event.at_ms, "s": name, "k": candle, "st": 1}


def rows(levels: Levels) -> list[list[str]]:
    """Levels as Binance writes them: texts."""
    return [[plain(price), plain(quantity)] for price, quantity in levels]
