"""Deribit's streams, read and written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import deribit_stream as wire
from daemon.wire.control import Accepted, Answer, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

NOW = 1_800_000_000_000
TICKER = {
    "instrument_name": "BTC-PERPETUAL", "timestamp": 1765541474086, "mark_price": 92281.78, "index_price": 92263.55,
    "open_interest": 1132329370.0, "current_funding": 0.0, "funding_8h": 1.742e-05, "estimated_delivery_price": "expired",
}  # fmt: skip
TRADE = {
    "instrument_name": "BTC-PERPETUAL", "timestamp": 1584058044032, "price": 4469.5, "amount": 1120.0,
    "direction": "sell", "trade_id": "66460463", "trade_seq": 1, "liquidation": "T",
}  # fmt: skip


def frame(channel: str, data: object) -> bytes:
    params = {"channel": channel, "data": data}
    return json.dumps({"jsonrpc": "2.0", "method": "subscription", "params": params}).encode()


def ticker(**changes: object) -> bytes:
    row = {**TICKER, **changes}
    return frame(f"ticker.{row['instrument_name']}.100ms", row)


def trades(*changes: dict[str, object]) -> bytes:
    rows = [{**TRADE, "trade_id": str(place), **change} for place, change in enumerate(changes)]
    return frame(f"trades.{rows[0]['instrument_name']}.100ms", rows)


def read(data: bytes, decoder: wire.Decoder | None = None) -> list[Event]:
    answer = (decoder or wire.Decoder()).decode(data, NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def forced(*changes: dict[str, object], decoder: wire.Decoder | None = None) -> list[Liquidation]:
    return [event for event in read(trades(*changes), decoder) if isinstance(event, Liquidation)]


def test_an_inverse_ticker_counts_its_open_interest_in_dollars() -> None:
    mark, funding, interest = read(ticker())

    assert isinstance(mark, MarkPrice)
    assert ("BTC-USD-PERP", 92281.78, 92263.55, 1765541474086) == (
        mark.symbol,
        mark.price,
        mark.index_price,
        mark.at_ms,
    )
    assert isinstance(interest, OpenInterest)
    assert (1132329370.0, 1132329370.0 / 92281.78) == (interest.oi_usd, interest.oi_base)
    assert isinstance(funding, FundingRate)


def test_funding_accrues_continuously_and_is_told_as_the_last_eight_hours() -> None:
    """Not `current_funding`, which is 0 inside the dampener; there is no settlement to come."""
    [funding] = [event for event in read(ticker()) if isinstance(event, FundingRate)]

    assert (1.742e-05, 8.0, None, False) == (
        funding.rate, funding.interval_h, funding.settles_at_ms, funding.is_settled
    )  # fmt: skip
    assert funding.rate == funding.rate_8h


def test_a_linear_ticker_counts_coins() -> None:
    [interest] = [
        event
        for event in read(ticker(instrument_name="SOL_USDC-PERPETUAL", mark_price=150.0, open_interest=200.0))
        if isinstance(event, OpenInterest)
    ]

    assert ("SOL-USDC-PERP", 200.0, 30_000.0) == (interest.symbol, interest.oi_base, interest.oi_usd)


def test_a_ticker_tells_what_changed() -> None:
    """Ten frames a second say the same."""
    decoder = wire.Decoder()
    read(ticker(), decoder)

    assert [] == read(ticker(), decoder)
    assert [MarkPrice] == [type(event) for event in read(ticker(mark_price=92_282.0), decoder)]


@pytest.mark.parametrize("name", ["BTC-26MAR27-90000-C", "BTC-FS-30SEP22_PERP", "BTC-STRD-30SEP22-20000"])
def test_options_and_combinations_are_not_told(name: str) -> None:
    """Their prices are in other units."""
    assert [] == read(ticker(instrument_name=name))
    assert [] == forced({"instrument_name": name})


@pytest.mark.parametrize(
    ("flag", "direction", "sides"),
    [
        ("T", "sell", ["long"]),
        ("T", "buy", ["short"]),
        ("M", "buy", ["long"]),
        ("M", "sell", ["short"]),
        ("MT", "sell", ["short", "long"]),
        ("MT", "buy", ["long", "short"]),
    ],
)
def test_the_flag_says_whose_position_was_liquidated(flag: str, direction: str, sides: list[str]) -> None:
    """T the taker's, M the maker's against the taker's direction, MT one of each side."""
    assert sides == [event.side for event in forced({"liquidation": flag, "direction": direction})]


def test_amounts_are_dollars_for_inverse_contracts_and_coins_for_linear_ones() -> None:
    [inverse] = forced({})
    [linear] = forced({"instrument_name": "ETH_USDC-PERPETUAL", "price": 2_500.0, "amount": 4.0})

    assert (1120.0, 1120.0 / 4469.5, 4469.5) == (inverse.notional_usd, inverse.quantity, inverse.price)
    assert (10_000.0, 4.0, "ETH-USDC-PERP") == (linear.notional_usd, linear.quantity, linear.symbol)
    assert "fill" == inverse.price_kind == linear.price_kind


def test_several_fills_of_one_order_are_one_liquidation_at_their_average_price() -> None:
    """They share the moment and the side; a rule about one order must see its whole size."""
    [both, other] = forced(
        {"instrument_name": "ETH_USDC-PERPETUAL", "price": 2_500.0, "amount": 3.0},
        {"instrument_name": "ETH_USDC-PERPETUAL", "price": 2_400.0, "amount": 1.0},
        {"instrument_name": "ETH_USDC-PERPETUAL", "price": 2_400.0, "amount": 1.0, "timestamp": 1584058044099},
    )

    assert (4.0, 9_900.0, 2_475.0) == (both.quantity, both.notional_usd, both.price)
    assert (1.0, 1584058044099) == (other.quantity, other.at_ms)


def test_a_trade_that_comes_again_by_its_trade_id_is_told_once() -> None:
    """Also on the next connection, which has a new decoder and the old memory."""
    known = wire.Trades()
    first = forced({"trade_id": "7"}, decoder=wire.Decoder(known))
    again = forced({"trade_id": "7"}, {"trade_id": "8"}, decoder=wire.Decoder(known))

    assert (1120.0, 1120.0) == (first[0].notional_usd, again[0].notional_usd)
    assert 1 == len(again)


def test_the_memory_of_trade_ids_is_bounded() -> None:
    known = wire.Trades()
    for number in range(wire._IDS_KEPT + 5):
        known.is_new(str(number))

    assert known.is_new("0")
    assert wire._IDS_KEPT == len(known._told)


def test_ordinary_trades_are_not_liquidations() -> None:
    rows = [{key: value for key, value in TRADE.items() if key != "liquidation"}]

    assert [] == read(frame("trades.BTC-PERPETUAL.100ms", rows))


def test_a_trade_that_makes_no_sense_is_counted_and_its_neighbour_is_told() -> None:
    decoder = wire.Decoder()

    assert 1 == len(forced({"liquidation": "X"}, {}, decoder=decoder))
    assert (1, True) == (decoder.left_out, "'X'" in decoder.left_out_why)
    with pytest.raises(Unreadable, match="no size or no price"):
        forced({"amount": 0})


def test_a_test_request_is_answered_with_public_test() -> None:
    """Else the far end closes at once."""
    answer = wire.Decoder().decode(b'{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}', NOW)

    assert isinstance(answer, Answer)
    assert "public/test" == json.loads(answer.text)["method"]
    assert Pong() == wire.Decoder().decode(b'{"method":"heartbeat","params":{"type":"heartbeat"}}', NOW)


def test_the_accepted_channels_are_those_of_the_answer() -> None:
    """What it leaves out was not taken; an empty list is a refusal, not an answer without names."""
    decoder = wire.Decoder()
    asked = ["ticker.BTC-PERPETUAL.100ms", "ticker.NO-SUCH.100ms"]
    [text] = wire.subscribe(asked, 3)
    request = wire.read_request(text)

    assert Accepted((asked[0],), "3") == decoder.decode(wire.acknowledge(request, asked[:1])[0].encode(), NOW)
    refused = decoder.decode(wire.acknowledge(request, [])[0].encode(), NOW)
    assert isinstance(refused, Rejected)
    assert "3" == refused.request_id


def test_errors_and_answers_to_our_pings_are_told_apart() -> None:
    decoder = wire.Decoder()
    error = b'{"jsonrpc":"2.0","id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}'

    assert Rejected("10028: too_many_requests", (), "1") == decoder.decode(error, NOW)
    assert Pong() == decoder.decode(b'{"jsonrpc":"2.0","id":0,"result":"ok"}', NOW)
    assert Pong() == decoder.decode(b'{"jsonrpc":"2.0","id":0,"result":{"version":"1.2.26"}}', NOW)


def test_requests_are_read_as_they_are_written() -> None:
    topics = [wire.ticker_topic("BTC-USD-PERP"), wire.trades_topic("SOL-USDC-20260327")]
    [text] = wire.unsubscribe(topics, 9)
    request = wire.read_request(text)

    assert ("unsubscribe", tuple(topics), 9) == (request.method, request.topics, request.id)
    assert ["ticker.BTC-PERPETUAL.100ms", "trades.SOL_USDC-27MAR26.100ms"] == topics
    assert "ping" == wire.read_request(wire.PING or "").method
    assert [3, 4] == [json.loads(one)["id"] for one in wire.subscribe([f"ticker.{n}.100ms" for n in range(150)], 3)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BTC-USD-PERP", "ETH-USDC-PERP", "BTC-USD-20270326"]),
            st.sampled_from(["long", "short"]),
            st.integers(1, 10**6),
            st.floats(0.01, 1e6),
        ),
        max_size=5,
    )
)
def test_what_is_written_is_read_back(rows: list[Any]) -> None:
    """Liquidations with their sides and sizes, and each ticker whole."""
    encoder, decoder = wire.Encoder(), wire.Decoder()
    for place, (symbol, side, tens, price) in enumerate(rows):
        at_ms = NOW + place
        usd = tens * 10.0
        told = {"venue": "deribit", "symbol": symbol, "at_ms": at_ms, "received_ms": NOW}
        base = usd / price if "-USD-" in symbol else float(tens)
        dollars = usd if "-USD-" in symbol else tens * price
        events: list[Event] = [
            MarkPrice(price=price, index_price=price, **told),
            FundingRate(rate=1e-5 * (place + 1), interval_h=8.0, **told),
            OpenInterest(oi_base=base, oi_usd=dollars, **told),
        ]
        written = Liquidation(
            side=side, quantity=base, price=price, price_kind="fill", notional_usd=dollars, **told
        )  # fmt: skip
        [first, second] = encoder.encode([*events, written], NOW)
        [closed] = read(second, decoder)

        assert {type(event) for event in read(first, decoder)} >= {FundingRate}
        assert isinstance(closed, Liquidation)
        assert (side, at_ms) == (closed.side, closed.at_ms)
        assert [base, dollars] == pytest.approx([closed.quantity, closed.notional_usd])
        snapshot = encoder.snapshot(symbol)
        assert snapshot is not None
        assert events == read(snapshot, wire.Decoder())


@pytest.mark.parametrize(
    "data",
    [
        b"", b"42", b"[]", b"null", b"{}", b'{"half":', b"\xff\xfe", b'{"params":{}}', b'{"params":{"channel":"ticker.X"}}',
        b'{"params":{"channel":"ticker.X.100ms","data":7}}', b'{"params":{"channel":"trades.X.100ms","data":[7]}}',
        b'{"params":{"channel":"ticker.X.100ms","data":{"mark_price":"soon"}}}', b"[" * 5_000,
    ],
)  # fmt: skip
def test_nonsense_is_unreadable_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.Decoder().decode(data, NOW)


def test_channels_of_others_are_none_of_our_business() -> None:
    """Whatever types they put under the names we know."""
    other = frame("book.BTC-PERPETUAL.100ms", {"instrument_name": 7, "bids": [["new", 1, 2]]})

    assert Ignored() == wire.Decoder().decode(other, NOW)
    assert [] == read(frame("chart.trades.BTC-PERPETUAL.1", {"tick": 1, "open": 2.0}))


def test_a_time_beyond_all_times_is_the_time_of_arrival() -> None:
    [closed] = forced({"timestamp": 10**30})

    assert NOW == closed.at_ms
