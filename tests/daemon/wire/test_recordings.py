"""Recorded frames of three venues, read and compared with the rows that somebody else made of them.

The oracle's conventions, and ours: its side is that of the forced order (sell = a long was closed), its amounts and open
interest are what the venue sent (contracts stay contracts), its Binance price is the limit `p` and not the fill `ap`, and
its derivative_ticker rows repeat everything that was said of the symbol before.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.wire import binance, bybit, datamaxi, okx
from daemon.wire.control import Control, Ignored, Unreadable
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FundingRate,
    Liquidation,
    MarkPrice,
    OpenInterest,
    Ticker,
    Trade,
)

ROOT = Path(__file__).resolve().parents[3]
RECORDINGS = ROOT / "../shared/recordings"
NOW = 1_800_000_000_000

VENUES = ("binance-futures", "bybit", "okex-swap", "okex-futures")
CONTRACTS = {"XRP-USD-230929": okx.Contract(10.0, is_inverse=True)}

NOT_USED = "a stream that we do not use"
BINANCE_TRADING = "compared in test_binance_recordings"
TRADING = "trades, best prices and books: compared in test_trading_recordings"
BEFORE_V5 = "retired: Bybit's API before v5"
BEFORE_OKX_V5 = "retired: OKX's API v3"

SKIPPED_FORMATS: dict[tuple[str, str], str] = {
    ("binance-futures", "aggTrade"): NOT_USED,
    ("binance-futures", "ticker"): NOT_USED,
    ("binance-futures", "trade"): BINANCE_TRADING,
    ("binance-futures", "depth"): BINANCE_TRADING,
    ("binance-futures", "depthSnapshot"): "made by the recorder, no stream of Binance",
    ("binance-futures", "openInterest"): "made by the recorder from REST: Binance has no stream of it",
    ("binance-futures", "bookTicker"): BINANCE_TRADING,
    ("bybit", "answer"): "an acknowledgement of the API before v5",
    ("bybit", "instrument_info"): BEFORE_V5,
    ("bybit", "orderBookL2_25"): BEFORE_V5,
    ("bybit", "orderBook_200"): BEFORE_V5,
    ("bybit", "trade"): BEFORE_V5,
    ("bybit", "publicTrade"): TRADING,
    ("bybit", "orderbook"): TRADING,
    ("okex-swap", "swap/trade"): BEFORE_OKX_V5,
    ("okex-swap", "swap/depth"): BEFORE_OKX_V5,
    ("okex-swap", "swap/ticker"): BEFORE_OKX_V5,
    ("okex-swap", "swap/funding_rate"): BEFORE_OKX_V5,
    ("okex-swap", "swap/mark_price"): BEFORE_OKX_V5,
    ("okex-swap", "swap/depth_l2_tbt"): BEFORE_OKX_V5,
    ("okex-swap", "swap/liquidation"): BEFORE_OKX_V5,
    ("okex-swap", "books-l2-tbt"): TRADING,
    ("okex-swap", "bbo-tbt"): NOT_USED,
    ("okex-swap", "trades"): TRADING,
    ("okex-swap", "tickers"): TRADING,
    ("okex-swap", "index-tickers"): NOT_USED,
}
OLD_LIQUIDATION = "retired before v5: the object had qty and time, or was a list made by the recorder"
NO_INTERVAL = "retired: funding frames of 2021 had no nextFundingTime, and an interval is not guessed"
LATER_MAPPER = "the oracle's mapper for that date did not know the topic; the same frame is compared in its next row"
SKIPPED_FRAMES: dict[tuple[str, int], str] = {
    ("bybit", 25): OLD_LIQUIDATION,
    ("bybit", 29): OLD_LIQUIDATION,
    ("bybit", 30): OLD_LIQUIDATION,
    ("bybit", 31): OLD_LIQUIDATION,
    ("bybit", 32): OLD_LIQUIDATION,
    (
        "bybit",
        47,
    ): "an inverse contract with an expiry (BTCUSDU23): not of the linear category, and it names no quote coin",
    ("bybit", 48): "a change of the contract in 47, which was not read",
    ("bybit", 53): LATER_MAPPER,
    ("okex-swap", 15): NO_INTERVAL,
    ("okex-swap", 21): NO_INTERVAL,
    ("okex-futures", 30): LATER_MAPPER,
}
NOT_SAID_TO_US: dict[tuple[str, str], str] = {
    ("binance-futures", "openInterest"): "told by the recorder's REST poll, which is skipped above",
    ("okex-swap", "fundingRate"): "told by the frame of 2021 that is skipped above",
    ("okex-swap", "fundingTimestamp"): "told by the frame of 2021 that is skipped above",
    ("okex-swap", "indexPrice"): "told by the channel index-tickers, which we do not use",
}
OUR_KINDS = ("liquidation", "derivative_ticker")
FIELDS = ("fundingRate", "fundingTimestamp", "markPrice", "indexPrice", "openInterest")

Recorded = dict[str, Any]  # JSON of others


def lines(name: str) -> list[Recorded]:
    """The rows of a file of recordings."""
    path = RECORDINGS / name
    if not path.exists():
        pytest.skip(f"the recordings are not beside the project ({name})")
    return [json.loads(line) for line in path.read_text().splitlines()]


def format_of(recorded: Recorded) -> str:
    """The name of a frame's format: its stream, topic, table or channel."""
    message = recorded["message"]
    if "stream" in message:
        return str(message["stream"]).split("@")[1]
    if "topic" in message:
        return str(message["topic"]).split(".")[0]
    return str(message.get("table") or message.get("arg", {}).get("channel") or "answer")


def ms(iso: str) -> int:
    """2020-03-13T00:23:51.421Z -> ms."""
    return round(datetime.fromisoformat(iso).timestamp() * 1000)


class Comparison:
    """Reads the frames in their order and keeps what was said of each symbol."""

    def __init__(self) -> None:
        self.decoders: dict[str, Any] = {
            "binance-futures": binance.Decoder(),
            "bybit": bybit.Decoder(),
            "okex-swap": okx.Decoder(dict(CONTRACTS)),
            "okex-futures": okx.Decoder(dict(CONTRACTS)),
        }
        self.said: dict[tuple[str, str], dict[str, float]] = {}
        self.unsaid: set[tuple[str, str]] = set()

    def differences(self, recorded: Recorded) -> list[str]:
        """What our reading and the oracle's rows do not have in common."""
        venue, message = recorded["exchange"], recorded["message"]
        try:
            events = self.decoders[venue].decode(json.dumps(message).encode(), NOW)
        except Unreadable as exc:
            return [f"unreadable: {exc}"]
        if isinstance(events, Control):
            return ["not data for us"]
        events = [
            event for event in events if not isinstance(event, Trade | Ticker | Candle | BookSnapshot | BookUpdate)
        ]
        rows = [row for row in recorded["expected"] or () if row["type"] in OUR_KINDS]
        if not events or not rows:
            return [f"we read {len(events)} events where {len(rows)} rows are expected"] if events or rows else []
        forced = [event for event in events if isinstance(event, Liquidation)]
        expected = [row for row in rows if row["type"] == "liquidation"]
        found = [] if len(forced) == len(expected) else [f"{len(forced)} liquidations, expected {len(expected)}"]
        for event, row in zip(forced, expected, strict=False):
            found += liquidation_differences(event, row, message)
        for row in rows:
            if row["type"] == "derivative_ticker":
                found += self.ticker_differences(venue, row, [e for e in events if e not in forced], message)
        return found

    def ticker_differences(self, venue: str, row: Recorded, events: list[Event], message: Recorded) -> Iterator[str]:
        """The row repeats all that was said of the symbol; so do we."""
        said = self.said.setdefault((venue, row["symbol"]), {})
        for event in events:
            match event:
                case MarkPrice():
                    said["markPrice"] = event.price
                    if event.index_price is not None:
                        said["indexPrice"] = event.index_price
                case FundingRate():
                    said |= {"fundingRate": event.rate, "fundingTimestamp": event.settles_at_ms or 0}
                case OpenInterest():
                    said["openInterest"] = as_sent(event, message)
            if venue != "okex-swap" and event.at_ms != ms(row["timestamp"]):  # there the oracle takes the local time
                yield f"at {event.at_ms}, expected {row['timestamp']}"
        for field in FIELDS:
            if field in row and field not in said and (venue, field) in NOT_SAID_TO_US:
                self.unsaid.add((venue, field))
                continue
            expected = ms(row[field]) if field == "fundingTimestamp" and field in row else row.get(field)
            if said.get(field) != expected:
                yield f"{field} is {said.get(field)}, expected {expected}"


def as_sent(event: OpenInterest, message: Recorded) -> float:
    """Open interest in the venue's own unit: contracts at OKX, dollars of an inverse contract at Bybit, coins elsewhere."""
    if "arg" in message:
        [row] = message["data"]
        assert float(row["oiCcy"]) == event.oi_base
        return float(row["oi"])
    return event.oi_usd or 0.0 if event.symbol.endswith("-USD-PERP") else event.oi_base


def liquidation_differences(event: Liquidation, row: Recorded, message: Recorded) -> Iterator[str]:
    """After the documented conversions nothing may differ."""
    if ("long" if row["side"] == "sell" else "short") != event.side:
        yield f"side {event.side}, expected the other"
    if event.at_ms != ms(row["timestamp"]):
        yield f"at {event.at_ms}, expected {row['timestamp']}"
    amount, price = row["amount"], row["price"]
    if "stream" in message:
        order = message["data"]["o"]
        if price != float(order["p"]):
            yield "the oracle's price is not the limit"
        price = float(order["ap"])
    if "arg" in message:
        amount *= CONTRACTS[message["data"][0]["instId"]].size
    is_inverse = event.symbol.split("-")[1] == "USD"
    if amount != (event.notional_usd if is_inverse else event.quantity):
        yield f"amount {event.quantity} worth {event.notional_usd}, expected {amount}"
    if price != event.price:
        yield f"price {event.price}, expected {price}"


def ours() -> list[Recorded]:
    """The frames of our venues; of OKX's dated futures only the liquidations, because the swaps' file has none of today's."""
    return [
        recorded
        for recorded in lines("tardis_node_frames.jsonl")
        if recorded["exchange"] in VENUES
        and (recorded["exchange"] != "okex-futures" or format_of(recorded) == "liquidation-orders")
    ]


def test_every_recorded_frame_is_read_as_expected_or_has_a_reason() -> None:
    """No unexplained difference, and no explanation that is no longer needed."""
    comparison = Comparison()
    unexplained: list[str] = []
    compared = 0
    used: set[tuple[str, str] | tuple[str, int]] = set()
    for recorded in ours():
        venue, number = recorded["exchange"], recorded["snapshotNo"]
        differences = comparison.differences(recorded)
        by_format, by_frame = (venue, format_of(recorded)), (venue, number)
        if by_format in SKIPPED_FORMATS:
            used.add(by_format)
            if any(difference.startswith("we read") and "read 0" not in difference for difference in differences):
                unexplained.append(f"{by_format} is read after all: {differences}")
        elif by_frame in SKIPPED_FRAMES:
            used.add(by_frame)
            if not differences:
                unexplained.append(f"{by_frame} needs no reason any more")
        else:
            compared += 1
            unexplained += [f"{venue} {number}: {difference}" for difference in differences]
    stale = (SKIPPED_FORMATS.keys() | SKIPPED_FRAMES.keys()) - used
    stale |= NOT_SAID_TO_US.keys() - comparison.unsaid

    assert [] == unexplained
    assert set() == stale
    assert compared >= 13


def test_recorded_liquidations_of_three_venues_keep_their_side() -> None:
    """The same four frames again, with the numbers worked out by hand."""
    path = RECORDINGS / "rest/liquidation_ws_frames.json"
    if not path.exists():
        pytest.skip("the recordings are not beside the project")
    frames = json.loads(path.read_text())

    def one(decoder: Any, name: str) -> Event:
        [event] = decoder.decode(json.dumps(frames[name]).encode(), NOW)
        assert isinstance(event, Liquidation)
        return event

    def facts(event: Event) -> tuple[str, float, float, str]:
        assert isinstance(event, Liquidation)
        return event.side, event.price, round(event.notional_usd, 6), event.price_kind

    assert ("short", 4706.04, 65.88456, "fill") == facts(one(binance.Decoder(), "binance_um"))
    assert ("short", 0.02456, 69.89776, "bankruptcy") == facts(one(bybit.Decoder(), "bybit"))
    assert ("short", 0.55205, 390.0, "mark") == facts(one(okx.Decoder(dict(CONTRACTS)), "okx"))
    coin_margined = frames["binance_cm"]  # of 2020: today it would carry st 2
    coin_margined["data"]["o"]["st"] = 2
    assert () == tuple(binance.Decoder().decode(json.dumps(coin_margined), NOW))  # type: ignore[arg-type]  # no control


def decoders() -> list[Any]:
    """A new reader of each venue."""
    return [binance.Decoder(), bybit.Decoder(), okx.Decoder(dict(CONTRACTS)), datamaxi.Decoder()]


def test_no_recorded_frame_of_any_venue_raises_anything_but_unreadable() -> None:
    """Real captures, documentation examples, private frames, errors; each given to each of our decoders."""
    frames = [
        row["message"] for name in ("nautilus_ws_fixtures.jsonl", "tardis_node_frames.jsonl") for row in lines(name)
    ]
    for frame in frames:
        for decoder in decoders():
            try:
                answer = decoder.decode(json.dumps(frame).encode(), NOW)
            except Unreadable as exc:
                assert 10 < len(str(exc)) < 400
            else:
                assert isinstance(answer, Control | list | tuple)


EVENTS_OF = {
    "market_data_json/liquidation_stream.json": (binance, ["Liquidation"]),
    "market_data_json/mark_price_stream.json": (binance, ["MarkPrice", "FundingRate"]),
    "market_data_json/ticker_stream.json": (binance, []),
    "market_data_json/kline_stream_open.json": (binance, ["Candle"]),
    "market_data_json/agg_trade_stream.json": (binance, []),
    "bybit/test_data/ws_ticker_linear.json": (bybit, ["MarkPrice", "FundingRate", "OpenInterest", "Ticker"]),
    "bybit/test_data/ws_account_order.json": (bybit, []),
    "bybit/test_data/ws_orderbook_snapshot.json": (bybit, ["BookSnapshot"]),
    "okx/test_data/ws_funding_rate.json": (okx, ["FundingRate"]),
    "okx/test_data/ws_instruments.json": (okx, []),
}


def test_fixtures_of_another_project_give_the_events_that_they_hold() -> None:
    """Chosen by their path; a path that vanished is noticed."""
    rows = lines("nautilus_ws_fixtures.jsonl")
    for path, (venue, expected) in EVENTS_OF.items():
        [message] = [row["message"] for row in rows if row["path"].endswith(path)]
        answer = venue.Decoder().decode(json.dumps(message).encode(), NOW)

        assert expected == ([] if answer == Ignored() else [type(event).__name__ for event in answer])


@pytest.mark.parametrize("name", ["BINANCE_FUTURES.ws.1.0.gz", "BYBIT.ws.25.0.gz", "OKX.ws.1.0.gz"])
def test_whole_recorded_sessions_are_read_through(name: str) -> None:
    """Sessions of 2021 to 2023: old formats and other streams, among which nothing may break the reader."""
    path = RECORDINGS / "cryptofeed" / name
    if not path.exists():
        pytest.skip("the recordings are not beside the project")
    decoder = {"BI": binance, "BY": bybit, "OK": okx}[name[:2]].Decoder()
    read = 0
    for line in gzip.decompress(path.read_bytes()).splitlines():
        frame = line.partition(b": ")[2]
        if not frame.startswith((b"{", b"[")):
            continue
        read += 1
        try:
            assert isinstance(decoder.decode(frame, NOW), Control | list | tuple)
        except Unreadable:
            continue

    assert read > 100
