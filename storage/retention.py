"""What we need not remember any longer. Never what still runs, waits or is unclear."""

import msgspec

from storage import retention_statements as say
from storage.buttons import old_buttons
from storage.database import Database
from storage.notices import DEAD, EXPIRED, MERGED, SENT, SUPPRESSED
from storage.silences import old_acknowledgements, old_silences, overtaken_silences

DAY_MS = 86_400_000
_FINISHED = (SENT, MERGED, EXPIRED, SUPPRESSED)
_DEAD_DAYS_MIN = 30  # the dead are looked at by people, who may be on holiday


class Removed(msgspec.Struct, kw_only=True):
    """How many rows went."""

    events: int = 0
    messages: int = 0
    episodes: int = 0


async def forget(database: Database, now_ms: int, *, days: int, chunk: int = 2_000) -> Removed:
    """Remove events, ended messages and ended episodes older than `days`; each chunk is a transaction of its own.

    Kept: the newest event, running episodes and what was told of them, by a summary or a digest too, messages that
    wait, are being sent or uncertain, have buttons that can be pressed or were told by one that has, the dead for at
    least 30 days, and an episode as long as one of its messages is here.
    """
    removed = Removed()
    before = now_ms - days * DAY_MS
    before_dead = now_ms - max(days, _DEAD_DAYS_MIN) * DAY_MS
    while count := await _remove_events(database, before, chunk):
        removed.events += count
    for statuses, limit in ((_FINISHED, before), ((DEAD,), before_dead)):
        while count := await _remove_messages(database, statuses, limit, now_ms, chunk):
            removed.messages += count
    await _remove_acts(database, before)
    while count := await _remove_episodes(database, before, min(chunk, 500)):
        removed.episodes += count
    return removed


async def _remove_events(database: Database, before_ms: int, chunk: int) -> int:
    async with database.writer() as connection:
        return (await connection.execute(say.old_events, {"before_ms": before_ms, "chunk": chunk})).rowcount


async def _remove_messages(
    database: Database, statuses: tuple[str, ...], before_ms: int, now_ms: int, chunk: int
) -> int:
    values = {"statuses": list(statuses), "before_ms": before_ms, "now_ms": now_ms, "chunk": chunk}
    async with database.writer() as connection:
        return (await connection.execute(say.old_messages, values)).rowcount


async def _remove_acts(database: Database, before_ms: int) -> None:
    """Silences that ended, acknowledgements of what is over, expired buttons: few enough for one sentence each."""
    async with database.writer() as connection:
        await connection.execute(old_silences, {"before_ms": before_ms})
        await connection.execute(overtaken_silences)
        await connection.execute(old_acknowledgements, {"before_ms": before_ms})
        await connection.execute(old_buttons, {"before_ms": before_ms})


async def _remove_episodes(database: Database, before_ms: int, chunk: int) -> int:
    async with database.writer() as connection:
        found = await connection.execute(say.episodes_to_forget, {"before_ms": before_ms, "chunk": chunk})
        names = list(found.scalars())
        if names:
            await connection.execute(say.old_transitions, {"episodes": names})
            await connection.execute(say.old_alerts, {"episodes": names})
    return len(names)
