"""A rule that is ready to run. Every kind, however it is written in YAML, becomes one of these."""

from collections.abc import Callable
from functools import cache
from math import inf, nextafter
from typing import Protocol

import msgspec

from rules.alerts import Severity
from rules.events import Event
from rules.expression import Assess, Program
from rules.selection import Selection
from rules.windows import Window


class Measure(Protocol):
    """What one rule measures for one key, and what it remembers to do so.

    `assess(event, now_ms, fresh)` answers a score (higher is worse) or None for `no data`; with `fresh` false nothing
    new has come and only time has passed.
    """

    @property
    def assess(self) -> Assess: ...

    @property
    def memory_ms(self) -> int:
        """How much of the past it must have seen to be right."""

    @property
    def nearest_ms(self) -> int:
        """An event can make `next_ms` no earlier than so long after itself."""

    def next_ms(self) -> int | None:
        """When the score may change although no event comes; None: it will not."""

    def facts(self) -> dict[str, object]:
        """What a message may quote beside the event's own fields."""


Beginning = Callable[[Measure | None], Measure]  # of a new key, or from the measure of an earlier version of the rule


class Expressed:
    """A measure written in the rule language."""

    __slots__ = ("_names", "assess", "windows")

    def __init__(self, program: Program, before: Measure | None = None) -> None:
        """`before`: the measure of an earlier version of the rule; windows that both have go on."""
        self.windows: dict[str, Window] = {}
        if isinstance(before, Expressed):
            self.windows |= {name: before.windows[name] for name in program.sources() if name in before.windows}
        self.assess, self.windows = program.start(self.windows)
        self._names = program.names

    @property
    def memory_ms(self) -> int:
        return max((window.length_ms for window in self.windows.values()), default=0)

    @property
    def nearest_ms(self) -> int:
        return min((window.length_ms for window in self.windows.values()), default=0)

    def next_ms(self) -> int | None:
        nearest_ms = None
        for window in self.windows.values():  # a loop, because this is asked for many an event
            at_ms = window.next_ms()
            if at_ms is not None and (nearest_ms is None or at_ms < nearest_ms):
                nearest_ms = at_ms
        return nearest_ms

    def facts(self) -> dict[str, object]:
        facts: dict[str, object] = {}
        for name, window in zip(self._names, self.windows.values(), strict=True):
            facts[name] = window.latest
            facts.update(window.facts())
        return facts


def later(compiled: Callable[[], Program]) -> Beginning:
    """A measure whose program is compiled once it is wanted."""
    program = cache(compiled)
    return lambda before: Expressed(program(), before)


class Ladder(msgspec.Struct, frozen=True):
    """Levels from the mildest to the worst. A level is entered at `enters[i]` and left below `exits[i]`."""

    severities: tuple[Severity, ...]
    enters: tuple[float, ...]
    exits: tuple[float, ...]
    shown: tuple[float | None, ...]  # the limits as the trader wrote them, for messages
    sign: float = 1.0  # -1: lower values are worse, and scores are values times -1

    def rung(self, score: float, now: int) -> int:
        """The level that a score leads to, coming from level `now`: 0 is none."""
        rung = now
        while rung < len(self.enters) and score >= self.enters[rung]:
            rung += 1
        while rung > 0 and score < self.exits[rung - 1]:
            rung -= 1
        return rung

    def place(self, loudness: Severity | None) -> int:
        """The level where a severity of another ladder belongs; None: the highest."""
        milder = sum(1 for severity in self.severities if loudness is None or severity.rank <= loudness.rank)
        return min(max(1, milder), len(self.severities))


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One compiled rule."""

    rule_id: str
    kind: str
    on: type[Event]
    venues: Selection
    symbols: Selection
    by: tuple[str, ...]  # identity fields of the event
    measure: Beginning
    is_negated: bool = False  # higher scores are lower numbers, as people see them: a fall, a discount
    signed: Beginning | None = None  # the number itself, of a score that is its distance from zero
    is_timed: bool = False  # its windows make the score change with time alone
    ladder: Ladder
    is_momentary: bool = False
    for_ms: int = 0
    keep_firing_ms: int = 0
    cooldown_ms: int = 0
    max_age_ms: int | None = None  # data older than this is stale; None: events come when they come
    keys_max: int = 5_000
    notify: tuple[str, ...] | None = None
    template: str | None = None
    labels: dict[str, str] = {}  # the trader's own words, for routes and silences
    repeat_ms: int | None = None  # told again after so long, then twice as long; 0: never; None: hourly while critical
    is_urgent: bool = False  # quiet hours do not count for it
    facts: dict[str, object] = {}  # what the kind's words need of the rule itself
    written: dict[str, str] = {}  # an expression as it stands in the file: where, when, clear, value
    spec_hash: str

    @property
    def window_ms(self) -> int:
        """The longest stretch of the past that a restart must read again."""
        return self.measure(None).memory_ms

    def follows(self, key: dict[str, str]) -> bool:
        """Whether this rule would track that key."""
        symbol = key.get("symbol", key.get("coin", key.get("feed")))
        venue = key.get("venue")
        return (venue is None or self.venues.matches(venue.upper())) and (
            symbol is None or self.symbols.matches(symbol.upper())
        )


def just_above(limit: float) -> float:
    """The smallest score greater than a limit: turns `above` into `at least`."""
    return nextafter(limit, inf)
