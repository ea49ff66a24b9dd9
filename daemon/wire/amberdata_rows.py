"""What Amberdata says about markets: one shape for both directions, with every field of the published tables.

Quirks that are kept: an open interest is a text, an insurance fund's time is in seconds. A liquidation's `side` is that of
the order: SELL closes a long.
"""

from typing import TypedDict

import msgspec

from daemon.wire.amberdata_names import to_name, to_symbol, to_venue
from daemon.wire.numbers import DOLLARS, number, plain, positive, whole
from rules.events import (
    Event,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    OpenInterest,
    PriceKind,
    Side,
)

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
USUAL_INTERVAL_H = 8.0
FILLED, LIMIT, IOC = "FILLED", "LIMIT", "IOC"
_SECONDS_BELOW = 100_000_000_000  # a time in ms below this would be before 1973
_CLOSES: dict[str, Side] = {"SELL": "long", "BUY": "short"}
_ORDERS: dict[Side, str] = {"long": "SELL", "short": "BUY"}
_PRICES: dict[str, PriceKind] = {
    "binance": "order",
    "bybit": "bankruptcy",
    "okx": "mark",
    "bitmex": "order",
    "gate": "order",
}

Number = float | str | None


class Placed(msgspec.Struct, gc=False, rename="camel", kw_only=True):
    """An instrument's row."""

    exchange: str
    instrument: str

    def place(self) -> tuple[str, str]:
        """(venue, symbol) in our words. ValueError if the instrument cannot be read."""
        venue = to_venue(self.exchange)
        return venue, to_symbol(venue, self.instrument)


class Where(TypedDict):
    """What every row begins with."""

    exchange: str
    instrument: str


def placed(event: Event) -> Where:
    """Where an event happened, in Amberdata's words."""
    venue, symbol = event.place
    return Where(exchange=venue, instrument=to_name(venue, symbol))


class Funding(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:funding_rates. `funding_interval` is not explained there; ours is in ms, as all times are."""

    timestamp: int | float | None = None
    insertion_timestamp: int | float | None = None
    funding_interval: Number = None
    funding_rate: Number = None
    next_funding_rate: Number = None
    next_funding_time: int | float | str | None = None
    is_actual_funding_rate: bool | None = None

    @classmethod
    def of(cls, event: FundingRate) -> "Funding":
        """A paid rate's next time is one interval after it was paid."""
        interval_ms = round(event.interval_h * HOUR_MS)
        at_ms = event.settles_at_ms
        return cls(
            **placed(event),
            timestamp=event.at_ms,
            insertion_timestamp=event.received_ms,
            funding_interval=interval_ms,
            funding_rate=event.rate,
            next_funding_time=at_ms + interval_ms if event.is_settled and at_ms is not None else at_ms,
            is_actual_funding_rate=event.is_settled,
        )

    def to_event(self, received_ms: int) -> FundingRate | None:
        """None without a rate."""
        rate = number(self.funding_rate)
        if rate is None:
            return None
        venue, symbol = self.place()
        at_ms, next_ms = whole(self.timestamp) or received_ms, whole(self.next_funding_time)
        interval_h = _hours(positive(self.funding_interval))
        settles_at_ms, is_settled = next_ms, bool(self.is_actual_funding_rate)
        if is_settled:
            knows_interval = next_ms is not None and self.funding_interval is not None
            settles_at_ms = next_ms - round(interval_h * HOUR_MS) if knows_interval and next_ms else at_ms
        return FundingRate(
            venue=venue,
            symbol=symbol,
            rate=rate,
            interval_h=interval_h,
            settles_at_ms=settles_at_ms,
            is_settled=is_settled,
            at_ms=at_ms,
            received_ms=received_ms,
        )


def _hours(interval: float | None) -> float:
    """Hours, seconds or ms, told apart by their size; 8 hours where nothing is said."""
    if interval is None:
        return USUAL_INTERVAL_H
    if interval >= 1_000_000:
        return interval / HOUR_MS
    return interval / 3_600 if interval > 168 else interval


class Fund(msgspec.Struct, gc=False, rename="camel", kw_only=True):
    """market:futures:insurance_funds. `timestamp` is in seconds, unlike every other."""

    exchange: str
    instrument: str
    timestamp: int | float | None = None
    fund: Number = None

    @classmethod
    def of(cls, event: InsuranceFund) -> "Fund":
        """Its instrument is the fund's coin."""
        return cls(exchange=event.venue, instrument=event.coin, timestamp=event.at_ms // 1_000, fund=event.amount)

    def to_event(self, received_ms: int) -> InsuranceFund | None:
        """None without an amount."""
        amount, at = number(self.fund), whole(self.timestamp)
        if amount is None:
            return None
        at_ms = received_ms if at is None else at * 1_000 if at < _SECONDS_BELOW else at
        return InsuranceFund(
            venue=to_venue(self.exchange),
            coin=self.instrument.upper(),
            amount=amount,
            at_ms=at_ms,
            received_ms=received_ms,
        )


class Forced(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:liquidations."""

    timestamp: int | float | None = None
    price: Number = None
    side: str = ""
    status: str | None = None
    type: str | None = None
    time_in_force: str | None = None
    action: str | None = None
    order_id: str | int | None = None
    volume: Number = None

    @classmethod
    def of(cls, event: Liquidation) -> "Forced":
        """Kind and validity of the order are known of Binance alone, where all are limits, immediate or cancelled."""
        is_limit = event.venue == "binance"
        return cls(
            **placed(event),
            timestamp=event.at_ms,
            price=event.price,
            side=_ORDERS[event.side],
            status=FILLED,
            type=LIMIT if is_limit else None,
            time_in_force=IOC if is_limit else None,
            volume=event.quantity,
        )

    def to_event(self, received_ms: int) -> Liquidation | None:
        """None without a price or a size. ValueError for quote coins whose dollar value is not known here."""
        price, quantity = positive(self.price), positive(self.volume)
        if price is None or quantity is None:
            return None
        venue, symbol = self.place()
        if symbol.split("-")[1] not in DOLLARS:
            raise ValueError(f"a liquidation of {symbol} is not quoted in dollars, and its dollar value is not known")
        closed = _CLOSES.get(self.side.upper())
        if closed is None:
            raise ValueError(f"'{self.side[:20]}' is not a side")
        return Liquidation(
            venue=venue,
            symbol=symbol,
            side=closed,
            quantity=quantity,
            price=price,
            price_kind=_PRICES.get(venue, "fill"),
            notional_usd=quantity * price,
            at_ms=whole(self.timestamp) or received_ms,
            received_ms=received_ms,
        )


class Ratio(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:long_short_ratios. `period` is 5 for five minutes, and 1 for a day."""

    timestamp: int | float | None = None
    long_account: Number = None
    ratio: Number = None
    short_account: Number = None
    period: int | float | None = 5

    @classmethod
    def of(cls, event: LongShortRatio) -> "Ratio":
        """As it is."""
        days, rest = divmod(event.period_ms, DAY_MS)
        return cls(
            **placed(event),
            timestamp=event.at_ms,
            long_account=event.long_share,
            ratio=event.ratio,
            short_account=event.short_share,
            period=event.period_ms // MINUTE_MS if rest or not days else days,
        )

    def to_event(self, received_ms: int) -> LongShortRatio | None:
        """None without all three numbers."""
        ratio, long, short = number(self.ratio), number(self.long_account), number(self.short_account)
        if ratio is None or long is None or short is None:
            return None
        venue, symbol = self.place()
        period = int(self.period or 5)
        return LongShortRatio(
            venue=venue,
            symbol=symbol,
            ratio=ratio,
            long_share=long,
            short_share=short,
            period_ms=DAY_MS if period == 1 else period * MINUTE_MS,
            at_ms=whole(self.timestamp) or received_ms,
            received_ms=received_ms,
        )


class Interest(Placed, gc=False, rename="camel", kw_only=True):
    """market:futures:open_interests. `value` is a text, in base coins."""

    timestamp: int | float | None = None
    value: Number = None
    type: str | None = None

    @classmethod
    def of(cls, event: OpenInterest) -> "Interest":
        """As it is."""
        return cls(**placed(event), timestamp=event.at_ms, value=plain(event.oi_base))

    def to_event(self, received_ms: int) -> OpenInterest | None:
        """None without a value."""
        value = number(self.value)
        if value is None:
            return None
        venue, symbol = self.place()
        at_ms = whole(self.timestamp) or received_ms
        return OpenInterest(venue=venue, symbol=symbol, oi_base=value, at_ms=at_ms, received_ms=received_ms)
