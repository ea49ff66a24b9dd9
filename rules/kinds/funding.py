"""The funding rate of a perpetual is too far from zero."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Expressed, Rule
from rules.events import FundingRate
from rules.expression import compile_value
from rules.kinds.words import limits, listed, number, until
from rules.levels import ladder
from rules.selection import Selection
from rules.sentences import Sentences
from rules.spec import Duration, Fraction, RuleSpec, Symbols, levels_or, positive

VALUES = {"either": "abs(rate_8h)", "longs_pay": "rate_8h", "shorts_pay": "-rate_8h"}
WHO_PAYS = {"either": "", "longs_pay": " (longs pay)", "shorts_pay": " (shorts pay)"}


class Funding(RuleSpec):
    """Predicted or settled rate, normalised to 8 hours before comparing."""

    ON = FundingRate

    type: Literal["funding"]
    symbols: Annotated[Symbols, Field(description="coins or instruments: BTC, BTC-USDT-PERP; * for all")]
    direction: Literal["either", "longs_pay", "shorts_pay"] = "either"
    rate: Literal["predicted", "settled"] = "predicted"
    levels: Annotated[dict[Severity, Fraction] | None, Field(description="a limit per severity, per 8 h")] = None
    above: Annotated[Fraction | None, Field(description="per 8 h: 0.05%, 5bp", validate_default=True)] = None
    clear: Annotated[Fraction | None, Field(description="it is over at or below this rate")] = None
    max_age: Annotated[Duration | None, Field(gt=0)] = 600_000

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: dict[Severity, float] | None) -> dict[Severity, float] | None:
        return positive(levels)

    @field_validator("above")
    @classmethod
    def _one_of_two(cls, above: float | None, info: ValidationInfo) -> float | None:
        return one_limit(above, info, "above: 0.05%")

    @field_validator("clear")
    @classmethod
    def _below(cls, clear: float | None, info: ValidationInfo) -> float | None:
        if info.data.get("direction") == "either":
            not_negative(clear)
        return clear_below(clear, info, "above")

    def compile(self) -> Rule:
        program = compile_value(
            VALUES[self.direction], FundingRate, where="is_settled" if self.rate == "settled" else "not is_settled"
        )
        return Rule(
            **self.common(),
            on=FundingRate,
            symbols=Selection.of(self.symbols),
            by=("venue", "symbol"),
            measure=partial(Expressed, program),
            ladder=ladder(levels_or(self.above, self.levels, self.severity), strict=True, clear=self.clear),
            max_age_ms=self.max_age if self.rate == "predicted" else None,
        )

    def sentence(self) -> str:
        levels = levels_or(self.above, self.levels, self.severity)
        said = {severity: units.say_percent(limit) for severity, limit in levels.items()}
        clear = "" if self.clear is None else f", clears at {units.say_percent(self.clear)}"
        return (
            f"when the {self.rate} funding of {listed(self.symbols, 'any coin')}{self.places()} is above "
            f"{limits(said)} per 8 h{WHO_PAYS[self.direction]}{self.manners()}{clear}"
        )


def say(alert: Alert, now_ms: int) -> Sentences:
    """`binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)`."""
    facts = alert.facts
    rate_8h = number(facts, "rate_8h") or 0.0
    limit = "" if alert.threshold is None else f" (limit {units.say_percent(alert.threshold)})"
    headline = f"{alert.key.get('venue')} {alert.key.get('symbol')}: {direction(rate_8h)} per 8 h{limit}"
    details = []
    interval_h, rate = number(facts, "interval_h"), number(facts, "rate")
    if interval_h is not None and rate is not None and interval_h != 8:
        details.append(f"sent as {units.say_percent(rate)} per {interval_h:g} h")
    settles = until(number(facts, "settles_at_ms"), now_ms)
    if facts.get("is_settled"):
        details.append("settled")
    elif settles:
        details.append(f"next settlement {settles}")
    return Sentences(headline, tuple(details), peak=f"{units.say_percent(alert.peak)} per 8 h")


def direction(rate: float) -> str:
    """Who pays whom, in words."""
    if rate == 0:
        return "nobody pays, funding 0%"
    who = "longs pay shorts" if rate > 0 else "shorts pay longs"
    return f"{who} {units.say_percent(abs(rate))}"


def one_limit(limit: float | None, info: ValidationInfo, example: str) -> float | None:
    """Either one limit or `levels`, and it is positive; ValueError otherwise."""
    if "levels" in info.data:  # absent if it was wrong itself
        if (limit is None) == (info.data["levels"] is None):
            raise ValueError(f"give either one limit or levels; {example}, or levels: {{warning: ..., critical: ...}}")
        if limit is not None and limit <= 0:
            raise ValueError(f"a limit is more than zero; {example}")
    return limit


def not_negative(clear: float | None) -> None:
    """What is measured without its sign never falls below zero; ValueError if it would have to."""
    if clear is not None and clear < 0:
        raise ValueError("clear is below zero, where this never comes; write 0% or more")


def clear_below(clear: float | None, info: ValidationInfo, name: str) -> float | None:
    """The clear limit is not beyond the limit it clears; ValueError otherwise."""
    levels = info.data.get("levels")
    lowest = min(levels.values()) if levels else info.data.get(name)
    if clear is not None and lowest is not None and clear > lowest:
        raise ValueError(f"clear is above the limit, so it could never fire; at most {units.say_percent(lowest)}")
    return clear


SPEC = Funding
