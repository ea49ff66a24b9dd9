"""The mood of the market is extreme, by the Fear and Greed index."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from rules.alerts import Alert, Severity
from rules.events import FearGreed
from rules.kinds.bounded import Bounded, limit_of
from rules.kinds.words import number
from rules.selection import EVERYTHING
from rules.sentences import Reading, Sentences
from rules.spec import Duration

MOST = 100


class Mood(Bounded):
    """0 is extreme fear, 100 extreme greed; the index moves once a day."""

    ON = FearGreed
    FIELD = "index"
    EXAMPLE = "below: 20, above: 80, or levels: {warning: 20, critical: 10}"

    type: Literal["fear_greed"]
    max_age: Annotated[Duration | None, Field(gt=0)] = 172_800_000

    @field_validator("levels", "above", "below", "clear")
    @classmethod
    def _possible(cls, limit: dict[Severity, float] | float | None) -> dict[Severity, float] | float | None:
        for one in limit.values() if isinstance(limit, dict) else [limit or 0.0]:
            if one > MOST:
                raise ValueError(f"{one:g} is never reached; the index goes from 0 to {MOST}")
        return limit

    def is_reachable(self, limit: float) -> bool:
        return limit > 0 if self.falls() else limit < MOST

    def names(self) -> tuple[str, ...]:
        return (EVERYTHING,)

    def by(self) -> tuple[str, ...]:
        return ("venue",)

    def sentence(self) -> str:
        return f"when the Fear and Greed index{self.places()} is {self.beyond()}"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`Fear and Greed index at 14, Extreme Fear (limit 20)`."""
    del now_ms
    index = number(alert.facts, "index")
    index = alert.value if index is None else index
    reading = Reading("index at ", f"{index:.0f}", f", {alert.facts.get('mood')}", limit_of(alert), index)
    return Sentences(f"Fear and Greed {reading}", (f"by {alert.key.get('venue')}",), f"{alert.peak:.0f}", reading)


SPEC = Mood
