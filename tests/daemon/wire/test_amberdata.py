"""Amberdata's language: the printed frames, every shape that data may come in, and requests that nobody should send."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.wire import amberdata as wire
from daemon.wire.amberdata_requests import Call, Wish, Wrong, read, read_subscription, read_wish
from daemon.wire.control import Accepted, Ignored, Rejected, Unreadable
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    OpenInterest,
    Ticker,
    Trade,
)
from tests.daemon.wire.amber_events import NOW, SAID

BTC = "BTC-USDT-PERP"

PRINTED: dict[str, tuple[Any, list[Event]]] = {  # the documents' frames (params.result), numbers changed, and our events
    wire.FUNDING_RATES: (
        {"exchange": "binance", "instrument": "GASUSDT", "timestamp": 1711571101000,
         "insertionTimestamp": 1711571101000, "fundingInterval": None, "fundingRate": 0.00019676,
         "nextFundingRate": None, "nextFundingTime": 1711584000000, "isActualFundingRate": False},
        [FundingRate(venue="binance", symbol="GAS-USDT-PERP", rate=0.00019676, interval_h=8.0,
                     settles_at_ms=1711584000000, at_ms=1711571101000, received_ms=NOW)],
    ),
    wire.INSURANCE_FUNDS: (
        {"exchange": "huobi", "instrument": "EOS", "timestamp": 1613289600, "fund": 1056094},
        [InsuranceFund(venue="htx", coin="EOS", amount=1056094.0, at_ms=1613289600000, received_ms=NOW)],
    ),
    wire.LIQUIDATIONS: (
        {"exchange": "binance", "instrument": "AEVOUSDT", "timestamp": 1711571204802, "price": 2.5, "side": "SELL",
         "status": "FILLED", "type": "LIMIT", "timeInForce": "IOC", "action": None, "orderId": None, "volume": 30},
        [Liquidation(venue="binance", symbol="AEVO-USDT-PERP", side="long", quantity=30.0, price=2.5,
                     price_kind="order", notional_usd=75.0, at_ms=1711571204802, received_ms=NOW)],
    ),
    wire.LONG_SHORT_RATIOS: (
        {"exchange": "binance", "instrument": "BTCUSDT", "timestamp": 1711571100000, "longAccount": 0.6069,
         "ratio": 1.5439, "shortAccount": 0.3931, "period": 5},
        [LongShortRatio(venue="binance", symbol=BTC, ratio=1.5439, long_share=0.6069, short_share=0.3931,
                        period_ms=300_000, at_ms=1711571100000, received_ms=NOW)],
    ),
    wire.OHLCV: (
        {"exchange": "binance", "instrument": "ADAUSD_PERP", "timestamp": 1711570860000, "open": 0.6478,
         "high": 0.6478, "low": 0.6476, "close": 0.6476, "volume": 4075.73706105},
        [Candle(venue="binance", symbol="ADA-USD-PERP", opened_ms=1711570860000, open=0.6478, high=0.6478, low=0.6476,
                close=0.6476, volume=4075.73706105, at_ms=1711570920000, received_ms=NOW)],
    ),
    wire.OPEN_INTERESTS: (
        {"exchange": "binance", "instrument": "BTCUSDT", "timestamp": 1711582494214, "value": "82862.305", "type": None},
        [OpenInterest(venue="binance", symbol=BTC, oi_base=82862.305, at_ms=1711582494214, received_ms=NOW)],
    ),
    wire.ORDER_EVENTS: (
        {"exchange": "binance", "instrument": "BTCUSDT", "timestamp": 1711570943299,
         "exchangeTimestamp": 1711570943297, "exchangeTimestampNanoseconds": 0, "receivedTimestamp": 1711570943299,
         "receivedTimestampNanoseconds": 658463, "isBid": False,
         "data": [[69020, 0.353, None], [69028.7, 0, None]], "sequence": 4292890252329},
        [BookUpdate(venue="binance", symbol=BTC, bids=(), asks=((69020.0, 0.353), (69028.7, 0.0)),
                    sequence=4292890252329, at_ms=1711570943297, received_ms=NOW)],
    ),
    wire.ORDER_SNAPSHOTS: (
        [{"exchange": "binance", "instrument": "BTCUSDT", "timestamp": 0, "exchangeTimestamp": 1711570980336,
          "isBid": False, "data": [[69135.8, 0.07, None], [69136.4, 0.029, None]], "sequence": 4292893574687,
          "currentFunding": None}],
        [BookSnapshot(venue="binance", symbol=BTC, bids=(), asks=((69135.8, 0.07), (69136.4, 0.029)),
                      sequence=4292893574687, at_ms=1711570980336, received_ms=NOW)],
    ),
    wire.TICKERS: (
        {"exchange": "binance", "instrument": "BTCUSDT", "exchangeTimestamp": 1711571015981,
         "exchangeTimestampNanoseconds": 0, "timestamp": 1711571015981, "bid": 69135.9, "ask": 69136,
         "mid": 69135.95, "last": None, "sequence": 4292896044090, "markPrice": 69136.1, "lastVolume": None,
         "bidVolume": 9.517, "askVolume": 0.527},
        [Ticker(venue="binance", symbol=BTC, bid=69135.9, ask=69136.0, bid_quantity=9.517, ask_quantity=0.527,
                mark_price=69136.1, sequence=4292896044090, at_ms=1711571015981, received_ms=NOW)],
    ),
    wire.TRADES: (
        {"exchange": "binance", "instrument": "XRPUSDT", "exchangeTimestamp": 1711571031275,
         "exchangeTimestampNanoseconds": 0, "isBuySide": False, "quoteSize": None, "price": 0.6159, "size": 211.4,
         "tradeId": "1443425767"},
        [Trade(venue="binance", symbol="XRP-USDT-PERP", price=0.6159, quantity=211.4, taker="sell",
               trade_id="1443425767", at_ms=1711571031275, received_ms=NOW)],
    ),
}  # fmt: skip
OURS = {  # where we say more than the printed example, or the same in another way
    "fundingInterval": 28_800_000,
    "insertionTimestamp": NOW,
    "timestamp": NOW,
    "receivedTimestamp": NOW,
    "receivedTimestampNanoseconds": 0,
}


def subscribed(channel: str, columns: list[str] | None = None) -> wire.Client:
    """A client whose subscription `s` is acknowledged."""
    client = wire.Client()
    client.subscribe([wire.topic(channel, "binance", "BTCUSDT")], 1)
    ack = {"jsonrpc": "2.0", "id": 1, "result": "s"} | ({} if columns is None else {"metadata": columns})
    client.decode(json.dumps(ack), NOW)
    return client


def framed(result: Any) -> str:
    """A frame of that subscription."""
    return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": {"subscription": "s", "result": result}})


@pytest.mark.parametrize("channel", PRINTED)
def test_the_printed_frames_are_read(channel: str) -> None:
    """As an object, as a list of objects, and as rows whose columns the acknowledgement named."""
    result, events = PRINTED[channel]
    rows = result if isinstance(result, list) else [result]
    columns = list(rows[0])
    arrays = [[row[column] for column in columns] for row in rows]

    assert events == list(subscribed(channel).decode(framed(result), NOW))  # type: ignore[arg-type]
    assert events == list(subscribed(channel).decode(framed(rows), NOW))  # type: ignore[arg-type]
    assert events == list(subscribed(channel, columns).decode(framed(arrays), NOW))  # type: ignore[arg-type]


@pytest.mark.parametrize("channel", PRINTED)
def test_what_we_send_has_exactly_the_printed_keys_in_their_order(channel: str) -> None:
    """And their values and types, apart from those that `OURS` names."""
    printed, events = PRINTED[channel]
    sent = json.loads(wire.encode(events[0])[0])
    if channel == wire.ORDER_SNAPSHOTS:
        printed, sent = printed[0], sent[1]  # the example shows one side; we send bids and asks
    if channel == wire.INSURANCE_FUNDS:
        printed = printed | {"exchange": "htx"}  # huobi for those who call it so
    for name, value in printed.items():
        if sent[name] != value:
            assert OURS[name] == sent[name], name

    assert list(printed) == list(sent)


def test_a_snapshot_is_a_list_of_both_sides() -> None:
    """An empty side is there too, so that nobody takes half a book for a whole one."""
    event = BookSnapshot(
        venue="okx", symbol=BTC, bids=((2.0, 1.0), (1.0, 3.0)), asks=(), sequence=7, at_ms=5, received_ms=9
    )
    bids, asks = json.loads(wire.encode(event, funding=1e-4)[0])

    assert (True, [[2.0, 1.0, None], [1.0, 3.0, None]], 0, 5, 7, 1e-4) == tuple(
        bids[key] for key in ("isBid", "data", "timestamp", "exchangeTimestamp", "sequence", "currentFunding")
    )
    assert (False, []) == (asks["isBid"], asks["data"])


@pytest.mark.parametrize("kind", SAID)
def test_what_is_written_reads_back(kind: type[Event]) -> None:
    """Apart from what the language has no field for: see amber_events."""
    said = SAID[kind]

    @settings(max_examples=60, deadline=None)
    @given(said.events)
    def law(event: Event) -> None:
        client = subscribed(wire.CHANNELS[kind])
        before, after = wire.envelope("s")
        read_back = [
            found
            for body in wire.encode(event)
            for found in client.decode(before + body + after, NOW)  # type: ignore[union-attr]
        ]

        assert list(said.arrives(event)) == read_back

    law()


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(sorted(wire.CHANNELS.values())),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["exchange", "instrument", "timestamp", "data", "isBid", "sequence", "price", "value", "period"]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=12,
    ),
)
def test_whatever_comes_is_events_or_unreadable(channel: str, result: Any) -> None:
    """No other exception leaves the codec."""
    try:
        found = subscribed(channel, ["exchange", "instrument", "price"]).decode(framed(result), NOW)
    except Unreadable:
        return

    assert isinstance(found, tuple)


def test_acknowledgements_and_refusals_name_their_topic() -> None:
    """By the id of the request; a subscription's id is what is given up later."""
    client, topic = wire.Client(), wire.topic(wire.TRADES, "okx", "BTC-USDT-SWAP")
    (asked,) = client.subscribe([topic], 7)

    assert {"jsonrpc": "2.0", "id": 7, "method": "subscribe",
            "params": [wire.TRADES, {"instrument": "BTC-USDT-SWAP", "exchange": "okx"}]} == json.loads(asked)  # fmt: skip
    assert Accepted((topic,), "7") == client.decode(wire.acknowledged(7, "abc"), NOW)
    (given_up,) = client.unsubscribe([topic], 8)
    assert ["abc"] == json.loads(given_up)["params"]
    assert Accepted((), "8") == client.decode(wire.acknowledged(8, True), NOW)
    assert Ignored() == client.decode(framed({"late": 1}).replace('"s"', '"abc"'), NOW)
    client.subscribe([topic], 9)
    assert Rejected("no", (topic,), "9") == client.decode(wire.refused(9, "no", 400), NOW)


def test_everything_of_an_exchange_is_asked_for_without_an_instrument() -> None:
    """And the ratio names its period, as the example does."""
    (one,) = wire.Client().subscribe([wire.topic(wire.LIQUIDATIONS, "binance", wire.EVERY)], 1)
    (two,) = wire.Client().subscribe([wire.topic(wire.LONG_SHORT_RATIOS, "binance", "XRPUSDT")], 1)

    assert [wire.LIQUIDATIONS, {"exchange": "binance"}] == json.loads(one)["params"]
    assert {"instrument": "XRPUSDT", "exchange": "binance", "period": "minutely"} == json.loads(two)["params"][1]


def test_rows_that_cannot_be_read_do_not_take_the_others_with_them() -> None:
    """They are counted."""
    good, client = PRINTED[wire.TRADES][0], subscribed(wire.TRADES)
    found = client.decode(framed([good, good | {"instrument": "???"}]), NOW)

    assert PRINTED[wire.TRADES][1] == list(found)  # type: ignore[arg-type]
    assert 1 == client.left_out


# -- requests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "[", "[]", "7", '"subscribe"', "null", '{"id":1}', '{"id":1,"method":2}', '{"id":1,"method":"fly"}',
     json.dumps([{"method": "subscribe"}] * 101), "[" * 100_000, b"\x1f\x8b"],
)  # fmt: skip
def test_what_is_no_request_says_so(text: str | bytes) -> None:
    """One sentence each, never the text itself."""
    (found, *_), _ = read(text)

    assert isinstance(found, Wrong)
    assert 0 < len(found.description) < 200


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [("1", 1), ('"abc"', "abc"), ("null", None), ("1.5", 1.5), ("true", None), ("{}", None), ("9" * 400, None),
     ('"' + "x" * 65 + '"', None), ("-7", -7)],
)  # fmt: skip
def test_ids_go_back_if_they_are_sane(sent: str, echoed: object) -> None:
    """What is huge would cost us on each answer."""
    (found,), is_batch = read(f'{{"id":{sent},"method":"subscribe","params":[]}}')

    assert isinstance(found, Call)
    assert (echoed, False) == (found.id, is_batch)


@pytest.mark.parametrize(
    "params",
    [None, {}, [], [1], ["a", 1], ["a", {}, 1], ["a", {"symbol": "BTC"}], ["a", {"instrument": 1}],
     ["a", {"instrument": " "}], ["a", {"exchange": "x" * 65}], ["a", {"period": "daily"}]],
)  # fmt: skip
def test_parameters_that_mean_nothing_are_refused(params: Any) -> None:
    """With the published code."""
    with pytest.raises(Wrong) as found:
        read_wish(params)

    assert 400 == found.value.code


def test_parameters_that_mean_something() -> None:
    """Both filters may be left out, and so may the object."""
    assert Wish("a") == read_wish(["a"]) == read_wish(["a", {}]) == read_wish(["a", None])
    assert Wish("a", "BTCUSDT", "binance") == read_wish(["a", {"instrument": "BTCUSDT", "exchange": "binance"}])
    assert "s" == read_subscription(["s"])
