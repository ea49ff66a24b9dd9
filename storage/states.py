"""What the engine knew when we stopped, and when that was."""

import logging

import msgspec

from rules.alerts import AlertState
from storage.database import Database
from storage.rows import to_state
from storage.schema import LAST_ALIVE
from storage.statements import all_states, one_meta

log = logging.getLogger(__name__)


async def load_states(database: Database) -> list[AlertState]:
    """Every rule and key, by fingerprint. One that another version wrote and we cannot read is left out, and said."""
    found: list[AlertState] = []
    async with database.reader() as connection:
        for row in await connection.execute(all_states):
            try:
                found.append(to_state(row.payload))
            except (msgspec.DecodeError, ValueError) as exc:
                log.warning("state cannot be read, starts afresh", extra={"state": row.fingerprint, "error": str(exc)})
    return found


async def last_alive_ms(database: Database) -> int | None:
    """When the last batch was written, by our clock; None in a new database."""
    async with database.reader() as connection:
        value = (await connection.execute(one_meta, {"the_name": LAST_ALIVE})).scalar()
    return None if value is None else int(value)
