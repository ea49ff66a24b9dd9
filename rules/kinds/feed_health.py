"""A feed of our own is dead: silence is not health."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, field_validator

from rules.alerts import Alert, Severity
from rules.compiled import Expressed, Rule
from rules.events import FeedHealth
from rules.expression import compile_condition
from rules.kinds.words import listed
from rules.levels import switch
from rules.selection import EVERYTHING, Selection
from rules.sentences import Reading, Sentences
from rules.spec import Duration, Feeds, RuleSpec
from rules.units import say_duration


class FeedHealthRule(RuleSpec):
    """Fires when a feed has been down for as long as `for` says."""

    ON = FeedHealth

    type: Literal["feed_health"]
    feeds: Annotated[Feeds, Field(description="names as /healthz lists them; left out: all")] = (EVERYTHING,)
    severity: Severity = Severity.WARNING
    for_: Annotated[Duration, Field(alias="for")] = 60_000

    @field_validator("max_age")
    @classmethod
    def _no_age(cls, max_age: int | None) -> int | None:
        if max_age is not None:
            raise ValueError("a feed is down until it is up again, however old that news is; leave max_age out")
        return max_age

    def compile(self) -> Rule:
        program = compile_condition("state == 'down'", None, FeedHealth)
        return Rule(
            **self.common(),
            on=FeedHealth,
            symbols=Selection.of(self.feeds),
            by=("venue", "feed"),
            measure=partial(Expressed, program),
            ladder=switch(self.severity),
        )

    def sentence(self) -> str:
        return f"when {listed(self.feeds, 'any feed')}{self.places()} is down{self.manners()}"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`okx.public is down: no pong for 30 s`."""
    del now_ms
    feed, reason = alert.key.get("feed"), alert.facts.get("reason")
    if alert.ended_ms is not None:
        lasted = say_duration(max(1_000, alert.ended_ms - alert.held_since_ms))
        return Sentences(f"{feed} is back after {lasted}", reading=Reading("back"))
    return Sentences(f"{feed} is down" + (f": {reason}" if reason else ""), reading=Reading("down"))


SPEC = FeedHealthRule
