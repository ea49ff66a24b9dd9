"""Events of the past, brought in from outside: the same file twice is the same past once."""

from collections.abc import Sequence

from sqlalchemy import select

from rules.events import Event
from storage.database import Database
from storage.rows import EVENT_COLUMNS, event_row
from storage.schema import events
from storage.sentences import in_words
from storage.statements import insert_events

_ASK_AT_ONCE = 500  # names in one SELECT; SQLite takes 32,766 parameters, older ones 999
_ONCE = EVENT_COLUMNS.index("once_key")


async def add_history(database: Database, some: Sequence[Event]) -> int:
    """Write them in one transaction; how many were not there before. Raises Held or StorageTrouble."""
    rows = {}
    for event in some:
        row = list(event_row(event))
        row[_ONCE] = row[_ONCE] or _name(event)
        rows[row[_ONCE]] = tuple(row)
    if not rows:
        return 0
    names = list(rows)
    async with database.writer() as connection:
        there: set[str] = set()
        for start in range(0, len(names), _ASK_AT_ONCE):
            known = select(events.c.once_key).where(events.c.once_key.in_(names[start : start + _ASK_AT_ONCE]))
            there |= set((await connection.execute(known)).scalars())
        new = [row for name, row in rows.items() if name not in there]
        if new:
            await connection.exec_driver_sql(in_words(insert_events, EVENT_COLUMNS, connection.dialect), new)
    return len(new)


def _name(event: Event) -> str:
    """What has no name of its own is known by what it is about and when it was."""
    venue, symbol = event.place
    return f"import:{event.__struct_config__.tag}:{venue}:{symbol}:{event.at_ms}"
