"""HTX's notifications and index, read and written."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import htx_stream as wire
from daemon.wire.control import Accepted, Answer, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice

NOW = 1_800_000_000_000
HOUR = 3_600_000
CLOSED = {
    "symbol": "BTC", "contract_code": "BTC-USDT", "direction": "sell", "offset": "close", "volume": 227,
    "price": 23350.5, "created_at": 1608226502284, "amount": 0.227, "trade_turnover": 5300.5635,
}  # fmt: skip
FUNDING = {
    "symbol": "BTC", "contract_code": "BTC-USDT", "fee_asset": "USDT", "funding_time": "1606780800000",
    "funding_rate": "0.000100000000000000", "estimated_rate": None, "settlement_time": "1606809600000",
}  # fmt: skip


def packed(told: object) -> bytes:
    return wire.pack(json.dumps(told))


def notice(kind: str, *rows: Mapping[str, object]) -> bytes:
    return packed({"op": "notify", "topic": f"public.*.{kind}", "ts": NOW, "data": list(rows)})


def candle(kind: str, close: object, at_ms: int = NOW, name: str = "BTC-USDT") -> bytes:
    return packed({"ch": f"market.{name}.{kind}.1min", "ts": at_ms, "tick": {"id": 1, "close": close, "vol": "0"}})


def read(data: bytes, decoder: wire.Decoder | None = None, at_ms: int = NOW) -> list[Event]:
    answer = (decoder or wire.Decoder()).decode(data, at_ms)
    assert isinstance(answer, list | tuple)
    return list(answer)


def forced(*changes: Mapping[str, object], decoder: wire.Decoder | None = None) -> list[Liquidation]:
    events = read(notice("liquidation_orders", *[{**CLOSED, **change} for change in changes]), decoder)
    return [event for event in events if isinstance(event, Liquidation)]


def test_every_frame_is_gzip_and_plain_text_is_read_too() -> None:
    frame = notice("liquidation_orders", CLOSED)

    assert frame[:2] == b"\x1f\x8b"
    assert read(frame) == read(gzip.decompress(frame))


def test_a_frame_that_would_unpack_to_a_gigabyte_is_refused() -> None:
    """A bomb of a megabyte must not take a gigabyte of memory."""
    bomb = gzip.compress(b"0" * (wire._UNPACKED_MAX + 1))

    with pytest.raises(Unreadable, match="unpacks to more than"):
        wire.Decoder().decode(bomb, NOW)
    assert wire._UNPACKED_MAX == len(wire.unpack(gzip.compress(b"0" * wire._UNPACKED_MAX)))


@pytest.mark.parametrize("cut", [3, 12, 60])
def test_a_frame_that_is_cut_short_is_unreadable(cut: int) -> None:
    with pytest.raises(Unreadable):
        wire.Decoder().decode(notice("liquidation_orders", CLOSED)[:cut], NOW)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ('{"op":"ping","ts":"1606780800000"}', '{"op":"pong","ts":"1606780800000"}'),
        ('{"op":"ping","ts":1606780800000}', '{"op":"pong","ts":1606780800000}'),
        ('{"ping":1606780800000}', '{"pong":1606780800000}'),
    ],
)
def test_a_ping_is_echoed_in_the_type_in_which_it_came(asked: str, answered: str) -> None:
    """A string in notifications, a number on the index; the wrong one is cut every thirty seconds."""
    assert Answer(answered) == wire.Decoder().decode(wire.pack(asked), NOW)


def test_a_repeated_subscription_is_harmless() -> None:
    """Error 2014: we have it already."""
    told = {"op": "sub", "cid": "3", "topic": "public.*.funding_rate", "ts": NOW, "err-code": 2014}

    assert Accepted(("public.*.funding_rate",), "3") == wire.Decoder().decode(
        packed(told | {"err-msg": "Repeated subscription."}), NOW
    )
    refused = wire.Decoder().decode(packed(told | {"err-code": 2011, "err-msg": "invalid topic"}), NOW)
    assert Rejected("2011: invalid topic", ("public.*.funding_rate",), "3") == refused


def test_sell_closed_a_long() -> None:
    [closed] = forced({})

    assert ("long", 0.227, 23350.5, 5300.5635) == (closed.side, closed.quantity, closed.price, closed.notional_usd)
    assert ("fill", "BTC-USDT-PERP", 1608226502284) == (closed.price_kind, closed.symbol, closed.at_ms)
    assert ["short"] == [event.side for event in forced({"direction": "buy"})]


def test_without_coins_contracts_are_counted_by_their_size() -> None:
    """As the frames of 2020 were."""
    old = {"amount": None, "trade_turnover": None}
    [closed] = forced(old, decoder=wire.Decoder({"BTC-USDT": 0.001}))

    assert (0.227, 0.227 * 23350.5) == (closed.quantity, closed.notional_usd)
    with pytest.raises(Unreadable, match="no size in coins"):
        forced(old)


def test_an_order_that_opens_is_no_liquidation_we_understand() -> None:
    decoder = wire.Decoder()

    assert 1 == len(forced({"offset": "open"}, {}, {"contract_code": "BTC-USDT-CW"}, decoder=decoder))
    assert 2 == decoder.left_out


def test_funding_is_for_the_settlement_that_is_named() -> None:
    [rate] = read(notice("funding_rate", FUNDING))

    assert isinstance(rate, FundingRate)
    assert (0.0001, 8.0, 1606809600000, NOW) == (rate.rate, rate.interval_h, rate.settles_at_ms, rate.at_ms)


def test_two_settlements_teach_how_long_the_interval_is() -> None:
    """Whatever we thought before."""
    decoder = wire.Decoder(intervals_h={"BTC-USDT-PERP": 8.0})
    later = {**FUNDING, "settlement_time": str(1606809600000 + 4 * HOUR)}
    told = [event for row in (FUNDING, later) for event in read(notice("funding_rate", row), decoder)]

    assert [8.0, 4.0] == [event.interval_h for event in told if isinstance(event, FundingRate)]


def test_a_mark_price_takes_the_index_of_its_moment_along() -> None:
    """They are two topics; an index of long ago would make a basis that never was."""
    decoder = wire.Decoder()

    assert [] == read(candle("index", "9800.1", NOW), decoder)
    fresh, stale = (
        read(candle("mark_price", close, NOW + age), decoder) for close, age in (("9801", 9_000), (9802, 11_000))
    )
    assert [(9801.0, 9800.1), (9802.0, None)] == [
        (event.price, event.index_price) for event in (*fresh, *stale) if isinstance(event, MarkPrice)
    ]


def test_topics_go_to_the_stream_that_has_them() -> None:
    """Each stream has its own form of request, and its own answer."""
    topics = [wire.funding_topic("BTC-USDT-PERP"), wire.mark_topic("BTC-USDT-PERP")]
    texts = wire.subscribe(topics, 4)

    assert {"op": "sub", "cid": "4", "topic": "public.BTC-USDT.funding_rate"} == json.loads(texts[0])
    assert {"sub": "market.BTC-USDT.mark_price.1min", "id": "5"} == json.loads(texts[1])
    for text, topic, request_id in zip(texts, topics, "45", strict=True):
        [answer] = wire.acknowledge(wire.read_request(text), NOW)
        assert Accepted((topic,), request_id) == wire.Decoder().decode(wire.pack(answer), NOW)
        [refusal] = wire.refuse(wire.read_request(text))
        assert isinstance(wire.Decoder().decode(wire.pack(refusal), NOW), Rejected)
    for text in wire.unsubscribe(topics, 6):
        [gone] = wire.acknowledge(wire.read_request(text))
        assert Ignored() == wire.Decoder().decode(wire.pack(gone), NOW)


def test_our_answers_to_pings_are_read_as_such() -> None:
    assert "1606780800000" == wire.read_request('{"op":"pong","ts":"1606780800000"}').id
    assert 1606780800000 == wire.read_request('{"pong":1606780800000}').id
    assert [] == wire.acknowledge(wire.read_request('{"pong":1}'))
    assert Pong() == wire.Decoder().decode(b'{"op":"pong","ts":1}', NOW)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BTC-USDT-PERP", "ETH-USDT-20270326"]), st.booleans(), st.floats(1e-4, 1e6),
            st.floats(1e-6, 1e6),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_what_is_written_is_read_back(rows: list[tuple[str, bool, float, float]]) -> None:
    for place, (symbol, is_long, quantity, price) in enumerate(rows):
        told: dict[str, Any] = {"venue": "htx", "symbol": symbol, "at_ms": NOW + place, "received_ms": NOW}
        side: Any = "long" if is_long else "short"
        events: list[Event] = [
            MarkPrice(price=price, index_price=price, **told),
            FundingRate(rate=1e-4, interval_h=8.0, settles_at_ms=NOW + HOUR, **told),
            Liquidation(side=side, quantity=quantity, price=price, price_kind="fill", notional_usd=quantity * price, **told),
        ]  # fmt: skip
        decoder = wire.Decoder()

        assert events == [event for one in wire.encode(events, NOW) for event in read(one, decoder)]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"42", b"[]", b"null", b"{}", b'{"half":', b"\x1f\x8b", b"\x1f\x8b\x08nonsense", wire.pack("["), wire.pack("7"),
        packed({"op": "notify", "topic": "public.*.funding_rate"}), notice("liquidation_orders", {"price": "soon"}),
        packed({"op": "notify", "topic": "public.*.funding_rate", "data": 7}), candle("mark_price", None),
        candle("mark_price", "1", name="BTC-USDT-CW"), wire.pack("[" * 5_000),
    ],
)  # fmt: skip
def test_nonsense_is_unreadable_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.Decoder().decode(data, NOW)


def test_topics_of_others_are_none_of_our_business() -> None:
    assert [] == read(packed({"ch": "market.BTC-USDT.bbo", "ts": 1, "tick": {"bid": [1, 2]}}))
    assert Ignored() == wire.Decoder().decode(packed({"ch": "market.BTC-USDT.trade.detail", "tick": [1]}), NOW)
    assert [] == read(packed({"op": "notify", "topic": "public.*.contract_info", "data": [{"contract_code": "X"}]}))
