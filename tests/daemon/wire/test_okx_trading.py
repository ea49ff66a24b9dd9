"""OKX's trades, best prices, candles and order books, one trap a test."""

import json
from typing import Any

import pytest

from daemon.wire import okx
from daemon.wire.control import Unreadable
from daemon.wire.okx_contracts import ratio_of
from rules.events import BookSnapshot, BookUpdate, Candle, Event, MarkPrice, OpenInterest, Ticker, Trade

NOW = 1_800_000_000_000
AT = 1_791_565_601_482
SWAP = "BTC-USDT-SWAP"
CONTRACTS = {SWAP: okx.Contract(0.01), "BTC-USD-SWAP": okx.Contract(100.0, is_inverse=True)}
TRADE = {"instId": SWAP, "tradeId": "13", "px": "42219.9", "sz": "57", "side": "buy", "ts": str(AT), "count": "3"}
TICKER = {
    "instType": "SWAP", "instId": SWAP, "last": "100", "lastSz": "3", "askPx": "101", "askSz": "11", "bidPx": "99",
    "bidSz": "5", "open24h": "9", "ts": str(AT),
}  # fmt: skip
CANDLE = ["1597026360000", "10", "12", "9", "11", "4500", "45", "495", "0"]


def frame(channel: str, *rows: Any, name: str = SWAP, **more: Any) -> dict[str, Any]:
    return {"arg": {"channel": channel, "instId": name}, **more, "data": list(rows)}


def book(action: str, follows: int, sequence: int, bids: Any = (), asks: Any = (), name: str = SWAP) -> dict[str, Any]:
    row = {"asks": asks, "bids": bids, "ts": str(AT), "checksum": 1, "prevSeqId": follows, "seqId": sequence}
    return frame("books", row, name=name, action=action)


def read(message: dict[str, Any], contracts: dict[str, okx.Contract] | None = None) -> list[Any]:
    """The events of a frame."""
    answer = okx.Decoder(dict(CONTRACTS) if contracts is None else contracts).decode(json.dumps(message).encode(), NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def test_a_trade_counts_contracts() -> None:
    """57 contracts of 0.01 are 0.57 coins, to the last digit; `side` is the taker's."""
    [trade] = read(frame("trades", TRADE))

    assert (
        Trade(
            venue="okx",
            symbol="BTC-USDT-PERP",
            price=42219.9,
            quantity=0.57,
            taker="buy",
            trade_id="13",
            at_ms=AT,
            received_ms=NOW,
        )
        == trade
    )
    assert 0.57 != 57 * 0.01


@pytest.mark.parametrize("size", [0.01, 0.1, 0.001, 1.0, 10.0, 1000.0, 0.15, 10_000_000.0])
def test_contracts_become_coins_without_a_rounding_error(size: float) -> None:
    """As far as a float can hold them."""
    times, over = ratio_of(size)

    assert size == times / over
    assert times == int(times)
    assert over == int(over)


def test_contracts_of_inverse_swaps_are_dollars() -> None:
    """100 dollars each, and coins by the price."""
    name = "BTC-USD-SWAP"
    [trade] = read(frame("trades", {**TRADE, "instId": name, "px": "50000", "sz": "5"}, name=name))
    [prices] = read(frame("tickers", {**TICKER, "instId": name, "bidPx": "50000", "bidSz": "5"}, name=name))
    [snapshot] = read(book("snapshot", -1, 7, [["50000", "5", "0", "1"]], name=name))

    assert (0.01, 0.01, ((50000.0, 0.01),)) == (trade.quantity, prices.bid_quantity, snapshot.bids)


def test_a_ticker_tells_the_best_prices_and_the_last() -> None:
    """The mark price has a channel of its own; an empty side is missing."""
    [prices] = read(frame("tickers", TICKER))
    [empty] = read(frame("tickers", {**TICKER, "bidPx": "", "bidSz": "", "lastSz": "0"}))

    assert (
        Ticker(
            venue="okx",
            symbol="BTC-USDT-PERP",
            bid=99.0,
            ask=101.0,
            bid_quantity=0.05,
            ask_quantity=0.11,
            last=100.0,
            last_quantity=0.03,
            at_ms=AT,
            received_ms=NOW,
        )
        == prices
    )
    assert (None, None, 101.0, None) == (empty.bid, empty.bid_quantity, empty.ask, empty.last_quantity)


def test_a_book_is_a_chain_of_sequence_numbers() -> None:
    """Each update names the one before; the snapshot has none before it."""
    [snapshot] = read(book("snapshot", -1, 10, [["99", "3", "0", "1"]], [["101", "4", "0", "2"]]))
    [update] = read(book("update", 10, 15, [["99", "0", "0", "0"]]))

    assert isinstance(snapshot, BookSnapshot)
    assert (10, ((99.0, 0.03),), ((101.0, 0.04),)) == (snapshot.sequence, snapshot.bids, snapshot.asks)
    assert isinstance(update, BookUpdate)
    assert (15, 10, ((99.0, 0.0),), ()) == (update.sequence, update.follows, update.bids, update.asks)


def test_a_sign_of_life_of_a_quiet_book_is_no_change() -> None:
    """After a minute without updates the same number comes twice, with nothing in it."""
    assert [] == read(book("update", 15, 15))


def test_a_count_that_begins_anew_keeps_the_chain() -> None:
    """After maintenance a number may be below the one before; the next follows it."""
    told = [read(book("update", 15, 3, [["1", "1", "0", "1"]])), read(book("update", 3, 5, [["1", "2", "0", "1"]]))]

    assert [(15, 3), (3, 5)] == [(update.follows, update.sequence) for [update] in told]


def test_a_candle_counts_coins_already() -> None:
    """Its sixth column is contracts, its seventh coins; when it is over, it is over."""
    [moving] = read(frame("candle1m", CANDLE))
    [closed] = read(frame("candle1H", [*CANDLE[:-1], "1"]))

    assert (
        Candle(
            venue="okx",
            symbol="BTC-USDT-PERP",
            opened_ms=1_597_026_360_000,
            interval_ms=60_000,
            open=10.0,
            high=12.0,
            low=9.0,
            close=11.0,
            volume=45.0,
            is_closed=False,
            at_ms=NOW,
            received_ms=NOW,
        )
        == moving
    )
    assert (True, 3_600_000, 1_597_026_360_000 + 3_600_000) == (closed.is_closed, closed.interval_ms, closed.at_ms)


def test_the_size_of_a_contract_must_be_known() -> None:
    """Without it a number of contracts is no number of coins."""
    for message in (frame("trades", TRADE), frame("tickers", TICKER), book("snapshot", -1, 1)):
        with pytest.raises(Unreadable, match="size of its contract is not known"):
            read(message, {})


def test_frames_are_read_wherever_their_channel_stands() -> None:
    """OKX says it first; nothing promises that it always will."""
    for message in (
        frame("trades", TRADE),
        frame("tickers", TICKER),
        frame("candle1m", CANDLE),
        book("snapshot", -1, 10, [["99", "3", "0", "1"]]),
        frame("mark-price", {"instId": SWAP, "markPx": "5", "ts": str(AT)}),
        frame("open-interest", {"instId": SWAP, "oi": "5", "oiCcy": "7", "oiUsd": "9", "ts": str(AT)}),
    ):
        assert read(message) == read(dict(reversed(message.items())))


def test_marks_and_open_interest_that_are_not_quite_as_usual_are_read_row_by_row() -> None:
    """A row without a price costs the others nothing."""
    good = {"instId": SWAP, "markPx": "5", "ts": str(AT)}
    [mark] = read(frame("mark-price", {**good, "markPx": ""}, good))
    [interest] = read(frame("open-interest", {"instId": SWAP, "oiCcy": "7", "oiUsd": "", "ts": str(AT)}))

    assert isinstance(mark, MarkPrice)
    assert isinstance(interest, OpenInterest)
    assert (5.0, 7.0, None) == (mark.price, interest.oi_base, interest.oi_usd)


@pytest.mark.parametrize(
    "message",
    [
        frame("trades", {**TRADE, "sz": "nan"}),
        frame("trades", {**TRADE, "px": "0"}),
        frame("trades", {**TRADE, "side": "both"}),
        frame("trades", {**TRADE, "instId": "BTC-USDT"}),
        frame("tickers", {**TICKER, "bidPx": "-1"}),
        frame("candle1m", CANDLE[:5]),
        frame("candle1M", CANDLE),
        frame("candle1m", CANDLE, name="BTC-USDT"),
        frame("books", {"asks": [], "bids": [], "ts": "1"}, action="update"),
        book("update", 1, 2, [["1", "inf", "0", "1"]]),
        book("update", 1, 2, [["1"]]),
    ],
)
def test_nonsense_is_unreadable(message: dict[str, Any]) -> None:
    """And nothing but unreadable; months have no length, spot has no contracts."""
    with pytest.raises(Unreadable):
        read(message)


def test_what_is_written_is_read_back() -> None:
    """The server in the box writes what the decoder reads."""
    inverse = "BTC-USD-SWAP"
    events: list[Event] = [
        *read(frame("trades", TRADE)),
        *read(frame("trades", {**TRADE, "instId": inverse, "px": "50000", "sz": "5"}, name=inverse)),
        *read(frame("tickers", TICKER)),
        *read(frame("tickers", {**TICKER, "bidPx": "", "bidSz": ""})),
        *read(book("snapshot", -1, 10, [["99", "3", "0", "1"]], [["101", "4", "0", "2"]])),
        *read(book("update", 10, 15, [["99", "0", "0", "0"]])),
        *read(frame("candle1m", CANDLE)),
        *read(frame("candle1m", [*CANDLE[:-1], "1"])),
    ]
    frames = okx.encode(events, NOW, CONTRACTS)

    assert events == [event for text in frames for event in read(json.loads(text))]
