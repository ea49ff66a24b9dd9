"""What an earlier run has left behind and this one takes up: dead sinks, the windows' past, feeds that were down."""

import logging
from collections.abc import Iterable

from daemon.lane import SET_BACK_MS
from rules.alerts import Phase
from rules.compiled import Rule
from rules.engine import Engine
from rules.events import Event, FeedHealth
from storage.database import Database
from storage.log import stored_events
from storage.outbox import Outbox

log = logging.getLogger(__name__)

WARM_MAX_MS = 86_400_000


async def enable_lanes(outbox: Outbox) -> None:
    """A start is a person's deed, and may follow a repair at the far end: dead sinks get one more try."""
    for lane in await outbox.lanes():
        if lane.disabled_reason is not None:
            await outbox.enable_lane(lane.name)
            log.info("dead sink is tried again", extra={"sink": lane.name, "reason": lane.disabled_reason})


async def heed_clock(outbox: Outbox, alive_ms: int | None, now_ms: int) -> None:
    """The clock shows less than when an earlier run was alive: what it left waiting must not wait for that again."""
    if alive_ms is None or (back_ms := alive_ms - now_ms) <= SET_BACK_MS:
        return
    log.warning("clock was set back", extra={"by_s": round(back_ms / 1000)})
    for lane in await outbox.lanes():
        await outbox.set_back(lane.name, back_ms, now_ms)


async def warm(engine: Engine, rules: Iterable[Rule], database: Database, now_ms: int) -> None:
    """Read the windows' past again from the log, so that a restart does not forget the last minute.

    Twice as far back as the longest window: a change is measured against the newest value that is a window old.
    """
    lengths: dict[type[Event], int] = {}
    for rule in rules:
        lengths[rule.on] = max(lengths.get(rule.on, 0), rule.window_ms)
    for kind, length_ms in lengths.items():
        kinds = {str(kind.__struct_config__.tag)} if length_ms else ()
        async for events in stored_events(database, kinds, now_ms - min(WARM_MAX_MS, 2 * length_ms)):
            for event in events:
                engine.warm(event, event.received_ms)


def believed_down(engine: Engine) -> set[tuple[str, str]]:
    """(venue, feed) of which the rules think that they are down."""
    return {
        (tracker.key["venue"], tracker.key["feed"])
        for rule in engine.rules.values()
        if rule.on is FeedHealth and {"venue", "feed"} <= set(rule.by)
        for tracker in engine.trackers(rule.rule_id)
        if tracker.phase is not Phase.INACTIVE
    }
