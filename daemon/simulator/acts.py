"""What may happen in a scenario, one class an act; written in YAML, understood by the world and the box."""

from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from daemon.simulator.listings import COINS, EXCHANGES, FEEDS, LISTINGS, QUOTERS
from daemon.simulator.misbehave import Misbehaviour
from daemon.simulator.stablecoins import STABLES
from rules.units import duration_ms, fraction, money


def _one_of(kind: str, names: tuple[str, ...]) -> BeforeValidator:
    def known(value: Any) -> Any:
        if value not in names:
            raise ValueError(f"'{value}' is no {kind} of the box; it has {', '.join(names)}")
        return value

    return BeforeValidator(known)


_ANY = "*"
Fraction = Annotated[float, BeforeValidator(fraction)]
Money = Annotated[float, BeforeValidator(money), Field(gt=0, le=1e12)]
Duration = Annotated[int, BeforeValidator(duration_ms), Field(ge=0, le=86_400_000)]
Exchange = Annotated[str, _one_of("exchange", (*EXCHANGES, _ANY))]
Feed = Annotated[str, _one_of("venue", FEEDS)]
Coin = Annotated[str, _one_of("coin", tuple(coin.name for coin in COINS))]
Stablecoin = Annotated[str, _one_of("stablecoin", tuple(stable.coin for stable in STABLES))]
Quoter = Annotated[str, _one_of("source of quotes", QUOTERS)]


class Act(BaseModel):
    """Something that happens in the box at one time of the scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FundingAct(Act):
    """The rate of a coin jumps, on one exchange or on all (`*`), and returns after `for`."""

    venue: Exchange = _ANY
    coin: Coin
    rate: Annotated[Fraction, Field(ge=-0.03, le=0.03, description="per 8 hours, whatever the venue's interval")]
    for_ms: Duration = Field(default=20_000, alias="for")


class LiquidationAct(Act):
    """One position is closed by force."""

    venue: Annotated[str, _one_of("exchange", EXCHANGES)]
    symbol: str
    side: Literal["long", "short"] = "long"
    usd: Money

    @model_validator(mode="after")
    def _listed(self) -> Self:
        listed = [listing.symbol for listing in LISTINGS if listing.venue == self.venue]
        if self.symbol not in listed:
            raise ValueError(f"{self.venue} does not list '{self.symbol}'; it has {', '.join(listed)}")
        return self


class CascadeAct(Act):
    """Many positions of a coin are closed one after the other on all exchanges, and the price goes with them."""

    coin: Coin
    total: Money
    over_ms: Duration = Field(default=10_000, alias="over")
    side: Literal["long", "short"] = "long"
    orders: int = Field(default=40, ge=1, le=100_000)
    move: Annotated[Fraction, Field(gt=0, lt=0.5, description="how far the price goes against them")] = 0.03


class DepegAct(Act):
    """A stablecoin slides `to` a price, holds there, and comes back; seen by all sources or by some."""

    coin: Stablecoin
    to: float = Field(gt=0, lt=10)
    over_ms: Duration = Field(default=3_000, alias="over")
    hold_ms: Duration = Field(default=10_000, alias="hold")
    back_ms: Duration = Field(default=5_000, alias="back")
    seen_by: tuple[Quoter, ...] = QUOTERS


class QuoteAct(Act):
    """One source says exactly this price for a while, whatever the others say."""

    venue: Quoter
    coin: Stablecoin
    price: float = Field(gt=0, lt=10)
    for_ms: Duration = Field(default=10_000, alias="for")


class PriceAct(Act):
    """The price of a coin moves by a part of itself."""

    coin: Coin
    by: Annotated[Fraction, Field(gt=-0.9, lt=9)]
    over_ms: Duration = Field(default=5_000, alias="over")


class OpenInterestAct(Act):
    """The open interest of a coin moves by a part of itself, on one exchange or on all."""

    venue: Exchange = _ANY
    coin: Coin
    by: Annotated[Fraction, Field(gt=-0.99, lt=9)]
    over_ms: Duration = Field(default=5_000, alias="over")


class MisbehaveAct(Misbehaviour):
    """A venue stops being polite."""

    venue: Feed


MarketAct = FundingAct | LiquidationAct | CascadeAct | DepegAct | QuoteAct | PriceAct | OpenInterestAct
_SPANS = ("for_ms", "over_ms", "hold_ms", "back_ms")
AnyAct = TypeVar("AnyAct", bound=BaseModel)


def hastened(act: AnyAct, speed: float) -> AnyAct:
    """The same act with all its durations divided by `speed`."""
    spans = {name: value for name, value in act if name in _SPANS and isinstance(value, int)}
    return act if speed == 1.0 else act.model_copy(update={name: round(span / speed) for name, span in spans.items()})


ACTS: dict[str, type[BaseModel]] = {
    "funding": FundingAct,
    "liquidation": LiquidationAct,
    "cascade": CascadeAct,
    "depeg": DepegAct,
    "quote": QuoteAct,
    "price": PriceAct,
    "open_interest": OpenInterestAct,
    "misbehave": MisbehaveAct,
}
