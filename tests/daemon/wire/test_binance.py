"""Binance USD-M streams, read and written."""

import json

import pytest

from daemon.wire import binance, binance_symbols
from daemon.wire.control import Accepted, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice

NOW = 1_800_000_000_000

MARK = {
    "e": "markPriceUpdate", "E": 1791269856000, "s": "BTCUSDT", "p": "85296.60260870", "ap": "85290.00000000",
    "P": "85321.91711993", "i": "85345.93826087", "r": "0.00000523", "T": 1791273600000, "st": 1,
}  # fmt: skip
ORDER = {
    "s": "MANTAUSDT", "S": "SELL", "o": "LIMIT", "f": "IOC", "q": "2049.1", "p": "0.0711500", "ap": "0.0722187",
    "X": "FILLED", "l": "245.9", "z": "2049.1", "T": 1791091026103, "ps": "MANTAUSDT", "st": 1,
}  # fmt: skip


def forced(**changes: object) -> dict[str, object]:
    """A forceOrder with an order like ORDER."""
    order = {key: value for key, value in {**ORDER, **changes}.items() if value is not None}
    return {"e": "forceOrder", "E": 1791091027107, "o": order}


def read(frame: object, decoder: binance.Decoder | None = None) -> list[Event]:
    """The events of a frame."""
    answer = (decoder or binance.Decoder()).decode(json.dumps(frame).encode(), NOW)
    assert isinstance(answer, list | tuple)
    return list(answer)


def liquidation(frame: object, decoder: binance.Decoder | None = None) -> Liquidation:
    """The one liquidation in a frame."""
    [event] = read(frame, decoder)
    assert isinstance(event, Liquidation)
    return event


def test_one_frame_carries_the_mark_price_and_the_funding() -> None:
    """Two facts of the same moment; the rate settles at T."""
    mark = MarkPrice(
        venue="binance", symbol="BTC-USDT-PERP", price=85296.6026087, index_price=85345.93826087,
        at_ms=1791269856000, received_ms=NOW,
    )  # fmt: skip
    funding = FundingRate(
        venue="binance", symbol="BTC-USDT-PERP", rate=0.00000523, interval_h=8.0, settles_at_ms=1791273600000,
        at_ms=1791269856000, received_ms=NOW,
    )  # fmt: skip

    assert [mark, funding] == read(MARK)


def test_binance_does_not_say_the_interval_in_the_frame() -> None:
    """8 h, unless fundingInfo listed the symbol."""
    decoder = binance.Decoder()
    decoder.intervals_h["BTC-USDT-PERP"] = 4.0

    assert [4.0] == [event.interval_h for event in read(MARK, decoder) if isinstance(event, FundingRate)]


def test_binance_letters_differ_only_by_case() -> None:
    """e and E, p and P are different fields: P (estimated settlement) is not the mark price, ap not either."""
    [mark, _] = read({**MARK, "p": "1.0", "P": "2.0", "ap": "3.0"})

    assert isinstance(mark, MarkPrice)
    assert mark.price == 1.0


@pytest.mark.parametrize("rate", ["", "0.00000000"])
def test_binance_delivery_contracts_have_an_empty_rate(rate: str) -> None:
    """r "" and T 0 give the mark price alone."""
    [mark] = read({**MARK, "s": "BTCUSDT_260327", "r": rate, "T": 0})

    assert isinstance(mark, MarkPrice)
    assert mark.symbol == "BTC-USDT-20260327"


def test_binance_st_and_ps_are_optional() -> None:
    """They came in 2026 and are not on every frame."""
    bare = {key: value for key, value in MARK.items() if key not in ("st", "ap")}

    assert read(MARK) == read(bare)
    assert liquidation(forced()) == liquidation(forced(st=None, ps=None))


def test_binance_coin_margined_rows_that_nobody_names_are_dropped() -> None:
    """Since 2026-06-30 the all-market streams push both universes; quantities of COIN-M are contracts."""
    coin_margined = {**MARK, "s": "BTCUSD_PERP", "st": 2}

    assert [] == read(forced(s="BTCUSD_PERP", st=2))
    assert [] == read({**forced(s="BTCUSD_PERP", st=None), "st": 2})
    assert [] == read(coin_margined)
    assert 2 == len(read([coin_margined, MARK]))
    assert [] == read({**coin_margined, "s": "?"}, binance.Decoder(coin_margined={"BTC-USD-PERP"}))


@pytest.mark.parametrize("name", ["BTCUSD_PERP", "BNBUSD_PERP", "BTCUSD_200925"])
def test_binance_coin_margined_rows_are_known_without_their_mark_too(name: str) -> None:
    """Not every row says `st`; three contracts of Bitcoin are $300, whatever it costs."""
    unmarked = forced(s=name, st=None, z="3")

    assert [] == read(unmarked)
    assert [] == read({key: value for key, value in {**MARK, "s": name}.items() if key != "st"})

    order = liquidation(unmarked, binance.Decoder(coin_margined={binance_symbols.to_symbol(name)}))
    assert (300.0 if name.startswith("BTC") else 30.0) == order.notional_usd


def test_binance_coin_margined_rows_that_are_named_are_read() -> None:
    """Mark price and funding say the same as those of USD-M; only that one contract is let through."""
    decoder = binance.Decoder(coin_margined={"BTC-USD-PERP"})
    rows = [{**MARK, "s": name, "st": 2} for name in ("BTCUSD_PERP", "ETHUSD_PERP", "BTCUSD_260327")]

    assert [(MarkPrice, "BTC-USD-PERP"), (FundingRate, "BTC-USD-PERP")] == [
        (type(event), event.place[1]) for event in read([*rows], decoder)
    ]


@pytest.mark.parametrize(("name", "dollars"), [("BTCUSD_PERP", 100.0), ("ETHUSD_PERP", 10.0)])
def test_binance_counts_contracts_of_dollars_where_the_margin_is_coins(name: str, dollars: float) -> None:
    """50 contracts at 2500 are 2 BTC, or 0.2 ETH."""
    decoder = binance.Decoder(coin_margined={binance.to_symbol(name)})
    event = liquidation(forced(s=name, st=2, z="50", ap="2500"), decoder)

    assert (50 * dollars, 50 * dollars / 2500) == (event.notional_usd, event.quantity)
    assert [event] == read(json.loads(binance.encode([event], NOW)[0]), decoder)


def test_binance_writes_the_perpetual_out_where_the_margin_is_coins() -> None:
    for name, symbol in (("BTCUSD_PERP", "BTC-USD-PERP"), ("BTCUSD_260327", "BTC-USD-20260327")):
        assert (symbol, name) == (binance.to_symbol(name), binance.from_symbol(symbol))
        assert binance.is_coin_margined(symbol)
    assert not binance.is_coin_margined("BTC-FDUSD-PERP")


def test_binance_sell_means_a_long_was_liquidated() -> None:
    """S is the side of the forced order."""
    assert liquidation(forced(S="SELL")).side == "long"
    assert liquidation(forced(S="BUY")).side == "short"


def test_binance_l_is_only_the_last_fill() -> None:
    """z is all of it: 2049.1, where l says 245.9."""
    assert liquidation(forced()).quantity == 2049.1


def test_binance_p_is_the_limit_and_ap_the_fill() -> None:
    """The limit was 0.4 to 1.5 % worse in real captures."""
    event = liquidation(forced())

    assert (0.0722187, "fill") == (event.price, event.price_kind)
    assert event.notional_usd == pytest.approx(2049.1 * 0.0722187)


@pytest.mark.parametrize("average", ["0", "", "0.0000000", None])
def test_without_an_average_the_limit_is_used_and_said(average: str | None) -> None:
    """The price kind tells the reader."""
    event = liquidation(forced(ap=average))

    assert (0.07115, "order") == (event.price, event.price_kind)


def test_binance_event_time_is_t_and_not_the_late_e() -> None:
    """E comes about a second later."""
    assert liquidation(forced()).at_ms == 1791091026103


def test_an_order_that_filled_nothing_closed_nothing() -> None:
    """Its limit price times zero would be no news."""
    assert [] == read(forced(z="0", ap="0", X="NEW"))


def test_a_liquidation_quoted_in_bitcoin_is_not_counted_as_dollars() -> None:
    """Better unread than wrong by the price of a bitcoin."""
    with pytest.raises(Unreadable, match="ETH-BTC-PERP is not quoted in dollars"):
        read(forced(s="ETHBTC"))


def test_one_bad_row_does_not_cost_the_others() -> None:
    """The array of all marks holds hundreds; what was skipped is counted."""
    decoder = binance.Decoder()

    assert 4 == len(read([MARK, {**MARK, "s": "?"}, {**MARK, "s": "ETHUSDT"}], decoder))
    assert 1 == decoder.left_out
    assert "?" in decoder.left_out_why


def test_an_array_with_nothing_readable_is_unreadable() -> None:
    """A change of format must not look like a quiet market."""
    with pytest.raises(Unreadable, match="2 rows"):
        read([{**MARK, "s": "?"}, {**MARK, "r": "soon"}])


def test_the_combined_path_wraps_the_same_payload() -> None:
    """/stream and /ws send the same data; arrays are wrapped too."""
    assert read(MARK) == read({"stream": "btcusdt@markPrice@1s", "data": MARK})
    assert read(MARK) == read({"data": MARK, "stream": "btcusdt@markPrice@1s"})
    assert read(MARK) == read({"stream": "!markPrice@arr@1s", "data": [MARK]})


@pytest.mark.parametrize(
    "frame",
    [
        {"e": "24hrTicker", "E": 1, "s": "BTCUSDT", "p": "1", "o": "10311.91"},
        {"e": "aggTrade", "a": 4, "s": "BNBUSDT", "p": "25.3", "q": 7, "T": 1, "E": 2},
        {"e": "continuous_kline", "E": 1, "ps": "BTCUSDT", "k": {"i": "1m"}},
        {"stream": "btcusdt@ticker", "data": {"e": "24hrTicker", "o": "10311.91"}},
    ],
)
def test_other_streams_are_no_trouble(frame: dict[str, object]) -> None:
    """The same letters mean other things there."""
    assert binance.Decoder().decode(json.dumps(frame).encode(), NOW) in ((), Ignored())


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"result":null,"id":1}', Accepted((), "1")),
        ('{"result":["btcusdt@forceOrder"],"id":3}', Accepted(("btcusdt@forceOrder",), "3")),
        ('{"code":2,"msg":"Invalid request: no id"}', Rejected("Invalid request: no id")),
        ('{"error":{"code":-1,"msg":"too many"},"id":7}', Rejected("too many", (), "7")),
        ('{"result":[],"id":0}', Pong()),
    ],
)
def test_answers_to_requests(frame: str, expected: object) -> None:
    """Both forms of error that were seen; id 0 is our ping."""
    assert expected == binance.Decoder().decode(frame, NOW)


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"hello", b"{", b"{}", b"null", b"7", b"[1,2]", b'{"e":5}', b'{"e":"forceOrder"}', b"\xff\xfe", "\ud800",
        b'{"e":"markPriceUpdate","E":"soon"}', b'{"e":"markPriceUpdate","s":"BTCUSDT","p":"cheap"}',
        b'{"e":"forceOrder","o":{"s":"BTCUSDT","S":"HOLD","T":1,"z":"1","ap":"1"}}',
        b'{"e":"forceOrder","o":{"s":"BTCUSDT","S":"SELL","T":1,"z":"1","ap":"","p":""}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_so(frame: bytes | str) -> None:
    """Unreadable, with a short sentence, and nothing else."""
    with pytest.raises(Unreadable) as caught:
        binance.Decoder().decode(frame, NOW)

    assert 10 < len(str(caught.value)) < 300


def test_requests_are_cut_and_numbered() -> None:
    """At most 100 streams a request."""
    frames = [json.loads(text) for text in binance.subscribe([f"s{i}@forceOrder" for i in range(150)], 5)]

    assert [(5, 100), (6, 50)] == [(frame["id"], len(frame["params"])) for frame in frames]
    assert {"SUBSCRIBE"} == {frame["method"] for frame in frames}
    assert "UNSUBSCRIBE" == json.loads(binance.unsubscribe(["x"], 1)[0])["method"]


def test_binance_acknowledges_an_unknown_stream_like_a_good_one() -> None:
    """So an acknowledgement proves nothing; the simulator does the same."""
    [text] = binance.subscribe(["nonsense"], 4)
    request = binance.read_request(text)

    assert ("nonsense",) == request.topics
    assert [Accepted((), "4")] == [binance.Decoder().decode(a, NOW) for a in binance.acknowledge(request)]


def test_a_refusal_names_the_request() -> None:
    """The form of newer servers."""
    request = binance.read_request(binance.subscribe(["x"], 4)[0])

    assert [Rejected("no: x", (), "4")] == [
        binance.Decoder().decode(a, NOW) for a in binance.refuse(request, ["x"], "no")
    ]


def test_our_ping_is_answered_even_in_a_quiet_market() -> None:
    """A liquidation stream may be silent for minutes, and that is not death."""
    assert binance.PING is not None
    request = binance.read_request(binance.PING)
    [answer] = binance.acknowledge(request, ["btcusdt@forceOrder"])

    assert "list" == request.method
    assert Pong() == binance.Decoder().decode(answer, NOW)


def test_symbols_go_there_and_back() -> None:
    """Perpetuals and dated contracts."""
    for name, symbol in {
        "BTCUSDT": "BTC-USDT-PERP",
        "1000PEPEUSDC": "1000PEPE-USDC-PERP",
        "BTCUSDT_260327": "BTC-USDT-20260327",
    }.items():
        assert symbol == binance.to_symbol(name)
        assert name == binance.from_symbol(symbol)
    assert "btcusdt@markPrice@1s" == binance.mark_topic("BTC-USDT-PERP")
    assert "btcusdt@forceOrder" == binance.liquidation_topic("BTC-USDT-PERP")
