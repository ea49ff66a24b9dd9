"""Bitget's unified streams, read and written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import bitget_stream as wire
from daemon.wire.control import Accepted, Ignored, Pong, Rejected, Throttled, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

NOW = 1_800_000_000_000
TICKER = {
    "lastPrice": "76631.3", "indexPrice": "76671.4381686055379793", "markPrice": "76631.3", "fundingRate": "-0.00003",
    "openInterest": "29539.3825", "deliveryTime": "", "nextFundingTime": "1777363200000",
}  # fmt: skip
CLOSED = {"symbol": "APEUSDT", "side": "buy", "price": "0.1649", "amount": "13.70319", "ts": "1777358886549"}


def frame(arg: dict[str, str], rows: list[dict[str, object]], at_ms: object = NOW) -> bytes:
    told = {"action": "snapshot", "arg": {"instType": "usdt-futures", **arg}, "data": rows, "ts": at_ms}
    return json.dumps(told).encode()


def ticker(symbol: str = "BTCUSDT", **changes: object) -> bytes:
    return frame({"topic": "ticker", "symbol": symbol}, [{**TICKER, **changes}])


def read(data: bytes, decoder: wire.Decoder | None = None) -> list[Event]:
    answer = (decoder or wire.Decoder()).decode(data, NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def forced(*changes: dict[str, object], decoder: wire.Decoder | None = None) -> list[Liquidation]:
    events = read(frame({"topic": "liquidation"}, [{**CLOSED, **change} for change in changes]), decoder)
    return [event for event in events if isinstance(event, Liquidation)]


def test_one_topic_carries_mark_funding_and_open_interest() -> None:
    mark, funding, interest = read(ticker(), wire.Decoder({"BTCUSDT": wire.Contract(4.0)}))

    assert isinstance(mark, MarkPrice)
    assert ("BTC-USDT-PERP", 76631.3, 76671.43816860554, NOW) == (mark.symbol, mark.price, mark.index_price, mark.at_ms)
    assert isinstance(funding, FundingRate)
    assert (-0.00003, 4.0, 1777363200000) == (funding.rate, funding.interval_h, funding.settles_at_ms)
    assert isinstance(interest, OpenInterest)
    assert (29539.3825, 29539.3825 * 76631.3) == (interest.oi_base, interest.oi_usd)


def test_the_interval_is_eight_hours_where_nobody_says_otherwise() -> None:
    assert [8.0] == [event.interval_h for event in read(ticker()) if isinstance(event, FundingRate)]


def test_what_expires_pays_no_funding() -> None:
    """It says a rate of 0 and no time."""
    told = read(ticker(fundingRate="0", nextFundingTime="0"))

    assert ["MarkPrice", "OpenInterest"] == [type(event).__name__ for event in told]


def test_a_ticker_tells_what_changed() -> None:
    decoder = wire.Decoder()
    read(ticker(), decoder)

    assert [] == read(ticker(), decoder)
    assert [FundingRate] == [type(event) for event in read(ticker(fundingRate="0.0001"), decoder)]


def test_the_side_is_that_of_the_position() -> None:
    """The reverse of an order's: buy, a long was closed."""
    assert ["long", "short"] == [event.side for event in forced({}, {"side": "sell"})]


def test_the_amount_is_worth_in_the_quote_coin() -> None:
    """13.70319 / 0.1649 are 83.1 APE to the last digit: as coins it would be worth two dollars."""
    [closed] = forced({})

    assert (83.1, 0.1649, 13.70319) == (closed.quantity, closed.price, closed.notional_usd)
    assert 1777358886549 == closed.at_ms


def test_the_amount_is_coins_where_the_lot_says_so() -> None:
    """The unit is documented nowhere: where only the one reading gives whole lots, that one holds."""
    lots = wire.Decoder({"APEUSDT": wire.Contract(8.0, 0.1)})
    [quoted, coins] = forced({}, {"amount": "90.5", "ts": "1777358886550"}, decoder=lots)

    assert (83.1, 90.5) == (quoted.quantity, coins.quantity)
    assert 90.5 * 0.1649 == coins.notional_usd


def test_a_row_that_makes_no_sense_is_counted_and_its_neighbour_is_told() -> None:
    decoder = wire.Decoder()

    assert 1 == len(forced({"side": "both"}, {}, {"price": ""}, decoder=decoder))
    assert 2 == decoder.left_out


def test_the_liquidation_topic_is_for_the_whole_product_line() -> None:
    [text] = wire.subscribe([wire.LIQUIDATIONS, wire.ticker_topic("BTC-USDT-PERP")], 1)

    assert [
        {"instType": "usdt-futures", "topic": "liquidation"},
        {"instType": "usdt-futures", "topic": "ticker", "symbol": "BTCUSDT"},
    ] == json.loads(text)["args"]


def test_every_argument_is_answered_by_itself() -> None:
    topics = [wire.LIQUIDATIONS, wire.ticker_topic("BTC-USDT-PERP")]
    request = wire.read_request(wire.subscribe(topics, 1)[0])
    decoder = wire.Decoder()

    assert [Accepted((topic,)) for topic in topics] == [
        decoder.decode(text.encode(), NOW) for text in wire.acknowledge(request)
    ]
    [refusal] = wire.refuse(request, topics[1:])
    assert Rejected("30001: ticker:BTCUSDT doesn't exist", (topics[1],)) == decoder.decode(refusal.encode(), NOW)
    gone = wire.acknowledge(wire.read_request(wire.unsubscribe(topics, 1)[0]))
    assert [Ignored(), Ignored()] == [decoder.decode(text.encode(), NOW) for text in gone]


def test_requests_stay_below_four_kilobytes() -> None:
    texts = wire.subscribe([f"ticker:{'A' * 20}{number}USDT" for number in range(200)], 1)

    assert max(map(len, texts)) < 4_096
    assert 200 == sum(len(json.loads(text)["args"]) for text in texts)


def test_a_text_ping_is_answered_by_a_text_pong() -> None:
    assert ["pong"] == wire.acknowledge(wire.read_request(wire.PING or ""))
    assert Pong() == wire.Decoder().decode(b"pong", NOW)


def test_the_list_of_instruments_is_read_as_it_is_written() -> None:
    """Only perpetuals that are traded."""
    contracts = {"BTCUSDT": wire.Contract(8.0, 0.0001), "XTZUSDT": wire.Contract(4.0)}
    row = {"symbol": "A", "type": "delivery"}

    assert contracts == wire.decode_contracts(wire.encode_contracts(contracts))
    body = {"code": "00000", "data": [row, {"symbol": "BUSDT", "status": "offline"}]}
    assert {} == wire.decode_contracts(json.dumps(body).encode())
    with pytest.raises(Throttled):
        wire.decode_contracts(b'{"code":"429","msg":"Too Many Requests","data":null}')
    with pytest.raises(Unreadable, match="40019 no category"):
        wire.decode_contracts(b'{"code":"40019","msg":"no category"}')
    with pytest.raises(Unreadable):
        wire.decode_contracts(b"<html>")


def test_contracts_that_expire_have_no_name_we_know() -> None:
    with pytest.raises(ValueError, match="expires"):
        wire.from_symbol("BTC-USDT-20270326")


@given(
    st.lists(
        st.tuples(st.sampled_from(["BTC-USDT-PERP", "PEPE-USDT-PERP"]), st.booleans(), st.floats(1e-3, 1e6)),
        max_size=5,
    ),
    st.floats(1e-6, 1e6),
)
def test_what_is_written_is_read_back(rows: list[tuple[str, bool, float]], price: float) -> None:
    written: list[Event] = []
    for place, (symbol, is_long, usd) in enumerate(rows):
        side: Any = "long" if is_long else "short"
        closed = Liquidation(
            venue="bitget", symbol=symbol, side=side, quantity=usd / price, price=price,
            price_kind="bankruptcy", notional_usd=usd, at_ms=NOW + place, received_ms=NOW,
        )  # fmt: skip
        written.append(closed)
    told: dict[str, Any] = {"venue": "bitget", "symbol": "BTC-USDT-PERP", "at_ms": NOW, "received_ms": NOW}
    whole: list[Event] = [
        MarkPrice(price=price, index_price=price, **told),
        FundingRate(rate=1e-4, interval_h=8.0, settles_at_ms=NOW + 1, **told),
        OpenInterest(oi_base=5.0, oi_usd=5.0 * price, **told),
    ]
    encoder = wire.Encoder()

    assert written == [event for one in encoder.encode(written, NOW) for event in read(one)]
    [text] = encoder.encode(whole, NOW)
    assert whole == read(text)
    snapshot = encoder.snapshot("BTC-USDT-PERP", NOW)
    assert snapshot is not None
    assert whole == read(snapshot)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"42", b"[]", b"null", b"{}", b'{"half":', b"\xff", frame({"topic": "ticker", "symbol": "X"}, [dict(TICKER)]),
        frame({"topic": "ticker", "symbol": "BTCUSDT"}, []), ticker(markPrice="soon"), ticker(markPrice=7),
        frame({"topic": "liquidation"}, [{"symbol": "BTCUSDT"}]), b"[" * 5_000,
    ],
)  # fmt: skip
def test_nonsense_is_unreadable_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.Decoder().decode(data, NOW)


def test_topics_of_others_are_none_of_our_business() -> None:
    assert [] == read(frame({"topic": "publicTrade", "symbol": "BTCUSDT"}, [{"p": "1"}]))
    assert Ignored() == wire.Decoder().decode(frame({"topic": "books"}, [{"price": [1]}]), NOW)
    assert Ignored() == wire.Decoder().decode(b'{"event":"subscribe","arg":{"channel":"ticker","instId":"X"}}', NOW)
