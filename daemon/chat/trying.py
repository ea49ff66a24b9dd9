"""Why a rule stands as it does, and what it would have said: read in a thread, so that alerts do not wait for it."""

from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from daemon.chat.threads import Look, TooLong, hurried, in_thread
from daemon.config.foreign import describe_rule
from daemon.config.mistakes import GUESS, nearest, quote
from daemon.config.model import Config
from daemon.trial.backtest import Backtest, Report, replay
from daemon.trial.explaining import Explanation, Standing, explain, living, outcome, said_key, verdict
from daemon.trial.neighbours import said_value, unit_of
from rules.alerts import Phase
from rules.events import FeedHealth
from rules.spec import RuleSpec
from rules.units import duration_ms
from sinks.wording import say_length, say_when

LONGEST_MS = 30 * 86_400_000
PATIENCE_S = 20.0
NEAREST = 5


async def why(facts: Facts, asked: Asked, *, patience_s: float = PATIENCE_S) -> list[str]:
    """What the rule looks at, how near it is to firing, and what it said last."""
    if len(asked.words) != 1:
        raise Wrong("Name one rule.")
    spec, now_ms = _rule(facts, asked.words[0]), facts.clock()
    config = facts.config()
    try:
        found = await in_thread(lambda look: _explained(config, spec, now_ms, look), patience_s)
    except TooLong:
        return [line(f"That takes longer than {patience_s:g} s; ask at the command line: tocsin explain {spec.id}")]
    now_ms = facts.clock()
    found = living(found, facts.trackers(spec.id), now_ms)
    lines = [line(describe_rule(spec))]
    lines += [_standing(spec, one, now_ms) for one in found.standings[:NEAREST]]
    for change in found.transitions[:NEAREST]:
        muted = "" if change.muted is None else f"not told: {change.muted}"
        lines.append(line(say_when(change.at_ms, now_ms), change.change, said_key(change.key), muted))
    lanes = {entry.lane: entry for entry in reversed(found.messages)}  # of each its newest
    for last in sorted(lanes.values(), key=lambda entry: -entry.created_ms):
        told = outcome(last, found.together, lambda at_ms: say_when(at_ms, now_ms))
        lines.append(line(told, head="last message:"))
    return lines


def _standing(spec: RuleSpec, one: Standing, now_ms: int) -> str:
    """What stands there now, the limit, and how old that is."""
    ago = "" if one.heard_ms is None else f"{say_length(max(0, now_ms - one.heard_ms))} ago"
    if one.limit is None and one.value is not None:
        return line(_verdict(spec, one), f"heard {ago}" if ago else "", head=one.key)
    value = "no data" if one.value is None else said_value(spec, one.value, one.limit)
    limit = "" if one.limit is None else f"of {unit_of(spec)(one.limit)}"
    phase = "over at once" if one.phase is Phase.INACTIVE and spec.compile().is_momentary else one.phase
    return line(value, limit, f"({phase}){f', {ago}' if ago else ''}", head=one.key)


def _verdict(spec: RuleSpec, one: Standing) -> str:
    """`is down, and it fires;`: how a condition stands, which has no number."""
    value = one.value or 0.0
    held = _FEED.get(value, "") if spec.ON is FeedHealth else ""
    return f"{held or f'the condition {verdict(value)}'}{_PHASES[one.phase]};"


_FEED = {1.0: "is down", 0.0: "is not down"}
_PHASES = {
    Phase.INACTIVE: "",
    Phase.PENDING: ", not yet for long enough to fire",
    Phase.FIRING: ", and it fires",
    Phase.RECOVERING: ", and it still fires until it is over for long enough",
}


async def backtest(facts: Facts, asked: Asked, *, patience_s: float = PATIENCE_S) -> list[str]:
    """What the rule would have said of the stored past."""
    if len(asked.words) != 2:
        raise Wrong("Name one rule, and how far back.")
    spec, now_ms = _rule(facts, asked.words[0]), facts.clock()
    try:
        length_ms = duration_ms(asked.words[1])
    except (ValueError, OverflowError):
        raise Wrong(f"{asked.words[1]} is no length of time.") from None
    if not 0 < length_ms <= LONGEST_MS:
        raise Wrong("At most 30d.")
    config = facts.config()
    try:
        report = await in_thread(lambda look: _replayed(config, spec, now_ms - length_ms, now_ms, look), patience_s)
    except TooLong:
        return [line(f"That takes longer than {patience_s:g} s; try a shorter time, or tocsin backtest.")]
    (rule,) = report.rules
    tally = rule.tally
    messages = ", ".join(f"{count:,} to {sink}" for sink, count in report.messages.items()) or "none"
    fired = f", firing for {say_length(tally.firing_ms)}" if tally.firing_ms >= 1_000 else ""
    return [
        line(f"{report.events:,} events in {asked.words[1]}", head=spec.id),
        line(f"fires {tally.fires:,}, escalated {tally.escalations:,}, flaps {tally.flaps:,}{fired}"),
        line("messages:", messages),
    ]


def _rule(facts: Facts, name: str) -> RuleSpec:
    rules = {one.id: one for one in facts.config().rules}
    spec = rules.get(name) or next((one for one in rules.values() if one.id.lower() == name.lower()), None)
    if spec is None:
        alike = nearest(name, rules)
        raise Wrong(f"There is no rule {quote(name)}; {alike if alike.startswith(GUESS) else '/rules lists them.'}")
    if spec.compile().on.IS_PRIVATE:
        raise Wrong("This rule is about an account, which is not for a chat; ask at the command line.")
    return spec


async def _explained(config: Config, spec: RuleSpec, now_ms: int, look: Look) -> Explanation:
    async with hurried(config.storage.address, look) as database:
        return await explain(database, spec, now_ms, limit=NEAREST)


async def _replayed(config: Config, spec: RuleSpec, since_ms: int, until_ms: int, look: Look) -> Report:
    async with hurried(config.storage.address, look) as database:
        return await replay(database, Backtest(config, specs=[spec], factors=()), since_ms, until_ms)
