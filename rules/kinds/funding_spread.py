"""Venues disagree about the funding of one instrument: largest minus smallest 8-hour rate."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from rules import units
from rules.alerts import Alert
from rules.compiled import Expressed, Rule
from rules.events import FundingRate
from rules.expression import compile_value
from rules.kinds.limited import Limited
from rules.kinds.words import listed, number
from rules.levels import ladder
from rules.selection import Selection
from rules.sentences import Reading, Sentences
from rules.spec import Duration, Symbols


class FundingSpread(Limited):
    """The distance between the dearest and the cheapest venue, in predicted rates per 8 hours."""

    ON = FundingRate
    ADDED = ("spread", "high", "high_value", "low", "low_value", "of")
    EXAMPLE = "0.03%"

    type: Literal["funding_spread"]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")]
    max_age: Annotated[Duration, Field(gt=0, description="a venue silent for longer does not count")] = 900_000

    def compile(self) -> Rule:
        window = units.write_duration(self.max_age)
        program = compile_value(f"spread(rate_8h, venue, {window})", FundingRate, where="not is_settled")
        return Rule(
            **self.common(),
            on=FundingRate,
            symbols=Selection.of(self.symbols),
            by=("symbol",),
            measure=partial(Expressed, program),
            is_timed=True,
            ladder=ladder(self.by_severity(), strict=True, clear=self.clear),
            max_age_ms=self.max_age,
        )

    def sentence(self) -> str:
        return (
            f"when the funding of {listed(self.symbols, 'any coin')} differs{self.places() or ' between venues'} by more "
            f"than {self.said_limits()} per 8 h{self.manners()}"
        )


def say(alert: Alert, now_ms: int) -> Sentences:
    """`BTC-USDT-PERP: funding differs by 0.04% per 8 h (limit 0.03%)`, and who stands at the two ends."""
    del now_ms
    limit = "" if alert.threshold is None else units.say_percent(alert.threshold)
    said, peak = (units.say_rate(spread, alert.threshold) for spread in (alert.value, alert.peak))
    reading = Reading("funding differs by ", said, " per 8 h", limit, alert.value)
    headline = f"{alert.key.get('symbol')}: {reading}"
    details = []
    high, low = number(alert.facts, "high_value"), number(alert.facts, "low_value")
    if high is not None and low is not None:
        details.append(f"{alert.facts['high']} {units.say_rate(high)}, {alert.facts['low']} {units.say_rate(low)}")
    return Sentences(headline, tuple(details), f"{peak} per 8 h", reading)


SPEC = FundingSpread
