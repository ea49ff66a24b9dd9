"""Positions are opened or closed in bulk: open interest moved within a window."""

from typing import Annotated, Literal

from pydantic import Field

from rules import units
from rules.alerts import Alert
from rules.events import OpenInterest
from rules.kinds.changing import Changing, moved, peaked
from rules.kinds.words import number
from rules.selection import EVERYTHING
from rules.sentences import Sentences
from rules.spec import Duration, Money, Symbols

FIELDS = {"base": "oi_base", "usd": "oi_usd"}


class OpenInterestChange(Changing):
    """Counted in coins, a change means that positions were opened or closed; in dollars, the price moves it too."""

    ON = OpenInterest
    EXAMPLE = "5%"
    WHAT = "open interest"

    type: Literal["open_interest_change"]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")] = (EVERYTHING,)
    count: Annotated[Literal["base", "usd"], Field(description="in coins, or in US dollars")] = "base"
    at_least: Annotated[Money | None, Field(gt=0, description="markets that are smaller now are left alone: $100m")] = (
        None
    )
    max_age: Annotated[Duration | None, Field(gt=0)] = 900_000

    def names(self) -> tuple[str, ...]:
        return self.symbols

    def field(self) -> str:
        return FIELDS[self.count]

    def value(self, change: str) -> str:
        # a market below the floor scores nothing, so that an alert also ends there; above it the floor is in dollars,
        # and never the smaller of the two
        return change if self.at_least is None else f"min({change}, {self._above_floor()})"

    def signed(self, change: str) -> str:
        return change if self.at_least is None else f"max({self.value(change)}, -{self._above_floor()})"

    def _above_floor(self) -> str:
        return f"max(0, oi_usd - {self.at_least!r})"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`okx BTC-USDT-PERP: open interest down 6.2% within 15m (limit 5%)`."""
    del now_ms
    facts = alert.facts
    usd, base = number(facts, "oi_usd"), number(facts, "oi_base")
    coin = str(facts.get("symbol")).partition("-")[0]
    now = [] if base is None else [f"now {units.say_number(base)} {coin}{f', {units.say_money(usd)}' if usd else ''}"]
    reading = moved(alert, "open interest")
    return Sentences(
        f"{alert.key.get('venue')} {alert.key.get('symbol')}: {reading}",
        tuple(now),
        peaked(alert),
        reading,
    )


SPEC = OpenInterestChange
