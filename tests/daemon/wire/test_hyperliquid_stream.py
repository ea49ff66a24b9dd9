"""Hyperliquid's stream, read and written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire import hyperliquid_stream as wire
from daemon.wire.control import Accepted, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

HOUR = 3_600_000
NOW = 1_800_000_000_000 + 123_456
CONTEXT: dict[str, Any] = {
    "funding": "0.00004863", "openInterest": "18617460.0", "prevDayPx": "0.20296", "dayNtlVlm": "7665220.55613",
    "premium": None, "oraclePx": "0.1995", "markPx": "0.19963", "midPx": None, "impactPxs": ["0.199517", "0.199725"],
}  # fmt: skip


def changed(changes: dict[str, object], coin: str = "MOODENG") -> bytes:
    return json.dumps({"channel": "activeAssetCtx", "data": {"coin": coin, "ctx": CONTEXT | changes}}).encode()


def frame(coin: str = "MOODENG") -> bytes:
    return changed({}, coin)


def read(data: bytes, decoder: wire.Decoder | None = None, at_ms: int = NOW) -> list[Event]:
    answer = (decoder or wire.Decoder()).decode(data, at_ms)
    assert isinstance(answer, list | tuple)
    return list(answer)


def test_one_frame_carries_mark_funding_and_open_interest() -> None:
    mark, funding, interest = read(frame())

    assert isinstance(mark, MarkPrice)
    assert ("MOODENG-USDT-PERP", 0.19963, 0.1995) == (mark.symbol, mark.price, mark.index_price)
    assert isinstance(interest, OpenInterest)
    assert (18617460.0, 18617460.0 * 0.19963) == (interest.oi_base, interest.oi_usd)
    assert isinstance(funding, FundingRate)
    assert 0.00004863 == funding.rate


def test_funding_is_hourly_and_paid_at_the_next_full_hour() -> None:
    [funding] = [event for event in read(frame()) if isinstance(event, FundingRate)]

    assert (1.0, 1_800_000_000_000 + HOUR) == (funding.interval_h, funding.settles_at_ms)
    assert funding.rate * 8 == funding.rate_8h


def test_a_frame_without_a_timestamp_happened_when_we_heard_it() -> None:
    assert {NOW} == {event.at_ms for event in read(frame())}


def test_what_stays_is_told_again_when_the_hour_turns() -> None:
    """The rate is then one for another settlement."""
    decoder = wire.Decoder()
    read(frame(), decoder)

    assert [] == read(frame(), decoder, NOW + 1)
    [again] = [event for event in read(frame(), decoder, 1_800_000_000_000 + HOUR) if isinstance(event, FundingRate)]
    assert 1_800_000_000_000 + 2 * HOUR == again.settles_at_ms


def test_a_thousand_pepe_are_named_as_such() -> None:
    assert {"1000PEPE-USDT-PERP"} == {event.place[1] for event in read(frame("kPEPE"))}
    assert "activeAssetCtx:kPEPE" == wire.context_topic("1000PEPE-USDT-PERP")


@pytest.mark.parametrize("missing", ["markPx", "funding", "openInterest", "oraclePx"])
def test_a_number_that_is_null_is_left_out_and_the_rest_is_told(missing: str) -> None:
    events = read(changed({missing: None}))

    assert (3 if missing == "oraclePx" else 2) == len(events)


def test_there_is_no_liquidation_channel_to_ask_for_or_to_write() -> None:
    """They are told to the account that is liquidated, and to nobody else."""
    closed = Liquidation(
        venue="hyperliquid", symbol="BTC-USDT-PERP", side="long", quantity=1.0, price=1.0, price_kind="fill",
        notional_usd=1.0, at_ms=NOW, received_ms=NOW,
    )  # fmt: skip

    assert not hasattr(wire, "liquidation_topic")
    assert [] == wire.encode([closed], NOW)


def test_a_subscription_names_one_coin_and_the_answer_repeats_it() -> None:
    topics = [wire.context_topic("BTC-USDT-PERP"), wire.context_topic("ETH-USDT-PERP")]
    texts = wire.subscribe(topics, 1)

    assert [{"type": "activeAssetCtx", "coin": coin} for coin in ("BTC", "ETH")] == [
        json.loads(text)["subscription"] for text in texts
    ]
    request = wire.read_request(texts[0])
    assert Accepted((topics[0],)) == wire.Decoder().decode(wire.acknowledge(request)[0].encode(), NOW)
    assert "unsubscribe" == json.loads(wire.unsubscribe(topics, 1)[0])["method"]
    gone = wire.acknowledge(wire.read_request(wire.unsubscribe(topics, 1)[0]))[0]
    assert Ignored() == wire.Decoder().decode(gone.encode(), NOW)


def test_an_error_names_the_coin_if_its_text_does() -> None:
    [text] = wire.subscribe(["activeAssetCtx:NOPE"], 1)
    [refusal] = wire.refuse(wire.read_request(text), ["activeAssetCtx:NOPE"])
    answer = wire.Decoder().decode(refusal.encode(), NOW)

    assert isinstance(answer, Rejected)
    assert ("activeAssetCtx:NOPE",) == answer.items
    assert Rejected("no") == wire.Decoder().decode(b'{"channel":"error","data":"no"}', NOW)


def test_pings_keep_a_connection_that_is_cut_after_sixty_seconds() -> None:
    assert wire.PING_EVERY_S < 60
    assert "ping" == wire.read_request(wire.PING or "").method
    assert Pong() == wire.Decoder().decode(b'{"channel":"pong"}', NOW)


@pytest.mark.parametrize("missing", ["0", "-1.5", "inf", "nan"])
def test_a_price_that_is_none_is_not_told(missing: str) -> None:
    events = read(changed({"markPx": missing, "funding": None}))

    assert [OpenInterest] == [type(event) for event in events]
    assert [None] == [event.oi_usd for event in events if isinstance(event, OpenInterest)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["BTC-USDT-PERP", "1000PEPE-USDT-PERP"]), st.floats(1e-6, 1e6), st.floats(-0.01, 0.01)
        ),
        max_size=4,
    )
)
def test_what_is_written_is_read_back(rows: list[tuple[str, float, float]]) -> None:
    for symbol, price, rate in rows:
        told: dict[str, Any] = {"venue": "hyperliquid", "symbol": symbol, "at_ms": NOW, "received_ms": NOW}
        events: list[Event] = [
            MarkPrice(price=price, index_price=None, **told),
            FundingRate(rate=rate, interval_h=1.0, settles_at_ms=1_800_000_000_000 + HOUR, **told),
            OpenInterest(oi_base=price * 2, oi_usd=price * 2 * price, **told),
        ]
        [written] = wire.encode(events, NOW)

        assert events == read(written)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"42", b"[]", b"null", b"{}", b'{"half":', b"\xff", b'{"channel":"activeAssetCtx"}',
        b'{"channel":"activeAssetCtx","data":"?"}', b'{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"markPx":[]}}}',
        b'{"channel":"activeAssetCtx","data":{"coin":"@2","ctx":{"markPx":"7"}}}',
        b'{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"markPx":"soon"}}}', b"[" * 5_000,
    ],
)  # fmt: skip
def test_nonsense_is_unreadable_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(Unreadable):
        wire.Decoder().decode(data, NOW)


def test_channels_of_others_are_none_of_our_business() -> None:
    assert Ignored() == wire.Decoder().decode(b'{"channel":"trades","data":[{"coin":"BTC"}]}', NOW)
    assert Ignored() == wire.Decoder().decode(b'{"channel":"l2Book","data":{"coin":7}}', NOW)
