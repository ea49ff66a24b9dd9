"""A position of yours is near its forced reduction: by rank, by distance, or by margin ratio."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rules import units
from rules.alerts import Alert, Severity
from rules.compiled import Rule
from rules.events import AdlUpdate
from rules.kinds.private import MOST, Limit, Private, about, in_unit
from rules.kinds.words import limits, number
from rules.levels import ladder, order
from rules.sentences import Reading, Sentences
from rules.spec import levels_or

Watch = Literal["level", "distance", "margin_ratio"]
WATCHES: tuple[Watch, ...] = ("level", "distance", "margin_ratio")
ONE = "give one limit: level: 4, distance: 5% or margin_ratio: 80%; or watch: distance with levels"


class Adl(Private):
    """Looks at the rows that the venue sends every second while a position is open. Not held back by quiet hours."""

    ON = AdlUpdate
    ADDED = ("watch",)

    type: Literal["adl"]
    level: Annotated[int | None, Field(ge=1, le=1_000, description="fires at this rank in the queue, or higher")] = None
    distance: Annotated[Limit | None, Field(description="fires when the mark price is nearer than this: 5%")] = None
    margin_ratio: Annotated[Limit | None, Field(description="fires above this: 80%")] = None
    watch: Annotated[Watch | None, Field(description="what `levels` are of")] = None
    levels: Annotated[dict[Severity, Limit] | None, Field(description="a limit per severity; needs `watch`")] = None
    clear: Annotated[Limit | None, Field(description="it is over at this value; left out: at the limit")] = None

    @field_validator("distance", "margin_ratio", mode="before")
    @classmethod
    def _share(cls, value: object) -> object:
        return in_unit(value, is_share=True)

    @field_validator("levels", "clear", mode="before")
    @classmethod
    def _of_what_is_watched(cls, value: object, info: ValidationInfo) -> object:
        return in_unit(value, is_share=info.data.get("level") is None and info.data.get("watch") != "level")

    @model_validator(mode="after")
    def _whole(self) -> "Adl":
        given = [what for what in WATCHES if getattr(self, what) is not None]
        if len(given) + bool(self.levels) != 1 or (self.watch is None) != (not self.levels):
            raise ValueError(ONE)
        levels = self._levels()
        order(levels, falling=self.falls)
        if self.clear is not None:
            mildest = (max if self.falls else min)(levels.values())
            if (self.clear < mildest) if self.falls else (self.clear > mildest):
                raise ValueError("clear is beyond the limit, so it could never fire; put it on the safe side")
        return self

    @property
    def watched(self) -> Watch:
        """What is held against the limits."""
        if self.watch is not None:
            return self.watch
        return next(what for what in WATCHES if getattr(self, what) is not None)

    @property
    def falls(self) -> bool:
        """Whether less is worse."""
        return self.watched == "distance"

    def _levels(self) -> dict[Severity, float]:
        return levels_or(getattr(self, self.watched), self.levels, self.severity)

    def compile(self) -> Rule:
        what, falls = self.watched, self.falls

        def score(event: AdlUpdate) -> float | None:
            if not event.is_open:  # nothing is left that could be reduced
                return -MOST
            value: float | None = getattr(event, what)
            return value if value is None or not falls else -value

        return self.scored(
            AdlUpdate,
            score,
            by=("venue", "account", "position_id"),
            ladder=ladder(self._levels(), strict=what != "level", clear=self.clear, falling=falls),
            is_urgent=True,
            max_age_ms=self.max_age,
            facts={"watch": what},
        )

    def sentence(self) -> str:
        said = {severity: _limit(self.watched, limit) for severity, limit in self._levels().items()}
        how = {
            "level": f"is ranked {limits(said)} or higher for forced reduction",
            "distance": f"is nearer to its forced reduction than {limits(said)}",
            "margin_ratio": f"has a margin ratio above {limits(said)}",
        }
        clear = "" if self.clear is None else f", clears at {_limit(self.watched, self.clear)}"
        return f"when a position{self.whose()}{self.places()} {how[self.watched]}{self.manners()}{clear}"


def _limit(what: Any, value: float) -> str:
    return f"{value:g}" if what == "level" else units.say_percent(value)


def _said(what: Any, value: float, limit: float | None = None) -> str:
    return f"{value:g}" if what == "level" else units.say_share(value, limit)


def say(alert: Alert, now_ms: int) -> Sentences:
    """`main: BTC-USDT-PERP long is 4.5% from its forced reduction (limit 5%)`, and the other numbers."""
    del now_ms
    facts, what = alert.facts, alert.facts.get("watch")
    who = about(alert.key, facts)
    if facts.get("is_open") is False:
        return Sentences(f"{who} is closed", reading=Reading("closed"))
    names = ("level", "distance", "margin_ratio", "mark_price", "liquidation_price")
    level, distance, ratio, mark, reduced = (number(facts, name) for name in names)
    limit = "" if alert.threshold is None else _limit(what, alert.threshold)
    parts = {
        name: Reading(before, _said(name, value, alert.threshold if name == what else None), after, limit, value)
        for name, value, before, after in (
            ("level", level, "rank ", " for forced reduction"),
            ("distance", distance, "", " from its forced reduction"),
            ("margin_ratio", ratio, "margin ratio ", ""),
        )
        if value is not None
    }
    reading = parts.pop(str(what), None) or Reading(
        "", _said(what, alert.value, alert.threshold), "", limit, alert.value
    )
    prices = None
    if mark is not None and reduced is not None and reduced > 0:
        prices = f"mark {units.say_price(mark)}, reduced at {units.say_price(reduced)}"
    others = (f"{one.before}{one.value}{one.after}" for one in parts.values())  # the limit is not theirs
    details = tuple(part for part in (prices, *others) if part is not None)
    peak = f"{'rank ' if what == 'level' else ''}{_said(what, alert.peak, alert.threshold)}"
    return Sentences(f"{who}: {reading}", details, peak, reading)


SPEC = Adl
