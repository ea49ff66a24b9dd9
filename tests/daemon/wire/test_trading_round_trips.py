"""Laws of Bybit's and OKX's codecs of trading: what is written reads back, and whatever arrives is events or Unreadable."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.wire import bybit, okx
from daemon.wire.control import Control, Unreadable
from rules.events import BookSnapshot, BookUpdate, Candle, Event, Levels, Ticker, Trade

NOW = 1_800_000_000_000
SIZES = {"BTC-USDT-PERP": 0.01, "XRP-USDT-PERP": 100.0, "1000PEPE-USDT-PERP": 1000.0, "ETH-USDC-PERP": 0.001}
CONTRACTS = {okx.from_symbol(symbol): okx.Contract(size) for symbol, size in SIZES.items()}

times = st.integers(1_600_000_000_000, 1_799_999_999_999)
prices = st.integers(1, 10**9).map(lambda ticks: ticks / 1000)
counts = st.integers(1, 10**6)
symbols = st.sampled_from(sorted(SIZES))


def coins(symbol: str, contracts: int) -> float:
    """So many contracts of OKX, without a rounding error."""
    return contracts * SIZES[symbol] if SIZES[symbol] >= 1 else contracts / round(1 / SIZES[symbol])


@st.composite
def levels(draw: st.DrawFn, symbol: str) -> Levels:
    found = draw(st.lists(st.tuples(prices, st.integers(0, 10**6)), max_size=6))
    return tuple((price, coins(symbol, contracts)) for price, contracts in found)


@st.composite
def events(draw: st.DrawFn, venue: str) -> Event:
    """One event of trading as this venue may tell it."""
    symbol, at_ms = draw(symbols), draw(times)
    common: dict[str, Any] = {"venue": venue, "symbol": symbol, "received_ms": NOW}
    match draw(st.sampled_from(["trade", "snapshot", "update", "candle"])):
        case "trade":
            return Trade(
                price=draw(prices), quantity=coins(symbol, draw(counts)), taker=draw(st.sampled_from(["buy", "sell"])),
                trade_id=str(draw(counts)), at_ms=at_ms, **common,
            )  # fmt: skip
        case "snapshot":
            bids, asks, sequence = draw(levels(symbol)), draw(levels(symbol)), draw(st.integers(2, 10**12))
            return BookSnapshot(bids=bids, asks=asks, sequence=sequence, at_ms=at_ms, **common)
        case "update":
            bids, asks, follows = draw(levels(symbol)), draw(levels(symbol)), draw(st.integers(1, 10**12))
            sequence = follows + 1
            return BookUpdate(bids=bids, asks=asks, sequence=sequence, follows=follows, at_ms=at_ms, **common)
    opened_ms = at_ms // 60_000 * 60_000
    low, first, last, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
    return Candle(
        opened_ms=opened_ms, open=first, high=high, low=low, close=last, volume=coins(symbol, draw(counts)),
        is_closed=True, at_ms=opened_ms + 60_000, **common,
    )  # fmt: skip


@settings(deadline=None)
@given(st.lists(events("bybit"), max_size=8))
def test_bybit_reads_what_it_writes(told: list[Event]) -> None:
    """Neighbouring trades of one symbol share a frame."""
    decoder = bybit.Decoder()

    assert told == [event for frame in bybit.encode(told, NOW) for event in decoder.decode(frame, NOW)]  # type: ignore[union-attr]  # data


@settings(deadline=None)
@given(st.lists(events("okx"), max_size=8))
def test_okx_reads_what_it_writes(told: list[Event]) -> None:
    """Coins to contracts and back, to the last digit."""
    decoder = okx.Decoder(dict(CONTRACTS))

    assert told == [event for frame in okx.encode(told, NOW, CONTRACTS) for event in decoder.decode(frame, NOW)]  # type: ignore[union-attr]  # data


@settings(deadline=None)
@given(symbols, times, prices, counts, counts, st.none() | prices)
def test_best_prices_are_read_as_they_were_written(
    symbol: str, at_ms: int, bid: float, one: int, other: int, ask: float | None
) -> None:
    """An empty side stays empty."""
    quantity = None if ask is None else coins(symbol, other)
    for venue in ("bybit", "okx"):
        told = Ticker(
            venue=venue, symbol=symbol, bid=bid, bid_quantity=coins(symbol, one), ask=ask, ask_quantity=quantity,
            last=bid, last_quantity=coins(symbol, one) if venue == "okx" else None, at_ms=at_ms, received_ms=NOW,
        )  # fmt: skip
        [frame] = bybit.encode([told], NOW) if venue == "bybit" else okx.encode([told], NOW, CONTRACTS)
        decoder: Any = bybit.Decoder() if venue == "bybit" else okx.Decoder(dict(CONTRACTS))

        assert [told] == list(decoder.decode(frame, NOW))


FRAMES: list[dict[str, Any]] = [
    {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1,
     "data": [{"T": 1, "s": "BTCUSDT", "S": "Buy", "v": "1", "p": "2", "i": "3"}]},
    {"topic": "orderbook.50.BTCUSDT", "type": "delta", "ts": 1,
     "data": {"s": "BTCUSDT", "b": [["1", "2"]], "a": [["3", "4"]], "u": 5, "seq": 6}},
    {"topic": "kline.1.BTCUSDT", "ts": 1, "type": "snapshot",
     "data": [{"start": 1, "end": 2, "open": "1", "close": "1", "high": "1", "low": "1", "volume": "1", "turnover": "1",
               "confirm": True, "timestamp": 3}]},
    {"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": 1, "cs": 2,
     "data": {"symbol": "BTCUSDT", "bid1Price": "1", "bid1Size": "2", "ask1Price": "3", "ask1Size": "4"}},
    {"arg": {"channel": "trades", "instId": "BTC-USDT-SWAP"},
     "data": [{"instId": "BTC-USDT-SWAP", "tradeId": "1", "px": "2", "sz": "3", "side": "buy", "ts": "4"}]},
    {"arg": {"channel": "tickers", "instId": "BTC-USDT-SWAP"},
     "data": [{"instId": "BTC-USDT-SWAP", "last": "1", "askPx": "2", "bidPx": "3", "ts": "4"}]},
    {"arg": {"channel": "books", "instId": "BTC-USDT-SWAP"}, "action": "update",
     "data": [{"asks": [["1", "2", "0", "1"]], "bids": [], "ts": "3", "prevSeqId": 4, "seqId": 5}]},
    {"arg": {"channel": "candle1m", "instId": "BTC-USDT-SWAP"}, "data": [["1", "2", "3", "1", "2", "3", "4", "5", "0"]]},
    {"arg": {"channel": "mark-price", "instId": "BTC-USDT-SWAP"},
     "data": [{"instId": "BTC-USDT-SWAP", "markPx": "1", "ts": "2"}]},
    {"arg": {"channel": "open-interest", "instId": "BTC-USDT-SWAP"},
     "data": [{"instId": "BTC-USDT-SWAP", "oi": "1", "oiCcy": "1", "oiUsd": "1", "ts": "2"}]},
]  # fmt: skip
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "nan", "-1", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def bent(value: Any, path: list[int], new: Any) -> Any:
    """The same frame with another value somewhere inside."""
    if not path or not isinstance(value, dict | list) or not value:
        return new
    if isinstance(value, dict):
        key = list(value)[path[0] % len(value)]
        return {**value, key: bent(value[key], path[1:], new)}
    place = path[0] % len(value)
    return [*value[:place], bent(value[place], path[1:], new), *value[place + 1 :]]


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(FRAMES), st.lists(st.integers(0, 20), max_size=5), anything)
def test_a_frame_that_is_wrong_somewhere_is_events_control_or_unreadable(
    frame: dict[str, Any], path: list[int], new: Any
) -> None:
    """Nothing else may come out, or one frame could stop the house."""
    text = json.dumps(bent(frame, path, new))
    decoder: Any
    for decoder in (bybit.Decoder(), okx.Decoder(dict(CONTRACTS))):
        try:
            answer = decoder.decode(text, NOW)
        except Unreadable as exc:
            assert 10 < len(str(exc)) < 400
        else:
            assert isinstance(answer, Control | list | tuple)
            assert all(isinstance(event, Event) for event in (answer if isinstance(answer, list | tuple) else ()))
