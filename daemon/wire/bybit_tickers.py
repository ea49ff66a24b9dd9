"""Bybit's ticker, whole or in parts, over the stream and over REST: mark price, funding, open interest, best prices.

Open interest counts both sides since 2026-06, so `singleOpenInterest` is used where it is sent; before that the plain
field counted one side. Everything is text, and "" means "none". The best prices are merged from the same topic, so that
whoever wants them costs no topic of its own; they come every 100 ms, and are told only while somebody wants them.
"""

from collections.abc import Mapping
from math import inf, nan

import msgspec

from daemon.wire.bybit_symbols import read_name, to_symbol
from daemon.wire.numbers import Amount, number, positive, whole
from rules.events import Event, FundingRate, MarkPrice, OpenInterest
from rules.events import Ticker as BestPrices

VENUE = "bybit"
USUAL_INTERVAL_H = 8.0


class Ticker(msgspec.Struct, gc=False, rename="camel"):
    """A ticker or the changed part of one; the same keys over the stream and over REST. "" means "none"."""

    symbol: str = ""
    mark_price: str | None = None
    index_price: str | None = None
    funding_rate: str | None = None
    next_funding_time: str | None = None
    funding_interval_hour: str | None = None
    open_interest: str | None = None
    open_interest_value: str | None = None
    single_open_interest: str | None = None
    single_open_interest_value: str | None = None
    # the retired topic `liquidation.` put these into its one object
    updated_time: int | None = None
    side: str = ""
    size: str = ""
    price: str = ""


class LiveTicker(Ticker, gc=False, rename="camel"):
    """The same over the stream, with the numbers that change in nearly every frame: read by msgspec on its way."""

    mark_price: float | None = None  # type: ignore[assignment]  # a number in place of its text
    index_price: float | None = None  # type: ignore[assignment]  # the same
    funding_rate: float | None = None  # type: ignore[assignment]  # the same
    last_price: Amount | None = None
    bid1_price: Amount | None = None
    bid1_size: Amount | None = None
    ask1_price: Amount | None = None
    ask1_size: Amount | None = None

    def has_no_prices(self) -> bool:
        """Whether only what comes less often has changed."""
        return self.bid1_size is self.ask1_size is self.last_price is self.bid1_price is self.ask1_price is None


class GappyTicker(Ticker, gc=False, rename="camel"):
    """The same with prices that are "": a contract that is not traded yet, or no longer."""

    last_price: str | None = None
    bid1_price: str | None = None
    bid1_size: str | None = None
    ask1_price: str | None = None
    ask1_size: str | None = None

    def filled(self) -> LiveTicker:
        """As the others; 0 stands for a price that there is not."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        prices = {name: number(told[name]) or 0.0 for name in _PRICES if told[name] is not None}
        if self.funding_rate is not None:
            rate = number(self.funding_rate)
            prices["funding_rate"] = nan if rate is None else rate
        return LiveTicker(**{**told, **dict.fromkeys(_PRICES), **prices})


_PRICES = ("mark_price", "index_price", "last_price", "bid1_price", "bid1_size", "ask1_price", "ask1_size")


class Known:
    """A ticker as far as it is known, its numbers read once. Fields are written out: a loop over their names would cost
    as much as the whole decode."""

    __slots__ = (
        "ask",
        "ask_size",
        "bid",
        "bid_size",
        "index",
        "interval_h",
        "is_inverse",
        "last",
        "mark",
        "oi",
        "oi_value",
        "rate",
        "settles_ms",
        "single",
        "single_value",
        "symbol",
    )

    def __init__(self, name: str) -> None:
        """ValueError if the name is not an instrument."""
        self.symbol = to_symbol(name)
        self.is_inverse = read_name(name).is_inverse
        self.mark: float | None = None
        self.index: float | None = None
        self.rate: float | None = None
        self.interval_h: float | None = None
        self.settles_ms: int | None = None
        self.oi: str | None = None
        self.oi_value: str | None = None
        self.single: str | None = None
        self.single_value: str | None = None
        self.last: float | None = None
        self.bid: float | None = None
        self.bid_size: float | None = None
        self.ask: float | None = None
        self.ask_size: float | None = None

    def take(self, new: Ticker, at_ms: int, received_ms: int, intervals_h: Mapping[str, float]) -> tuple[Event, ...]:
        """What `new` changed, told with all that is known; `new` is a snapshot or a change of it."""
        mark_price: MarkPrice | None = None
        funding: FundingRate | None = None
        mark, index = new.mark_price, new.index_price
        if mark is not None or index is not None:
            if mark is not None:  # read in place: these two come ten times a second for every contract
                try:
                    value = float(mark)
                    self.mark = value if 0.0 < value < inf else None
                except ValueError:
                    self.mark = positive(mark)
            if index is not None:
                try:
                    value = float(index)
                    self.index = value if 0.0 < value < inf else None
                except ValueError:
                    self.index = positive(index)
            if self.mark is not None:
                mark_price = MarkPrice(
                    venue=VENUE,
                    symbol=self.symbol,
                    price=self.mark,
                    index_price=self.index,
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
        rate, settles, interval = new.funding_rate, new.next_funding_time, new.funding_interval_hour
        if rate is not None or settles is not None or interval is not None:
            if rate is not None:
                try:
                    value = float(rate)
                    self.rate = value if -inf < value < inf else None
                except ValueError:
                    self.rate = number(rate)
            if settles is not None:
                self.settles_ms = whole(settles)
            if interval is not None:
                self.interval_h = positive(interval)
            if self.rate is not None:  # contracts with an expiry say ""
                funding = FundingRate(
                    venue=VENUE,
                    symbol=self.symbol,
                    rate=self.rate,
                    interval_h=self.interval_h or intervals_h.get(self.symbol, USUAL_INTERVAL_H),
                    settles_at_ms=self.settles_ms,
                    at_ms=at_ms,
                    received_ms=received_ms,
                )
        interest: OpenInterest | None = None
        if (
            new.open_interest is not None
            or new.open_interest_value is not None
            or new.single_open_interest is not None
            or new.single_open_interest_value is not None
        ):
            interest = self._take_interest(new, at_ms, received_ms)
        elif mark_price is not None:  # most frames
            return (mark_price,) if funding is None else (mark_price, funding)
        return tuple(event for event in (mark_price, funding, interest) if event is not None)

    def take_prices(
        self, new: LiveTicker, sequence: int | None, at_ms: int, received_ms: int, *, is_wanted: bool
    ) -> BestPrices | None:
        """Remember the best prices of `new`; if it has any and they are wanted, all of them as they stand."""
        bid, bid_size, ask, ask_size, last = (
            new.bid1_price, new.bid1_size, new.ask1_price, new.ask1_size, new.last_price,
        )  # fmt: skip
        if bid is not None:
            self.bid = bid or None
        if bid_size is not None:
            self.bid_size = bid_size or None
        if ask is not None:
            self.ask = ask or None
        if ask_size is not None:
            self.ask_size = ask_size or None
        if last is not None:
            self.last = last or None
        if not is_wanted or (bid is bid_size is ask is ask_size is last is None):
            return None
        bid_size, ask_size = self.bid_size, self.ask_size
        if self.is_inverse:  # sizes are dollars
            bid_size = bid_size / self.bid if bid_size and self.bid else None
            ask_size = ask_size / self.ask if ask_size and self.ask else None
        return BestPrices(
            venue=VENUE,
            symbol=self.symbol,
            bid=self.bid,
            ask=self.ask,
            bid_quantity=bid_size,
            ask_quantity=ask_size,
            last=self.last,
            mark_price=self.mark,
            sequence=sequence,
            at_ms=at_ms,
            received_ms=received_ms,
        )

    def _take_interest(self, new: Ticker, at_ms: int, received_ms: int) -> OpenInterest | None:
        if new.open_interest is not None:
            self.oi = new.open_interest
        if new.open_interest_value is not None:
            self.oi_value = new.open_interest_value
        if new.single_open_interest is not None:
            self.single = new.single_open_interest
        if new.single_open_interest_value is not None:
            self.single_value = new.single_open_interest_value
        return _open_interest(self, new.symbol, at_ms, received_ms)


def ticker_events(
    whole_one: Ticker, at_ms: int, received_ms: int, intervals_h: Mapping[str, float]
) -> tuple[Event, ...]:
    """The events of a ticker that is sent whole, as REST does."""
    return Known(whole_one.symbol).take(whole_one, at_ms, received_ms, intervals_h)


def _open_interest(known: Known, name: str, at_ms: int, received_ms: int) -> OpenInterest | None:
    """One side's open interest; the raw field counts both sides since 2026-06, and one side before."""
    raw, raw_value = known.single, known.single_value
    if not raw:
        raw, raw_value = known.oi, known.oi_value
    size = number(raw) if raw else None
    if size is None:
        return None
    value = number(raw_value) if raw_value else None
    symbol, is_in_dollars, is_inverse = read_name(name)
    if value is None or is_inverse:
        mark = known.mark
        if is_inverse:  # the size is dollars, the value coins
            value, dollars = (size / mark if value is None and mark else value), size
            if value is None:
                return None
            size, value = value, dollars
        elif mark is not None:
            value = size * mark
    return OpenInterest(
        venue=VENUE,
        symbol=symbol,
        oi_base=size,
        oi_usd=value if is_in_dollars else None,
        at_ms=at_ms,
        received_ms=received_ms,
    )
