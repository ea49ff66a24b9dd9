"""What the rules need to hear: each source subscribes to exactly that."""

from collections.abc import Iterable

from rules.compiled import Rule
from rules.events import Event, FeedHealth
from rules.selection import Selection

Wish = tuple[type[Event], str | None, Selection]


def wishes(rules: Iterable[Rule]) -> frozenset[Wish]:
    """(event type, venue or None for any, instruments) for every rule; our own feed health needs no source."""
    found: set[Wish] = set()
    for rule in rules:
        if rule.on is FeedHealth:
            continue
        venues = [None] if rule.venues.names is None else [name.lower() for name in sorted(rule.venues.names)]
        found |= {(rule.on, venue, rule.symbols) for venue in venues}
    return frozenset(found)
