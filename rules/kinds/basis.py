"""The perpetual has left its index: the mark price trades at a premium or a discount."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Expressed, Rule
from rules.events import MarkPrice
from rules.expression import compile_value
from rules.kinds.funding import clear_below, not_negative, one_limit
from rules.kinds.words import limits, listed, number
from rules.levels import ladder
from rules.selection import Selection
from rules.sentences import Sentences
from rules.spec import Duration, Fraction, RuleSpec, Symbols, levels_or, positive

VALUES = {"either": "abs(basis)", "premium": "basis", "discount": "-basis"}
SAID = {"either": "away from", "premium": "above", "discount": "below"}


class Basis(RuleSpec):
    """Distance of the mark price from the index it leans on, as a fraction of the index."""

    ON = MarkPrice

    type: Literal["basis"]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")]
    direction: Literal["either", "premium", "discount"] = "either"
    levels: Annotated[dict[Severity, Fraction] | None, Field(description="a distance per severity")] = None
    above: Annotated[Fraction | None, Field(description="a distance of more: 0.5%", validate_default=True)] = None
    clear: Annotated[Fraction | None, Field(description="it is over at or below this distance")] = None
    max_age: Annotated[Duration | None, Field(gt=0)] = 120_000

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: dict[Severity, float] | None) -> dict[Severity, float] | None:
        return positive(levels)

    @field_validator("above")
    @classmethod
    def _one_of_two(cls, above: float | None, info: ValidationInfo) -> float | None:
        return one_limit(above, info, "above: 0.5%")

    @field_validator("clear")
    @classmethod
    def _below(cls, clear: float | None, info: ValidationInfo) -> float | None:
        if info.data.get("direction") == "either":
            not_negative(clear)
        return clear_below(clear, info, "above")

    def compile(self) -> Rule:
        return Rule(
            **self.common(),
            on=MarkPrice,
            symbols=Selection.of(self.symbols),
            by=("venue", "symbol"),
            measure=partial(Expressed, compile_value(VALUES[self.direction], MarkPrice)),
            ladder=ladder(levels_or(self.above, self.levels, self.severity), strict=True, clear=self.clear),
            max_age_ms=self.max_age,
        )

    def sentence(self) -> str:
        levels = levels_or(self.above, self.levels, self.severity)
        said = {severity: units.say_percent(limit) for severity, limit in levels.items()}
        clear = "" if self.clear is None else f", clears at {units.say_percent(self.clear)}"
        return (
            f"when the mark price of {listed(self.symbols, 'any coin')}{self.places()} is more than {limits(said)} "
            f"{SAID[self.direction]} its index{self.manners()}{clear}"
        )


def say(alert: Alert, now_ms: int) -> Sentences:
    """`bybit BTC-USDT-PERP: 0.62% below its index (limit 0.5%)`."""
    del now_ms
    facts = alert.facts
    basis = number(facts, "basis") or 0.0
    limit = "" if alert.threshold is None else f" (limit {units.say_percent(alert.threshold)})"
    where = (
        "at its index"
        if basis == 0
        else f"{units.say_percent(abs(basis))} {'above' if basis > 0 else 'below'} its index"
    )
    price, index = number(facts, "price"), number(facts, "index_price")
    detail = (
        () if price is None or index is None else (f"mark {units.say_price(price)}, index {units.say_price(index)}",)
    )
    return Sentences(
        f"{alert.key.get('venue')} {alert.key.get('symbol')}: {where}{limit}",
        detail,
        peak=units.say_percent(alert.peak),
    )


SPEC = Basis
