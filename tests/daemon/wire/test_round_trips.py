"""Laws of every codec: what is written reads back, and whatever arrives is events, control or Unreadable."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.wire import (
    binance,
    binance_rest,
    bybit,
    bybit_rest,
    coingecko,
    datamaxi,
    defillama,
    okx,
)
from daemon.wire.control import Accepted, Ignored, Pong, Rejected, Unreadable
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest, Side, StablecoinQuote

NOW = 1_800_000_000_000
HOUR = 3_600_000
CONTRACTS = {
    "BTC-USDT-SWAP": okx.Contract(0.01),
    "1000PEPE-USDT-SWAP": okx.Contract(10_000.0),
    "BTC-USD-SWAP": okx.Contract(100.0, is_inverse=True),
}

times = st.integers(1_600_000_000_000, 1_799_999_999_999)
rates = st.floats(-0.05, 0.05)
prices = st.floats(1e-9, 1e7)
amounts = st.floats(1e-6, 1e9)
SIDES: tuple[Side, ...] = ("long", "short")
sides = st.sampled_from(SIDES)
linear = st.sampled_from(["BTC-USDT-PERP", "1000PEPE-USDT-PERP", "ETH-USDC-PERP", "BTC-USDT-20270326"])
hours = st.sampled_from([1.0, 2.0, 4.0, 8.0])


@st.composite
def marks(
    draw: st.DrawFn, venue: str, *, with_index: bool = True, symbols: st.SearchStrategy[str] = linear
) -> MarkPrice:
    """A mark price."""
    return MarkPrice(
        venue=venue,
        symbol=draw(symbols),
        price=draw(prices),
        index_price=draw(st.none() | prices) if with_index else None,
        at_ms=draw(times),
        received_ms=NOW,
    )


@st.composite
def liquidations(draw: st.DrawFn, venue: str, kind: Any) -> Liquidation:
    """A liquidation of a linear contract."""
    quantity, price = draw(amounts), draw(prices)
    return Liquidation(
        venue=venue,
        symbol=draw(linear),
        side=draw(sides),
        quantity=quantity,
        price=price,
        price_kind=draw(kind),
        notional_usd=quantity * price,
        at_ms=draw(times),
        received_ms=NOW,
    )


def funding_of(mark: MarkPrice, rate: float, interval_h: float, settles_at_ms: int) -> FundingRate:
    """The funding that comes with a mark price."""
    return FundingRate(
        venue=mark.venue, symbol=mark.symbol, rate=rate, interval_h=interval_h, settles_at_ms=settles_at_ms,
        at_ms=mark.at_ms, received_ms=NOW,
    )  # fmt: skip


def interest_of(mark: MarkPrice, base: float, usd: float) -> OpenInterest:
    """The open interest that comes with a mark price."""
    return OpenInterest(
        venue=mark.venue, symbol=mark.symbol, oi_base=base, oi_usd=usd, at_ms=mark.at_ms, received_ms=NOW
    )


def read(decoder: Any, frames: Sequence[bytes]) -> list[Event]:
    """The events of these frames, one after the other."""
    return [event for frame in frames for event in decoder.decode(frame, NOW)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(marks("binance"), rates, times), max_size=5, unique_by=lambda row: (row[0].symbol, row[0].at_ms)
    ),
    st.lists(liquidations("binance", st.sampled_from(["fill", "order"])), max_size=5),
    st.dictionaries(linear, hours),
)
def test_binance_reads_what_it_writes(
    tickers: list[tuple[MarkPrice, float, int]], forced: list[Liquidation], intervals_h: dict[str, float]
) -> None:
    """Bare, combined and as one array."""
    paired: list[Event] = []
    for mark, rate, settles in tickers:
        paired += [mark, funding_of(mark, rate, intervals_h.get(mark.symbol, 8.0), settles)]
    lone = [mark for mark, _, _ in tickers]
    for events in (paired, lone, [*paired, *forced]):
        assert events == read(binance.Decoder(intervals_h), binance.encode(events, NOW))
        assert events == read(binance.Decoder(intervals_h), binance.encode_combined(events, NOW))
    assert paired == read(binance.Decoder(intervals_h), [binance.encode_array(paired, NOW)])
    funding_only = [event for event in paired if isinstance(event, FundingRate)]
    assert funding_only == read(binance.Decoder(intervals_h), binance.encode(funding_only, NOW))
    if lone:
        one = [event for event in paired if event.place[1] == lone[0].symbol and event.at_ms == lone[0].at_ms]
        assert one == binance_rest.decode_premium_index(binance_rest.encode_premium_index(one), NOW, intervals_h)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(marks("bybit"), rates, hours, times, amounts, amounts),
        max_size=6, unique_by=lambda row: (row[0].symbol, row[0].at_ms),
    ),
    st.lists(liquidations("bybit", st.just("bankruptcy")), max_size=6),
    st.randoms(),
)  # fmt: skip
def test_bybit_reads_what_it_writes(tickers: list[Any], forced: list[Liquidation], chance: Any) -> None:
    """Snapshot first, then deltas with any part of the ticker; batches of neighbours of one symbol."""
    encoder, decoder = bybit.Encoder(), bybit.Decoder()
    for mark, rate, interval_h, settles, base, usd in tickers:
        whole = [mark, funding_of(mark, rate, interval_h, settles), interest_of(mark, base, usd)]
        part = [event for event in whole if chance.random() < 0.6]
        assert part == read(decoder, encoder.encode(part, NOW))
    by_symbol = sorted(forced, key=lambda event: (event.symbol, event.at_ms))
    assert by_symbol == read(decoder, encoder.encode(by_symbol, NOW))
    assert all(b'"snapshot"' in frame for frame in bybit.encode([mark for mark, *_ in tickers[:1]], NOW))


@settings(deadline=None)
@given(st.lists(st.tuples(marks("okx", with_index=False), rates, hours, rates, amounts), max_size=5), st.data())
def test_okx_reads_what_it_writes(tickers: list[Any], data: st.DataObject) -> None:
    """Settled funding shares the row of the prediction after it; liquidations are whole numbers of contracts."""
    events: list[Event] = []
    for place, (mark, rate, interval_h, paid, amount) in enumerate(tickers):
        settles = 1_700_000_000_000 + place * 100 * HOUR
        predicted = funding_of(mark, rate, interval_h, settles + round(interval_h * HOUR))
        settled = FundingRate(
            venue="okx", symbol=mark.symbol, rate=paid, interval_h=interval_h, settles_at_ms=settles, is_settled=True,
            at_ms=settles, received_ms=NOW,
        )  # fmt: skip
        events += [mark, *([settled] if data.draw(st.booleans()) else []), predicted, interest_of(mark, amount, amount)]
    for _ in range(data.draw(st.integers(0, 4))):
        name, contract = data.draw(st.sampled_from(sorted(CONTRACTS.items())))
        amount, price = data.draw(st.integers(1, 1_000_000)) * contract.size, data.draw(prices)
        events.append(
            Liquidation(
                venue="okx",
                symbol=okx.to_symbol(name),
                side=data.draw(sides),
                quantity=amount / price if contract.is_inverse else amount,
                price=price,
                price_kind="mark",
                notional_usd=amount if contract.is_inverse else amount * price,
                at_ms=data.draw(times),
                received_ms=NOW,
            )
        )
    decoder = okx.Decoder()

    assert [] == read(decoder, [okx.instruments_frame(CONTRACTS)])
    assert events == read(decoder, okx.encode(events, NOW, CONTRACTS))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            marks("bitget", symbols=st.sampled_from(["BTC-USDT-PERP", "1000PEPE-USDT-PERP"])), rates, hours, times
        )
    )
)
def test_datamaxi_reads_what_it_writes(rows: list[Any]) -> None:
    """In the two shapes that say everything."""
    events = []
    for mark, rate, interval_h, settles in rows:
        event = funding_of(mark, rate, interval_h, settles)
        events.append(
            FundingRate(
                venue=event.venue, symbol=event.symbol, rate=rate, interval_h=interval_h, settles_at_ms=settles,
                is_settled=settles <= mark.at_ms, at_ms=mark.at_ms, received_ms=NOW,
            )
        )  # fmt: skip

    assert events == read(datamaxi.Decoder(), datamaxi.encode(events, NOW))
    assert events == read(datamaxi.Decoder(), datamaxi.encode(events, NOW, "tutorial"))
    old = read(datamaxi.Decoder(), datamaxi.encode(events, NOW, "old"))
    assert [event.rate for event in events] == [event.rate for event in old if isinstance(event, FundingRate)]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(coingecko.DOLLAR_COINS)), prices, st.none() | amounts, times),
        unique_by=lambda row: row[0],
    )
)
def test_stablecoin_quotes_read_back(rows: list[tuple[str, float, float | None, int]]) -> None:
    """DefiLlama sends no time and sorts by size; CoinGecko sends both as they are."""
    for venue in ("defillama", "coingecko"):
        quotes = [
            StablecoinQuote(
                venue=venue, coin=coin, price=price, target=1.0, market_cap_usd=value,
                at_ms=NOW if venue == "defillama" else at_ms, received_ms=NOW,
            )
            for coin, price, value, at_ms in rows
        ]  # fmt: skip
        if venue == "coingecko":
            assert quotes == coingecko.decode_markets(coingecko.encode_markets(quotes), NOW)
        else:
            quotes.sort(key=lambda quote: -(quote.market_cap_usd or 0.0))
            assert quotes == defillama.decode_stablecoins(defillama.encode_stablecoins(quotes), NOW)


WORDS = st.sampled_from(
    [
        "e", "E", "s", "p", "r", "T", "o", "st", "S", "z", "ap", "id", "result", "error", "code", "msg", "stream", "data",
        "topic", "type", "ts", "symbol", "markPrice", "openInterest", "op", "success", "ret_msg", "arg", "channel",
        "instId", "details", "fundingRate", "fundingTime", "nextFundingTime", "event", "f", "i", "b", "q", "d", "list",
        "result", "retCode", "peggedAssets", "price", "circulating",
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    [
        "markPriceUpdate", "forceOrder", "BTCUSDT", "BTC-USDT-SWAP", "SELL", "Buy", "long", "1", "", "NaN", "1e400", "-0",
        "tickers.BTCUSDT", "allLiquidation.BTCUSDT", "delta", "snapshot", "mark-price", "funding-rate", "subscribe",
        "liquidation-orders", "open-interest", "instruments", "binance", "BTC-USDT", "\ud800", "9" * 5000,
    ]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | VALUES | st.text(max_size=5)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=8), max_leaves=25
)
ANSWERS = (Accepted, Rejected, Pong, Ignored)


def check_every_reader(frame: bytes | str) -> None:
    """Each reader answers with events or control, or says that it cannot read."""
    streams = [binance.Decoder(), bybit.Decoder(), okx.Decoder(dict(CONTRACTS)), datamaxi.Decoder()]
    for decoder in streams:
        try:
            answer = decoder.decode(frame, NOW)  # type: ignore[attr-defined]  # they share no base class
        except Unreadable:
            continue
        assert isinstance(answer, ANSWERS) or all(isinstance(event, Event) for event in answer)
    body = frame if isinstance(frame, bytes) else frame.encode(errors="replace")
    for read_body in (
        lambda: binance_rest.decode_premium_index(body, NOW),
        lambda: binance_rest.decode_open_interest(body, NOW, 1.0),
        lambda: binance_rest.decode_funding_rates(body, NOW),
        lambda: binance_rest.decode_funding_info(body),
        lambda: bybit_rest.decode_tickers(body, NOW),
        lambda: bybit_rest.decode_symbols(body),
        lambda: bybit_rest.decode_funding_history(body, NOW),
        lambda: okx.decode_instruments(body),
        lambda: datamaxi.decode_symbols(body),
        lambda: defillama.decode_stablecoins(body, NOW),
        lambda: coingecko.decode_markets(body, NOW),
        lambda: binance.read_request(body),
        lambda: bybit.read_request(body),
        lambda: okx.read_request(body),
        lambda: datamaxi.read_request(body),
    ):
        try:
            read_body()
        except Unreadable:
            continue


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_bytes_are_events_or_control_or_unreadable(frame: bytes | str) -> None:
    """Garbage never breaks the house."""
    check_every_reader(frame)


@settings(deadline=None, max_examples=120)
@given(TREES)
def test_any_json_of_the_venues_words_is_events_or_control_or_unreadable(tree: object) -> None:
    """Right names with wrong values are the likelier garbage."""
    check_every_reader(json.dumps(tree))


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_a_real_frame_with_one_wrong_value_is_events_or_control_or_unreadable(data: st.DataObject) -> None:
    """A venue changes one field overnight."""
    mark = MarkPrice(venue="x", symbol="BTC-USDT-PERP", price=5.0, index_price=5.0, at_ms=NOW, received_ms=NOW)
    forced = Liquidation(
        venue="x", symbol="BTC-USDT-PERP", side="long", quantity=1.0, price=5.0, price_kind="mark", notional_usd=5.0,
        at_ms=NOW, received_ms=NOW,
    )  # fmt: skip
    events = [mark, funding_of(mark, 0.1, 8.0, NOW), interest_of(mark, 1.0, 5.0), forced]
    written = [*binance.encode(events, NOW), *bybit.encode(events, NOW), *okx.encode(events, NOW, CONTRACTS)]
    written += [*datamaxi.encode(events, NOW), okx.instruments_frame(CONTRACTS)]
    tree = json.loads(data.draw(st.sampled_from(written)))
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.integers(0, 3)) == 0:
            node[key] = data.draw(SCALARS)
            break
        node = node[key]
    check_every_reader(json.dumps(tree))


def test_a_huge_frame_makes_a_short_sentence() -> None:
    """An endless name is no instrument: it is neither remembered nor repeated."""
    name = "A" * 5_000_000
    frames = [
        {"e": "markPriceUpdate", "E": 1, "s": f"{name}USDT", "p": "1", "T": 0},
        {"e": "markPriceUpdate", "E": 1, "s": "BTCUSDT", "p": name, "T": 0},
        {"topic": "tickers.X", "type": "snapshot", "ts": 1, "data": {"symbol": f"{name}USDT", "markPrice": "1"}},
        {"topic": "tickers.X", "type": "delta", "ts": 1, "data": {"symbol": f"{name}USDT", "markPrice": "1"}},
        {"arg": {"channel": "mark-price"}, "data": [{"instId": f"{name}-USDT-SWAP", "markPx": "1"}]},
        {"arg": {"channel": "liquidation-orders"}, "data": [{"instId": f"{name}-USDT-SWAP", "details": []}]},
        {"f": 0.1, "e": "binance", "s": f"{name}-USDT"},
    ]
    for frame in frames:
        sentences = []
        for decoder in (binance.Decoder(), bybit.Decoder(), okx.Decoder(), datamaxi.Decoder()):
            try:
                decoder.decode(json.dumps(frame).encode(), NOW)
            except Unreadable as exc:
                sentences.append(str(exc))

        assert len(sentences) >= 3
        assert all(len(sentence) < 300 for sentence in sentences)
