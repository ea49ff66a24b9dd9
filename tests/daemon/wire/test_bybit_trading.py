"""Bybit's trades, best prices, candles and order books, one trap a test."""

import json
from typing import Any

import pytest

from daemon.wire import bybit
from daemon.wire.control import Ignored, Unreadable
from rules.events import BookSnapshot, BookUpdate, Candle, Event, MarkPrice, Ticker, Trade

NOW = 1_800_000_000_000
AT = 1_791_565_601_482
TRADE = {"T": AT, "s": "BTCUSDT", "S": "Buy", "v": "0.010", "p": "27451.00", "L": "PlusTick", "i": "9dc7", "BT": False}
BAR = {
    "start": 60_000, "end": 119_999, "interval": "1", "open": "10", "high": "12", "low": "9", "close": "11",
    "volume": "2.5", "turnover": "26", "confirm": False, "timestamp": AT,
}  # fmt: skip
TICKER = {
    "symbol": "BTCUSDT", "lastPrice": "17216.00", "markPrice": "17217.33", "indexPrice": "17227.36",
    "bid1Price": "17215.50", "bid1Size": "84.489", "ask1Price": "17216.00", "ask1Size": "83.020",
}  # fmt: skip


def read(frame: dict[str, Any], decoder: bybit.Decoder | None = None) -> list[Any]:
    """The events of a frame."""
    answer = (decoder or bybit.Decoder()).decode(json.dumps(frame).encode(), NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def trades(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": AT, "data": list(rows)}


def book(kind: str, u: int, bids: Any = (), asks: Any = (), *, name: str = "BTCUSDT", **more: Any) -> dict[str, Any]:
    data = {"s": name, "b": bids, "a": asks, "u": u, "seq": 7961638724}
    return {"topic": f"orderbook.50.{name}", "type": kind, "ts": AT, "data": data, **more}


def kline(**changes: Any) -> dict[str, Any]:
    return {"topic": "kline.1.BTCUSDT", "data": [{**BAR, **changes}], "ts": AT, "type": "snapshot"}


def ticker(data: dict[str, Any], kind: str = "snapshot") -> dict[str, Any]:
    return {"topic": f"tickers.{data['symbol']}", "type": kind, "data": data, "cs": 77, "ts": AT}


def test_a_trade_says_who_took_the_price() -> None:
    """`S` is the taker's side here, unlike in a liquidation."""
    [trade] = read(trades(TRADE))

    assert (
        Trade(
            venue="bybit",
            symbol="BTC-USDT-PERP",
            price=27451.0,
            quantity=0.01,
            taker="buy",
            trade_id="9dc7",
            at_ms=AT,
            received_ms=NOW,
        )
        == trade
    )
    assert ["buy", "sell"] == [trade.taker for trade in read(trades(TRADE, {**TRADE, "S": "Sell", "i": "2"}))]


def test_sizes_of_inverse_contracts_are_dollars() -> None:
    """Trades, books, candles and best prices count coins with us."""
    [trade] = read(trades({**TRADE, "s": "BTCUSD", "v": "5000", "p": "25000"}))
    [snapshot] = read(book("snapshot", 9, [["25000", "5000"]], [["25001", "0"]], name="BTCUSD"))
    [candle] = read({**kline(), "topic": "kline.1.BTCUSD"})
    prices = read(ticker({**TICKER, "symbol": "BTCUSD", "bid1Price": "25000", "bid1Size": "5000"}))[-1]

    assert (0.2, ((25000.0, 0.2),), 26.0) == (trade.quantity, snapshot.bids, candle.volume)
    assert (0.2, 25000.0) == (prices.bid_quantity, prices.bid)


def test_a_book_is_a_snapshot_and_then_changes_that_count_up_by_one() -> None:
    """Size 0 takes a level away; the time is the matching engine's where it is told."""
    [snapshot] = read(book("snapshot", 100, [["10", "1"]], [["11", "2"]]))
    [update] = read(book("delta", 101, [["10", "0"]], [], cts=AT - 3))

    assert isinstance(snapshot, BookSnapshot)
    assert (100, "asked", ((10.0, 1.0),), ((11.0, 2.0),), AT) == (
        snapshot.sequence, snapshot.why, snapshot.bids, snapshot.asks, snapshot.at_ms,
    )  # fmt: skip
    assert isinstance(update, BookUpdate)
    assert (101, 100, ((10.0, 0.0),), (), AT - 3) == (
        update.sequence, update.follows, update.bids, update.asks, update.at_ms,
    )  # fmt: skip


def test_u_1_is_a_new_snapshot_whatever_it_is_called() -> None:
    """Bybit's service was started again."""
    for kind in ("snapshot", "delta"):
        [snapshot] = read(book(kind, 1, [["10", "1"]], [["11", "2"]]))

        assert isinstance(snapshot, BookSnapshot)
        assert "renewed" == snapshot.why


def test_a_candle_moves_until_it_is_confirmed() -> None:
    """Its length comes from its ends, its name from the topic."""
    [moving], [closed] = read(kline()), read(kline(confirm=True))
    [longer] = read({**kline(end=359_999), "topic": "kline.5.BTCUSDT"})

    assert (
        Candle(
            venue="bybit",
            symbol="BTC-USDT-PERP",
            opened_ms=60_000,
            interval_ms=60_000,
            open=10.0,
            high=12.0,
            low=9.0,
            close=11.0,
            volume=2.5,
            is_closed=False,
            at_ms=AT,
            received_ms=NOW,
        )
        == moving
    )
    assert (True, 300_000) == (closed.is_closed, longer.interval_ms)


def test_best_prices_are_merged_from_the_ticker() -> None:
    """A change that mentions one side repeats the other; one that mentions neither tells no prices."""
    decoder = bybit.Decoder()
    told = read(ticker(TICKER), decoder)
    [again] = read(ticker({"symbol": "BTCUSDT", "ask1Size": "1.5"}, "delta"), decoder)
    quiet = read(ticker({"symbol": "BTCUSDT", "markPrice": "17300"}, "delta"), decoder)
    [both] = read(ticker({"symbol": "BTCUSDT", "bid1Price": "17210"}, "delta"), decoder)

    assert [MarkPrice, Ticker] == [type(event) for event in told]
    assert (17215.5, 84.489, 17216.0, 1.5, 17216.0, 17217.33, 77) == (
        again.bid, again.bid_quantity, again.ask, again.ask_quantity, again.last, again.mark_price, again.sequence,
    )  # fmt: skip
    assert [MarkPrice] == [type(event) for event in quiet]
    assert (17210.0, 17300.0) == (both.bid, both.mark_price)


def test_best_prices_are_told_of_those_contracts_only_whose_somebody_wants() -> None:
    """But remembered of all: who wants them later gets them whole."""
    wanted: set[str] = set()
    decoder = bybit.Decoder(prices_of=wanted)
    before = read(ticker(TICKER), decoder)
    wanted.add("BTCUSDT")
    [prices] = read(ticker({"symbol": "BTCUSDT", "bid1Size": "2"}, "delta"), decoder)

    assert [MarkPrice] == [type(event) for event in before]
    assert (17215.5, 2.0, 17216.0) == (prices.bid, prices.bid_quantity, prices.ask)


def test_a_side_that_is_empty_is_missing() -> None:
    """A contract that is not traded yet says "" or 0 for its prices; the rest of its ticker is read."""
    for nothing in ("", "0"):
        told = read(ticker({**TICKER, "bid1Price": nothing, "bid1Size": nothing, "lastPrice": nothing}))

        assert [MarkPrice, Ticker] == [type(event) for event in told]
        assert (None, None, None, 17216.0) == (told[1].bid, told[1].bid_quantity, told[1].last, told[1].ask)


def test_frames_are_read_wherever_their_topic_stands() -> None:
    """Bybit says the topic first; nothing promises that it always will."""
    for frame in (trades(TRADE), book("snapshot", 5), kline(), ticker({**TICKER, "bid1Price": ""})):
        moved = {key: frame[key] for key in sorted(frame, reverse=True) if key != "topic"} | {"topic": frame["topic"]}

        assert read(frame) == read(moved)


def test_private_orders_are_not_taken_for_books() -> None:
    """Their topic begins like `orderbook`."""
    assert Ignored() == bybit.Decoder().decode('{"topic":"order","id":"1","data":[{"symbol":"BTCUSDT"}]}', NOW)


@pytest.mark.parametrize(
    "frame",
    [
        trades({**TRADE, "p": "0"}),
        trades({**TRADE, "v": "nan"}),
        trades({**TRADE, "v": "inf"}),
        trades({**TRADE, "p": "-1"}),
        trades({**TRADE, "S": "Both"}),
        trades({**TRADE, "s": "?"}),
        book("snapshot", 1, [["nan", "1"]]),
        book("delta", 2, [["1", "infinity"]]),
        book("delta", 2, [["1"]]),
        book("delta", 2, name="?"),
        kline(open=""),
        kline(low="0"),
        kline(start="x"),
        {"topic": "orderbook.50.BTCUSDT", "type": "delta"},
        {"topic": "publicTrade.BTCUSDT", "data": {"symbol": "BTCUSDT"}},
        {"topic": "kline.1.BTCUSDT", "data": None},
    ],
)
def test_nonsense_is_unreadable(frame: dict[str, Any]) -> None:
    """And nothing but unreadable."""
    with pytest.raises(Unreadable, match="Bybit"):
        bybit.Decoder().decode(json.dumps(frame), NOW)


def test_what_is_written_is_read_back() -> None:
    """The server in the box writes what the decoder reads; trades of one symbol share a frame."""
    events: list[Event] = [
        *read(trades(TRADE, {**TRADE, "i": "2", "S": "Sell"})),
        *read(trades({**TRADE, "s": "BTCUSD", "v": "5000", "p": "25000"})),
        *read(book("snapshot", 100, [["10", "1"]], [["11", "2"]])),
        *read(book("delta", 101, [["10", "0"]], [["11.5", "0.25"]])),
        *read(kline()),
        *read(kline(confirm=True)),
    ]
    frames = bybit.encode(events, NOW)
    decoder = bybit.Decoder()

    assert len(events) - 1 == len(frames)
    assert events == [event for frame in frames for event in decoder.decode(frame, NOW)]  # type: ignore[union-attr]  # data


def test_best_prices_share_the_frame_of_the_mark_price() -> None:
    """One topic, one frame a moment; a newcomer gets all of it."""
    told = read(ticker(TICKER))
    [frame] = bybit.encode(told, NOW)

    assert [MarkPrice, Ticker] == [type(event) for event in read(json.loads(frame))]
    assert (told[1].bid, told[1].ask, told[1].last) == (
        read(json.loads(frame))[1].bid, read(json.loads(frame))[1].ask, read(json.loads(frame))[1].last,
    )  # fmt: skip
