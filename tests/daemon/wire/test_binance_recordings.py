"""Binance's recorded trades, best prices and books, compared with what others made of them and with the venue's own words.

The oracle's conventions, and ours: it dates books and best prices by `E`, when a frame was sent; we by `T`, when it happened.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.sources.base import FeedStatus
from daemon.sources.books import Bookkeeper
from daemon.views.books import Books
from daemon.wire import binance
from daemon.wire.binance_books import decode_depth
from daemon.wire.binance_trading_server import route_of
from daemon.wire.control import Control, Ignored, Unreadable
from rules.events import BookSnapshot, BookUpdate, Candle, Event, Liquidation, Ticker, Trade

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = ROOT / "../shared/recordings"
NOW = 1_800_000_000_000

BUFFERED = "the oracle waits for the recorder's snapshot; our bookkeeper does the same, one floor up"
BY_RECORDER = "made by the recorder, no stream of Binance"
UNSAID = "a frame without expected rows, of another test of theirs"

EXPLAINED: dict[int | None, str] = {6: BUFFERED, 7: BY_RECORDER, None: UNSAID}

Recorded = dict[str, Any]  # JSON of others


def path_of(name: str) -> Path:
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"the recordings are not beside the project ({name})")
    return path


def lines(name: str) -> list[Recorded]:
    return [json.loads(line) for line in path_of(name).read_text().splitlines()]


def ms(iso: str) -> int:
    """2020-03-13T00:23:51.421Z -> ms."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def facts(event: Event, sent_ms: int) -> Recorded:
    """An event as the oracle would write it."""
    match event:
        case Trade():
            return {
                "type": "trade", "id": event.trade_id, "price": event.price, "amount": event.quantity,
                "side": event.taker, "at": event.at_ms,
            }  # fmt: skip
        case Ticker():
            return {
                "type": "book_ticker", "askAmount": event.ask_quantity, "askPrice": event.ask,
                "bidPrice": event.bid, "bidAmount": event.bid_quantity, "at": sent_ms,
            }  # fmt: skip
        case BookUpdate():
            return {
                "type": "book_change", "isSnapshot": False, "bids": list(event.bids), "asks": list(event.asks),
                "at": sent_ms,
            }  # fmt: skip
        case Liquidation():  # its price is compared in test_recordings: the oracle takes the limit, we the fill
            side = "sell" if event.side == "long" else "buy"
            return {"type": "liquidation", "amount": event.quantity, "side": side, "at": event.at_ms}
    return {"type": type(event).__name__}


def theirs(row: Recorded) -> Recorded:
    """The oracle's row in the same words."""
    left_out = ["symbol", "exchange", "timestamp", "localTimestamp"] + ["price"] * (row["type"] == "liquidation")
    kept = {key: value for key, value in row.items() if key not in left_out}
    for side in {"bids", "asks"} & kept.keys():
        kept[side] = [(level["price"], level["amount"]) for level in kept[side]]
    return {**kept, "at": ms(row["timestamp"])}


def test_every_recorded_frame_of_trading_is_read_as_expected_or_has_a_reason() -> None:
    """No unexplained difference, and no explanation that is no longer needed."""
    decoder, unexplained, used, compared = binance.Decoder(), [], set(), 0
    for recorded in lines("tardis_node_frames.jsonl"):
        if recorded["exchange"] != "binance-futures":
            continue
        message, number = recorded["message"], recorded["snapshotNo"]
        expected = [theirs(row) for row in recorded["expected"] or () if row["type"] != "derivative_ticker"]
        try:
            answer = decoder.decode(json.dumps(message), NOW)
        except Unreadable:
            answer = Ignored()
        events = [] if isinstance(answer, Control) else answer
        sent_ms = message["data"].get("E", 0)
        found = [
            facts(event, sent_ms) for event in events if isinstance(event, Trade | Ticker | BookUpdate | Liquidation)
        ]
        if found != expected:
            used.add(number)
            if number not in EXPLAINED:
                unexplained.append(f"{number}: {found}, expected {expected}")
        compared += bool(expected) and found == expected

    assert [] == unexplained
    assert EXPLAINED.keys() == used
    assert 5 == compared


def test_frames_of_another_project_hold_what_their_names_say() -> None:
    """Chosen by their path; a path that vanished is noticed."""
    rows = {row["path"].split("market_data_json/")[-1]: row["message"] for row in lines("nautilus_ws_fixtures.jsonl")}
    read = {name: binance.Decoder().decode(json.dumps(rows[name]), NOW) for name in (
        "trade_stream.json", "book_ticker_stream.json", "depth_update_stream.json",
        "kline_stream_closed.json", "kline_stream_open.json", "agg_trade_stream.json",
    )}  # fmt: skip
    assert Ignored() == read.pop("agg_trade_stream.json")
    trade, ticker, update, closed, moving = (one for [one] in read.values())  # type: ignore[misc]  # one each

    assert isinstance(trade, Trade)
    assert ("5933014", 0.001, 100.0, "sell", 123456785) == (
        trade.trade_id, trade.price, trade.quantity, trade.taker, trade.at_ms,
    )  # fmt: skip
    assert isinstance(ticker, Ticker)
    assert (25.3519, 31.21, 25.3652, 40.66, 400900217) == (
        ticker.bid, ticker.bid_quantity, ticker.ask, ticker.ask_quantity, ticker.sequence,
    )  # fmt: skip
    assert isinstance(update, BookUpdate)
    assert (160, 149, ((0.0024, 10.0),), ((0.0026, 100.0),)) == (
        update.sequence, update.follows, update.bids, update.asks,
    )  # fmt: skip
    assert isinstance(closed, Candle)
    assert (1638747660000, 60_000, 0.001, 0.0025, 0.001, 0.002, 1000.0, True) == (
        closed.opened_ms, closed.interval_ms, closed.open, closed.high, closed.low, closed.close, closed.volume,
        closed.is_closed,
    )  # fmt: skip
    assert isinstance(moving, Candle)
    assert not moving.is_closed


def kept_whole(frames: Iterator[bytes], snapshots: dict[str, bytes]) -> Iterator[tuple[Event, Books]]:
    """Every event with the books as they are after it, as a feed would hear it: snapshots are fetched when asked for."""
    status = FeedStatus(name="replay", venue="binance", since_ms=0)
    keeper, books = Bookkeeper(binance.Decoder(), status, fetched=True), Books()
    for frame in frames:
        heard = keeper.decode(frame, NOW)
        if isinstance(heard, Control):
            continue
        events = list(heard)
        while not keeper.lost.empty():
            symbol = keeper.lost.get_nowait()
            if symbol in snapshots:
                events += keeper.settle(decode_depth(snapshots[symbol], symbol, NOW))
        for event in events:
            books.observe(event)
            yield event, books
    assert 0 == status.gaps


def test_a_recorded_minute_of_the_fastest_book_never_crosses_and_has_the_venues_own_best_prices() -> None:
    """30,000 frames of BTCUSDT at full speed: trades, best prices, and a book at the speed of the matching engine.

    The snapshot was recorded a second late, so the book begins there. A ticker's counter says which state of the book it
    shows: where the book stands at the same counter, both must say the same.
    """
    told = [line.split(b" ", 1)[1] for line in gzip.decompress(
        path_of("hftbacktest/usdm_btcusdt_20240808.first30000.gz").read_bytes()
    ).splitlines()]  # fmt: skip
    [snapshot] = [frame for frame in told if b'"lastUpdateId"' in frame]
    begins = json.loads(snapshot)["lastUpdateId"]

    def updates() -> Iterator[bytes]:
        for frame in told:
            if frame is not snapshot:
                payload = frame[frame.index(b'"data":') + 7 : -1]
                if b'"depthUpdate"' not in payload or json.loads(payload)["u"] >= begins:
                    yield payload

    crossed, trades, tickers, compared, differing = 0, 0, 0, 0, []
    shown: dict[int, tuple[Any, Any]] = {}  # counter -> the venue's own best prices
    built: dict[int, tuple[Any, Any]] = {}  # counter -> ours
    for event, books in kept_whole(updates(), {"BTC-USDT-PERP": snapshot}):
        if isinstance(event, BookSnapshot | BookUpdate):
            best = books.best("binance", "BTC-USDT-PERP")
            assert best is not None
            (bid, _), (ask, _) = built[event.sequence] = best  # type: ignore[misc]  # both sides are there
            crossed += bid >= ask
        elif isinstance(event, Ticker):
            tickers += 1
            shown[event.sequence or 0] = ((event.bid, event.bid_quantity), (event.ask, event.ask_quantity))
        else:
            trades += 1
    counters = sorted(shown)
    at = 0
    for sequence, ours in sorted(built.items()):
        while at < len(counters) and counters[at] <= sequence:
            at += 1
        if 0 < at < len(counters):  # the best prices in force at that counter: tickers come with every change of them
            compared += 1
            if shown[counters[at - 1]] != ours:
                differing.append((sequence, shown[counters[at - 1]], ours))

    assert 0 == crossed
    assert (4_565, 23_053) == (trades, tickers)
    assert 2_000 < compared
    assert [] == differing[:3]


def test_recorded_books_of_four_coins_never_cross_and_follow_each_other_without_a_gap() -> None:
    """A session of 2021 with the snapshots that its recorder fetched: SUSHI, AKRO, KEEP and CTK."""
    snapshots = {}
    for line in gzip.decompress(path_of("cryptofeed/BINANCE_FUTURES.http.0.0.gz").read_bytes()).splitlines():
        if b"/depth?" not in line:
            continue
        name = line.partition(b"symbol=")[2].partition(b"&")[0].decode()
        snapshots[binance.to_symbol(name)] = line[line.index(b"{") :]
    told = gzip.decompress(path_of("cryptofeed/BINANCE_FUTURES.ws.1.0.gz").read_bytes()).splitlines()
    frames = (line.partition(b": ")[2] for line in told[1:])
    applied, candles = 0, 0
    for event, books in kept_whole((frame for frame in frames if frame[:1] == b"{"), snapshots):
        candles += isinstance(event, Candle)
        if isinstance(event, BookUpdate):
            applied += 1
            best = books.best(*event.place)
            assert best is not None
            assert best[0] is not None
            assert best[1] is not None
            assert best[0][0] < best[1][0]

    assert 67 == candles
    assert 600 < applied
    assert snapshots.keys() == {symbol for symbol in snapshots if books.get("binance", symbol) is not None}


@pytest.mark.parametrize(
    ("topic", "route"),
    [
        ("btcusdt@trade", "public"),
        ("btcusdt@depth@100ms", "public"),
        ("!bookTicker", "public"),
        ("btcusdt@aggTrade", "market"),
        ("btcusdt@kline_1m", "market"),
        ("!forceOrder@arr", "market"),
    ],
)
def test_each_stream_has_its_route(topic: str, route: str) -> None:
    """On the other one it is acknowledged, and never delivered."""
    assert route == route_of(topic)
