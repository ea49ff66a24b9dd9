"""Frames per second through each venue's decoder to events, beside the bare msgspec decode of the same frames.

Bare means without types: what it costs anybody to know what a frame says at all. The frames are those of the market in the
box, in each venue's own protocol, and recorded ones where they lie beside the project.
"""

import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from bench.measure import Row, beside
from daemon.simulator.box import _VENUES
from daemon.simulator.listings import ELSEWHERE, EXCHANGES
from daemon.simulator.venue import Venue
from daemon.simulator.world import World
from daemon.sources.script import Reader
from daemon.wire import (
    binance,
    bitget_stream,
    bybit,
    datamaxi,
    deribit_stream,
    gate_stream,
    htx_stream,
    hyperliquid_stream,
    okx,
)
from daemon.wire.control import Control, Unreadable
from daemon.wire.gate_symbols import from_symbol as gate_name
from daemon.wire.htx_symbols import from_symbol as htx_name
from daemon.wire.okx_contracts import from_symbol as okx_name
from rules.events import BookUpdate, Candle, Event, Ticker, Trade

NOW_MS = 1_790_000_000_000
STEPS = 240  # a minute of the box
FRAMES = 2_000  # of one round
RECORDINGS = Path(__file__).resolve().parents[1] / "../shared/recordings"
SYMBOLS = ("BTC-USDT-PERP", "ETH-USDT-PERP", "SOL-USDT-PERP")
LIMIT = "at most 3"

READERS: dict[str, Callable[[], Reader]] = {
    "binance": binance.Decoder,
    "bybit": bybit.Decoder,
    "okx": lambda: okx.Decoder({okx_name(symbol): okx.Contract(1.0) for symbol in SYMBOLS}),
    "datamaxi": datamaxi.Decoder,
    "deribit": deribit_stream.Decoder,
    "hyperliquid": hyperliquid_stream.Decoder,
    "gate": lambda: gate_stream.Decoder({gate_name(symbol): gate_stream.Contract(1.0) for symbol in SYMBOLS}),
    "htx": lambda: htx_stream.Decoder({htx_name(symbol): 1.0 for symbol in SYMBOLS}),
    "bitget": bitget_stream.Decoder,
}
UNPACK: dict[str, Callable[[bytes], bytes | str]] = {"htx": htx_stream.unpack}  # what has to be done before any decode

# What a ticker of these venues says beside what we read; the box leaves it out, and a frame without it would not be theirs.
UNREAD: dict[str, tuple[bytes, bytes]] = {
    "gate": (
        b'"result":[{',
        b'"last":"85295.5","change_percentage":"-1.32","volume_24h":"155496714","volume_24h_base":"15549",'
        b'"volume_24h_quote":"360157621","volume_24h_settle":"360157621","quanto_base_rate":"","low_24h":"84102.1",'
        b'"high_24h":"86240.7","price_type":"last","change_from":"24h","change_price":"-1141.2",',
    ),
    "bitget": (
        b'"data":[{',
        b'"highPrice24h":"86237.7","lowPrice24h":"84414.5","openPrice24h":"85641","lastPrice":"85295.3","turnover24h":'
        b'"2914473798.93","volume24h":"37764.7894","bid1Price":"85295.2","ask1Price":"85295.3","bid1Size":"0.9608",'
        b'"ask1Size":"9.5716","price24hPcnt":"-0.013",',
    ),
    "hyperliquid": (b'"ctx":{', b'"midPx":"85295.0","impactPxs":["85294.0","85296.0"],'),
}


def rows() -> Iterator[Row]:
    """Each venue's frames of one minute of the box, then what was recorded."""
    for name, reader in READERS.items():
        yield _row(f"{name}: the box", reader, generated(name), UNPACK.get(name))
    for what, name, frames in recorded():
        yield _row(f"{name}: {what}", READERS[name], frames, UNPACK.get(name))


def _row(
    what: str, reader: Callable[[], Reader], frames: Sequence[bytes], unpack: Callable[[bytes], bytes | str] | None
) -> Row:
    events = _events(reader(), frames) / len(frames)
    if not events:
        raise RuntimeError(f"{what}: not one of {len(frames)} frames says anything")
    frames = frames[:FRAMES]
    passes = max(1, FRAMES // len(frames))

    def ours() -> None:
        decode = reader().decode  # a new one: some decoders tell only what has changed, or what is a minute old
        for number in range(passes):
            received_ms = NOW_MS + number * 60_000
            for frame in frames:
                decode(frame, received_ms)

    bare = msgspec.json.Decoder().decode

    def alone() -> None:
        for _ in range(passes):
            for frame in frames:
                bare(frame if unpack is None else unpack(frame))

    ours_us, bare_us, ratio = beside(ours, alone, calls=1, rounds=25)
    size, count = sum(len(frame) for frame in frames) / len(frames), len(frames) * passes
    return Row(
        group="frames through each venue's decoder to events",
        what=f"{what}, {size:,.0f} bytes, {events:.1f} events",
        value=count / ours_us * 1e6,
        unit="frames/s",
        against=f"bare decode {count / bare_us * 1e6:,.0f} frames/s",
        ratio=ratio,
        limit=LIMIT,
    )


def _events(reader: Reader, frames: Sequence[bytes]) -> int:
    heard = [reader.decode(frame, NOW_MS) for frame in frames]
    return sum(len(one) for one in heard if not isinstance(one, Control))


def generated(name: str) -> list[bytes]:
    """What this venue's server in the box sends of three coins in a minute, each stream once."""
    world, now_ms = World(1, NOW_MS), NOW_MS
    venue: Venue = next(kind for kind in _VENUES if kind.name == name)(world, lambda: now_ms)
    trading = [(kind, symbol) for kind in (Trade, Ticker, Candle, BookUpdate) for symbol in SYMBOLS]
    frames: dict[bytes, None] = {}
    for _ in range(STEPS):
        now_ms += 250
        said = world.step(now_ms)
        # those who trade elsewhere repeat an exchange's market
        events = _as(name, said["binance"]) if name in ELSEWHERE else said[name]
        events = [event for event in events if event.place[1] in SYMBOLS]
        if name in EXCHANGES:
            events += venue.trading.step(trading, now_ms)
        venue.note(events)
        frames |= dict.fromkeys(frame for _, frame in venue.frames(events, now_ms))
    before, unread = UNREAD.get(name, (b"", b""))
    return [frame.replace(before, before + unread, 1) if unread and b"ark" in frame else frame for frame in frames]


def _as(venue: str, events: Sequence[Event]) -> list[Event]:
    return [msgspec.structs.replace(event, venue=venue) for event in events]


_OTHERS = {"okex-swap": "okx", "okex-futures": "okx", "huobi-dm-linear-swap": "htx"}  # what others call our venues


class _Line(msgspec.Struct):
    message: msgspec.Raw
    exchange: str = ""
    path: str = ""


class _Wrapped(msgspec.Struct):
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    stream: str = ""


def recorded() -> Iterator[tuple[str, str, list[bytes]]]:
    """(what, venue, frames) of recordings beside the project: only frames that today's decoders read."""
    path = RECORDINGS / "hftbacktest/usdm_btcusdt_20240808.first30000.gz"
    if path.exists():
        told = [line.split(b" ", 1)[1] for line in gzip.decompress(path.read_bytes()).splitlines()]
        yield "recorded BTCUSDT, all streams", "binance", [_payload(frame) for frame in told if b'"stream"' in frame]
    files = [RECORDINGS / name for name in ("tardis_node_frames.jsonl", "nautilus_ws_fixtures.jsonl")]
    told_of = [
        msgspec.json.decode(line, type=_Line)
        for file in files
        if file.exists()
        for line in file.read_bytes().splitlines()
    ]
    for name in READERS:
        mine = [
            bytes(line.message) for line in told_of if name in (_OTHERS.get(line.exchange, line.exchange) + line.path)
        ]
        if frames := [frame for frame in map(_payload, mine) if _is_read(name, frame)]:
            yield "frames of other projects", name, frames


def _payload(frame: bytes) -> bytes:
    """A frame as /ws sends it, without the envelope of /stream."""
    wrapped = msgspec.json.decode(frame, type=_Wrapped) if frame[:1] == b"{" else _Wrapped()
    return bytes(wrapped.data) if wrapped.stream else frame


def _is_read(name: str, frame: bytes) -> bool:
    try:
        return bool(_events(READERS[name](), [frame]))
    except Unreadable:
        return False
