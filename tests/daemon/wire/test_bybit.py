"""Bybit v5 linear streams, read and written."""

import json

import pytest

from daemon.wire import bybit
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

NOW = 1_800_000_000_000
AT = 1_791_565_601_482

TICKER = {
    "symbol": "BTCUSDT", "tickDirection": "PlusTick", "lastPrice": "17216.00", "markPrice": "17217.33",
    "indexPrice": "17227.36", "openInterest": "137489.522", "openInterestValue": "2367202471.82",
    "singleOpenInterest": "68744.761", "singleOpenInterestValue": "1183601235.91", "nextFundingTime": "1673280000000",
    "fundingRate": "-0.000212", "fundingIntervalHour": "4", "bid1Price": "17215.50", "bid1Size": "84.489",
}  # fmt: skip
ROWS = [
    {"T": 1791565600992, "s": "BTCUSDT", "S": "Buy", "v": "0.006", "p": "82396.90"},
    {"T": 1791565601058, "s": "BTCUSDT", "S": "Sell", "v": "0.038", "p": "82394.30"},
]


def ticker(data: dict[str, object], kind: str = "snapshot") -> dict[str, object]:
    """A frame of the tickers topic."""
    return {"topic": f"tickers.{data.get('symbol')}", "type": kind, "data": data, "cs": 24987956059, "ts": AT}


def forced(rows: list[dict[str, object]]) -> dict[str, object]:
    """A frame of the allLiquidation topic."""
    return {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": AT, "data": rows}


def read(frame: object, decoder: bybit.Decoder | None = None) -> list[Event]:
    """The events of a frame."""
    answer = (decoder or bybit.Decoder(prices_of=())).decode(json.dumps(frame).encode(), NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def liquidations(frame: object) -> list[Liquidation]:
    """The liquidations in a frame."""
    return [event for event in read(frame) if isinstance(event, Liquidation)]


def test_a_snapshot_carries_three_facts() -> None:
    """Mark price, funding with its own interval, open interest."""
    same: dict[str, object] = {"venue": "bybit", "symbol": "BTC-USDT-PERP", "at_ms": AT, "received_ms": NOW}

    assert [
        MarkPrice(price=17217.33, index_price=17227.36, **same),  # type: ignore[arg-type]  # checked by equality
        FundingRate(rate=-0.000212, interval_h=4.0, settles_at_ms=1673280000000, **same),  # type: ignore[arg-type]  # same
        OpenInterest(oi_base=68744.761, oi_usd=1183601235.91, **same),  # type: ignore[arg-type]  # same
    ] == read(ticker(dict(TICKER)))


def test_bybit_deltas_hold_only_the_changed_keys() -> None:
    """What a delta does not say is as it was; what it says is told once."""
    decoder = bybit.Decoder(prices_of=())
    read(ticker(dict(TICKER)), decoder)

    assert [] == read(ticker({"symbol": "BTCUSDT", "bid1Price": "1", "bid1Size": "2"}, "delta"), decoder)
    [mark] = read(ticker({"symbol": "BTCUSDT", "markPrice": "17300"}, "delta"), decoder)
    assert isinstance(mark, MarkPrice)
    assert (17300.0, 17227.36) == (mark.price, mark.index_price)
    [funding] = read(ticker({"symbol": "BTCUSDT", "fundingRate": "0.0001"}, "delta"), decoder)
    assert isinstance(funding, FundingRate)
    assert (0.0001, 4.0, 1673280000000) == (funding.rate, funding.interval_h, funding.settles_at_ms)


def test_bybit_merges_each_symbol_apart() -> None:
    """A delta of one symbol says nothing of another."""
    decoder = bybit.Decoder()
    read(ticker(dict(TICKER)), decoder)
    read(ticker({**TICKER, "symbol": "ETHUSDT", "markPrice": "2000"}), decoder)

    [mark] = read(ticker({"symbol": "ETHUSDT", "indexPrice": "2001"}, "delta"), decoder)
    assert isinstance(mark, MarkPrice)
    assert ("ETH-USDT-PERP", 2000.0, 2001.0) == (mark.symbol, mark.price, mark.index_price)


def test_bybit_state_is_dropped_on_reconnect() -> None:
    """A new connection is a new decoder, and a delta before its snapshot is not guessed at."""
    with pytest.raises(Unreadable, match="BTCUSDT came before its snapshot"):
        read(ticker({"symbol": "BTCUSDT", "markPrice": "17300"}, "delta"))


def test_a_second_snapshot_replaces_the_first() -> None:
    """Bybit sends one when its service restarts."""
    decoder = bybit.Decoder()
    read(ticker(dict(TICKER)), decoder)
    read(ticker({"symbol": "BTCUSDT", "markPrice": "5"}), decoder)

    [mark] = read(ticker({"symbol": "BTCUSDT", "markPrice": "6"}, "delta"), decoder)
    assert isinstance(mark, MarkPrice)
    assert mark.index_price is None


def test_bybit_open_interest_counts_both_sides_since_2026_06() -> None:
    """singleOpenInterest is one side, as the other venues count; before, the plain field was one side."""
    before = {key: value for key, value in TICKER.items() if not key.startswith("single")}

    assert 68744.761 == interest(read(ticker(dict(TICKER)))).oi_base
    assert 137489.522 == interest(read(ticker(dict(before)))).oi_base


def test_bybit_keeps_counting_one_side_when_a_delta_names_both() -> None:
    """The two ways of counting never mix in one series."""
    decoder = bybit.Decoder()
    read(ticker(dict(TICKER)), decoder)
    events = read(ticker({"symbol": "BTCUSDT", "openInterest": "140000", "openInterestValue": "1"}, "delta"), decoder)

    assert (68744.761, 1183601235.91) == (interest(events).oi_base, interest(events).oi_usd)


def interest(events: list[Event]) -> OpenInterest:
    """The open interest among these events."""
    [event] = [event for event in events if isinstance(event, OpenInterest)]
    return event


def test_open_interest_without_its_value_is_valued_at_the_mark() -> None:
    """Base coins times mark price."""
    event = interest(read(ticker({"symbol": "BTCUSDT", "markPrice": "10", "openInterest": "3"})))

    assert (3.0, 30.0) == (event.oi_base, event.oi_usd)


def test_bybit_inverse_contracts_count_dollars() -> None:
    """Units flip: open interest in dollars and its value in coins, liquidations in dollars."""
    data: dict[str, object] = {
        "symbol": "BTCUSD", "markPrice": "28560", "openInterest": "449736676", "openInterestValue": "15747.08",
    }  # fmt: skip
    event = interest(read(ticker(data)))
    [forced_out] = liquidations(forced([{**ROWS[0], "s": "BTCUSD", "v": "8239690", "p": "82396.90"}]))

    assert (15747.08, 449736676.0) == (event.oi_base, event.oi_usd)
    assert (100.0, 8239690.0) == (forced_out.quantity, forced_out.notional_usd)


def test_bybit_contracts_with_an_expiry_have_an_empty_rate() -> None:
    """fundingRate "" and nextFundingTime "" are no funding."""
    events = read(ticker({**TICKER, "symbol": "BTC-26DEC25", "fundingRate": "", "nextFundingTime": ""}))

    assert ["MarkPrice", "OpenInterest"] == [type(event).__name__ for event in events]
    assert {"BTC-USDC-20251226"} == {event.place[1] for event in events}


def test_bybit_buy_means_a_long_was_liquidated() -> None:
    """S is the side of the position: the reverse of Binance."""
    assert ["long", "short"] == [event.side for event in liquidations(forced(list(ROWS)))]


def test_bybit_batches_hold_several_liquidations() -> None:
    """One frame of 500 ms; a reader of the first row alone would lose the rest. Oldest first."""
    assert [0.006, 0.038] == [event.quantity for event in liquidations(forced(ROWS[::-1]))]


def test_bybit_p_is_the_bankruptcy_price() -> None:
    """Not a fill, and the event says so; the notional follows from it."""
    event = liquidations(forced([ROWS[0]]))[0]

    assert (82396.9, "bankruptcy") == (event.price, event.price_kind)
    assert event.notional_usd == pytest.approx(0.006 * 82396.9)


def test_bybit_event_time_is_t_and_not_the_later_ts() -> None:
    """The frame's ts comes 211 to 490 ms later."""
    assert [1791565600992] == [event.at_ms for event in liquidations(forced([ROWS[0]]))]


def test_bybit_retired_liquidation_topic_still_reads() -> None:
    """Old recordings hold it; we never ask for it."""
    old = {"updatedTime": 1673251091822, "symbol": "GALAUSDT", "side": "Buy", "size": "1637", "price": "0.03803"}
    [event] = liquidations({"topic": "liquidation.GALAUSDT", "type": "snapshot", "ts": 1673251091822, "data": old})

    assert ("long", 1637.0, 0.03803) == (event.side, event.quantity, event.price)
    assert "allLiquidation.GALAUSDT" == bybit.liquidation_topic("GALA-USDT-PERP")


def test_one_bad_row_does_not_cost_the_others() -> None:
    """It is counted, with the last reason."""
    decoder = bybit.Decoder()

    assert 1 == len(read(forced([ROWS[0], {**ROWS[1], "S": "Hold"}]), decoder))
    assert (1, "'Hold' is not a side") == (decoder.left_out, decoder.left_out_why)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ({"success": True, "ret_msg": "", "conn_id": "x", "req_id": "a", "op": "subscribe"}, Accepted((), "a")),
        (
            {"success": False, "ret_msg": "Invalid topic: bad.BTCUSDT", "conn_id": "x", "op": "subscribe"},
            Rejected("Invalid topic: bad.BTCUSDT", ("bad.BTCUSDT",)),
        ),
        ({"success": True, "ret_msg": "pong", "conn_id": "x", "req_id": "", "op": "ping"}, Pong()),
        ({"op": "pong", "args": ["1673280000000"], "conn_id": "x"}, Pong()),
        ({"topic": "priceLimit.BTCUSDT", "data": [{"start": 1}], "ts": 1}, Ignored()),
    ],
)
def test_answers_to_requests(frame: dict[str, object], expected: Control) -> None:
    """A pong says success and ping; a failure names the topic in its text."""
    assert expected == bybit.Decoder().decode(json.dumps(frame), NOW)


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"{}", b"null", b"[]", b"\xff", b'{"topic":5}', b'{"topic":"tickers.BTCUSDT"}',
        b'{"topic":"tickers.BTCUSDT","data":{"symbol":5}}', b'{"topic":"allLiquidation.X","data":[{}]}',
        b'{"topic":"allLiquidation.X","data":[{"T":1,"s":"X","S":"Buy","v":"1","p":"1"}]}',
        b'{"topic":"allLiquidation.X","data":[{"T":1,"s":"XUSDT","S":"Buy","v":"","p":"1"}]}',
        b'{"topic":"liquidation.X","data":{"symbol":"XUSDT"}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_so(frame: bytes) -> None:
    """Unreadable, with a short sentence, and nothing else."""
    with pytest.raises(Unreadable) as caught:
        bybit.Decoder().decode(frame, NOW)

    assert 10 < len(str(caught.value)) < 300


def test_requests_stay_below_21000_characters() -> None:
    """805 instruments at once must not be refused."""
    frames = bybit.subscribe([f"allLiquidation.SOMEVERYLONGNAME{i}USDT" for i in range(805)], 1)

    assert all(len(frame) < 21_000 for frame in frames)
    assert 805 == sum(len(json.loads(frame)["args"]) for frame in frames)
    assert [str(place) for place in range(1, len(frames) + 1)] == [json.loads(frame)["req_id"] for frame in frames]


def test_the_venues_side_of_the_conversation() -> None:
    """What it reads and answers, our decoder understands."""
    decode = bybit.Decoder().decode
    request = bybit.read_request(bybit.subscribe(["tickers.BTCUSDT", "bad"], 3)[0])
    assert bybit.PING is not None

    assert ("tickers.BTCUSDT", "bad") == request.topics
    assert [Accepted((), "3")] == [decode(a, NOW) for a in bybit.acknowledge(request)]
    assert [Rejected("Invalid topic: bad", ("bad",), "3")] == [decode(a, NOW) for a in bybit.refuse(request, ["bad"])]
    assert [Pong()] == [decode(a, NOW) for a in bybit.acknowledge(bybit.read_request(bybit.PING))]


def test_symbols_go_there_and_back() -> None:
    """USDC contracts are called PERP."""
    names = {"BTCUSDT": "BTC-USDT-PERP", "BTCPERP": "BTC-USDC-PERP", "BTCUSDT-26DEC25": "BTC-USDT-20251226"}
    for name, symbol in {**names, "BTC-26DEC25": "BTC-USDC-20251226", "BTCUSD": "BTC-USD-PERP"}.items():
        assert symbol == bybit.to_symbol(name)
        assert name == bybit.from_symbol(symbol)


def test_bybit_wants_a_ping_every_20_seconds() -> None:
    """A liquidation topic may be silent for minutes: the pong shows that somebody is there."""
    assert bybit.PING_EVERY_S <= 20 < bybit.SILENCE_S
