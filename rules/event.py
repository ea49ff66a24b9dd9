"""What every event has in common, and the units its fields are counted in."""

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
Coin = Annotated[str, msgspec.Meta(description="ticker in capitals: USDT")]

Side = Literal["long", "short"]
Taker = Literal["buy", "sell"]
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
    UNQUOTED: ClassVar[tuple[str, ...]] = ()  # fields too long for a message or an alert's memory
    IS_PRIVATE: ClassVar[bool] = False  # one trader's own account: shown to nobody else

    @property
    def place(self) -> tuple[str, str]:
        """Where it happened: the pair by which rules are looked up."""
        raise NotImplementedError

    @property
    def once_key(self) -> str | None:
        """The name under which this fact may be counted only once, or None when repeats are harmless."""
        return None
