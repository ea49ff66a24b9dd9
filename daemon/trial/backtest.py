"""Rules on the stored past, by the clock of that past: what they would have said, and what other limits would have."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from daemon.config.model import Config
from daemon.trial.deaf import why_deaf, why_sparse
from daemon.trial.neighbours import FACTORS, is_possible, said_limits, scaled
from daemon.trial.play import Play, Spoken
from daemon.trial.policy import late_after_ms, rehearsed_policy
from daemon.trial.tally import Tally, rules_of
from rules.alerts import Transition
from rules.compiled import Rule
from rules.events import AnyEvent, Event, FeedHealth
from rules.spec import RuleSpec
from storage.database import Database
from storage.held import Held, held_between
from storage.log import Span, events_in_time, stored_span

FLAP_MS = 600_000
WARM_MAX_MS = 86_400_000  # as much of the past before the first event fills the windows
FOREVER_MS = 10**15  # the year 33658
SETTLES_MS = 60_000  # messages on their way at the end still leave


@dataclass(frozen=True, kw_only=True)
class Row:
    """One rule with one set of limits."""

    factor: float
    limits: str
    tally: Tally


@dataclass(kw_only=True)
class RuleReport:
    """What became of one rule."""

    spec: RuleSpec
    tally: Tally  # together with all others, as the daemon would
    neighbours: list[Row] = field(default_factory=list)  # alone; empty for a rule without limits
    deaf: str = ""  # why it heard nothing; empty: it did
    sparse: str = ""  # why it heard less than it hears of the market; empty: it did not


@dataclass(kw_only=True)
class Report:
    """What became of the whole file."""

    span: Span
    since_ms: int
    until_ms: int
    events: int = 0
    rules: list[RuleReport] = field(default_factory=list)
    messages: dict[str, int] = field(default_factory=dict)  # by sink, our own words and digests too
    kept_back: int = 0  # letters that were not told by themselves
    elsewhere: list[Held] = field(default_factory=list)  # if there are no events: all that is stored


class _Lone:
    """One rule alone, with its tally."""

    def __init__(self, rule: Rule, config: Config, flap_ms: int) -> None:
        self.tally = Tally(flap_ms=flap_ms)
        self.play = Play(
            [rule],
            rehearsed_policy(config, [rule]),
            late_after_ms=late_after_ms(config),
            decided=self.tally.decided,
            spoken=lambda spoken: self.tally.told(spoken.at_ms),
        )


class Backtest:
    """Feed it the past with `observe`, in the order of time, and then ask for the `report`."""

    def __init__(
        self,
        config: Config,
        *,
        specs: Sequence[RuleSpec] | None = None,
        factors: Iterable[float] = FACTORS,
        flap_ms: int = FLAP_MS,
        spoken: Callable[[Spoken], object] = lambda spoken: None,
    ) -> None:
        """`specs` are the rules to try, all of the file by default; no `factors`: no neighbours are tried."""
        chosen = config.rules if specs is None else specs
        rules = {spec.id: spec.compile() for spec in chosen}
        self.wanted = self.types = frozenset(str(rule.on.__struct_config__.tag) for rule in rules.values())
        if any("venue" in rule.by for rule in rules.values()):
            self.types |= {"feed_health"}  # a feed that was down held the states of what it brings
        self.window_ms = max((rule.window_ms for rule in rules.values()), default=0)
        self._rules = rules
        self._report = {spec.id: RuleReport(spec=spec, tally=Tally(flap_ms=flap_ms)) for spec in chosen}
        self._spoken = spoken
        self._messages: dict[str, int] = {}
        self._events = 0
        self._all = Play(
            rules.values(),
            rehearsed_policy(config, rules.values()),
            late_after_ms=late_after_ms(config),
            decided=self._decided,
            spoken=self._told,
        )
        self._lone: list[_Lone] = []
        self._by_type: dict[type[Event], list[Play]] = {}
        for spec in chosen:
            self._try_neighbours(spec, rules[spec.id], config, sorted(factors), flap_ms)

    def observe(self, event: AnyEvent) -> None:
        """One event of the past."""
        self._events += 1
        self._all.observe(event)
        for play in self._by_type.get(type(event), ()):
            play.observe(event)

    def warm(self, event: AnyEvent) -> None:
        """One event from before it begins: fills windows, decides nothing."""
        self._all.engine.warm(event, event.received_ms)
        for play in self._by_type.get(type(event), ()):
            play.engine.warm(event, event.received_ms)

    def report(self, span: Span, since_ms: int, until_ms: int) -> Report:
        """The end: what still fires fired until then, and what was on its way leaves."""
        self._all.finish(until_ms + SETTLES_MS)
        for lone in self._lone:
            lone.play.finish(until_ms + SETTLES_MS)
            lone.tally.close(until_ms)
        for report in self._report.values():
            report.tally.close(until_ms)
        return Report(
            span=span,
            since_ms=since_ms,
            until_ms=until_ms,
            events=self._events,
            rules=list(self._report.values()),
            messages=self._messages,
            kept_back=self._all.kept_back,
        )

    def explain_silence(self, report: Report, held: Sequence[Held]) -> None:
        """Say of each rule that heard nothing, or not enough, why; `held` is all that is stored of that past."""
        for one in report.rules:
            one.sparse = why_sparse(self._rules[one.spec.id], held)
            if one.spec.id in self.deaf:
                is_tracked = bool(self._all.engine.trackers(one.spec.id))
                one.deaf = why_deaf(one.spec, self._rules[one.spec.id], held, is_tracked=is_tracked)

    @property
    def looks_back(self) -> bool:
        """Whether a rule needs to have heard the market lately."""
        return any(rule.window_ms for rule in self._rules.values())

    @property
    def deaf(self) -> list[str]:
        """The rules that no event has given a value yet."""
        trackers = self._all.engine.trackers
        return [name for name in self._rules if not any(tracker.seen_ms for tracker in trackers(name))]

    def _try_neighbours(
        self, spec: RuleSpec, rule: Rule, config: Config, factors: Sequence[float], flap_ms: int
    ) -> None:
        for factor in factors:
            neighbour = scaled(rule, factor)
            if neighbour is None:
                return
            if factor != 1.0 and not is_possible(spec, neighbour):
                continue
            lone = _Lone(neighbour, config, flap_ms)
            self._lone.append(lone)
            kinds: set[type[Event]] = {rule.on, FeedHealth} if "venue" in rule.by else {rule.on}
            for kind in kinds:
                self._by_type.setdefault(kind, []).append(lone.play)
            row = Row(factor=factor, limits=said_limits(spec, neighbour), tally=lone.tally)
            self._report[spec.id].neighbours.append(row)

    def _decided(self, transition: Transition) -> None:
        self._report[transition.alert.rule_id].tally.decided(transition)

    def _told(self, spoken: Spoken) -> None:
        self._messages[spoken.sink] = self._messages.get(spoken.sink, 0) + 1
        for rule_id in rules_of(spoken):
            self._report[rule_id].tally.told(spoken.at_ms)
        self._spoken(spoken)


async def replay(
    database: Database,
    backtest: Backtest,
    since_ms: int,
    until_ms: int,
    *,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Report:
    """The stored events between two moments through the backtest. `progress` is told how many of how many."""
    span = await stored_span(database, backtest.types, since_ms, until_ms)
    if backtest.window_ms:
        early_ms = since_ms - min(WARM_MAX_MS, 2 * backtest.window_ms)
        async for event in _each(database, backtest, early_ms, since_ms - 1):
            backtest.warm(event)
    done = 0
    async for events in events_in_time(database, backtest.types, since_ms, until_ms):
        for event in events:
            backtest.observe(event)
        done += len(events)
        progress(done, span.events)
    ends_ms = min(until_ms, span.last_ms) if span.last_ms is not None else until_ms
    report = backtest.report(span, since_ms, ends_ms)
    if not report.events:
        report.elsewhere = await held_between(database, 0, FOREVER_MS)
    elif backtest.deaf or backtest.looks_back:
        backtest.explain_silence(report, await held_between(database, since_ms, until_ms))
    return report


async def _each(database: Database, backtest: Backtest, since_ms: int, until_ms: int) -> AsyncIterator[AnyEvent]:
    async for events in events_in_time(database, backtest.types, since_ms, until_ms):
        for event in events:
            yield event
