"""Recorded frames of Deribit, Hyperliquid, Gate, HTX and Bitget, compared with the rows that somebody else made of them.

The oracle's conventions, and ours: its side is that of the forced order (sell = a long was closed), its amounts and open
interest are what the venue sent, and its derivative_ticker rows repeat everything that was said of the symbol before.
"""

import ast
import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.wire import bitget_stream, deribit_stream, gate_stream, htx_stream, htx_symbols, hyperliquid_stream
from daemon.wire.control import Answer, Control, Ignored, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

RECORDINGS = Path(__file__).resolve().parents[3] / "../shared/recordings"
NOW = 1_800_000_000_000
GATE = {name: gate_stream.Contract(1.0) for name in ("ETC_USD", "BSV_USDT")} | {
    "BTC_USDT": gate_stream.Contract(0.0001)
}
HTX = {"BTC-USDT": 0.001}  # coins in a contract, as recorded in HUOBI_SWAP
DECODERS: dict[str, Callable[[], Any]] = {
    "deribit": deribit_stream.Decoder,
    "hyperliquid": hyperliquid_stream.Decoder,
    "gate-io-futures": lambda: gate_stream.Decoder(GATE),
    "huobi-dm-linear-swap": lambda: htx_stream.Decoder(HTX),
    "bitget-futures": bitget_stream.Decoder,
}

FUNDING_8H = "the oracle tells current_funding, which is 0 inside the dampener; we tell what eight hours came to"
COMBINATION = "a combination: its mark price is not the price of a coin, and it has no symbol of ours"
OLDER_API = "Bitget's API v2, whose channels we do not use"
BASIS = "told by the channel of the basis, which we do not use"
BY_REST = "made by the recorder from REST: HTX has no stream of it, and we ask for it ourselves"
LATER = "repeated by the oracle from a later frame of another channel"
LIST_IN_LIST = "a list in a list, sent for a while in 2021; the oracle reads nothing of it either"
DIFFERENCES: dict[tuple[str, str], str] = {
    ("deribit 5", "fundingRate"): FUNDING_8H,
    ("deribit 6", "fundingRate"): FUNDING_8H,
    ("deribit 15", "nothing read"): COMBINATION,
    ("deribit 16", "nothing read"): COMBINATION,
    ("deribit 17", "nothing read"): COMBINATION,
    ("gate-io-futures 15", "unreadable"): LIST_IN_LIST,
    ("huobi-dm-linear-swap 6", "nothing read"): BASIS,
    ("huobi-dm-linear-swap 7", "nothing read"): BY_REST,
    ("huobi-dm-linear-swap 8", "openInterest"): BY_REST,
    ("huobi-dm-linear-swap 8", "indexPrice"): BASIS,
    ("huobi-dm-linear-swap 8", "timestamp"): LATER,
    ("bitget-futures 8", "nothing read"): OLDER_API,
    ("bitget-futures 9", "nothing read"): OLDER_API,
}
OUR_KINDS = ("liquidation", "derivative_ticker")
FIELDS = ("fundingRate", "fundingTimestamp", "markPrice", "indexPrice", "openInterest")

Recorded = dict[str, Any]  # JSON of others


def there(name: str) -> Path:
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"the recordings are not beside the project ({name})")
    return path


def lines(name: str) -> list[Recorded]:
    return [json.loads(line) for line in there(name).read_text().splitlines()]


def ms(iso: str) -> int:
    """2020-03-13T00:23:51.421Z -> ms."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


def name_of(recorded: Recorded) -> str:
    generation = " v3" if "v3" in recorded["test"] else ""
    return f"{recorded['exchange']}{generation} {recorded['snapshotNo']}"


class Comparison:
    """Reads the frames of one venue in their order and keeps what was said of each symbol."""

    def __init__(self, exchange: str) -> None:
        self.exchange = exchange
        self.decoder = DECODERS[exchange]()
        self.said: dict[str, dict[str, float]] = {}

    def differences(self, recorded: Recorded) -> Iterator[tuple[str, str]]:
        """(what differs, how): what our reading and the oracle's rows do not have in common."""
        local_ms = ms(recorded["localTimestamp"])
        rows = [row for row in recorded["expected"] or () if row["type"] in OUR_KINDS]
        try:
            heard = self.decoder.decode(json.dumps(recorded["message"]).encode(), local_ms)
        except Unreadable as exc:
            yield "unreadable", str(exc)
            return
        events = [] if isinstance(heard, Control) else list(heard)
        if rows and not events:
            yield "nothing read", f"{len(rows)} rows expected"
            return
        if events and not rows:
            yield "nothing expected", f"{len(events)} events read"
        forced = sorted((event for event in events if isinstance(event, Liquidation)), key=lambda event: event.symbol)
        expected = sorted((row for row in rows if row["type"] == "liquidation"), key=lambda row: str(row["symbol"]))
        if len(forced) != len(expected):
            yield "liquidations", f"{len(forced)}, expected {len(expected)}"
        for event, row in zip(forced, expected, strict=False):
            yield from self.liquidation(event, row)
        for row in rows:
            if row["type"] == "derivative_ticker":
                yield from self.ticker(events, row)

    def liquidation(self, event: Liquidation, row: Recorded) -> Iterator[tuple[str, str]]:
        as_sent = {
            "deribit": event.notional_usd,  # dollars of an inverse contract
            "huobi-dm-linear-swap": round(event.quantity / HTX["BTC-USDT"], 9),  # contracts
            "bitget-futures": event.notional_usd,  # worth in the quote coin
        }[self.exchange]
        for what, ours, theirs in (
            ("side", event.side, "long" if row["side"] == "sell" else "short"),
            ("price", event.price, row["price"]),
            ("amount", as_sent, row["amount"]),
            ("timestamp", event.at_ms, ms(row["timestamp"])),
        ):
            if ours != theirs:
                yield what, f"{ours}, expected {theirs}"

    def ticker(self, events: list[Event], row: Recorded) -> Iterator[tuple[str, str]]:
        said = self.said.setdefault(row["symbol"], {})
        for event in events:
            match event:
                case MarkPrice():
                    said["markPrice"] = event.price
                    if event.index_price is not None:
                        said["indexPrice"] = event.index_price
                case FundingRate():
                    said |= {"fundingRate": event.rate, "fundingTimestamp": event.settles_at_ms or 0}
                case OpenInterest():
                    said["openInterest"] = self.interest(event, row["symbol"])
        for field in FIELDS:
            if field in row:
                expected = ms(row[field]) if field == "fundingTimestamp" else row[field]
                if said.get(field) != expected:
                    yield field, f"{said.get(field)}, expected {expected}"
        times = {event.at_ms for event in events}
        if times != {ms(row["timestamp"])}:
            yield "timestamp", f"{times}, expected {row['timestamp']}"

    def interest(self, event: OpenInterest, name: str) -> float:
        """In the venue's own unit: dollars at Deribit's inverse contracts, contracts at Gate, coins elsewhere."""
        if self.exchange == "deribit":
            return event.oi_usd or 0.0
        return event.oi_base / GATE[name].size if self.exchange == "gate-io-futures" else event.oi_base


def test_every_recorded_frame_is_read_as_expected_or_has_a_reason() -> None:
    """No unexplained difference, and no explanation that is no longer needed."""
    comparisons = {exchange: Comparison(exchange) for exchange in DECODERS}
    unexplained: list[str] = []
    found: set[tuple[str, str]] = set()
    compared: Counter[str] = Counter()
    for recorded in lines("tardis_node_frames.jsonl"):
        comparison = comparisons.get(recorded["exchange"])
        if comparison is None:
            continue
        name = name_of(recorded)
        compared[recorded["exchange"]] += any(row["type"] in OUR_KINDS for row in recorded["expected"] or ())
        for what, how in comparison.differences(recorded):
            found.add((name, what))
            if (name, what) not in DIFFERENCES:
                unexplained.append(f"{name}: {what} is {how}")

    assert [] == unexplained
    assert set() == DIFFERENCES.keys() - found
    assert {
        "deribit": 7,
        "hyperliquid": 1,
        "gate-io-futures": 3,
        "huobi-dm-linear-swap": 4,
        "bitget-futures": 4,
    } == compared


def test_no_recorded_frame_of_any_venue_raises_anything_but_unreadable() -> None:
    """Real captures, documentation examples, private frames, errors; each given to each of our decoders."""
    frames = [
        row["message"] for name in ("nautilus_ws_fixtures.jsonl", "tardis_node_frames.jsonl") for row in lines(name)
    ]
    for frame in frames:
        for make in DECODERS.values():
            try:
                answer = make().decode(json.dumps(frame).encode(), NOW)
            except Unreadable as exc:
                assert 10 < len(str(exc)) < 400
            else:
                assert isinstance(answer, Control | list | tuple)


FIXTURES: dict[str, tuple[str, list[str] | type[Control]]] = {
    "deribit/test_data/ws_ticker.json": ("deribit", ["MarkPrice", "FundingRate", "OpenInterest"]),
    "deribit/test_data/ws_trades.json": ("deribit", []),
    "deribit/test_data/ws_trades_option_combo.json": ("deribit", []),
    "deribit/test_data/ws_test_request.json": ("deribit", Answer),
    "deribit/test_data/ws_error.json": ("deribit", Rejected),
    "deribit/test_data/ws_book_delta.json": ("deribit", []),
    "deribit/test_data/ws_quote.json": ("deribit", []),
    "hyperliquid/test_data/ws_all_dexs_asset_ctxs.json": ("hyperliquid", Ignored),
    "hyperliquid/test_data/ws_allmids.json": ("hyperliquid", Ignored),
    "hyperliquid/test_data/ws_user_fill_liquidation.json": ("hyperliquid", Ignored),
}


def test_fixtures_of_another_project_give_what_they_hold() -> None:
    """Chosen by their path; a path that vanished is noticed."""
    rows = lines("nautilus_ws_fixtures.jsonl")
    for path, (exchange, expected) in FIXTURES.items():
        [message] = [row["message"] for row in rows if row["path"].endswith(path)]
        answer = DECODERS[exchange]().decode(json.dumps(message).encode(), NOW)

        if isinstance(expected, list):
            assert expected == [type(event).__name__ for event in answer], path
        else:
            assert expected is type(answer), path


def session(name: str) -> Iterator[bytes]:
    """The frames that a recorded session received; those of HTX are written as Python writes bytes."""
    for line in gzip.decompress(there(name).read_bytes()).splitlines():
        head, _, frame = line.partition(b" " if name.startswith("hftbacktest") else b": ")
        if b"<-" in head:
            continue
        if frame.startswith((b"b'", b'b"')):
            yield ast.literal_eval(frame.decode())
        elif frame.startswith(b"{"):
            yield frame


@pytest.mark.parametrize(
    ("name", "exchange", "frames"),
    [
        ("cryptofeed/DERIBIT.ws.1.0.gz", "deribit", 100),
        ("cryptofeed/GATEIO_FUTURES.ws.1.0.gz", "gate-io-futures", 400),
        ("cryptofeed/HUOBI_SWAP.ws.1.0.gz", "huobi-dm-linear-swap", 1_200),
        ("hftbacktest/hyperliquid_btcusd_20250126.gz", "hyperliquid", 50),
    ],
)
def test_whole_recorded_sessions_are_read_through(name: str, exchange: str, frames: int) -> None:
    """Sessions of 2021 to 2025 on other channels: not one frame may be unreadable, and none is taken for ours."""
    decoder = DECODERS[exchange]()
    read: Counter[str] = Counter()
    for frame in session(name):
        answer = decoder.decode(frame, NOW)
        read[type(answer).__name__ if isinstance(answer, Control) else f"{len(answer)} events"] += 1

    assert read.total() >= frames
    assert {"0 events", "Ignored", "Accepted", "Answer", "Pong"} >= read.keys()


def test_the_pings_of_a_recorded_session_are_answered_in_their_type() -> None:
    """HTX sent six in half a minute."""
    decoder = htx_stream.Decoder()
    answers = [decoder.decode(frame, NOW) for frame in session("cryptofeed/HUOBI_SWAP.ws.1.0.gz")]
    pongs = [json.loads(answer.text)["pong"] for answer in answers if isinstance(answer, Answer)]

    assert 6 == len(pongs)
    assert {int} == {type(pong) for pong in pongs}


def test_the_recorded_lists_of_contracts_are_read() -> None:
    """Gate of 2023 and HTX of 2022, as their REST hosts answered."""

    def answer(name: str, path: str) -> bytes:
        for line in gzip.decompress(there(f"cryptofeed/{name}").read_bytes()).splitlines():
            head, _, body = line.partition(b": ")
            if path.encode() in head:
                return body
        raise AssertionError(path)

    gate = gate_stream.decode_contracts(answer("GATEIO_FUTURES.0.gz", "/futures/usdt/contracts"))
    htx = htx_symbols.decode_contracts(answer("HUOBI_SWAP.0.gz", "/linear-swap-api/v1/swap_contract_info"))

    assert gate_stream.Contract(0.0001, 8.0, 1684944000000) == gate["BTC_USDT"]
    assert len(gate) > 200
    assert (0.001, 0.01) == (htx["BTC-USDT"], htx["ETH-USDT"])
