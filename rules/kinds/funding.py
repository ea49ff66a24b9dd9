"""The funding rate of a perpetual is too far from zero."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from rules import units
from rules.alerts import Alert
from rules.compiled import Expressed, Rule, later
from rules.events import FundingRate
from rules.expression import compile_value
from rules.kinds.limited import Directed, Limited
from rules.kinds.words import listed, number, side, until
from rules.levels import ladder
from rules.selection import Selection
from rules.sentences import Reading, Sentences
from rules.spec import Duration, Symbols

VALUES = {"either": "abs(rate_8h)", "longs_pay": "rate_8h", "shorts_pay": "-rate_8h"}
PAID_BY = {1: " paid by longs", -1: " paid by shorts", 0: ""}
WHO_PAYS = {"either": "", "longs_pay": " (longs pay)", "shorts_pay": " (shorts pay)"}


class Funding(Limited, Directed):
    """Predicted or settled rate, normalised to 8 hours before comparing."""

    ON = FundingRate
    EXAMPLE = "0.05%"

    type: Literal["funding"]
    symbols: Annotated[Symbols, Field(description="coins or instruments: BTC, BTC-USDT-PERP; * for all")]
    direction: Literal["either", "longs_pay", "shorts_pay"] = "either"
    rate: Literal["predicted", "settled"] = "predicted"
    max_age: Annotated[Duration | None, Field(gt=0)] = 600_000

    def compile(self) -> Rule:
        compiled = partial(
            compile_value, event=FundingRate, where="is_settled" if self.rate == "settled" else "not is_settled"
        )
        return Rule(
            **self.common(),
            on=FundingRate,
            symbols=Selection.of(self.symbols),
            by=("venue", "symbol"),
            measure=partial(Expressed, compiled(VALUES[self.direction])),
            is_negated=self.direction == "shorts_pay",
            signed=later(partial(compiled, "rate_8h")) if self.direction == "either" else None,
            ladder=ladder(self.by_severity(), strict=True, clear=self.clear),
            max_age_ms=self.max_age if self.rate == "predicted" else None,
        )

    def sentence(self) -> str:
        return (
            f"when the {self.rate} funding of {listed(self.symbols, 'any coin')}{self.places()} is above "
            f"{self.said_limits()} per 8 h{WHO_PAYS[self.direction]}{self.manners()}{self.said_clear()}"
        )


def say(alert: Alert, now_ms: int) -> Sentences:
    """`binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)`."""
    facts = alert.facts
    rate_8h = number(facts, "rate_8h") or 0.0
    limit = "" if alert.threshold is None else units.say_percent(alert.threshold)
    said, peak = (units.say_rate(rate, alert.threshold) for rate in (abs(rate_8h), alert.peak))
    reading = Reading(f"{_payer(rate_8h)} ", said, " per 8 h", limit, abs(rate_8h))
    headline = f"{alert.key.get('venue')} {alert.key.get('symbol')}: {reading}"
    details = []
    interval_h, rate = number(facts, "interval_h"), number(facts, "rate")
    if interval_h is not None and rate is not None and interval_h != 8:
        details.append(f"sent as {units.say_rate(rate)} per {interval_h:g} h")
    settles = until(number(facts, "settles_at_ms"), now_ms)
    if facts.get("is_settled"):
        details.append("settled")
    elif settles:
        details.append(f"next settlement {settles}")
    return Sentences(headline, tuple(details), f"{peak} per 8 h{PAID_BY[side(alert, 'rate_8h')]}", reading)


def _payer(rate: float) -> str:
    if rate == 0:
        return "nobody pays, funding"
    return "longs pay shorts" if rate > 0 else "shorts pay longs"


SPEC = Funding
