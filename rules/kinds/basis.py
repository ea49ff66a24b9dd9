"""The perpetual has left its index: the mark price trades at a premium or a discount."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from rules import units
from rules.alerts import Alert
from rules.compiled import Expressed, Rule, later
from rules.events import MarkPrice
from rules.expression import compile_value
from rules.kinds.limited import Directed, Limited
from rules.kinds.words import listed, number, side
from rules.levels import ladder
from rules.selection import Selection
from rules.sentences import Reading, Sentences
from rules.spec import Duration, Symbols

VALUES = {"either": "abs(basis)", "premium": "basis", "discount": "-basis"}
SIDES = {1: " above its index", -1: " below its index", 0: ""}
SAID = {"either": "away from", "premium": "above", "discount": "below"}


class Basis(Limited, Directed):
    """Distance of the mark price from the index it leans on, as a fraction of the index."""

    ON = MarkPrice
    EXAMPLE = "0.5%"

    type: Literal["basis"]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")]
    direction: Literal["either", "premium", "discount"] = "either"
    max_age: Annotated[Duration | None, Field(gt=0)] = 120_000

    def compile(self) -> Rule:
        return Rule(
            **self.common(),
            on=MarkPrice,
            symbols=Selection.of(self.symbols),
            by=("venue", "symbol"),
            measure=partial(Expressed, compile_value(VALUES[self.direction], MarkPrice)),
            is_negated=self.direction == "discount",
            signed=later(partial(compile_value, "basis", MarkPrice)) if self.direction == "either" else None,
            ladder=ladder(self.by_severity(), strict=True, clear=self.clear),
            max_age_ms=self.max_age,
        )

    def sentence(self) -> str:
        return (
            f"when the mark price of {listed(self.symbols, 'any coin')}{self.places()} is more than {self.said_limits()} "
            f"{SAID[self.direction]} its index{self.manners()}{self.said_clear()}"
        )


def say(alert: Alert, now_ms: int) -> Sentences:
    """`bybit BTC-USDT-PERP: 0.62% below its index (limit 0.5%)`."""
    del now_ms
    facts = alert.facts
    basis = number(facts, "basis") or 0.0
    limit = "" if alert.threshold is None else units.say_percent(alert.threshold)
    reading = Reading("at its index", limit=limit)
    if basis:
        said = units.say_share(abs(basis), alert.threshold)
        reading = Reading("", said, SIDES[1 if basis > 0 else -1], limit, abs(basis))
    price, index = number(facts, "price"), number(facts, "index_price")
    detail = (
        () if price is None or index is None else (f"mark {units.say_price(price)}, index {units.say_price(index)}",)
    )
    return Sentences(
        f"{alert.key.get('venue')} {alert.key.get('symbol')}: {reading}",
        detail,
        units.say_share(alert.peak, alert.threshold) + SIDES[side(alert, "basis")],
        reading,
    )


SPEC = Basis
