"""How the house is, what fires, which rules there are. Nothing of anybody's own account."""

from collections import Counter

from daemon.chat.asked import Asked
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from rules.kinds import say
from sinks.wording import say_length
from storage.episodes import query_alerts

ALERTS_MAX = 30


async def status(facts: Facts, asked: Asked) -> list[str]:
    """The sign of life, and every feed and silence counted."""
    del asked
    feeds = Counter(feed.state for feed in facts.feeds())
    silences = await facts.silences.active(facts.clock())
    return [
        line(facts.vitals().line()),
        line("feeds:", ", ".join(f"{count} {state}" for state, count in sorted(feeds.items())) or "none"),
        line("silences:", len(silences)),
    ]


async def alerts(facts: Facts, asked: Asked) -> list[str]:
    """What fires now, the loudest first."""
    del asked
    found = await query_alerts(facts.database, is_firing=True, limit=ALERTS_MAX)
    worse_ms = {one.episode_id: one.worse_ms for one in facts.post.standings}
    acks = await facts.silences.acknowledged()
    seen = {ack.episode_id: ack.who for ack in acks if ack.at_ms >= worse_ms.get(ack.episode_id, 0)}
    now_ms = facts.clock()
    lines = [
        line(
            f"{say(alert, now_ms).headline}; firing for {say_length(max(0, now_ms - alert.started_ms))},",
            f"rule {alert.rule_id}",
            f"(acknowledged by {seen[alert.episode_id]})" if alert.episode_id in seen else "",
            head=alert.severity.upper(),
        )
        for alert in sorted(found, key=lambda alert: -alert.severity.rank)
        if not alert.is_momentary
    ]
    return lines or [line("Nothing fires.")]


async def rules(facts: Facts, asked: Asked) -> list[str]:
    """Every rule by its id, with how many of its alerts fire."""
    del asked
    firing = Counter(one.alert.rule_id for one in facts.post.standings)
    return [
        line(spec.type, f"({firing[spec.id]} firing)" if firing[spec.id] else "", head=spec.id)
        for spec in facts.config().rules
    ] or [line("There are no rules.")]
