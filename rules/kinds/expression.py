"""The rule language itself, for whatever no other kind says."""

from functools import partial
from math import inf, isfinite
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from rules import formula, template, units
from rules.alerts import ACCOUNT, Alert, Severity
from rules.compiled import Expressed, Rule
from rules.events import EVENTS
from rules.expression import catalogue, compile_condition, compile_value
from rules.kinds.private import WHY
from rules.kinds.words import limits
from rules.levels import ladder, order, switch
from rules.selection import EVERYTHING, Selection
from rules.sentences import Reading, Sentences
from rules.spec import Names, RuleSpec, Symbols, known_names, levels_or
from rules.windows import TIMED

EventName = Literal[
    "funding_rate",
    "mark_price",
    "open_interest",
    "liquidation",
    "stablecoin_quote",
    "feed_health",
    "long_short_ratio",
    "insurance_fund",
    "fear_greed",
    "trade",
    "ticker",
    "candle",
    "book_snapshot",
    "book_update",
    "account_update",
    "adl_update",
    "order_update",
    "trigger_order_update",
]


_TEXTS = ("where", "when", "clear", "value")


def _number(value: object) -> object:
    """A limit in whatever unit the value has."""
    if isinstance(value, str):
        for reader in (units.fraction, units.money):
            try:
                return reader(value)
            except ValueError:
                continue
    elif value is None or (isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < inf):
        return value
    raise ValueError(f"'{value}' is not a number; write 5%, $100m or 0.3")


def _no_number(clear: object) -> object:
    """A condition, not a limit as other kinds have it."""
    if isinstance(clear, int | float) and not isinstance(clear, bool):
        raise ValueError(
            f"{clear} is no condition; beside a value write hysteresis: how far it must go back, beside when: a condition"
        )
    return clear


Limit = Annotated[
    float, BeforeValidator(_number), Field(json_schema_extra={"type": ["string", "number"]})
]  # in the unit of the value


class ExpressionRule(RuleSpec):
    """`when` (and `clear`) are conditions; or `value` is a number with a limit `above` or `below`, or `levels`."""

    type: Literal["expression"]
    on: Annotated[EventName, Field(description="the event type; `tocsin fields` lists them")]
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")] = (EVERYTHING,)
    by: Annotated[Names | None, Field(description="what is tracked apart; left out: venue and symbol")] = None
    where: Annotated[str | None, Field(description="a condition on single events; others are not looked at")] = None
    when: Annotated[str | None, Field(description="the condition that fires")] = None
    clear: Annotated[
        str | None,
        BeforeValidator(_no_number, json_schema_input_type=str | None),
        Field(description="the condition that clears; left out: `when` no longer holds"),
    ] = None
    value: Annotated[str | None, Field(description="a number to hold against a limit")] = None
    levels: Annotated[dict[Severity, Limit] | None, Field(description="a limit of the value per severity")] = None
    above: Annotated[Limit | None, Field(description="fires while the value is above")] = None
    below: Annotated[Limit | None, Field(description="fires while the value is below")] = None
    hysteresis: Annotated[Limit | None, Field(description="how far back the value must go to leave a level")] = None

    @field_validator("by")
    @classmethod
    def _known_fields(cls, by: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if by is not None and "on" in info.data:
            fields = catalogue(EVENTS[info.data["on"]])
            for name in by:
                if fields.kinds.get(name) not in ("text", "flag"):
                    texts = sorted(field for field, kind in fields.kinds.items() if kind == "text")
                    raise ValueError(f"'{name}' cannot be tracked by; one of {', '.join(texts)}")
        return by

    @field_validator("where", "when", "clear")
    @classmethod
    def _condition(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and "on" in info.data:
            event = EVENTS[info.data["on"]]
            if info.field_name == "where":
                compile_condition("1 == 1", None, event, where=text)
            else:
                compile_condition(text, None, event)
        return text

    @field_validator("value")
    @classmethod
    def _amount(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None and "on" in info.data:
            compile_value(text, EVENTS[info.data["on"]])
        return text

    @field_validator("hysteresis")
    @classmethod
    def _backwards(cls, hysteresis: float | None) -> float | None:
        if hysteresis is not None and hysteresis < 0:
            raise ValueError("the way back to leave a level is not negative; hysteresis: 0.01%")
        return hysteresis

    @model_validator(mode="after")
    def _whole(self) -> "ExpressionRule":
        if EVENTS[self.on].IS_PRIVATE:
            if self.notify is None:
                raise ValueError(WHY)
            if self.by is not None and ACCOUNT not in self.by:
                raise ValueError(f"accounts are not mixed; by: [{', '.join((ACCOUNT, *self.by))}]")
        if (self.when is None) == (self.value is None):
            raise ValueError(
                "an expression rule has either a condition or a value; "
                "when: rate_8h > 0.05%, or value: rate_8h with above: 0.05%"
            )
        given = [limit for limit in (self.levels or None, self.above, self.below) if limit is not None]
        if self.value is not None and (len(given) != 1 or self.clear is not None):
            raise ValueError(
                "a value is held against one limit, and clears by hysteresis; give one of above, below, levels"
            )
        if self.when is not None and (given or self.hysteresis is not None):
            raise ValueError("limits belong to a value; write value: ... in place of when: ...")
        if self.levels:
            order(self._levels(), falling=self._falls())
        self.compile()
        if self.message:
            known_names(template.check(self.message), self._quotable())
        return self

    def _falls(self) -> bool:
        if not self.levels:
            return self.below is not None
        limits = [self._levels()[severity] for severity in sorted(self._levels(), key=lambda severity: severity.rank)]
        return limits[0] > limits[-1]

    def _levels(self) -> dict[Severity, float]:
        if self.levels:
            return dict(self.levels)
        return levels_or(float(self.above if self.above is not None else self.below or 0.0), None, self.severity)

    def _quotable(self) -> set[str]:
        rule = self.compile()
        spread = ("high", "high_value", "low", "low_value", "of")
        facts = rule.measure(None).facts()
        return {*catalogue(rule.on).kinds, *facts, *(spread if "spread" in facts else ()), *rule.facts}

    def compile(self) -> Rule:
        event = EVENTS[self.on]
        if self.when is not None:
            program = compile_condition(self.when, self.clear, event, where=self.where)
            steps = switch(self.severity)
        else:
            program = compile_value(self.value or "", event, where=self.where, falling=self._falls())
            steps = ladder(self._levels(), strict=True, hysteresis=float(self.hysteresis or 0.0), falling=self._falls())
        places = catalogue(event).kinds
        default_by = tuple(name for name in ("venue", ACCOUNT, "symbol", "coin", "feed") if name in places)
        return Rule(
            **self.common(),
            on=event,
            symbols=Selection.of(self.symbols),
            by=self.by or default_by,
            measure=partial(Expressed, program),
            is_timed=any(slot.name in TIMED for slot in program.slots),
            ladder=steps,
            max_age_ms=self.max_age,
            facts={
                "when": self.when or self.value or "",
                "counted": formula.counted(self.value or "", event),
                "windows": formula.counted_in(program),
            },
            written={name: text for name in _TEXTS if (text := getattr(self, name)) is not None},
        )

    def sentence(self) -> str:
        where = "" if self.where is None else f" where {self.where}"
        of = "" if EVERYTHING in self.symbols else f" of {', '.join(self.symbols)}"
        apart = "" if self.by is None else f" by {' and '.join(self.by)}"
        if self.when is not None:
            condition = f"{self.when} ({self.severity})"
            over = "" if self.clear is None else f", until {self.clear}"
        else:
            word = "below" if self._falls() else "above"
            say = formula.limit_in(formula.counted(self.value or "", EVENTS[self.on]))
            said = {severity: _trimmed(say(limit)) for severity, limit in self._levels().items()}
            condition = f"{self.value} is {word} {limits(said)}"
            back = f", clears {_trimmed(say(self.hysteresis))}" if self.hysteresis else ""
            over = f"{back} {'above' if self._falls() else 'below'} its limit" if back else ""
        return f"on every {self.on}{of}{self.places()}{apart}{where}: when {condition}{self.manners()}{over}"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`binance BTC-USDT-PERP: change(oi_usd, 15m) is -6.2% (limit -5%)`, or a condition, and the numbers behind it."""
    del now_ms
    where = " ".join(alert.key.values())
    what, is_over = str(alert.facts.get("when", "")), alert.ended_ms is not None
    if (limit := alert.threshold) is None:
        peak, reading = "", Reading(f"{what} no longer holds" if is_over else what)
    else:
        is_back = is_over and (alert.value >= limit if alert.peak < limit else alert.value <= limit)
        (value, said_limit), (peak, _) = _beside(alert, alert.value, limit), _beside(alert, alert.peak, limit)
        reading = Reading(f"{what} is {'back to ' if is_back else ''}", value, "", said_limit, alert.value)
    own = template.check(alert.template) if alert.template is not None else ()  # said already, in the trader's words
    counted = alert.facts.get("windows")
    windows = tuple(
        f"{name} {_said(name, value, counted.get(name) if isinstance(counted, dict) else None)}"
        for name, value in alert.facts.items()
        if name.split("_")[0] in _QUOTED and isinstance(value, float) and name not in own
    )
    return Sentences(f"{where}: {reading}", windows, peak, reading)


def _said(name: str, value: float, unit: object) -> str:
    """A change is a fraction by its nature; what the others count, the rule knows."""
    if name.startswith("change"):
        return units.say_share(value)
    if unit is not None:
        return _trimmed(formula.say_in(unit)(value))
    return units.say_number(_cut(value, 3) if name.startswith("zscore") else value)


def _beside(alert: Alert, value: float, limit: float) -> tuple[str, str]:
    """The value and its limit in so many digits that one sees which is larger: (`9.27`, `8`)."""
    unit = alert.facts.get("counted")
    say, said_limit = formula.say_in(unit), _trimmed(formula.limit_in(unit)(limit))
    if (beside := formula.beside(unit)) is not None:
        return beside(value, limit), said_limit
    for digits in range(3, 9):
        if (said := _trimmed(say(_cut(value, digits)))) != said_limit:
            break
    return said, said_limit


def _cut(value: float, digits: int) -> float:
    """So many digits that count; what stands before the point always does."""
    if abs(value) < 10 ** (digits - 1):
        return float(f"{value:.{digits}g}")
    return float(round(value)) if isfinite(value) else value


def _trimmed(price: str) -> str:
    return price.removesuffix(".00")


_QUOTED = ("change", "sum", "count", "avg", "zscore", "spread")

SPEC = ExpressionRule
