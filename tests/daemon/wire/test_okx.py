"""OKX v5 public streams, read and written."""

import json

import pytest

from daemon.wire import okx
from daemon.wire.control import Accepted, Control, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest

NOW = 1_800_000_000_000
HOUR = 3_600_000
CONTRACTS = {
    "BTC-USDT-SWAP": okx.Contract(0.01),
    "BTC-USD-SWAP": okx.Contract(100.0, is_inverse=True),
    "ETH-USDT-SWAP": okx.Contract(0.1),
}
FUNDING = {
    "fundingRate": "-0.0004270396398519", "fundingTime": "1785888000000", "nextFundingTime": "1785916800000",
    "prevFundingTime": "1785859200000", "settFundingRate": "-0.0001996513270201", "settState": "settled",
    "nextFundingRate": "", "instId": "BTC-USDT-SWAP", "instType": "SWAP", "ts": "1785870855692",
}  # fmt: skip


def frame(channel: str, rows: list[dict[str, object]], **arg: str) -> bytes:
    """A frame of data."""
    return json.dumps({"arg": {"channel": channel, **arg}, "data": rows}).encode()


def read(data: bytes, decoder: okx.Decoder | None = None) -> list[Event]:
    """The events of a frame."""
    answer = (decoder or okx.Decoder(dict(CONTRACTS))).decode(data, NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def detail(**changes: str) -> dict[str, str]:
    """One forced order."""
    return {
        "bkLoss": "0",
        "bkPx": "50000",
        "ccy": "",
        "posSide": "long",
        "side": "sell",
        "sz": "39",
        "ts": "1680173247614",
        **changes,
    }


def liquidated(inst_id: str, *details: dict[str, str]) -> bytes:
    """A frame of liquidation-orders."""
    row: dict[str, object] = {
        "details": list(details),
        "instFamily": "x",
        "instId": inst_id,
        "instType": "SWAP",
        "uly": "x",
    }
    return frame("liquidation-orders", [row], instType="SWAP")


def liquidations(data: bytes) -> list[Liquidation]:
    """The liquidations in a frame."""
    return [event for event in read(data) if isinstance(event, Liquidation)]


def funding(**changes: object) -> list[FundingRate]:
    """The rates in a frame like FUNDING."""
    return [e for e in read(frame("funding-rate", [{**FUNDING, **changes}])) if isinstance(e, FundingRate)]


def test_okx_funding_time_is_the_settlement_that_the_rate_is_for() -> None:
    """nextFundingTime is the one after, and the difference is the interval."""
    predicted = funding()[-1]

    assert 1785888000000 == predicted.settles_at_ms
    assert predicted.interval_h == 8.0
    assert predicted.rate == -0.0004270396398519
    assert not predicted.is_settled
    assert funding(nextFundingTime="1785902400000")[-1].interval_h == 4.0


def test_okx_settled_rate_belongs_to_the_settlement_before() -> None:
    """It comes first, because it happened first."""
    settled, predicted = funding()

    assert settled.is_settled
    assert settled.rate == -0.0001996513270201
    assert 1785859200000 == settled.settles_at_ms == settled.at_ms
    assert 1785870855692 == predicted.at_ms


def test_without_prev_funding_time_the_interval_tells_the_settlement_before() -> None:
    """prevFundingTime is not on every frame."""
    assert 1785888000000 - 8 * HOUR == funding(prevFundingTime="")[0].settles_at_ms


def test_okx_settled_rate_is_told_once_for_each_settlement() -> None:
    """OKX repeats it in every frame until the next."""
    decoder = okx.Decoder()
    later = {
        **FUNDING, "prevFundingTime": "1785888000000", "fundingTime": "1785916800000",
        "nextFundingTime": "1785945600000", "settFundingRate": "0.0003",
    }  # fmt: skip
    told = [
        event.settles_at_ms
        for row in (FUNDING, FUNDING, later, later)
        for event in read(frame("funding-rate", [dict(row)]), decoder)
        if isinstance(event, FundingRate) and event.is_settled
    ]

    assert [1785859200000, 1785888000000] == told


def test_a_settlement_in_progress_is_not_settled() -> None:
    """settState processing has no final rate."""
    assert [False] == [rate.is_settled for rate in funding(settState="processing")]


def test_okx_next_funding_rate_is_empty_now() -> None:
    """The prediction is fundingRate (method current_period); an old nextFundingRate is not used."""
    assert -0.0004270396398519 == funding(nextFundingRate="0.0002")[-1].rate


def test_a_rate_without_its_interval_is_not_guessed() -> None:
    """Frames of 2021 had no nextFundingTime."""
    with pytest.raises(Unreadable, match="BTC-USDT-SWAP does not say when it settles"):
        funding(nextFundingTime="")


def test_okx_sizes_are_contracts() -> None:
    """39 contracts of 0.01 BTC are 0.39 BTC."""
    [event] = liquidations(liquidated("BTC-USDT-SWAP", detail()))

    assert event.quantity == pytest.approx(0.39)
    assert event.notional_usd == pytest.approx(0.39 * 50000)


def test_okx_inverse_contracts_are_dollars() -> None:
    """39 contracts of 100 USD are 3,900 dollars, whatever the price."""
    [event] = liquidations(liquidated("BTC-USD-SWAP", detail()))

    assert 3900.0 == event.notional_usd
    assert event.quantity == pytest.approx(3900 / 50000)


def test_okx_btc_usd_swap_is_not_mixed_with_btc_usdt_swap() -> None:
    """A filter by the prefix BTC overstated one by price / 10,000; here the exact instId decides, or nothing."""
    decoder = okx.Decoder({"BTC-USDT-SWAP": okx.Contract(0.01)})

    with pytest.raises(Unreadable, match="BTC-USD-SWAP"):
        read(liquidated("BTC-USD-SWAP", detail()), decoder)
    assert "BTC-USD-PERP" == liquidations(liquidated("BTC-USD-SWAP", detail()))[0].symbol


def test_a_contract_of_unknown_size_is_named_and_not_guessed() -> None:
    """Until the instruments arrive, the amount is unknown."""
    with pytest.raises(Unreadable, match="DOGE-USDT-SWAP"):
        read(liquidated("DOGE-USDT-SWAP", detail()))


def test_the_instruments_channel_teaches_the_sizes() -> None:
    """ctVal times ctMult, and the type."""
    decoder = okx.Decoder()
    rows: list[dict[str, object]] = [
        {"instId": "BTC-USDT-SWAP", "ctVal": "0.01", "ctMult": "1", "ctType": "linear", "ctValCcy": "BTC"},
        {"instId": "BTC-USD-SWAP", "ctVal": "100", "ctMult": "2", "ctType": "inverse", "ctValCcy": "USD"},
        {"instId": "BTC-USDT", "ctVal": "", "ctMult": "", "ctType": ""},
    ]

    assert [] == read(frame("instruments", rows, instType="SWAP"), decoder)
    assert {"BTC-USDT-SWAP": okx.Contract(0.01), "BTC-USD-SWAP": okx.Contract(200.0, True)} == decoder.contracts
    assert 0.39 == pytest.approx(
        next(e.quantity for e in read(liquidated("BTC-USDT-SWAP", detail()), decoder) if isinstance(e, Liquidation))
    )


def test_the_instruments_over_rest_teach_the_same() -> None:
    """A refusal is told in OKX's words."""
    assert CONTRACTS == okx.decode_instruments(okx.encode_instruments(CONTRACTS))
    for body, words in (
        (b'{"code":"50011","msg":"Too Many Requests","data":[]}', "50011 Too Many"),
        (b"<html>", "OKX"),
    ):
        with pytest.raises(Unreadable, match=words):
            okx.decode_instruments(body)


def test_okx_details_hold_several_rows_out_of_order() -> None:
    """All of them count, oldest first."""
    events = liquidations(
        liquidated("BTC-USDT-SWAP", detail(ts="1680173247614", sz="2"), detail(ts="1680173247000", sz="1"))
    )

    assert [(1680173247000, 0.01), (1680173247614, 0.02)] == [(event.at_ms, event.quantity) for event in events]


@pytest.mark.parametrize(
    ("position", "order", "closed"),
    [("long", "sell", "long"), ("short", "buy", "short"), ("net", "sell", "long"), ("net", "buy", "short")],
)
def test_okx_pos_side_is_the_position_and_net_asks_the_order(position: str, order: str, closed: str) -> None:
    """The forced order goes against the position."""
    [event] = liquidations(liquidated("BTC-USDT-SWAP", detail(posSide=position, side=order)))

    assert closed == event.side


def test_okx_bk_px_is_the_mark_price_at_liquidation() -> None:
    """Its meaning was renamed in 2026."""
    assert ["mark"] == [event.price_kind for event in liquidations(liquidated("BTC-USDT-SWAP", detail()))]


def test_an_unknown_contract_among_known_ones_does_not_cost_them() -> None:
    """It is counted, with the reason."""
    decoder = okx.Decoder(dict(CONTRACTS))
    rows: list[dict[str, object]] = [
        {"instId": "DOGE-USDT-SWAP", "details": [detail()]},
        {"instId": "ETH-USDT-SWAP", "details": [detail()]},
    ]

    assert ["ETH-USDT-PERP"] == [e.place[1] for e in read(frame("liquidation-orders", rows, instType="SWAP"), decoder)]
    assert decoder.left_out == 1
    assert "DOGE-USDT-SWAP" in decoder.left_out_why


def test_mark_price_and_open_interest() -> None:
    """oiCcy is coins, oi only contracts; oiUsd was added later and may be missing."""
    mark = frame("mark-price", [{"instId": "BTC-USDT-SWAP", "markPx": "84660.1", "ts": "1744590349506"}])
    row: dict[str, object] = {"instId": "BTC-USDT-SWAP", "oi": "644195", "oiCcy": "6441.95", "ts": "1640131258756"}
    same: dict[str, object] = {"venue": "okx", "symbol": "BTC-USDT-PERP", "received_ms": NOW}

    assert [MarkPrice(price=84660.1, at_ms=1744590349506, **same)] == read(mark)  # type: ignore[arg-type]  # see equality
    assert [OpenInterest(oi_base=6441.95, oi_usd=5e8, at_ms=1640131258756, **same)] == read(  # type: ignore[arg-type]  # same
        frame("open-interest", [{**row, "oiUsd": "500000000"}])
    )
    assert [None] == [e.oi_usd for e in read(frame("open-interest", [row])) if isinstance(e, OpenInterest)]


def test_spot_is_not_taken_for_a_perpetual() -> None:
    """BTC-USDT has a mark price too, for margin."""
    with pytest.raises(Unreadable, match="'BTC-USDT' is not a derivative"):
        read(frame("mark-price", [{"instId": "BTC-USDT", "markPx": "1", "ts": "1"}]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"id":"1512","event":"subscribe","arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"connId":"a4"}',
            Accepted(("funding-rate:BTC-USDT-SWAP",), "1512"),
        ),
        (
            '{"event":"subscribe","arg":{"channel":"liquidation-orders","instType":"SWAP"},"connId":"a4"}',
            Accepted(("liquidation-orders:SWAP",)),
        ),
        (
            '{"event":"error","code":"60012","msg":"Invalid request: {x}","connId":"a4d3ae55"}',
            Rejected("60012: Invalid request: {x}"),
        ),
        ('{"event":"notice","code":"64008","msg":"The connection will soon be closed","connId":"a4"}', Ignored()),
        ("pong", Pong()),
        (b"pong", Pong()),
        (
            '{"arg":{"channel":"mark-price-candle1D","instId":"BTC-USDT"},"data":[["1597026383085","8533.02"]]}',
            Ignored(),
        ),
        ('{"arg":{"channel":"index-tickers","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","idxPx":"9"}]}', ()),
    ],
)
def test_answers_and_other_channels(text: str | bytes, expected: Control | tuple[()]) -> None:
    """One acknowledgement a topic, and its arg shows what was really taken."""
    assert expected == okx.Decoder().decode(text, NOW)


def test_okx_rejections_name_the_topic() -> None:
    """The error has no arg: the topic stands in its text."""
    text = (
        '{"id":"7","event":"error","code":"60018","msg":"Wrong URL or channel:liquidation-orders,'
        'instId:BTC-USDT-SWAP doesn\'t exist. Please use the correct URL.","connId":"a"}'
    )
    answer = okx.Decoder().decode(text, NOW)

    assert isinstance(answer, Rejected)
    assert (("liquidation-orders:BTC-USDT-SWAP",), "7") == (answer.items, answer.request_id)


def test_okx_liquidations_are_asked_for_by_type_only() -> None:
    """An instId alone is refused, and beside a type it is dropped: the acknowledgement shows it."""
    asked = '{"id":"1","op":"subscribe","args":[{"channel":"liquidation-orders","instType":"SWAP","instId":"BTC-USDT-SWAP"}]}'
    [answer] = okx.acknowledge(okx.read_request(asked))

    assert "liquidation-orders:SWAP" == okx.liquidation_topic()
    assert Accepted(("liquidation-orders:SWAP",), "1") == okx.Decoder().decode(answer, NOW)


def test_okx_counts_requests_and_not_their_arguments() -> None:
    """480 requests an hour: 300 topics are one of them, and arguments stay below 64 KB."""
    topics = [okx.mark_topic(f"COIN{i}-USDT-PERP") for i in range(300)]
    many = okx.subscribe([okx.mark_topic(f"COIN{i}-USDT-PERP") for i in range(5_000)], 1)

    assert 1 == len(okx.subscribe(topics, 1))
    assert all(len(text) < 65_536 for text in many)
    assert 5_000 == sum(len(json.loads(text)["args"]) for text in many)


def test_the_venues_side_of_the_conversation() -> None:
    """What it reads and answers, our decoder understands."""
    decode = okx.Decoder().decode
    topics = [okx.funding_topic("BTC-USDT-PERP"), okx.instruments_topic(), okx.open_interest_topic("BTC-USDT-PERP")]
    request = okx.read_request(okx.subscribe(topics, 3)[0])
    [refusal] = [decode(text, NOW) for text in okx.refuse(request, [topics[0]])]
    assert okx.PING is not None

    assert tuple(topics) == request.topics
    assert [Accepted((topic,), "3") for topic in topics] == [decode(a, NOW) for a in okx.acknowledge(request)]
    assert isinstance(refusal, Rejected)
    assert ((topics[0],), "3") == (refusal.items, refusal.request_id)
    assert ["pong"] == okx.acknowledge(okx.read_request(okx.PING))
    assert b"unsubscribe" in okx.unsubscribe(topics, 1)[0].encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{}", b"null", b"[]", b"ping?", b"\xff", b'{"event":5}', b'{"arg":{"channel":"mark-price"},"data":[5]}',
        b'{"arg":{"channel":"mark-price"},"data":[{"instId":"BTC-USDT-SWAP","markPx":"soon","ts":"1"}]}',
        b'{"arg":{"channel":"mark-price"},"data":[{"instId":"BTC-USDT-SWAP","markPx":1}]}',
        b'{"arg":{"channel":"open-interest"},"data":[{"instId":"BTC-USDT-SWAP","oi":"5"}]}', b"[" * 100_000,
        liquidated("BTC-USDT-SWAP", detail(sz="")), liquidated("BTC-USDT-SWAP", detail(side="", posSide="")),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_so(data: bytes) -> None:
    """Unreadable, with a short sentence, and nothing else."""
    with pytest.raises(Unreadable) as caught:
        okx.Decoder(dict(CONTRACTS)).decode(data, NOW)

    assert 10 < len(str(caught.value)) < 300


def test_symbols_go_there_and_back() -> None:
    """Swaps are perpetual; X-Perp contracts keep their own name."""
    names = {"BTC-USDT-SWAP": "BTC-USDT-PERP", "BTC-USD-260327": "BTC-USD-20260327"}
    for name, symbol in {**names, "BTC-USD_UM_XPERP-310404": "BTC-USD_UM_XPERP-20310404"}.items():
        assert symbol == okx.to_symbol(name)
        assert name == okx.from_symbol(symbol)


def test_okx_ends_a_connection_after_30_quiet_seconds() -> None:
    """So the text ping must come sooner, and its answer keeps us from giving up."""
    assert okx.PING == "ping"
    assert okx.PING_EVERY_S < 30 < okx.SILENCE_S


def test_a_settlement_beyond_all_times_is_unreadable() -> None:
    """It is a frame that we cannot read, not a reason to stop the house."""
    absurd: dict[str, object] = {**FUNDING, "fundingTime": "9" * 350, "nextFundingTime": "9" * 360}

    with pytest.raises(Unreadable, match="does not say when it settles"):
        okx.Decoder().decode(frame("funding-rate", [absurd]), NOW)
