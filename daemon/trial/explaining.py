"""One rule, as it stands now: what it looks at, how near each is to firing, and what became of what it said."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from daemon.pictures.composing import said, said_value
from daemon.pictures.looks import looks
from daemon.pictures.sides import drawn
from daemon.trial.deaf import why_deaf
from rules.alerts import AlertState, Phase
from rules.compiled import Rule
from rules.engine import Engine
from rules.events import Event, FearGreed, FundingRate, InsuranceFund, LongShortRatio, StablecoinQuote
from rules.spec import RuleSpec
from rules.tracker import Tracker
from storage.asked import messages_of, told_together, transitions_of
from storage.database import Database
from storage.held import held_between
from storage.listing import Entry
from storage.log import LoggedTransition, events_in_time, query_events
from storage.states import load_states

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LOOK_BACK_MS = HOUR_MS  # so far back an instrument still counts as heard
SLOW: tuple[type[Event], ...] = (FundingRate, StablecoinQuote, LongShortRatio, InsuranceFund, FearGreed)
SLOW_BACK_MS = 2 * DAY_MS  # of what comes hourly, daily, or at a settlement
STALE_MS = 600_000  # data older than this is explained as of its own time, not as of now


@dataclass(frozen=True, kw_only=True)
class Part:
    """A number that a condition compares: all that can be said of how near it is."""

    formula: str  # change(oi_usd, 15m)
    value: str  # as messages write it
    limit: str
    far: float | None  # as below


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
    parts: Sequence[Part] = ()  # of a condition


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """All of it."""

    spec: RuleSpec
    at_ms: int  # the values are of this time
    standings: Sequence[Standing] = ()  # the nearest to firing first
    transitions: Sequence[LoggedTransition] = ()  # the newest first
    messages: Sequence[Entry] = field(default_factory=list)  # the newest first
    together: Mapping[str, int] = field(default_factory=dict)  # when a summary or digest that told some was sent
    deaf: str = ""  # why it has no value at all; empty: it has one


async def explain(database: Database, spec: RuleSpec, now_ms: int, *, limit: int = 10) -> Explanation:
    """Read what is stored about the rule; changes nothing."""
    rule = spec.compile()
    compared = _compared(rule)
    engine = Engine([rule, *compared])
    at_ms = await _replay(database, engine, rule, now_ms)
    states = {state.fingerprint: state for state in await load_states(database) if state.rule_id == rule.rule_id}
    trackers = engine.trackers(rule.rule_id)
    standings = [
        _standing(tracker, states.pop(tracker.fingerprint, None), at_ms, _parts(engine, compared, tracker.key, at_ms))
        for tracker in trackers
    ]
    standings += [_silent(state, rule) for state in states.values() if rule.follows(state.key)]  # long unheard
    messages = await messages_of(database, rule.rule_id, limit=limit)
    deaf = ""
    if all(one.value is None for one in standings):
        held = await held_between(database, 0, now_ms)
        deaf = why_deaf(spec, rule, held, is_tracked=bool(trackers))
    standings.sort(key=_nearness)
    return Explanation(
        spec=spec,
        at_ms=at_ms,
        standings=standings,
        transitions=await transitions_of(database, rule.rule_id, limit=limit),
        messages=messages,
        together=await told_together(database, messages),
        deaf=deaf,
    )


def verdict(value: float) -> str:
    """What the value of a condition means, which has no number of its own."""
    return {1.0: "holds", 0.0: "does not hold"}.get(value, "holds no more, and is not clear yet")


def said_key(key: Mapping[str, str]) -> str:
    """`binance BTC-USDT-PERP`, and `okx.market` alone: a feed's name begins with its venue."""
    names = list(key.values())
    return " ".join(name for name in names if not any(one.startswith(f"{name}.") for one in names)) or "all"


def outcome(entry: Entry, together: Mapping[str, int], say_time: Callable[[int], str]) -> str:
    """What became of a message, in a sentence; `together`: when what told it with others was sent."""
    lane, what = entry.lane, _TOLD.get(entry.change or "", "of it")
    reason = (entry.reason or "").removeprefix("muted: ")
    if (told_ms := together.get(entry.merged_into or "")) is not None:
        why = f" ({reason})" if reason else ""
        return f"{lane} was told {what} together with others at {say_time(told_ms)}{why}"
    match entry.status:
        case "sent":
            return f"{lane} was told {what} at {say_time(entry.finished_ms or entry.created_ms)}"
        case "waiting":
            return f"{lane} will be told {what}{f': {reason}' if reason else ''}"
        case "sending":
            return f"{lane} is being told {what}"
    return f"{lane} was not told {what}: {reason or entry.status}"


_TOLD = {
    "pending": "that it is pending",
    "lapsed": "that it lapsed",
    "fired": "that it fired",
    "escalated": "that it escalated",
    "eased": "that it eased",
    "cleared": "that it cleared",
    "still": "that it still fires",
}


def living(found: Explanation, trackers: Sequence[Tracker], now_ms: int) -> Explanation:
    """The same, with what a running engine knows in place of what is stored of it, which are samples."""
    standings = {one.key: one for one in found.standings}
    for tracker in trackers:
        if tracker.event is None:
            continue
        one = _standing(tracker, tracker.state(), now_ms, ())
        stored = standings.get(one.key)
        if stored is not None and stored.parts:  # those are not the engine's
            one = replace(one, parts=stored.parts, far=stored.far)
        standings[one.key] = one
    return replace(found, standings=sorted(standings.values(), key=_nearness))


def _nearness(one: Standing) -> tuple[bool, bool, float, str]:
    return one.phase is Phase.INACTIVE, one.far is None, one.far or 0.0, one.key


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


def _compared(rule: Rule) -> list[Rule]:
    """The numbers that a condition compares, each as a rule under a name of its own."""
    if None not in rule.ladder.shown:
        return []
    return [
        msgspec.structs.replace(look, rule_id=f"{rule.rule_id} {number}") for number, look in enumerate(looks(rule))
    ]


def _parts(engine: Engine, compared: Sequence[Rule], key: dict[str, str], at_ms: int) -> list[Part]:
    found = []
    for look in compared:
        tracker = next((one for one in engine.trackers(look.rule_id) if one.key == key), None)
        score = None if tracker is None else _score(tracker, at_ms)
        limit = look.ladder.shown[0]
        found.append(
            Part(
                formula=str(look.facts.get("when")),
                value="no data" if score is None else said_value(look)(score * look.ladder.sign),
                limit="-" if limit is None else said(look)(limit),
                far=_far(look, score, 0),
            )
        )
    return found


def _score(tracker: Tracker, at_ms: int) -> float | None:
    return None if tracker.event is None else tracker.assess(tracker.event, at_ms, False)


def _far(rule: Rule, score: float | None, rung: int) -> float | None:
    enter = rule.ladder.enters[min(rung, len(rule.ladder.enters) - 1)]
    return None if score is None else (enter - score) / (abs(enter) or 1.0)


def _standing(tracker: Tracker, state: AlertState | None, at_ms: int, parts: Sequence[Part]) -> Standing:
    score, ladder = _score(tracker, at_ms), drawn(tracker.rule).ladder
    rung = state.rung if state is not None else 0
    far = _far(tracker.rule, score, rung)
    if parts and far is not None and far > 0:  # as far as its farthest part: most conditions are joined by `and`
        far = max((part.far for part in parts if part.far is not None), default=far)
    alert = state.alert if state is not None else None
    return Standing(
        key=said_key(tracker.key),
        value=None if score is None else score * ladder.sign,
        limit=ladder.shown[min(rung, len(ladder.enters) - 1)],
        far=far,
        phase=state.phase if state is not None else Phase.INACTIVE,
        severity=alert.severity.value if alert is not None else None,
        since_ms=None if state is None or state.phase is Phase.INACTIVE else _since(state),
        heard_ms=None if tracker.event is None else tracker.event.received_ms,
        parts=parts,
    )


def _silent(state: AlertState, rule: Rule) -> Standing:
    return Standing(
        key=said_key(state.key),
        value=None,
        limit=drawn(rule).ladder.shown[0],
        far=None,
        phase=state.phase,
        severity=state.alert.severity.value if state.alert is not None else None,
        since_ms=None if state.phase is Phase.INACTIVE else _since(state),
        heard_ms=state.seen_ms or None,
    )


def _since(state: AlertState) -> int:
    """Since when it fires; before that and after, since when it waits."""
    return state.alert.started_ms if state.phase is Phase.FIRING and state.alert is not None else state.since_ms
