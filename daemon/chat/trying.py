"""Why a rule stands as it does, and what it would have said: read in a thread, so that alerts do not wait for it."""

import asyncio
import threading
from time import monotonic

from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from daemon.config.foreign import describe_rule
from daemon.config.model import Config
from daemon.trial.backtest import Backtest, Report, replay
from daemon.trial.explaining import Explanation, explain
from daemon.trial.neighbours import unit_of
from rules.spec import RuleSpec
from rules.units import duration_ms, say_duration
from sinks.wording import say_when
from storage.database import Database

LONGEST_MS = 30 * 86_400_000
PATIENCE_S = 20.0
NEAREST = 5


class _TooLong(Exception):
    """It takes longer than anybody waits in a chat."""


async def why(facts: Facts, asked: Asked) -> list[str]:
    """What the rule looks at, how near it is to firing, and what it said last."""
    if len(asked.words) != 1:
        raise Wrong("Name one rule.")
    spec, now_ms = _rule(facts, asked.words[0]), facts.clock()
    found = await asyncio.to_thread(lambda: asyncio.run(_explained(facts.config(), spec, now_ms)))
    say = unit_of(spec)
    lines = [line(describe_rule(spec))]
    for one in found.standings[:NEAREST]:
        value = "no data" if one.value is None else say(one.value)
        limit = "" if one.limit is None else f"of {say(one.limit)}"
        lines.append(line(value, limit, f"({one.phase})", head=one.key))
    for change in found.transitions[:NEAREST]:
        muted = "" if change.muted is None else f"not told: {change.muted}"
        lines.append(line(say_when(change.at_ms, now_ms), change.change, " ".join(change.key.values()), muted))
    if found.messages:
        last = found.messages[0]
        lines.append(line(f"{last.status} to {last.lane}", last.reason or "", head="last message"))
    return lines


async def backtest(facts: Facts, asked: Asked) -> list[str]:
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
    config, stop = facts.config(), threading.Event()
    try:
        report = await asyncio.to_thread(lambda: asyncio.run(_replayed(config, spec, now_ms - length_ms, now_ms, stop)))
    except _TooLong:
        return [line(f"That takes longer than {PATIENCE_S:g} s; try a shorter time, or tocsin backtest.")]
    finally:
        stop.set()
    (rule,) = report.rules
    tally = rule.tally
    return [
        line(f"{report.events:,} events in {say_duration(length_ms)}", head=spec.id),
        line(f"fires {tally.fires:,}, escalated {tally.escalations:,}, flaps {tally.flaps:,}"),
        line(f"messages {tally.messages:,}, firing for {say_duration(tally.firing_ms - tally.firing_ms % 1_000)}"),
    ]


def _rule(facts: Facts, name: str) -> RuleSpec:
    spec = next((one for one in facts.config().rules if one.id == name), None)
    if spec is None:
        raise Wrong(f"There is no rule {name}; /rules lists them.")
    if spec.compile().on.IS_PRIVATE:
        raise Wrong("This rule is about an account, which is not for a chat; ask at the command line.")
    return spec


async def _explained(config: Config, spec: RuleSpec, now_ms: int) -> Explanation:
    database = await Database.open(config.storage.address, exclusive=False, create=False)
    try:
        return await explain(database, spec, now_ms, limit=NEAREST)
    finally:
        await database.close()


async def _replayed(config: Config, spec: RuleSpec, since_ms: int, until_ms: int, stop: threading.Event) -> Report:
    ends_s = monotonic() + PATIENCE_S

    def look(done: int, total: int) -> None:
        del done, total
        if stop.is_set() or monotonic() > ends_s:
            raise _TooLong

    database = await Database.open(config.storage.address, exclusive=False, create=False)
    try:
        trial = Backtest(config, specs=[spec], factors=())
        return await replay(database, trial, since_ms, until_ms, progress=look)
    finally:
        await database.close()
