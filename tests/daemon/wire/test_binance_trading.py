"""Binance's trades, best prices, candles and books, read and written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import binance
from daemon.wire.binance_books import decode_candles, decode_depth, encode_depth
from daemon.wire.binance_statistics import decode_insurance, decode_ratios, encode_ratios
from daemon.wire.binance_trading_server import meaning_of
from daemon.wire.control import Ignored, Unreadable
from rules.events import BookSnapshot, BookUpdate, Candle, Event, InsuranceFund, LongShortRatio, Ticker, Trade

NOW = 1_800_000_000_000
BTC = "BTC-USDT-PERP"

TRADE = {
    "e": "trade", "E": 1791269856010, "T": 1791269856003, "s": "BTCUSDT", "t": 5266583935, "p": "85300.30", "q": "0.006",
    "X": "MARKET", "m": False,
}  # fmt: skip
BEST = {
    "e": "bookTicker", "u": 5123107839020, "s": "BTCUSDT", "b": "85300.20", "B": "2.507", "a": "85300.30", "A": "2.510",
    "T": 1791269856003, "E": 1791269856004,
}  # fmt: skip
DEPTH = {
    "e": "depthUpdate", "E": 1791269856010, "T": 1791269856003, "s": "BTCUSDT", "U": 157, "u": 160, "pu": 149,
    "b": [["85300.20", "0.000"]], "a": [["85300.30", "1.5"], ["85301.00", "7"]],
}  # fmt: skip
KLINE = {
    "e": "kline", "E": 1791269856010, "s": "BTCUSDT",
    "k": {
        "t": 1791269820000, "T": 1791269879999, "s": "BTCUSDT", "i": "1m", "o": "85290", "c": "85300.3", "h": "85310.5",
        "l": "85280.1", "v": "12.5", "x": False,
    },
}  # fmt: skip
FRAMES = (TRADE, BEST, DEPTH, KLINE)


def read(frame: object, decoder: binance.Decoder | None = None) -> list[Event]:
    answer = (decoder or binance.Decoder()).decode(json.dumps(frame).encode(), NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def test_the_taker_is_the_other_side_of_the_maker() -> None:
    """m says that the buyer was there first, so the seller took the price."""
    assert ["buy", "sell"] == [
        event.taker for maker in (False, True) for event in read({**TRADE, "m": maker}) if isinstance(event, Trade)
    ]


@pytest.mark.parametrize("kind", ["INSURANCE_FUND", "ADL", "NA"])
def test_what_is_no_trade_between_two_orders_is_left_out(kind: str) -> None:
    """NA comes with a price of 0."""
    assert [] == read({**TRADE, "X": kind, "p": "0", "q": "0"})


def test_bundles_of_trades_are_not_trades() -> None:
    """aggTrade numbers them by another count: ids of both in one stream would mean nothing."""
    bundle = {**TRADE, "e": "aggTrade", "a": 7, "f": 1, "l": 3}

    assert Ignored() == binance.Decoder().decode(json.dumps(bundle), NOW)


def test_a_side_without_orders_is_missing_rather_than_zero() -> None:
    [event] = read({**BEST, "b": "0.00", "B": "0.00"})

    assert isinstance(event, Ticker)
    assert (None, None, 85300.3) == (event.bid, event.bid_quantity, event.ask)


def test_a_ticker_shows_the_mark_price_that_the_other_route_has_told_lately() -> None:
    """A minute old, it is a number of the past."""
    market = binance.Decoder()
    public = binance.Decoder(marks=market.marks)
    mark = {
        "e": "markPriceUpdate",
        "E": BEST["E"],
        "s": "BTCUSDT",
        "p": "85296.6",
        "i": "85345.9",
        "r": "0.0001",
        "T": 1,
    }
    before, _ = read(BEST, public), read(mark, market)
    [with_mark] = read(BEST, public)
    [too_late] = read({**BEST, "T": 1791269856003 + 60_002}, public)

    assert [None, 85296.6, None] == [getattr(event, "mark_price", "") for event in (*before, with_mark, too_late)]


def test_a_book_update_names_the_counter_that_it_follows() -> None:
    """pu, not U: U is the first change inside, and changes of others lie between."""
    assert [
        BookUpdate(
            venue="binance", symbol=BTC, bids=((85300.2, 0.0),), asks=((85300.3, 1.5), (85301.0, 7.0)), sequence=160,
            follows=149, at_ms=1791269856003, received_ms=NOW,
        )
    ] == read(DEPTH)  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES)
def test_rows_in_contracts_are_left_out_of_every_stream(frame: dict[str, object]) -> None:
    """st 2 is COIN-M, whose sizes are contracts; without st, or with 1, it is USD-M."""
    assert [] == read({**frame, "st": 2})
    assert read(frame) == read({**frame, "st": 1, "ps": "BTCUSDT"})


@pytest.mark.parametrize("price", ["", "NaN", "inf", "-1", "soon", None, "1e999"])
def test_a_price_that_is_none_is_unreadable(price: object) -> None:
    """A price of infinity would fire every rule."""
    for frame in ({**TRADE, "p": price}, {**BEST, "b": price}, {**DEPTH, "b": [[price, "1"]]}):
        with pytest.raises(Unreadable):
            read(frame)


amounts = st.floats(1e-9, 1e9)
levels = st.lists(st.tuples(amounts, st.floats(0.0, 1e9)), max_size=5).map(tuple)
when = st.integers(1, 2**52)
common = {
    "venue": st.just("binance"),
    "symbol": st.sampled_from([BTC, "1000PEPE-USDC-PERP"]),
    "received_ms": st.just(NOW),
}
trades = st.builds(
    Trade, price=amounts, quantity=amounts, trade_id=st.integers(0, 2**52).map(str), at_ms=when,
    taker=st.sampled_from(["buy", "sell"]), **common,
)  # fmt: skip
tickers = st.builds(
    Ticker, bid=amounts, ask=amounts, bid_quantity=amounts, ask_quantity=amounts, sequence=when, at_ms=when,
    last=st.none(), last_quantity=st.none(), mark_price=st.none(), **common,
)  # fmt: skip
updates = st.builds(
    BookUpdate, bids=levels, asks=levels, sequence=when, follows=when, at_ms=when, **common
)  # fmt: skip
candles = st.builds(
    Candle, opened_ms=when, interval_ms=st.just(60_000), open=amounts, high=amounts, low=amounts, close=amounts,
    volume=amounts, is_closed=st.booleans(), at_ms=when, **common,
)  # fmt: skip


@given(st.lists(st.one_of(trades, tickers, updates, candles), max_size=4))
def test_trading_is_read_as_it_is_written(events: list[Event]) -> None:
    """Bare and in the envelope of /stream."""
    for encode in (binance.encode, binance.encode_combined):
        frames = encode(events, 0)

        assert events == [event for frame in frames for event in binance.Decoder().decode(frame, NOW)]  # type: ignore[union-attr]  # events


@given(levels.map(lambda rows: tuple((price, size) for price, size in rows if size)), when)
def test_a_whole_book_is_read_as_it_is_written(rows: tuple[tuple[float, float], ...], sequence: int) -> None:
    book = BookSnapshot(
        venue="binance", symbol=BTC, bids=rows, asks=rows[::-1], sequence=sequence, at_ms=NOW - 5, received_ms=NOW
    )

    assert book == decode_depth(encode_depth(book), BTC, NOW)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"lastUpdateId":1}', b'{"lastUpdateId":1,"bids":[["x","1"]],"asks":[]}']
)
def test_a_book_that_makes_no_sense_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable, match="order book"):
        decode_depth(body, BTC, NOW)


def test_the_last_candle_of_an_answer_still_moves() -> None:
    row = [60_000, "1", "3", "0.5", "2", "10", 119_999, "20", 4, "5", "10", "0"]
    closed, moving = decode_candles(json.dumps([row, [120_000, *row[1:]]]).encode(), BTC, NOW)

    assert (True, 60_000, 120_000) == (closed.is_closed, closed.opened_ms, closed.at_ms)
    assert (False, 120_000, 10.0) == (moving.is_closed, moving.opened_ms, moving.volume)


def test_the_fund_is_the_sum_of_all_groups_in_dollars_where_its_coin_has_a_price() -> None:
    """One group or a list of groups; a coin without a price is not worth 0."""
    usdt, btc, old = (
        {"asset": "USDT", "marginBalance": "10.5", "updateTime": 7},
        {"asset": "BTC", "marginBalance": "2", "updateTime": 9},
        {"asset": "FTT", "marginBalance": "5", "updateTime": 0},
    )
    groups = [{"symbols": ["BTCUSDT"], "assets": [usdt, btc]}, {"symbols": [], "assets": [usdt, old]}]

    def funds(body: object) -> list[tuple[str, float, float | None, int]]:
        found = decode_insurance(json.dumps(body).encode(), NOW, {BTC: 85_000.0})
        assert all(isinstance(event, InsuranceFund) for event in found)
        return [(event.coin, event.amount, event.amount_usd, event.at_ms) for event in found]

    assert [("USDT", 21.0, 21.0, 7), ("BTC", 2.0, 170_000.0, 9), ("FTT", 5.0, None, NOW)] == funds(groups)
    assert [("USDT", 10.5, 10.5, 7), ("BTC", 2.0, 170_000.0, 9)] == funds(groups[0])


def test_ratios_of_accounts_are_read_as_they_are_written() -> None:
    ratio = LongShortRatio(
        venue="binance", symbol=BTC, ratio=1.9559, long_share=0.6617, short_share=0.3382, at_ms=NOW, received_ms=NOW
    )

    assert [ratio] == decode_ratios(encode_ratios([ratio]), NOW)
    assert [] == decode_ratios(b"[]", NOW)
    with pytest.raises(Unreadable):
        decode_ratios(b'{"code":-1121}', NOW)


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("btcusdt@trade", (Trade, BTC)),
        ("1000pepeusdt@depth", (BookUpdate, "1000PEPE-USDT-PERP")),
        ("btcusdt@kline_5m", None),
        ("?@trade", None),
    ],
)
def test_a_stream_means_an_event_and_an_instrument(topic: str, expected: object) -> None:
    assert expected == meaning_of(topic)
