"""Who was told of what still fires, as the post remembers it over a restart."""

import logging

import msgspec
from sqlalchemy import bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.delivery.post import Changed
from rules.delivery.standing import Standing
from storage.database import Database
from storage.schema import standings
from storage.sentences import upsert
from storage.silences import lift

log = logging.getLogger(__name__)

_FORGET_AT_ONCE = 500
_encode = msgspec.json.Encoder().encode
_standing = msgspec.json.Decoder(Standing)

all_standings = select(standings).order_by(standings.c.episode_id)
upsert_standings = upsert(standings, "episode_id", ["payload"])
forget_standings = delete(standings).where(standings.c.episode_id.in_(bindparam("episodes", expanding=True)))


async def load_standings(database: Database) -> list[Standing]:
    """Every alert that fires. One that another version wrote and we cannot read is left out, and said."""
    found: list[Standing] = []
    async with database.reader() as connection:
        for row in await connection.execute(all_standings):
            try:
                found.append(_standing.decode(row.payload))
            except (msgspec.DecodeError, ValueError) as exc:
                log.warning("who was told is forgotten", extra={"episode": row.episode_id, "error": str(exc)})
    return found


async def write_standings(connection: AsyncConnection, changed: Changed, now_ms: int) -> None:
    """In the transaction that decided it."""
    for start in range(0, len(changed.gone), _FORGET_AT_ONCE):
        await connection.execute(forget_standings, {"episodes": changed.gone[start : start + _FORGET_AT_ONCE]})
    rows = [{"episode_id": one.episode_id, "payload": _encode(one).decode()} for one in changed.standings]
    if rows:
        await connection.execute(upsert_standings, rows)
    for silence_id in changed.lifted:
        await lift(connection, silence_id, "its alert has cleared", now_ms)
