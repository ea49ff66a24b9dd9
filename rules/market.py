"""What markets say: prices, funding, interest, and positions closed by force."""

from typing import Annotated, ClassVar

import msgspec

from rules.event import Base, Coin, Event, Hours, Ms, Price, PriceKind, Rate, Side, Symbol, Usd, Venue


class FundingRate(Event, frozen=True, kw_only=True, gc=False, tag="funding_rate"):
    """The rate that longs pay shorts (negative: shorts pay longs), a fraction per `interval_h` hours.

    Predicted for the settlement at `settles_at_ms`, unless `is_settled`: then it was paid at that time.
    """

    venue: Venue
    symbol: Symbol
    rate: Rate
    interval_h: Hours
    settles_at_ms: Annotated[Ms, msgspec.Meta(description="when it is or was paid")] | None = None
    is_settled: Annotated[bool, msgspec.Meta(description="paid, no longer a prediction")] = False

    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {"rate_8h": ("fraction / 8 h", "the rate normalised to 8 hours")}
    WRITTEN_OUT: ClassVar[dict[str, str]] = {"rate_8h": "e.rate * 8.0 / e.interval_h"}

    @property
    def rate_8h(self) -> float:
        """The rate per 8 hours, so that venues with other intervals compare."""
        return self.rate * 8.0 / self.interval_h

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol

    @property
    def once_key(self) -> str | None:
        return f"{self.venue}:{self.symbol}:{self.settles_at_ms}" if self.is_settled else None


class MarkPrice(Event, frozen=True, kw_only=True, gc=False, tag="mark_price"):
    """The price by which a venue values positions, and the index it leans on."""

    venue: Venue
    symbol: Symbol
    price: Price
    index_price: Annotated[Price, msgspec.Meta(description="the spot index behind it")] | None = None

    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {"basis": ("fraction", "how far the mark is above the index")}

    @property
    def basis(self) -> float | None:
        """Premium of the mark over the index as a fraction of it, or None without an index."""
        return self.price / self.index_price - 1.0 if self.index_price else None

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class OpenInterest(Event, frozen=True, kw_only=True, gc=False, tag="open_interest"):
    """Contracts open, counted one side."""

    venue: Venue
    symbol: Symbol
    oi_base: Annotated[Base, msgspec.Meta(description="open contracts in base coins")]
    oi_usd: Annotated[Usd, msgspec.Meta(description="the same in US dollars")] | None = None

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class Liquidation(Event, frozen=True, kw_only=True, gc=False, tag="liquidation"):
    """A position was closed by force. `side` is the side of that position, whatever the venue sends."""

    venue: Venue
    symbol: Symbol
    side: Annotated[Side, msgspec.Meta(description="the position that was closed")]
    quantity: Annotated[Base, msgspec.Meta(description="size in base coins")]
    price: Price
    price_kind: Annotated[PriceKind, msgspec.Meta(description="what the venue's price means")]
    notional_usd: Annotated[Usd, msgspec.Meta(description="quantity x price in US dollars")]

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol

    @property
    def once_key(self) -> str | None:
        return f"{self.venue}:{self.symbol}:{self.side}:{self.at_ms}:{self.price!r}:{self.quantity!r}"


class StablecoinQuote(Event, frozen=True, kw_only=True, gc=False, tag="stablecoin_quote"):
    """One source's opinion of what a stablecoin is worth."""

    venue: Venue
    coin: Annotated[str, msgspec.Meta(description="ticker in capitals: USDT")]
    price: Annotated[float, msgspec.Meta(description="price of one coin", extra={"unit": "USD"})]
    target: (
        Annotated[float, msgspec.Meta(description="what it should be worth; missing if unknown", extra={"unit": "USD"})]
        | None
    ) = None
    market_cap_usd: Annotated[Usd, msgspec.Meta(description="value of all coins in circulation")] | None = None

    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {"depth": ("fraction", "distance from the target, never negative")}

    @property
    def depth(self) -> float | None:
        """Distance from the target as a fraction of it, or None without a target."""
        return abs(self.price - self.target) / self.target if self.target else None

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.coin


class LongShortRatio(Event, frozen=True, kw_only=True, gc=False, tag="long_short_ratio"):
    """How many accounts hold longs, and how many shorts, over one period of the venue's."""

    venue: Venue
    symbol: Symbol
    ratio: Annotated[float, msgspec.Meta(description="accounts long for each account short", extra={"unit": "ratio"})]
    long_share: Annotated[float, msgspec.Meta(description="accounts that are long", extra={"unit": "fraction"})]
    short_share: Annotated[float, msgspec.Meta(description="accounts that are short", extra={"unit": "fraction"})]
    period_ms: Annotated[int, msgspec.Meta(description="how long the venue counted", extra={"unit": "ms"})] = 300_000

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class InsuranceFund(Event, frozen=True, kw_only=True, gc=False, tag="insurance_fund"):
    """What a venue holds to pay for positions that went below zero."""

    venue: Venue
    coin: Coin
    amount: Annotated[float, msgspec.Meta(description="the fund, in its coin", extra={"unit": "coin"})]
    amount_usd: Annotated[Usd, msgspec.Meta(description="the same in US dollars")] | None = None

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.coin


class FearGreed(Event, frozen=True, kw_only=True, gc=False, tag="fear_greed"):
    """The mood of the market in one number, once a day."""

    venue: Venue
    index: Annotated[int, msgspec.Meta(description="0 extreme fear, 100 extreme greed", extra={"unit": "points"})]
    mood: Annotated[str, msgspec.Meta(description="the source's word for it: Extreme Fear, Greed, ...")]

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, "MARKET"
