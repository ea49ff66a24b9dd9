"""Generated events of each of Amberdata's channels, and what its language cannot carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from hypothesis import strategies as st

from daemon.wire.numbers import DOLLARS
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

NOW = 1_800_000_000_000
HOUR, DAY = 3_600_000, 86_400_000

times = st.integers(1_600_000_000_000, 1_799_999_999_999)
prices = st.floats(1e-9, 1e7)
amounts = st.floats(1e-9, 1e9)
sequences = st.integers(0, 2**53)
PLACES = {
    "binance": ("BTC-USDT-PERP", "1000PEPE-USDT-PERP", "BTC-USDT-20270326", "ETH-USDC-PERP", "BTC-USD-PERP"),
    "bybit": ("BTC-USDT-PERP", "ETH-USDC-PERP", "BTC-USDT-20270326", "BTC-USD-PERP"),
    "okx": ("BTC-USDT-PERP", "BTC-USD-PERP", "BTC-USDT-20270326"),
    "deribit": ("BTC-USD-PERP", "ETH-USDC-PERP", "BTC-USD-20270326"),
    "gate": ("BTC-USDT-PERP", "ETH-USDT-20270326"),
    "htx": ("BTC-USDT-PERP",),
    "bitget": ("BTC-USDT-PERP", "ETH-USDC-PERP"),
    "hyperliquid": ("BTC-USDT-PERP", "1000PEPE-USDT-PERP"),
}
places = st.sampled_from([(venue, symbol) for venue, symbols in PLACES.items() for symbol in symbols])


def _placed(kind: type[Event], **fields: Any) -> st.SearchStrategy[Any]:
    def made(place: tuple[str, str], **rest: Any) -> Event:
        return kind(venue=place[0], symbol=place[1], received_ms=NOW, **rest)  # type: ignore[call-arg]

    return st.builds(made, places, at_ms=times, **fields)


@st.composite
def candles(draw: st.DrawFn) -> Candle:
    opened_ms = draw(times) // 60_000 * 60_000
    (venue, symbol), found = draw(places), sorted(draw(st.tuples(prices, prices, prices, prices)))
    return Candle(
        venue=venue, symbol=symbol, opened_ms=opened_ms, open=found[1], high=found[3], low=found[0], close=found[2],
        volume=draw(st.just(0.0) | amounts), at_ms=opened_ms + 60_000, received_ms=NOW,
    )  # fmt: skip


@st.composite
def funding(draw: st.DrawFn) -> FundingRate:
    venue, symbol = draw(places)
    is_settled, at_ms = draw(st.booleans()), draw(times)
    return FundingRate(
        venue=venue, symbol=symbol, rate=draw(st.floats(-0.05, 0.05)), interval_h=draw(st.sampled_from([1.0, 2.0, 4.0, 8.0])),
        settles_at_ms=draw(times) if is_settled else draw(st.none() | times), is_settled=is_settled, at_ms=at_ms,
        received_ms=NOW,
    )  # fmt: skip


def _levels(sizes: st.SearchStrategy[float], *, least: int) -> st.SearchStrategy[tuple[tuple[float, float], ...]]:
    return st.dictionaries(prices, sizes, min_size=least, max_size=5).map(lambda found: tuple(sorted(found.items())))


@st.composite
def snapshots(draw: st.DrawFn) -> BookSnapshot:
    """Never crossed, and best first."""
    venue, symbol = draw(places)
    levels = draw(_levels(amounts, least=0))
    cut = draw(st.integers(0, len(levels)))
    return BookSnapshot(
        venue=venue, symbol=symbol, bids=tuple(reversed(levels[:cut])), asks=levels[cut:], sequence=draw(sequences),
        at_ms=draw(times), received_ms=NOW,
    )  # fmt: skip


_changes = _levels(st.just(0.0) | amounts, least=1)


@dataclass(frozen=True)
class Said:
    """Events of one channel, and how they look after the journey."""

    events: st.SearchStrategy[Any]
    arrives: Any  # event -> the events that a client of Amberdata can know


def _whole(event: Event) -> Sequence[Event]:
    return (event,)


def _fund(event: InsuranceFund) -> Sequence[Event]:
    # times are in seconds there, and there is no field for a value in dollars
    return (msgspec.structs.replace(event, at_ms=event.at_ms // 1_000 * 1_000, amount_usd=None),)


_KINDS = {"binance": "order", "bybit": "bankruptcy", "okx": "mark", "gate": "order"}


def _forced(event: Liquidation) -> Sequence[Event]:
    # there is no field for what the price means (it is taken for what the exchange usually sends), nor for the value
    kind: Any = _KINDS.get(event.venue, "fill")
    return (msgspec.structs.replace(event, price_kind=kind, notional_usd=event.price * event.quantity),)


def _interest(event: OpenInterest) -> Sequence[Event]:
    return (msgspec.structs.replace(event, oi_usd=None),)  # there is no field for a value in dollars


def _update(event: BookUpdate) -> Sequence[Event]:
    # a frame has one side, and does not say what it follows
    sides = [("asks", event.asks), ("bids", event.bids)]
    empty = msgspec.structs.replace(event, bids=(), asks=(), follows=None)
    return [msgspec.structs.replace(empty, **{name: levels}) for name, levels in sides if levels]


def _snapshot(event: BookSnapshot) -> Sequence[Event]:
    return (msgspec.structs.replace(event, why="asked"),)  # there is no field for why it was sent


SAID: dict[type[Event], Said] = {
    FundingRate: Said(funding(), _whole),
    InsuranceFund: Said(
        st.builds(
            InsuranceFund,
            venue=st.sampled_from(list(PLACES)),
            coin=st.sampled_from(["BTC", "EOS", "USDT"]),
            amount=amounts,
            amount_usd=st.none() | amounts,
            at_ms=times,
            received_ms=st.just(NOW),
        ),
        _fund,
    ),
    Liquidation: Said(
        _placed(
            Liquidation,
            side=st.sampled_from(["long", "short"]),
            quantity=amounts,
            price=prices,
            price_kind=st.sampled_from(["fill", "order", "mark", "bankruptcy"]),
            notional_usd=amounts,
        ).filter(lambda event: event.symbol.split("-")[1] in DOLLARS),
        _forced,
    ),
    LongShortRatio: Said(
        _placed(
            LongShortRatio,
            ratio=prices,
            long_share=st.floats(0, 1),
            short_share=st.floats(0, 1),
            period_ms=st.sampled_from([300_000, 900_000, HOUR, DAY]),
        ),
        _whole,
    ),
    Candle: Said(candles(), _whole),
    OpenInterest: Said(_placed(OpenInterest, oi_base=amounts, oi_usd=st.none() | amounts), _interest),
    BookUpdate: Said(_placed(BookUpdate, bids=_changes, asks=_changes, sequence=sequences, follows=sequences), _update),
    BookSnapshot: Said(snapshots(), _snapshot),
    Ticker: Said(
        _placed(
            Ticker,
            **dict.fromkeys(("bid", "ask", "last", "mark_price"), st.none() | prices),
            **dict.fromkeys(("bid_quantity", "ask_quantity", "last_quantity"), st.none() | amounts),
            sequence=st.none() | sequences,
        ),
        _whole,
    ),
    Trade: Said(
        _placed(
            Trade,
            price=prices,
            quantity=amounts,
            taker=st.sampled_from(["buy", "sell"]),
            trade_id=st.text("0123456789abc-", min_size=1, max_size=20),
        ),
        _whole,
    ),
}
"""what is received is stamped by the receiver's clock: `received_ms` is NOW on both sides in these tests"""
