"""What rules about a change have in common: something moved by more than so much within a window."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Expressed, Rule, later
from rules.expression import compile_value
from rules.kinds.limited import Directed, Limited
from rules.kinds.words import listed, number, side
from rules.levels import ladder
from rules.selection import Selection
from rules.sentences import Reading
from rules.spec import Duration

Direction = Literal["either", "up", "down"]
VERBS = {"either": "moves", "up": "rises", "down": "falls"}


class Changing(Limited, Directed):
    """Fires while a field of the event differs by more than a limit from what it was `window` ago."""

    ADDED = ("change",)
    WHAT: ClassVar[str]  # `the price of {names}`
    EVERY: ClassVar[str] = "any coin"

    window: Annotated[Duration, Field(gt=0, description="compared with so long ago: 15m")]
    direction: Annotated[Direction, Field(description="up, down, or both ways")] = "either"

    @field_validator("levels", "above")
    @classmethod
    def _possible(
        cls, limit: dict[Severity, float] | float | None, info: ValidationInfo
    ) -> dict[Severity, float] | float | None:
        for one in limit.values() if isinstance(limit, dict) else [limit or 0.0]:
            if info.data.get("direction") == "down" and one >= 1:
                raise ValueError(f"nothing falls by more than 100%; above: {cls.EXAMPLE}")
        return limit

    def is_reachable(self, limit: float) -> bool:
        return self.direction != "down" or limit < 1

    def names(self) -> tuple[str, ...]:
        """The coins or instruments it is about."""
        raise NotImplementedError

    def field(self) -> str:
        """What of the event is compared."""
        raise NotImplementedError

    def value(self, change: str) -> str:
        """What is held against the limits, given the formula of the change."""
        return change

    def signed(self, change: str) -> str:
        """The same with its sign, which tells a fall from a rise."""
        return change

    def compile(self) -> Rule:
        event = self.ON
        assert event is not None, "a kind names its event"
        change = f"change({self.field()}, {units.write_duration(self.window)})"
        way = {"either": f"abs({change})", "up": change, "down": f"-{change}"}[self.direction]
        return Rule(
            **self.common(),
            on=event,
            symbols=Selection.of(self.names()),
            by=("venue", "coin" if "coin" in event.__struct_fields__ else "symbol"),
            measure=partial(Expressed, compile_value(self.value(way), event)),
            is_negated=self.direction == "down",
            signed=later(partial(compile_value, self.signed(change), event)) if self.direction == "either" else None,
            ladder=ladder(self.by_severity(), strict=True, clear=self.clear),
            max_age_ms=self.max_age,
            facts={"window_ms": self.window},
        )

    def sentence(self) -> str:
        return (
            f"when {self.WHAT} of {listed(self.names(), self.EVERY)}{self.places()} {VERBS[self.direction]} by more than "
            f"{self.said_limits()} within {units.say_setting(self.window)}{self.manners()}{self.said_clear()}"
        )


def moved(alert: Alert, what: str) -> Reading:
    """`price down 6.2% within 15m (limit 5%)`."""
    change = number(alert.facts, "change") or 0.0
    window_ms = number(alert.facts, "window_ms") or 0.0
    limit = "" if alert.threshold is None else units.say_percent(alert.threshold)
    within = f" within {units.say_setting(int(window_ms))}"
    if change == 0:
        return Reading(f"{what} unchanged", "", within, limit)
    said = units.say_share(abs(change), alert.threshold)
    return Reading(f"{what} {'up' if change > 0 else 'down'} ", said, within, limit, abs(change))


def peaked(alert: Alert) -> str:
    """`8.97% down`: how far it went, and which way."""
    return units.say_share(alert.peak, alert.threshold) + {1: " up", -1: " down", 0: ""}[side(alert, "change")]
