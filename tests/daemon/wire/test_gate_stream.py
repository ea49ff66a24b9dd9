"""Gate's USDT futures streams, read and written."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import gate_stream as wire
from daemon.wire.control import Accepted, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

NOW = 1_800_000_000_000
HOUR = 3_600_000
CONTRACTS = {
    "BTC_USDT": wire.Contract(0.0001, 8.0, NOW + HOUR),
    "ETH_USDT": wire.Contract(0.01, 4.0, NOW - 10 * HOUR),
}
TICKER = {
    "contract": "BTC_USDT", "last": "23160.2", "total_size": "153482780", "mark_price": "23175.64",
    "funding_rate": "0.0001", "funding_rate_indicative": "0.0001", "index_price": "23173.35", "quanto_base_rate": "",
}  # fmt: skip


def frame(channel: str, result: object, **more: object) -> bytes:
    told = {"time": NOW // 1000, "time_ms": NOW, "channel": channel, "event": "update", "result": result}
    return json.dumps(told | more).encode()


def tickers(*changes: Mapping[str, object]) -> bytes:
    return frame("futures.tickers", [{**TICKER, **change} for change in changes])


def liquidations(*rows: Mapping[str, object]) -> bytes:
    usual = {"price": "215.1", "size": "-124.5", "time": 1541486601123, "contract": "BTC_USDT"}
    return frame("futures.public_liquidates", [{**usual, **row} for row in rows])


def read(data: bytes, decoder: wire.Decoder | None = None) -> list[Event]:
    answer = (decoder or wire.Decoder(CONTRACTS)).decode(data, NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def forced(*rows: Mapping[str, object]) -> list[Liquidation]:
    return [event for event in read(liquidations(*rows)) if isinstance(event, Liquidation)]


def test_sizes_are_contracts_and_become_coins_by_the_quanto_multiplier() -> None:
    """153,482,780 contracts of 0.0001 BTC."""
    mark, funding, interest = read(tickers({}))

    assert isinstance(mark, MarkPrice)
    assert ("BTC-USDT-PERP", 23175.64, 23173.35, NOW) == (mark.symbol, mark.price, mark.index_price, mark.at_ms)
    assert isinstance(interest, OpenInterest)
    assert (15348.278, 15348.278 * 23175.64) == (interest.oi_base, interest.oi_usd)
    assert isinstance(funding, FundingRate)
    assert [(12.45, 2_678)] == [
        (round(one.quantity, 9), round(one.notional_usd)) for one in forced({"size": "-124500"})
    ]


def test_a_negative_size_sold_so_a_long_was_closed() -> None:
    """The sign is the order's on the stream; over REST it is the other way round."""
    assert ["long", "short"] == [event.side for event in forced({"size": "-1"}, {"size": "1"})]
    assert "order" == forced({})[0].price_kind


def test_sizes_are_text_with_the_header_and_numbers_without() -> None:
    """X-Gate-Size-Decimal keeps fractions of a contract, which would arrive as 0."""
    assert {"X-Gate-Size-Decimal": "1"} == wire.HEADERS
    assert [0.01245, 0.0124] == [round(event.quantity, 6) for event in forced({"size": "-124.5"}, {"size": -124})]
    with pytest.raises(Unreadable, match="no size"):
        forced({"size": 0})


@pytest.mark.parametrize(
    "times",
    [
        {"time": 1541486601123},  # since 2026-08
        {"time": 1541486601, "time_ms": 1541486601123},  # before
    ],
)
def test_the_time_of_a_liquidation_is_in_either_of_two_fields(times: dict[str, object]) -> None:
    assert [1541486601123] == [event.at_ms for event in forced(times)]


def test_a_time_in_seconds_is_told_in_milliseconds() -> None:
    assert [1541486601000] == [event.at_ms for event in forced({"time": 1541486601})]


def test_all_liquidations_of_a_second_come_in_one_frame() -> None:
    """Since 2026-08; before, all but one a second were lost."""
    assert [0.01, 0.02, 0.03] == [round(one.quantity, 9) for one in forced(*[{"size": f"-{n}00"} for n in (1, 2, 3)])]


def test_the_interval_and_the_next_settlement_come_from_the_list_of_contracts() -> None:
    """A ticker says neither; the settlement that was known once leads to the next one."""
    rates = [
        event for name in CONTRACTS for event in read(tickers({"contract": name})) if isinstance(event, FundingRate)
    ]

    assert [(8.0, NOW + HOUR), (4.0, NOW + 2 * HOUR)] == [(rate.interval_h, rate.settles_at_ms) for rate in rates]


def test_a_contract_of_unknown_size_is_named_and_its_neighbour_is_told() -> None:
    decoder = wire.Decoder(CONTRACTS)
    events = read(liquidations({"contract": "NEW_USDT"}, {}), decoder)

    assert (1, 1) == (len(events), decoder.left_out)
    assert "NEW_USDT" in decoder.left_out_why
    assert [MarkPrice] == [type(event) for event in read(tickers({"contract": "NEW_USDT"}))]
    with pytest.raises(Unreadable, match="NEW_USDT"):
        forced({"contract": "NEW_USDT"})


def test_a_ticker_tells_what_changed() -> None:
    decoder = wire.Decoder(CONTRACTS)
    read(tickers({}), decoder)

    assert [] == read(tickers({}), decoder)
    assert [OpenInterest] == [type(event) for event in read(tickers({"total_size": "153482781"}), decoder)]


def test_answers_are_matched_by_what_they_repeat() -> None:
    """The payload if there is one (2026), the id if there is one, else nothing."""
    decoder = wire.Decoder({})
    topics = [wire.ticker_topic("BTC-USDT-PERP"), wire.ticker_topic("ETH-USDT-PERP")]
    [text] = wire.subscribe(topics, 7)
    [answer] = wire.acknowledge(wire.read_request(text))

    assert Accepted(tuple(topics), "7") == decoder.decode(answer.encode(), NOW)
    bare = b'{"time":1,"channel":"futures.tickers","event":"subscribe","error":null,"result":{"status":"success"}}'
    assert Accepted() == decoder.decode(bare, NOW)
    [gone] = wire.acknowledge(wire.read_request(wire.unsubscribe(topics, 8)[0]))
    assert Ignored() == decoder.decode(gone.encode(), NOW)


def test_a_refusal_names_the_contract() -> None:
    topics = [wire.ticker_topic("BTC-USDT-PERP"), wire.ticker_topic("NOPE-USDT-PERP")]
    [text] = wire.subscribe(topics, 7)
    [refusal] = wire.refuse(wire.read_request(text), topics[1:])

    assert Rejected("2: unknown contract NOPE_USDT", (topics[1],), "7") == wire.Decoder({}).decode(
        refusal.encode(), NOW
    )


def test_a_request_is_about_one_channel() -> None:
    texts = wire.subscribe([wire.ticker_topic("BTC-USDT-PERP"), wire.ALL_LIQUIDATIONS], 1)

    assert [("futures.tickers", ["BTC_USDT"]), ("futures.public_liquidates", ["!all"])] == [
        (json.loads(text)["channel"], json.loads(text)["payload"]) for text in texts
    ]
    assert [1, 2] == [json.loads(text)["id"] for text in texts]


def test_pings_and_pongs_have_channels() -> None:
    assert "ping" == wire.read_request(wire.PING or "").method
    [pong] = wire.acknowledge(wire.read_request(wire.PING or ""))
    assert Pong() == wire.Decoder({}).decode(pong.encode(), NOW)


def test_the_list_of_contracts_is_read_as_it_is_written() -> None:
    """Those that leave, and those without a size, are not listed."""
    assert CONTRACTS == wire.decode_contracts(wire.encode_contracts(CONTRACTS.items()))
    rows = [
        {"name": "A_USDT", "quanto_multiplier": "0"},
        {"name": "B_USDT", "quanto_multiplier": "1", "in_delisting": True},
        {"name": "C_USDT", "quanto_multiplier": "1", "funding_interval": 28800, "funding_next_apply": 1684944000},
    ]
    assert {"C_USDT": wire.Contract(1.0, 8.0, 1684944000000)} == wire.decode_contracts(json.dumps(rows).encode())
    with pytest.raises(Unreadable):
        wire.decode_contracts(b'{"label":"TOO_MANY_REQUESTS"}')


@pytest.mark.parametrize("name", ["BTC", "", "_USDT", "BTC_USDT_CW", "A" * 100])
def test_what_is_no_instrument_is_said_to_be_none(name: str) -> None:
    with pytest.raises(ValueError, match="not an instrument"):
        wire.to_symbol(name)


@given(
    st.lists(
        st.tuples(st.sampled_from(["BTC-USDT-PERP", "ETH-USDT-PERP"]), st.booleans(), st.integers(1, 10**6)),
        max_size=30,
    ),
    st.floats(1e-3, 1e6),
)
def test_what_is_written_is_read_back(rows: list[tuple[str, bool, int]], price: float) -> None:
    decoder = wire.Decoder(CONTRACTS)
    written: list[Event] = []
    for place, (symbol, is_long, contracts) in enumerate(rows):
        quantity = contracts * CONTRACTS[wire.from_symbol(symbol)].size
        side: Any = "long" if is_long else "short"
        closed = Liquidation(
            venue="gate", symbol=symbol, side=side, quantity=quantity, price=price, price_kind="order",
            notional_usd=quantity * price, at_ms=NOW + place, received_ms=NOW,
        )  # fmt: skip
        written.append(closed)
    encoder = wire.Encoder(CONTRACTS)
    told: dict[str, Any] = {"venue": "gate", "symbol": "BTC-USDT-PERP", "at_ms": NOW, "received_ms": NOW}
    ticker: list[Event] = [
        MarkPrice(price=price, index_price=None, **told),
        FundingRate(rate=1e-4, interval_h=8.0, settles_at_ms=NOW + HOUR, **told),
        OpenInterest(oi_base=25.0, oi_usd=25.0 * price, **told),
    ]

    assert written == [event for one in encoder.encode(written, NOW) for event in read(one, decoder)]
    [whole] = encoder.encode(ticker, NOW)
    assert ticker == read(whole)
    snapshot = encoder.snapshot("BTC-USDT-PERP", NOW)
    assert snapshot is not None
    assert ticker == read(snapshot)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"42", b"[]", b"null", b"{}", b'{"half":', b"\xff", frame("futures.tickers", None), frame("futures.tickers", 7),
        frame("futures.tickers", [[TICKER]]), tickers({"mark_price": "soon"}), tickers({"contract": "BTC"}),
        liquidations({"price": []}), b"[" * 5_000,
    ],
)  # fmt: skip
def test_nonsense_is_unreadable_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.Decoder(CONTRACTS).decode(data, NOW)


def test_channels_of_others_are_none_of_our_business() -> None:
    assert [] == read(frame("futures.trades", [{"size": -1, "contract": "BTC_USDT"}]))
    assert Ignored() == wire.Decoder({}).decode(frame("futures.order_book", {"asks": [], "contract": 7}), NOW)
