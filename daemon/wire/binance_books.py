"""Binance USD-M over REST: the whole order book, and the candles of the last minutes, as the streams go on from them.

Facts: `lastUpdateId` is the counter up to which the book goes; the first update to apply is the one that reaches beyond it.
"""

from typing import Annotated

import msgspec

from daemon.wire.binance_market import KLINES as KLINES
from daemon.wire.binance_market import decode_klines
from daemon.wire.binance_symbols import VENUE
from daemon.wire.binance_trading import MINUTE_MS
from daemon.wire.binance_trading_server import rows
from daemon.wire.control import Unreadable
from daemon.wire.trouble import brief
from rules.events import BookSnapshot, Candle

DEPTH = "/fapi/v1/depth"
DEPTH_ROWS = 1_000  # the most it answers
DEPTH_WEIGHT = 20  # of so many

_Price = Annotated[float, msgspec.Meta(gt=0.0, le=1e300)]
_Size = Annotated[float, msgspec.Meta(ge=0.0, le=1e300)]
_Levels = tuple[tuple[_Price, _Size], ...]


class _Depth(msgspec.Struct, gc=False, rename="camel"):
    last_update_id: int
    bids: _Levels
    asks: _Levels
    T: int = msgspec.field(default=0, name="T")


_depth = msgspec.json.Decoder(_Depth, strict=False)


def decode_depth(body: bytes, symbol: str, received_ms: int) -> BookSnapshot:
    """The whole book of this symbol, best prices first; the answer does not repeat the symbol."""
    try:
        answer = _depth.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Binance sent an order book that cannot be read: {brief(exc)}") from exc
    return BookSnapshot(
        venue=VENUE,
        symbol=symbol,
        bids=answer.bids,
        asks=answer.asks,
        sequence=answer.last_update_id,
        at_ms=answer.T or received_ms,
        received_ms=received_ms,
    )


def encode_depth(snapshot: BookSnapshot) -> bytes:
    """The answer to depth."""
    answer = {"lastUpdateId": snapshot.sequence, "E": snapshot.at_ms, "T": snapshot.at_ms}
    return msgspec.json.encode({**answer, "bids": rows(snapshot.bids), "asks": rows(snapshot.asks)})


def decode_candles(body: bytes, symbol: str, received_ms: int) -> list[Candle]:
    """One-minute candles of this symbol, oldest first; the last one still moves."""
    bars = decode_klines(body)
    return [
        Candle(
            venue=VENUE,
            symbol=symbol,
            opened_ms=bar.at_ms,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume_base or 0.0,
            is_closed=bar is not bars[-1],
            at_ms=bar.at_ms + MINUTE_MS if bar is not bars[-1] else received_ms,
            received_ms=received_ms,
        )
        for bar in bars
    ]
