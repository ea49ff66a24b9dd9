"""Recorded trades, prices, candles and order books of Bybit and OKX, compared with what others made of them.

The oracle's conventions, and ours: its amounts are what the venue sent (contracts and dollars stay what they are), ours are
coins; its rows of best prices repeat the side that a change did not mention.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.views.books import Books
from daemon.wire import bybit, okx
from daemon.wire.control import Control, Unreadable
from daemon.wire.numbers import plain
from daemon.wire.okx_contracts import decode_instruments, from_symbol
from rules.events import BookSnapshot, BookUpdate, Candle, Event, Ticker, Trade

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = ROOT / "../shared/recordings"
NOW = 1_800_000_000_000
TRADING = (Trade, Ticker, Candle, BookSnapshot, BookUpdate)
ORACLE_KINDS = ("trade", "book_ticker", "book_change")

BEFORE_SEQUENCES = "OKX's books had no seqId before 2023; the replay below adds one and checks the venue's checksums"
NEEDS_LOGIN = "bbo-tbt is a stream that we do not use"
ANOTHER_CHAIN = "a change of a later recording, whose snapshot is not there: `u` does not follow what is known"

EXPLAINED: dict[tuple[str, int], str] = {
    ("bybit", 52): ANOTHER_CHAIN,
    ("okex-futures", 19): BEFORE_SEQUENCES,
    ("okex-futures", 25): BEFORE_SEQUENCES,
    ("okex-swap", 14): BEFORE_SEQUENCES,
    ("okex-swap", 23): NEEDS_LOGIN,
}

Recorded = dict[str, Any]  # JSON of others


def lines(name: str) -> list[Recorded]:
    """The rows of a file of recordings."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"the recordings are not beside the project ({name})")
    return [json.loads(line) for line in path.read_text().splitlines()]


def ms(iso: str) -> int:
    """2020-03-13T00:23:51.421Z -> ms."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


class Unconverted(dict[str, okx.Contract]):
    """Every contract holds one coin, so that amounts stay what OKX sent."""

    def get(self, name: str, default: Any = None) -> okx.Contract:
        return okx.Contract(1.0)


def test_recorded_trading_is_read_as_expected_or_has_a_reason() -> None:
    """No unexplained difference, and no explanation that is no longer needed."""
    books, unexplained, used, compared = Books(), list[str](), set[tuple[str, int]](), 0
    readers: dict[str, Any] = {
        "bybit": bybit.Decoder(),
        "okex-swap": okx.Decoder(Unconverted()),
        "okex-futures": okx.Decoder(Unconverted()),
    }
    for recorded in lines("tardis_node_frames.jsonl"):
        venue, number = recorded["exchange"], recorded["snapshotNo"]
        rows = [row for row in recorded["expected"] or () if row["type"] in ORACLE_KINDS]
        message = recorded["message"]
        if venue not in readers or not is_of_v5(message):
            continue
        try:
            answer = readers[venue].decode(json.dumps(message), NOW)
            events = [] if isinstance(answer, Control) else [event for event in answer if isinstance(event, TRADING)]
            differences = list(compare(events, rows, message, books))
        except Unreadable as exc:
            differences = [f"unreadable: {exc}"] if rows else []
        compared += bool(rows) and not differences
        if differences and (venue, number) in EXPLAINED:
            used.add((venue, number))
        else:
            unexplained += [f"{venue} {number}: {difference}" for difference in differences]

    assert [] == unexplained
    assert set() == EXPLAINED.keys() - used
    assert 10 <= compared


def is_of_v5(message: Any) -> bool:
    """Whether a frame is of the interfaces that we speak; the others are listed in test_recordings."""
    if not isinstance(message, dict):
        return False
    topic = str(message.get("topic", ""))
    return topic.startswith(("publicTrade.", "orderbook.", "tickers.", "kline.")) or "channel" in message.get("arg", {})


def compare(events: Sequence[Event], rows: list[Recorded], message: Recorded, books: Books) -> Iterator[str]:
    """What our reading of one frame and the oracle's rows do not have in common."""
    for event in events:
        books.observe(event)
    trades = [event for event in events if isinstance(event, Trade)]
    expected = [row for row in rows if row["type"] == "trade"]
    if len(trades) != len(expected):
        yield f"{len(trades)} trades, expected {len(expected)}"
    for trade, row in zip(trades, expected, strict=False):
        amount = trade.quantity * trade.price if is_inverse(trade.symbol, message) else trade.quantity
        ours = (trade.trade_id, trade.price, round(amount, 9), trade.taker, trade.at_ms)
        theirs = (row["id"], row["price"], row["amount"], row["side"], ms(row["timestamp"]))
        if ours != theirs:
            yield f"a trade is {ours}, expected {theirs}"
    for row in rows:
        if row["type"] == "book_change":
            yield from changed(events, row)
        elif row["type"] == "book_ticker":
            yield from best(events, row, books)


def is_inverse(symbol: str, message: Recorded) -> bool:
    """Bybit's contracts quoted in USD; OKX's amounts are left as they are here."""
    return "topic" in message and symbol.split("-")[1] == "USD"


def changed(events: Sequence[Event], row: Recorded) -> Iterator[str]:
    """Levels and their order, and whether they are all of them."""
    [event] = events
    assert isinstance(event, BookSnapshot | BookUpdate)
    if isinstance(event, BookSnapshot) is not row["isSnapshot"]:
        yield f"a {type(event).__name__}, expected the other"
    for side, levels in (("bids", event.bids), ("asks", event.asks)):
        expected = tuple((level["price"], level["amount"]) for level in row[side])
        if levels != expected:
            yield f"{side} are {levels}, expected {expected}"
    if event.at_ms != ms(row["timestamp"]):
        yield f"at {event.at_ms}, expected {row['timestamp']}"


def best(events: Sequence[Event], row: Recorded, books: Books) -> Iterator[str]:
    """The best of both sides: of the book as it is now, or of a ticker."""
    expected = ((row["bidPrice"], row["bidAmount"]), (row["askPrice"], row["askAmount"]))
    event = events[0] if events else None
    if isinstance(event, Ticker):
        ours: Any = ((event.bid, event.bid_quantity), (event.ask, event.ask_quantity))
    elif event is not None:
        ours = books.best(*event.place)
    else:
        ours = None
    if ours != expected:
        yield f"best prices are {ours}, expected {expected}"


FIXTURES = {
    "bybit/test_data/ws_public_trade.json": (
        "publicTrade.BTCUSDT",  # its topic is of an older interface: trade.linear.
        [Trade(venue="bybit", symbol="BTC-USDT-PERP", price=27451.0, quantity=0.010, taker="buy",
               trade_id="9dc75fca-4bdd-4773-9f78-6f5d7ab2a110", at_ms=1709891679000, received_ms=NOW)],
    ),
    "bybit/test_data/ws_orderbook_snapshot.json": (
        None,
        [BookSnapshot(venue="bybit", symbol="BTC-USDT-PERP", bids=((27450.0, 0.5), (27449.5, 1.0)),
                      asks=((27451.0, 0.75), (27451.5, 0.9)), sequence=123456789, at_ms=1709891679000, received_ms=NOW)],
    ),
    "bybit/test_data/ws_orderbook_delta.json": (
        None,
        [BookUpdate(venue="bybit", symbol="BTC-USDT-PERP", bids=((27450.0, 0.4),), asks=((27451.0, 0.0),),
                    sequence=123456790, follows=123456789, at_ms=1709891679500, received_ms=NOW)],
    ),
    "bybit/test_data/ws_kline.json": (
        None,
        [Candle(venue="bybit", symbol="BTC-USDT-PERP", opened_ms=1672324800000, interval_ms=300_000, open=16649.5,
                high=16677.0, low=16608.0, close=16677.0, volume=2.081, is_closed=False, at_ms=1672324988882,
                received_ms=NOW)],
    ),
    "okx/test_data/ws_trades.json": (
        "BTC-USD-SWAP",  # recorded of spot and of an index, where amounts are no contracts
        [Trade(venue="okx", symbol="BTC-USD-PERP", price=42219.9, quantity=0.12060306, taker="buy",
               trade_id="130639474", at_ms=1630048897897, received_ms=NOW)],
    ),
    "okx/test_data/ws_tickers.json": (
        "BTC-USDT-SWAP",
        [Ticker(venue="okx", symbol="BTC-USDT-PERP", bid=8888.88, ask=9999.99, bid_quantity=5.0, ask_quantity=11.0,
                last=9999.99, last_quantity=0.1, at_ms=1597026383085, received_ms=NOW)],
    ),
    "okx/test_data/ws_candle.json": (
        "BTC-USDT-SWAP",
        [Candle(venue="okx", symbol="BTC-USDT-PERP", opened_ms=1597026383085, interval_ms=86_400_000, open=8533.02,
                high=8553.74, low=8527.17, close=8548.26, volume=529.5858061, is_closed=True,
                at_ms=1597026383085 + 86_400_000, received_ms=NOW)],
    ),
}  # fmt: skip


def test_fixtures_of_another_project_say_what_is_in_them() -> None:
    """Chosen by their path; a path that vanished is noticed."""
    rows = lines("nautilus_ws_fixtures.jsonl")
    for path, (name, expected) in FIXTURES.items():
        [message] = [row["message"] for row in rows if row["path"].endswith(path)]
        decoder: Any = bybit.Decoder()
        if "topic" in message:
            message["topic"] = name or message["topic"]
        else:
            message["arg"]["instId"] = name
            for row in message["data"]:
                if isinstance(row, dict) and "instId" in row:
                    row["instId"] = name
            decoder = okx.Decoder(Unconverted())

        assert expected == list(decoder.decode(json.dumps(message), NOW)), path


def test_another_projects_okx_book_follows_its_snapshot() -> None:
    """A snapshot and the update after it: one chain, best first."""
    rows = lines("nautilus_ws_fixtures.jsonl")
    events = []
    for name in ("ws_books_snapshot", "ws_books_update"):
        [message] = [row["message"] for row in rows if row["path"].endswith(f"{name}.json")]
        message["arg"]["instId"] = "BTC-USDT-SWAP"
        [event] = okx.Decoder(Unconverted()).decode(json.dumps(message), NOW)  # type: ignore[misc]  # no control
        events.append(event)
    snapshot, update = events

    assert isinstance(snapshot, BookSnapshot)
    assert isinstance(update, BookUpdate)
    assert (123456, 123456, 123457) == (snapshot.sequence, update.follows, update.sequence)
    assert ((8476.97, 256.0), (8476.98, 415.0)) == (snapshot.bids[0], snapshot.asks[0])


def session(name: str) -> list[bytes]:
    """The frames that were received in a recorded session."""
    path = RECORDINGS / "cryptofeed" / name
    if not path.exists():
        pytest.skip("the recordings are not beside the project")
    frames = [line.partition(b": ")[2] for line in gzip.decompress(path.read_bytes()).splitlines()]
    return [frame for frame in frames if frame.startswith(b"{")]


def test_a_recorded_session_of_okx_keeps_three_books_whole() -> None:
    """Ten seconds of 2022: the book never crosses, agrees with every checksum that OKX sent, and with the
    tickers.

    The frames are older than sequence numbers, so each gets one. The spot pair is read as if it were a contract.
    """
    books, sequences, checked = Books(), dict[str, int](), 0
    told, stood = set[Any](), set[Any]()
    decoder = okx.Decoder(Unconverted())
    for frame in session("OKX.ws.1.0.gz"):
        message = json.loads(frame)
        if "data" not in message:
            continue
        name = message["arg"]["instId"]
        if name == "BTC-USDT":
            message = json.loads(frame.replace(b'"BTC-USDT"', b'"BTC-USDT-SWAP"'))
        if message["arg"]["channel"] == "books":
            sequence = sequences.get(name, 0)
            sequences[name] = sequence + 1
            message["data"][0] |= {"prevSeqId": sequence or -1, "seqId": sequence + 1}
        [event] = decoder.decode(json.dumps(message), NOW)  # type: ignore[misc]  # no control
        books.observe(event)
        if isinstance(event, Ticker):
            told.add((event.symbol, event.bid, event.ask))
            continue
        if not isinstance(event, BookSnapshot | BookUpdate):
            assert isinstance(event, Trade)
            continue
        found = books.levels(*event.place, 25)
        assert found is not None
        assert found[0][0][0] < found[1][0][0], "crossed"
        assert message["data"][0]["checksum"] == checksum(*found)
        stood.add((event.symbol, found[0][0][0], found[1][0][0]))
        checked += 1

    assert (290, 0) == (checked, books.gaps)
    assert 7 == len(told)
    assert 3 <= len(told & stood)  # the others were sent between two updates, which come every 100 ms
    for symbol, bid, ask in told:
        bids, asks = zip(*((b, a) for name, b, a in stood if name == symbol), strict=True)
        assert min(bids) <= bid <= max(bids)
        assert min(asks) <= ask <= max(asks)


def checksum(bids: Any, asks: Any) -> int:
    """OKX's: the best 25 of both sides in turn as text, as a signed CRC-32."""
    words = []
    for place in range(25):
        for side in (bids, asks):
            if place < len(side):
                words += [plain(side[place][0]), plain(side[place][1])]
    value = zlib.crc32(":".join(words).encode())
    return value - (1 << 32) if value >= 1 << 31 else value


def test_recorded_sizes_of_contracts_make_coins_of_contracts() -> None:
    """Instruments and trades of one recording: 1 contract of UNI-USD-SWAP is 10 dollars."""
    path = RECORDINGS / "cryptofeed/OKX.0.gz"
    if not path.exists():
        pytest.skip("the recordings are not beside the project")
    contracts: dict[str, okx.Contract] = {}
    for line in gzip.decompress(path.read_bytes()).splitlines():
        if b"instType=SWAP" in line or b"instType=FUTURES" in line:
            contracts |= decode_instruments(line.partition(b" -> ")[2].partition(b": ")[2])
    decoder, seen = okx.Decoder(contracts), 0
    for frame in session("OKX.ws.1.0.gz"):
        row = json.loads(frame).get("data", [{}])[0]
        if "tradeId" not in row or row["instId"] not in contracts:
            continue
        [trade] = decoder.decode(frame, NOW)  # type: ignore[misc]  # no control
        assert isinstance(trade, Trade)
        contract = contracts[from_symbol(trade.symbol)]
        assert contract.is_inverse
        assert float(row["sz"]) * contract.size == pytest.approx(trade.quantity * trade.price)
        seen += 1

    assert 0 < seen
    assert (10.0, 100.0) == (contracts["UNI-USD-SWAP"].size, contracts["BTC-USD-SWAP"].size)
