"""Bybit's side of its streams of trading: trades, order books, candles and best prices out of events."""

from daemon.wire.bybit_symbols import from_symbol, read_name
from daemon.wire.bybit_trading import BOOK_LEVELS
from daemon.wire.numbers import plain
from daemon.wire.rows import written
from rules.events import BookSnapshot, BookUpdate, Candle, Levels, Ticker, Trade

Payload = dict[str, object]


def add_trade(frames: list[Payload], event: Trade, now_ms: int) -> None:
    """Neighbouring trades of one symbol share a frame."""
    name = from_symbol(event.symbol)
    size = event.quantity * event.price if read_name(name).is_inverse else event.quantity
    row = {
        "T": event.at_ms,
        "s": name,
        "S": "Buy" if event.taker == "buy" else "Sell",
        "v": plain(size),
        "p": plain(event.price),
        "L": "ZeroPlusTick",
        "i": event.trade_id,
        "BT": False,
    }
    topic, last = f"publicTrade.{name}", frames[-1] if frames else {}
    rows = last.get("data")
    if last.get("topic") == topic and isinstance(rows, list):
        rows.append(row)
    else:
        frames.append({"topic": topic, "type": "snapshot", "ts": max(now_ms, event.at_ms), "data": [row]})


def book_frame(event: BookSnapshot | BookUpdate) -> Payload:
    """A snapshot or a delta of the order book; its counter must go up by one, as Bybit's does."""
    name = from_symbol(event.symbol)
    is_inverse = read_name(name).is_inverse
    data = {
        "s": name,
        "b": _levels(event.bids, is_inverse),
        "a": _levels(event.asks, is_inverse),
        "u": event.sequence,
        "seq": event.sequence,
    }
    kind = "snapshot" if isinstance(event, BookSnapshot) else "delta"
    topic = f"orderbook.{BOOK_LEVELS}.{name}"
    return {"topic": topic, "type": kind, "ts": event.at_ms, "data": data, "cts": event.at_ms}


def _levels(levels: Levels, is_inverse: bool) -> list[list[str]]:
    return [[plain(price), plain(size * price if is_inverse else size)] for price, size in levels]


def candle_frame(event: Candle, now_ms: int) -> Payload:
    """A candle as it stands; its turnover is taken at its closing price."""
    name = from_symbol(event.symbol)
    minutes = event.interval_ms // 60_000
    volume, turnover = event.volume, event.volume * event.close
    if read_name(name).is_inverse:
        volume, turnover = turnover, volume
    row = {
        "start": event.opened_ms,
        "end": event.opened_ms + event.interval_ms - 1,
        "interval": str(minutes),
        "open": plain(event.open),
        "close": plain(event.close),
        "high": plain(event.high),
        "low": plain(event.low),
        "volume": plain(volume),
        "turnover": plain(turnover),
        "confirm": event.is_closed,
        "timestamp": event.at_ms,
    }
    return {"topic": f"kline.{minutes}.{name}", "data": [row], "ts": max(now_ms, event.at_ms), "type": "snapshot"}


def prices_part(event: Ticker) -> Payload:
    """What the best prices are in a ticker frame; the mark price is told as an event of its own."""
    bid_size, ask_size = event.bid_quantity, event.ask_quantity
    if read_name(from_symbol(event.symbol)).is_inverse:
        bid_size = None if bid_size is None or event.bid is None else bid_size * event.bid
        ask_size = None if ask_size is None or event.ask is None else ask_size * event.ask
    return {
        "lastPrice": written(event.last),
        "bid1Price": written(event.bid),
        "bid1Size": written(bid_size),
        "ask1Price": written(event.ask),
        "ask1Size": written(ask_size),
    }
