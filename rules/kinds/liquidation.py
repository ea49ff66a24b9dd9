"""Positions are closed by force: one large order, or many within a window."""

from functools import partial
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Expressed, Rule
from rules.events import Liquidation
from rules.expression import compile_value
from rules.kinds.words import limits, listed, number
from rules.levels import ladder
from rules.selection import EVERYTHING, Selection
from rules.sentences import Reading, Sentences
from rules.spec import Duration, Money, RuleSpec, Symbols, levels_or, listing, positive

WHERE = {"either": None, "long": "side == 'long'", "short": "side == 'short'"}


class LiquidationRule(RuleSpec):
    """`at_least` looks at single orders; `window` and `total` at the sum over the last minutes, per `by`."""

    ON = Liquidation
    ADDED = ("sum", "count", "window_ms")

    type: Literal["liquidation"]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")] = (EVERYTHING,)
    side: Annotated[Literal["either", "long", "short"], Field(description="whose positions were closed")] = "either"
    levels: Annotated[dict[Severity, Money] | None, Field(description="an amount per severity")] = None
    at_least: Annotated[Money | None, Field(description="one order of this size or more: $1m")] = None
    window: Annotated[Duration | None, Field(description="how far back to sum: 1m")] = None
    total: Annotated[Money | None, Field(description="the sum over the window: $25m")] = None
    by: Annotated[
        tuple[Literal["venue", "symbol", "side"], ...],
        BeforeValidator(listing),
        Field(description="what is summed apart"),
    ] = ("symbol", "side")
    clear: Annotated[Money | None, Field(description="the sum has fallen to this; half of the total if left out")] = (
        None
    )

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: dict[Severity, float] | None) -> dict[Severity, float] | None:
        return positive(levels)

    @field_validator("max_age")
    @classmethod
    def _no_age(cls, max_age: int | None) -> int | None:
        if max_age is not None:
            raise ValueError("liquidations come when they come, and their silence is no staleness; leave max_age out")
        return max_age

    @field_validator("clear")
    @classmethod
    def _reachable(cls, clear: float | None) -> float | None:
        if clear is not None and clear < 0:
            raise ValueError("a sum never falls below zero; $0 or more")
        return clear

    @field_validator("at_least", "total")
    @classmethod
    def _positive(cls, amount: float | None) -> float | None:
        if amount is not None and amount <= 0:
            raise ValueError("an amount is more than zero; $1m")
        return amount

    @field_validator("window")
    @classmethod
    def _some_time(cls, window: int | None, info: ValidationInfo) -> int | None:
        if window is not None and window <= 0:
            raise ValueError("a window has a length; 1m")
        if window is not None and info.data.get("at_least") is not None:
            raise ValueError("at_least looks at one order, a window at a sum; write total: $25m beside window")
        return window

    @model_validator(mode="after")
    def _whole(self) -> "LiquidationRule":
        limit = self.total if self.window is not None else self.at_least
        if (limit is None) == (self.levels is None):
            raise ValueError(
                "a liquidation rule needs one size; at_least: $1m for one order, or window: 1m with total: $25m "
                "(levels: {warning: $1m, critical: $10m} in place of either amount)"
            )
        if self.window is None and (
            self.total is not None or self.clear is not None or self.for_ or self.keep_firing_for
        ):
            raise ValueError("total, clear, for and keep_firing_for need a window; add window: 1m")
        if self.clear is not None and self.clear > min(self._levels().values()):
            raise ValueError("clear is above the limit, so it could never fire; lower it")
        return self

    def _levels(self) -> dict[Severity, float]:
        return levels_or(self.total if self.window is not None else self.at_least, self.levels, self.severity)

    def compile(self) -> Rule:
        if self.window is None:
            program = compile_value("notional_usd", Liquidation, where=WHERE[self.side])
            steps = ladder(self._levels(), strict=False)
        else:
            length = units.write_duration(self.window)
            program = compile_value(
                f"sum(notional_usd, {length})", Liquidation, where=WHERE[self.side], extras=(f"count({length})",)
            )
            lowest = min(self._levels().values())
            steps = ladder(self._levels(), strict=False, clear=lowest / 2 if self.clear is None else self.clear)
        return Rule(
            **self.common(),
            on=Liquidation,
            symbols=Selection.of(self.symbols),
            by=("venue", "symbol", "side") if self.window is None else self.by,
            measure=partial(Expressed, program),
            is_timed=self.window is not None,
            ladder=steps,
            is_momentary=self.window is None,
            facts={} if self.window is None else {"window_ms": self.window},
        )

    def sentence(self) -> str:
        said = {severity: units.say_amount(amount) for severity, amount in self._levels().items()}
        whose = "" if self.side == "either" else f"{self.side} "
        what = listed(self.symbols, "any coin")
        if self.window is None:
            return f"when a {whose}position in {what}{self.places()} of {limits(said)} or more is liquidated{self.manners()}"
        return (
            f"when {whose}liquidations in {what}{self.places()} reach {limits(said)} within "
            f"{units.say_setting(self.window)}, summed by {', '.join(self.by) or 'nothing'}{self.manners()}"
        )


def say(alert: Alert, now_ms: int) -> Sentences:
    """`bybit BTC-USDT-PERP: long liquidated, $1.52m at 84,120.50`, or the sum over the window."""
    del now_ms
    facts, key = alert.facts, alert.key
    window_ms = number(facts, "window_ms")
    if window_ms is None:
        price = number(facts, "price") or 0.0
        quantity = units.say_number(number(facts, "quantity") or 0.0)
        kind = {"fill": "", "bankruptcy": " bankruptcy price", "mark": " mark price", "order": " order price"}
        headline = (
            f"{facts.get('venue')} {facts.get('symbol')}: {facts.get('side')} liquidated, {units.say_money(alert.value)} "
            f"at {units.say_price(price)}{kind.get(str(facts.get('price_kind')), '')}"
        )
        reading = Reading(f"{facts.get('side')}s of ", units.say_money(alert.value), number=alert.value)
        return Sentences(
            headline, (f"quantity {quantity} {str(facts.get('symbol')).partition('-')[0]}",), reading=reading
        )
    where = " ".join(key[name] for name in ("venue", "symbol") if name in key) or "all venues"
    whose = f"{key['side']}s" if "side" in key else "positions"
    limit = "" if alert.threshold is None else units.say_amount(alert.threshold)
    within = f" of {whose} liquidated within {units.say_setting(int(window_ms))}"
    said, peak = (units.say_money(amount, alert.threshold) for amount in (alert.value, alert.peak))
    reading = Reading("", said, within, limit, alert.value)
    count, size, price = (number(facts, name) or 0.0 for name in ("count", "notional_usd", "price"))
    last = f"last one {units.say_money(size)} on {facts.get('venue')} at {units.say_price(price)}"
    return Sentences(
        f"{where}: {reading}",
        (f"{count:.0f} order{'' if count == 1 else 's'}, {last}" if count else last,),
        peak,
        reading,
    )


SPEC = LiquidationRule
