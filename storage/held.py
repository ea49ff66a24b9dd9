"""What the log holds, counted by place: for whoever asks why a rule heard nothing of it."""

from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from storage.database import Database
from storage.schema import events

_what = (events.c.type, events.c.venue, events.c.symbol)
held_by_place = (  # the fullest first
    select(*_what, func.count(), func.min(events.c.received_ms), func.max(events.c.received_ms))
    .where(events.c.received_ms.between(bindparam("since_ms"), bindparam("until_ms")))
    .group_by(*_what)
    .order_by(func.count().desc(), *_what)
)


class Held(NamedTuple):
    """The events of one type and place, and when the first and the last of them were received."""

    type: str
    venue: str
    symbol: str  # instrument, coin or feed
    events: int
    first_ms: int
    last_ms: int


async def held_between(database: Database, since_ms: int, until_ms: int) -> list[Held]:
    """What is stored between two moments, both included; the fullest place first."""
    values = {"since_ms": since_ms, "until_ms": until_ms}
    async with database.reader() as connection:
        return [Held(*row) for row in await connection.execute(held_by_place, values)]
