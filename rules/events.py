"""What the market said, in our own words. Every other room speaks them."""

from typing import Annotated, ClassVar, Literal

import msgspec

type_of = "type"  # the JSON field that names an event's type

Venue = Annotated[str, msgspec.Meta(description="who said it: binance, bybit, okx, defillama, ...")]
Symbol = Annotated[str, msgspec.Meta(description="the instrument in our language: BTC-USDT-PERP")]
Rate = Annotated[float, msgspec.Meta(description="funding as the venue sent it", extra={"unit": "fraction / interval"})]
Hours = Annotated[float, msgspec.Meta(description="hours between two settlements", extra={"unit": "h"})]
Usd = Annotated[float, msgspec.Meta(extra={"unit": "USD"})]
Base = Annotated[float, msgspec.Meta(extra={"unit": "base coin"})]
Price = Annotated[float, msgspec.Meta(description="price of one base coin", extra={"unit": "quote coin"})]
Ms = Annotated[int, msgspec.Meta(extra={"unit": "ms since 1970 UTC"})]

Side = Literal["long", "short"]
PriceKind = Literal["fill", "bankruptcy", "mark", "order"]
FeedState = Literal["up", "down"]


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field=type_of):
    """Something a source says has happened. A changed fact is a new fact."""

    at_ms: Annotated[Ms, msgspec.Meta(description="when it happened, by the venue's clock")]
    received_ms: Annotated[Ms, msgspec.Meta(description="when it reached us, by our clock")]

    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {}  # name -> (unit, meaning) of what a property computes
    WRITTEN_OUT: ClassVar[
        dict[str, str]
    ] = {}  # the same as source, for compiled rules: a property's call is dear there

    @property
    def place(self) -> tuple[str, str]:
        """Where it happened: the pair by which rules are looked up."""
        raise NotImplementedError

    @property
    def once_key(self) -> str | None:
        """The name under which this fact may be counted only once, or None when repeats are harmless."""
        return None


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


class FeedHealth(Event, frozen=True, kw_only=True, gc=False, tag="feed_health"):
    """A feed broke or came back; said on change only."""

    venue: Venue
    feed: Annotated[str, msgspec.Meta(description="the feed's name: binance.market, defillama, ...")]
    state: Annotated[FeedState, msgspec.Meta(description="up or down")]
    reason: Annotated[str, msgspec.Meta(description="why, in words")] = ""
    carries: Annotated[
        tuple[str, ...], msgspec.Meta(description="event types it brings; none: all of the venue's")
    ] = ()

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.feed


AnyEvent = FundingRate | MarkPrice | OpenInterest | Liquidation | StablecoinQuote | FeedHealth
EVENTS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (FundingRate, MarkPrice, OpenInterest, Liquidation, StablecoinQuote, FeedHealth)
}

_decoder = msgspec.json.Decoder(AnyEvent)
_encoder = msgspec.json.Encoder()


def to_json(event: Event) -> bytes:
    """The event as it is stored: its own fields and its type."""
    return _encoder.encode(event)


def from_json(text: bytes | str) -> AnyEvent:
    """The event that `to_json` wrote."""
    event: AnyEvent = _decoder.decode(text)
    return event


def facts_of(event: Event) -> dict[str, object]:
    """All that the event says as plain values, derived ones too; what a message may quote."""
    facts: dict[str, object] = {name: getattr(event, name) for name in event.__struct_fields__}
    facts[type_of] = event.__struct_config__.tag
    for name in event.DERIVED:
        try:
            facts[name] = getattr(event, name)
        except ArithmeticError:  # an interval of zero hours has no rate per 8 hours
            facts[name] = None
    return facts
