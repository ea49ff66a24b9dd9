"""A stablecoin leaves its peg: by depth, or by a severity that weighs depth, duration and size."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Measure, Rule
from rules.events import StablecoinQuote
from rules.kinds.limited import not_negative
from rules.kinds.words import limits, listed, number
from rules.levels import ladder, order
from rules.peg import Deviation, Peg
from rules.selection import Selection
from rules.sentences import Reading, Sentences
from rules.spec import Coins, Duration, Fraction, RuleSpec

SCORE_HYSTERESIS = 5.0
DEPTH_MAX = 0.5


class Depeg(RuleSpec):
    """`depth` is the distance from the peg that matters; with `levels`, the severity score decides how loud."""

    ON = StablecoinQuote
    ADDED = ("severity", "impulse", "sources", "is_unconfirmed", "limit_depth", "by_severity")

    type: Literal["depeg"]
    coins: Annotated[Coins, Field(description="tickers: USDT, USDC, DAI; * for all")]
    depth: Annotated[Fraction, Field(description="distance from the peg: 0.5%", gt=0, le=DEPTH_MAX)] = 0.01
    levels: Annotated[dict[Severity, float] | None, Field(description="of the severity score, 0 to 100")] = None
    clear: Annotated[Fraction | None, Field(description="back within this distance; half of the depth if left out")] = (
        None
    )
    confirm: Annotated[bool | None, Field(description="a second source must agree; left out: for coins above $1bn")] = (
        None
    )
    max_age: Annotated[Duration | None, Field(gt=0)] = 1_800_000

    @field_validator("levels")
    @classmethod
    def _scores(cls, levels: dict[Severity, float] | None) -> dict[Severity, float] | None:
        if levels:
            order(levels)
            for severity, score in levels.items():
                if not 0 < score < 100:
                    raise ValueError(f"{severity}: {score:g} is not a severity score; write a number between 0 and 100")
        return levels or None

    @field_validator("clear")
    @classmethod
    def _nearer(cls, clear: float | None, info: ValidationInfo) -> float | None:
        depth = info.data.get("depth")
        not_negative(clear)
        if clear is not None and info.data.get("levels"):
            raise ValueError(
                "clear is a depth, and these levels are scores; leave it out, a level is left 5 points below"
            )
        if clear is not None and depth is not None and clear > depth:
            raise ValueError(f"clear is farther than the depth itself; at most {units.say_percent(depth)}")
        return clear

    def is_reachable(self, limit: float) -> bool:
        return limit < 100 if self.levels else limit <= DEPTH_MAX

    def compile(self) -> Rule:
        if self.levels:
            gap = min(SCORE_HYSTERESIS, min(self.levels.values()) / 2)  # no coin scores less than nothing
            steps = ladder(self.levels, strict=False, hysteresis=gap)
        else:
            clear = self.depth / 2 if self.clear is None else self.clear
            steps = ladder({self.severity: self.depth}, strict=False, clear=clear)
        return Rule(
            **self.common(),
            on=StablecoinQuote,
            symbols=Selection.of(self.coins),
            by=("coin",),
            measure=partial(_measure, self.depth, bool(self.levels), self.confirm),
            signed=None if self.levels else partial(_deviation, self.depth, self.confirm),
            ladder=steps,
            max_age_ms=self.max_age,
            facts={"limit_depth": self.depth, "by_severity": bool(self.levels)},
        )

    def sentence(self) -> str:
        what = f"when {listed(self.coins, 'any stablecoin')}"
        if self.levels:
            said = {severity: f"{score:g}" for severity, score in self.levels.items()}
            counted = units.say_percent(self.depth)
            return f"{what} is off its peg with a severity of {limits(said)}, counted from {counted}{self.manners()}"
        return f"{what} is {units.say_percent(self.depth)} or more off its peg ({self.severity}){self.manners()}"


def _measure(depth: float, by_severity: bool, confirm: bool | None, before: Measure | None) -> Measure:
    return Peg(depth, by_severity=by_severity, confirm=confirm, before=before if isinstance(before, Peg) else None)


def _deviation(depth: float, confirm: bool | None, before: Measure | None) -> Measure:
    return Deviation(depth, by_severity=False, confirm=confirm, before=before if isinstance(before, Peg) else None)


def say(alert: Alert, now_ms: int) -> Sentences:
    """`USDC is 1.52% below its peg at 0.9848 (severity 31 of 100, limit 25)`, and who says so."""
    del now_ms
    facts = alert.facts
    depth, price, target = (number(facts, name) for name in ("depth", "price", "target"))
    coin = alert.key.get("coin")
    if price is None or depth is None:
        return Sentences(f"{coin}: {alert.value:g}")
    side = "above" if target is not None and price > target else "below"
    severity = number(facts, "severity") or 0.0
    nearest = number(facts, "limit_depth") or 0.0
    limit, said = units.say_percent(nearest), units.say_share(depth, nearest)
    reading = Reading("", said, f" {side} the peg", limit, depth)
    measured = f"limit {limit}"
    if facts.get("by_severity"):
        limit = "" if alert.threshold is None else f"{alert.threshold:g}"
        reading = Reading(f"{side} the peg, severity ", f"{severity:.0f}", " of 100", limit, severity)
        measured = f"severity {severity:.0f} of 100, limit {limit}" if limit else ""
    headline = f"{coin} is {said} {side} its peg at {price:.4f} ({measured})"
    if alert.ended_ms is not None:
        headline, reading = f"{coin} is back at its peg, {price:.4f}", Reading("back at the peg")
    details = [str(facts.get("sources", ""))]
    if alert.ended_ms is None:  # how bad it is, and whether it is so, are questions of a coin off its peg
        if not facts.get("by_severity"):  # else the headline has it
            details.insert(0, f"severity {severity:.0f} of 100")
        if market_cap := number(facts, "market_cap_usd"):
            details.append(f"market capitalisation {units.say_money(market_cap)}")
        if facts.get("is_unconfirmed"):
            details.append("unconfirmed: no second source agrees yet")
    peak = f"severity {alert.peak:.0f}" if facts.get("by_severity") else units.say_share(alert.peak, nearest)
    return Sentences(headline, tuple(detail for detail in details if detail), peak, reading)


SPEC = Depeg
