"""What the market said, in our own words. Every other room speaks them."""

from typing import Annotated

import msgspec

from rules.account import AccountUpdate, AdlUpdate, Attached, Balance, OrderUpdate, Position, TriggerOrderUpdate
from rules.event import Event, FeedState, PriceKind, Side, Taker, Venue, type_of
from rules.market import (
    FearGreed,
    FundingRate,
    InsuranceFund,
    Liquidation,
    LongShortRatio,
    MarkPrice,
    OpenInterest,
    StablecoinQuote,
)
from rules.trading import BookSnapshot, BookUpdate, Candle, Level, Levels, Ticker, Trade, Why

__all__ = [
    "EVENTS",
    "AccountUpdate",
    "AdlUpdate",
    "AnyEvent",
    "Attached",
    "Balance",
    "BookSnapshot",
    "BookUpdate",
    "Candle",
    "Event",
    "FearGreed",
    "FeedHealth",
    "FeedState",
    "FundingRate",
    "InsuranceFund",
    "Level",
    "Levels",
    "Liquidation",
    "LongShortRatio",
    "MarkPrice",
    "OpenInterest",
    "OrderUpdate",
    "Position",
    "PriceKind",
    "Side",
    "StablecoinQuote",
    "Taker",
    "Ticker",
    "Trade",
    "TriggerOrderUpdate",
    "Why",
    "facts_of",
    "from_json",
    "to_json",
    "type_of",
]


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


AnyEvent = (
    FundingRate
    | MarkPrice
    | OpenInterest
    | Liquidation
    | StablecoinQuote
    | FeedHealth
    | LongShortRatio
    | InsuranceFund
    | FearGreed
    | Trade
    | Ticker
    | Candle
    | BookSnapshot
    | BookUpdate
    | AccountUpdate
    | AdlUpdate
    | OrderUpdate
    | TriggerOrderUpdate
)
EVENTS: dict[str, type[Event]] = {str(kind.__struct_config__.tag): kind for kind in AnyEvent.__args__}

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
    facts: dict[str, object] = {
        name: msgspec.to_builtins(getattr(event, name))
        for name in event.__struct_fields__
        if name not in event.UNQUOTED
    }
    facts[type_of] = event.__struct_config__.tag
    for name in event.DERIVED:
        try:
            facts[name] = getattr(event, name)
        except ArithmeticError:  # an interval of zero hours has no rate per 8 hours
            facts[name] = None
    return facts
