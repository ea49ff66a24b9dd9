"""A price moved by more than so much within a window."""

from typing import Annotated, Literal

from pydantic import Field

from rules import units
from rules.alerts import Alert
from rules.events import MarkPrice
from rules.kinds.changing import Changing, moved, peaked
from rules.kinds.words import number
from rules.sentences import Sentences
from rules.spec import Duration, Symbols


class PriceChange(Changing):
    """The mark price, which one odd trade cannot move."""

    ON = MarkPrice
    EXAMPLE = "3%"
    WHAT = "the price"

    type: Literal["price_change"]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")]
    max_age: Annotated[Duration | None, Field(gt=0)] = 120_000

    def names(self) -> tuple[str, ...]:
        return self.symbols

    def field(self) -> str:
        return "price"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`bybit ETH-USDT-PERP: price down 3.4% within 5m (limit 3%)`."""
    del now_ms
    price, reading = number(alert.facts, "price"), moved(alert, "price")
    return Sentences(
        f"{alert.key.get('venue')} {alert.key.get('symbol')}: {reading}",
        () if price is None else (f"now {units.say_price(price)}",),
        peaked(alert),
        reading,
    )


SPEC = PriceChange
