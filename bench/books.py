"""Order-book updates per second: folded into a book, and all the way from the frame; recorded ones if there are any."""

import gzip
from collections.abc import Iterator, Sequence

import msgspec

from bench.decoders import RECORDINGS, generated
from bench.measure import Row, beside
from daemon.sources.base import FeedStatus
from daemon.sources.books import Bookkeeper
from daemon.views.books import Books
from daemon.wire import binance
from daemon.wire.binance_books import decode_depth
from daemon.wire.control import Control
from rules.events import BookSnapshot, BookUpdate, Level

NOW_MS = 1_790_000_000_000
BTC = "BTC-USDT-PERP"
RECORDED = RECORDINGS / "hftbacktest/usdm_btcusdt_20240808.first30000.gz"


def rows() -> Iterator[Row]:
    """The book that was recorded at the speed of the matching engine, or the box's own."""
    what, snapshot, frames = _recorded() if RECORDED.exists() else _generated()
    updates = _updates(frames)
    levels = sum(len(update.bids) + len(update.asks) for update in updates)
    _check(snapshot, updates)

    def fold() -> None:
        books = Books()
        books.observe(snapshot)
        observe = books.observe
        for update in updates:
            observe(update)

    def dicts() -> None:
        bids, asks = dict(snapshot.bids), dict(snapshot.asks)
        for update in updates:
            _apply(bids, update.bids)
            _apply(asks, update.asks)

    def whole() -> None:
        status = FeedStatus(name="bench", venue="binance", since_ms=NOW_MS)
        keeper, books = Bookkeeper(binance.Decoder(), status, fetched=True), Books()
        keeper.decode(frames[0], NOW_MS)
        for event in keeper.settle(snapshot):
            books.observe(event)
        for frame in frames[1:]:
            for event in keeper.decode(frame, NOW_MS):  # type: ignore[union-attr]  # events
                books.observe(event)

    bare = msgspec.json.Decoder().decode

    def alone() -> None:
        for frame in frames:
            bare(frame)

    group = f"order books: {what}, {levels / len(updates):.1f} levels an update"
    ours_us, dicts_us, ratio = beside(fold, dicts, calls=1, rounds=15)
    yield Row(
        group=group,
        what="fold updates into a sorted book",
        value=len(updates) / ours_us * 1e6,
        unit="updates/s",
        against=f"into two dicts, never sorted: {len(updates) / dicts_us * 1e6:,.0f} updates/s",
        ratio=ratio,
    )
    ours_us, bare_us, ratio = beside(whole, alone, calls=1, rounds=15)
    yield Row(
        group=group,
        what="frame, decoder, bookkeeper, book",
        value=len(frames) / ours_us * 1e6,
        unit="updates/s",
        against=f"bare decode {len(frames) / bare_us * 1e6:,.0f} frames/s",
        ratio=ratio,
    )


def _updates(frames: Sequence[bytes]) -> list[BookUpdate]:
    decode, found = binance.Decoder().decode, []
    for frame in frames:
        heard = decode(frame, NOW_MS)
        if not isinstance(heard, Control):
            found += [event for event in heard if isinstance(event, BookUpdate)]
    return found


def _apply(side: dict[float, float], levels: Sequence[Level]) -> None:
    for price, size in levels:
        if size:
            side[price] = size
        else:
            side.pop(price, None)


def _check(snapshot: BookSnapshot, updates: Sequence[BookUpdate]) -> None:
    """Both ways must end with the same book, or the race means nothing."""
    books, bids, asks = Books(), dict(snapshot.bids), dict(snapshot.asks)
    books.observe(snapshot)
    for update in updates:
        books.observe(update)
        _apply(bids, update.bids)
        _apply(asks, update.asks)
    found = books.levels("binance", BTC)
    if found != (tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))):
        raise RuntimeError("the sorted book and the two dicts differ")


def _recorded() -> tuple[str, BookSnapshot, list[bytes]]:
    told = [line.split(b" ", 1)[1] for line in gzip.decompress(RECORDED.read_bytes()).splitlines()]
    snapshot = next(decode_depth(frame, BTC, NOW_MS) for frame in told if b'"lastUpdateId"' in frame)
    payloads = [frame[frame.index(b'"data":') + 7 : -1] for frame in told if b'"depthUpdate"' in frame]
    return "recorded BTCUSDT", snapshot, [one for one in payloads if _counter(one) >= snapshot.sequence]


class _Depth(msgspec.Struct):
    u: int


def _counter(frame: bytes) -> int:
    return msgspec.json.decode(frame, type=_Depth).u


def _generated() -> tuple[str, BookSnapshot, list[bytes]]:
    frames = [frame for frame in generated("binance") if b'"depthUpdate"' in frame and b'"BTCUSDT"' in frame]
    before = _counter(frames[0]) - 1
    snapshot = BookSnapshot(
        venue="binance", symbol=BTC, bids=(), asks=(), sequence=before, at_ms=NOW_MS, received_ms=NOW_MS
    )
    return "the box's BTCUSDT", snapshot, frames
