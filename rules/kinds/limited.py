"""What rules with one limit, or a limit per severity, have in common; all in fractions."""

from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from rules import units
from rules.alerts import Severity
from rules.kinds.words import limits
from rules.spec import Fraction, RuleSpec, levels_or, positive


class Directed(RuleSpec):
    """A rule that may look one way only. To stand after `Limited` among the bases: a clear limit asks which way it is."""

    direction: str = "either"


class Limited(RuleSpec):
    """Fires above a limit, and is over at another."""

    EXAMPLE: ClassVar[str]  # a limit, for messages

    levels: Annotated[dict[Severity, Fraction] | None, Field(description="a limit per severity")] = None
    above: Annotated[Fraction | None, Field(description="one limit, in place of levels", validate_default=True)] = None
    clear: Annotated[Fraction | None, Field(description="it is over at or below this")] = None

    @field_validator("levels")
    @classmethod
    def _rising(cls, levels: dict[Severity, float] | None) -> dict[Severity, float] | None:
        return positive(levels)

    @field_validator("above")
    @classmethod
    def _one_of_two(cls, above: float | None, info: ValidationInfo) -> float | None:
        if "levels" in info.data:  # absent if it was wrong itself
            example = f"above: {cls.EXAMPLE}"
            if (above is None) == (info.data["levels"] is None):
                both = "levels: {warning: ..., critical: ...}"
                raise ValueError(f"give either one limit or levels; {example}, or {both}")
            if above is not None and above <= 0:
                raise ValueError(f"a limit is more than zero; {example}")
        return above

    @field_validator("clear")
    @classmethod
    def _below(cls, clear: float | None, info: ValidationInfo) -> float | None:
        if info.data.get("direction", "either") == "either":
            not_negative(clear)
        levels = info.data.get("levels")
        lowest = min(levels.values()) if levels else info.data.get("above")
        if clear is not None and lowest is not None and clear > lowest:
            raise ValueError(f"clear is above the limit, so it could never fire; at most {units.say_percent(lowest)}")
        return clear

    def by_severity(self) -> dict[Severity, float]:
        """The limits, however they are written."""
        return levels_or(self.above, self.levels, self.severity)

    def said_limits(self) -> str:
        """`0.05% (warning) or 0.1% (critical)`."""
        return limits({severity: units.say_percent(limit) for severity, limit in self.by_severity().items()})

    def said_clear(self) -> str:
        """`, clears at 0.03%`, or nothing."""
        return "" if self.clear is None else f", clears at {units.say_percent(self.clear)}"


def not_negative(clear: float | None) -> None:
    """What is measured without its sign never falls below zero; ValueError if it would have to."""
    if clear is not None and clear < 0:
        raise ValueError("clear is below zero, where this never comes; write 0% or more")
