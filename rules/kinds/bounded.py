"""What rules about a plain number have in common: it is above one limit or below another, or climbs through levels."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Expressed, Rule
from rules.expression import compile_value
from rules.kinds.words import limits
from rules.levels import ladder, order
from rules.selection import Selection
from rules.spec import RuleSpec, levels_or

Limit = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Bounded(RuleSpec):
    """Fires while a field of the event is beyond a limit. Levels that fall with the severity look downward."""

    FIELD: ClassVar[str]
    EXAMPLE: ClassVar[str]  # limits, for messages

    levels: Annotated[dict[Severity, Limit] | None, Field(description="a limit per severity; falling: below it")] = None
    above: Annotated[Limit | None, Field(description="fires while it is above")] = None
    below: Annotated[Limit | None, Field(description="fires while it is below")] = None
    clear: Annotated[Limit | None, Field(description="it is over at this value")] = None

    @model_validator(mode="after")
    def _whole(self) -> "Bounded":
        given = [limit for limit in (self.levels or None, self.above, self.below) if limit is not None]
        if len(given) != 1:
            raise ValueError(f"give one limit; {self.EXAMPLE}")
        if self.levels:
            order(self.levels, falling=self.falls())
        if self.clear is not None:
            mildest = (max if self.falls() else min)(self._levels().values())
            if (self.clear < mildest) if self.falls() else (self.clear > mildest):
                raise ValueError(f"clear is beyond the limit, so it could never fire; {mildest:g} is the limit")
        return self

    def falls(self) -> bool:
        """Whether lower is worse."""
        if not self.levels:
            return self.below is not None
        ranked = [self.levels[severity] for severity in sorted(self.levels, key=lambda severity: severity.rank)]
        return ranked[0] > ranked[-1]

    def names(self) -> tuple[str, ...]:
        """The instruments it is about."""
        raise NotImplementedError

    def where(self) -> str | None:
        """Which events count, in the rule language."""
        return None

    def by(self) -> tuple[str, ...]:
        """The fields that tell one alert from another."""
        return ("venue", "symbol")

    def _levels(self) -> dict[Severity, float]:
        return levels_or(self.above if self.above is not None else self.below, self.levels, self.severity)

    def compile(self) -> Rule:
        event = self.ON
        assert event is not None, "a kind names its event"
        program = compile_value(self.FIELD, event, where=self.where(), falling=self.falls())
        return Rule(
            **self.common(),
            on=event,
            symbols=Selection.of(self.names()),
            by=self.by(),
            measure=partial(Expressed, program),
            ladder=ladder(self._levels(), strict=True, clear=self.clear, falling=self.falls()),
            max_age_ms=self.max_age,
        )

    def beyond(self) -> str:
        """`above 3 (warning), clears at 2.5`, and how it speaks."""
        said = {severity: f"{limit:g}" for severity, limit in self._levels().items()}
        clear = "" if self.clear is None else f", clears at {self.clear:g}"
        return f"{'below' if self.falls() else 'above'} {limits(said)}{self.manners()}{clear}"


def limit_of(alert: Alert) -> str:
    """`3`, or nothing."""
    return "" if alert.threshold is None else units.say_number(alert.threshold)
