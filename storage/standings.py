"""Who was told of what still fires, as the post remembers it over a restart."""

import logging
from typing import Any

import msgspec
from sqlalchemy import Row, and_, bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.alerts import Change
from rules.delivery.post import Changed
from rules.delivery.standing import Mute, Standing
from storage.database import Database
from storage.notices import SUPPRESSED
from storage.schema import outbox, standings
from storage.sentences import upsert
from storage.silences import lift

log = logging.getLogger(__name__)

LOST = "lost"  # the cause of a mute that was not written down: nothing is called so, and thus it has ended
_AT_ONCE = 500  # names in one sentence; older versions of SQLite take 999
NEWS = (Change.FIRED.value, Change.ESCALATED.value, Change.STILL.value)
_encode = msgspec.json.Encoder().encode
_standing = msgspec.json.Decoder(Standing)

all_standings = select(standings).order_by(standings.c.episode_id)
upsert_standings = upsert(standings, "episode_id", ["payload"])
forget_standings = delete(standings).where(standings.c.episode_id.in_(bindparam("episodes", expanding=True)))
_tells = and_(outbox.c.episode_id.in_(bindparam("episodes", expanding=True)), outbox.c.change.in_(NEWS))
_newest = select(func.max(outbox.c.id)).where(_tells).group_by(outbox.c.lane, outbox.c.episode_id)
newest_of_episodes = select(
    outbox.c.lane, outbox.c.episode_id, outbox.c.status, outbox.c.merged_into, outbox.c.muted
).where(outbox.c.id.in_(_newest))


async def load_standings(database: Database) -> list[Standing]:
    """Every alert that fires. One that another version wrote and we cannot read is left out, and said."""
    found: dict[str, Standing] = {}
    async with database.reader() as connection:
        for row in await connection.execute(all_standings):
            try:
                found[row.episode_id] = _standing.decode(row.payload)
            except (msgspec.DecodeError, ValueError) as exc:
                log.warning("who was told is forgotten", extra={"episode": row.episode_id, "error": str(exc)})
        names = list(found)
        for start in range(0, len(names), _AT_ONCE):
            values = {"episodes": names[start : start + _AT_ONCE]}
            for row in await connection.execute(newest_of_episodes, values):
                _recall(found[row.episode_id], row)
    return list(found.values())


def _recall(standing: Standing, row: Row[Any]) -> None:
    """A letter that was muted as it was about to leave: if the process was killed just then, only its row knows."""
    told = standing.sinks.get(row.lane)
    if told is not None and told.mute is None and row.status == SUPPRESSED and row.merged_into is None:
        told.mute, told.repeat_ms = Mute(row.muted or "", cause=LOST), None


async def write_standings(connection: AsyncConnection, changed: Changed, now_ms: int) -> None:
    """In the transaction that decided it."""
    for start in range(0, len(changed.gone), _AT_ONCE):
        await connection.execute(forget_standings, {"episodes": changed.gone[start : start + _AT_ONCE]})
    rows = [{"episode_id": one.episode_id, "payload": _encode(one).decode()} for one in changed.standings]
    if rows:
        await connection.execute(upsert_standings, rows)
    for silence_id in changed.lifted:
        await lift(connection, silence_id, "its alert has cleared", now_ms)
