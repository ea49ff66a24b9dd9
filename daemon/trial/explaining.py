"""One rule, as it stands now: what it looks at, how near each is to firing, and what became of what it said."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rules.alerts import AlertState, Phase
from rules.compiled import Rule
from rules.engine import Engine
from rules.events import Event, FearGreed, FundingRate, InsuranceFund, LongShortRatio, StablecoinQuote
from rules.spec import RuleSpec
from rules.tracker import Tracker
from storage.asked import messages_of, transitions_of
from storage.database import Database
from storage.listing import Entry
from storage.log import LoggedTransition, events_in_time, query_events
from storage.states import load_states

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LOOK_BACK_MS = HOUR_MS  # so far back an instrument still counts as heard
SLOW: tuple[type[Event], ...] = (FundingRate, StablecoinQuote, LongShortRatio, InsuranceFund, FearGreed)
SLOW_BACK_MS = 2 * DAY_MS  # of what comes hourly, daily, or at a settlement
STALE_MS = 600_000  # data older than this is explained as of its own time, not as of now


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The rule and one key."""

    key: str  # binance BTC-USDT-PERP
    value: float | None  # None: no data
    limit: float | None  # the next level to be reached, or the highest; None: a condition
    far: float | None  # how far it is from firing, as a fraction of the limit; below zero: beyond it
    phase: Phase = Phase.INACTIVE
    severity: str | None = None
    since_ms: int | None = None  # pending, firing or recovering since
    heard_ms: int | None = None  # its latest event


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All of it."""

    spec: RuleSpec
    at_ms: int  # the values are of this time
    standings: Sequence[Standing] = ()  # the nearest to firing first
    transitions: Sequence[LoggedTransition] = ()  # the newest first
    messages: Sequence[Entry] = field(default_factory=list)  # the newest first


async def explain(database: Database, spec: RuleSpec, now_ms: int, *, limit: int = 10) -> Explanation:
    """Read what is stored about the rule; changes nothing."""
    rule = spec.compile()
    engine = Engine([rule])
    at_ms = await _replay(database, engine, rule, now_ms)
    states = {state.fingerprint: state for state in await load_states(database) if state.rule_id == rule.rule_id}
    trackers = engine.trackers(rule.rule_id)
    standings = [_standing(tracker, states.pop(tracker.fingerprint, None), at_ms) for tracker in trackers]
    standings += [_silent(state, rule) for state in states.values() if rule.follows(state.key)]  # long unheard
    standings.sort(key=lambda one: (one.phase is Phase.INACTIVE, one.far is None, one.far or 0.0, one.key))
    return Explanation(
        spec=spec,
        at_ms=at_ms,
        standings=standings,
        transitions=await transitions_of(database, rule.rule_id, limit=limit),
        messages=await messages_of(database, rule.rule_id, limit=limit),
    )


async def _replay(database: Database, engine: Engine, rule: Rule, now_ms: int) -> int:
    """The recent past through an engine of its own; the time as of which the values are."""
    tag = str(rule.on.__struct_config__.tag)
    newest = await query_events(database, type=tag, limit=1)
    if not newest:
        return now_ms
    last_ms = newest[-1].received_ms
    back_ms, stale_ms = (SLOW_BACK_MS, SLOW_BACK_MS) if rule.on in SLOW else (LOOK_BACK_MS, STALE_MS)
    back_ms = max(back_ms, 2 * rule.window_ms)
    at_ms = now_ms if now_ms - last_ms < stale_ms else last_ms
    async for events in events_in_time(database, {tag}, at_ms - back_ms, at_ms):
        for event in events:
            engine.observe(event, event.received_ms)
    engine.tick(at_ms)
    return at_ms


def _standing(tracker: Tracker, state: AlertState | None, at_ms: int) -> Standing:
    score = None if tracker.event is None else tracker.assess(tracker.event, at_ms, False)
    ladder = tracker.rule.ladder
    rung = state.rung if state is not None else 0
    enter = ladder.enters[min(rung, len(ladder.enters) - 1)]
    alert = state.alert if state is not None else None
    return Standing(
        key=_said(tracker.key),
        value=None if score is None else score * ladder.sign,
        limit=ladder.shown[min(rung, len(ladder.enters) - 1)],
        far=None if score is None else (enter - score) / (abs(enter) or 1.0),
        phase=state.phase if state is not None else Phase.INACTIVE,
        severity=alert.severity.value if alert is not None else None,
        since_ms=None if state is None or state.phase is Phase.INACTIVE else _since(state),
        heard_ms=None if tracker.event is None else tracker.event.received_ms,
    )


def _silent(state: AlertState, rule: Rule) -> Standing:
    return Standing(
        key=_said(state.key),
        value=None,
        limit=rule.ladder.shown[0],
        far=None,
        phase=state.phase,
        severity=state.alert.severity.value if state.alert is not None else None,
        since_ms=None if state.phase is Phase.INACTIVE else _since(state),
        heard_ms=state.seen_ms or None,
    )


def _since(state: AlertState) -> int:
    """Since when it fires; before that and after, since when it waits."""
    return state.alert.started_ms if state.phase is Phase.FIRING and state.alert is not None else state.since_ms


def _said(key: dict[str, str]) -> str:
    return " ".join(key.values()) or "all"
