"""What trading leaves behind: trades, tickers, candles and order books. Fast, and read only while somebody asks."""

from typing import Annotated, ClassVar, Literal

import msgspec

from rules.event import Base, Event, Ms, Price, Symbol, Taker, Venue

Level = tuple[float, float]  # price, base coins resting there; in an update 0.0 base coins: the level is gone
Levels = tuple[Level, ...]
Why = Literal["asked", "gap", "renewed"]


class Trade(Event, frozen=True, kw_only=True, gc=False, tag="trade"):
    """Two orders met. `taker` is the side of the one that came second and took the price."""

    venue: Venue
    symbol: Symbol
    price: Price
    quantity: Annotated[Base, msgspec.Meta(description="size in base coins")]
    taker: Annotated[Taker, msgspec.Meta(description="who crossed the spread")]
    trade_id: Annotated[str, msgspec.Meta(description="the venue's own name for it")]

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol

    @property
    def once_key(self) -> str | None:
        return f"{self.venue}:{self.symbol}:{self.trade_id}"


class Ticker(Event, frozen=True, kw_only=True, gc=False, tag="ticker"):
    """The best prices of the moment. What the venue does not say is missing."""

    venue: Venue
    symbol: Symbol
    bid: Annotated[Price, msgspec.Meta(description="best price to sell at")] | None = None
    ask: Annotated[Price, msgspec.Meta(description="best price to buy at")] | None = None
    bid_quantity: Annotated[Base, msgspec.Meta(description="base coins at the bid")] | None = None
    ask_quantity: Annotated[Base, msgspec.Meta(description="base coins at the ask")] | None = None
    last: Annotated[Price, msgspec.Meta(description="price of the latest trade")] | None = None
    last_quantity: Annotated[Base, msgspec.Meta(description="size of the latest trade")] | None = None
    mark_price: Annotated[Price, msgspec.Meta(description="the venue's mark price")] | None = None
    sequence: Annotated[int, msgspec.Meta(description="the venue's counter")] | None = None

    DERIVED: ClassVar[dict[str, tuple[str, str]]] = {"mid": ("quote coin", "halfway between bid and ask")}

    @property
    def mid(self) -> float | None:
        """Halfway between bid and ask, or None while either is missing."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class Candle(Event, frozen=True, kw_only=True, gc=False, tag="candle"):
    """Open, high, low, close and volume of one stretch of time; it moves until `is_closed`."""

    venue: Venue
    symbol: Symbol
    opened_ms: Annotated[Ms, msgspec.Meta(description="when the stretch began")]
    interval_ms: Annotated[int, msgspec.Meta(description="how long it is", extra={"unit": "ms"})] = 60_000
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Annotated[Base, msgspec.Meta(description="base coins traded")]
    is_closed: Annotated[bool, msgspec.Meta(description="it will not change any more")] = True

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol

    @property
    def once_key(self) -> str | None:
        return f"{self.venue}:{self.symbol}:{self.interval_ms}:{self.opened_ms}" if self.is_closed else None


class BookSnapshot(Event, frozen=True, kw_only=True, gc=False, tag="book_snapshot"):
    """The whole order book as far as we follow it; what was known before is void."""

    venue: Venue
    symbol: Symbol
    bids: Annotated[Levels, msgspec.Meta(description="best first: price, base coins")]
    asks: Annotated[Levels, msgspec.Meta(description="best first: price, base coins")]
    sequence: Annotated[int, msgspec.Meta(description="the venue's counter")]
    why: Annotated[Why, msgspec.Meta(description="it was asked for, updates were lost, or the venue sent it anew")] = (
        "asked"
    )

    UNQUOTED: ClassVar[tuple[str, ...]] = ("bids", "asks")

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol


class BookUpdate(Event, frozen=True, kw_only=True, gc=False, tag="book_update"):
    """What changed in the book since `follows`, without a gap: new sizes at prices, 0 where a level is gone."""

    venue: Venue
    symbol: Symbol
    bids: Annotated[Levels, msgspec.Meta(description="price, base coins now")]
    asks: Annotated[Levels, msgspec.Meta(description="price, base coins now")]
    sequence: Annotated[int, msgspec.Meta(description="the venue's counter after this")]
    follows: Annotated[int, msgspec.Meta(description="the counter this was built on")] | None = None

    UNQUOTED: ClassVar[tuple[str, ...]] = ("bids", "asks")

    @property
    def place(self) -> tuple[str, str]:
        return self.venue, self.symbol
