"""What the database knows of one rule: its latest changes, and what became of the messages about them."""

from collections.abc import Iterable

import msgspec

from rules.delivery.letters import Form
from storage import statements as say
from storage.database import Database
from storage.listing import Entry, to_entry
from storage.log import LoggedTransition, to_transition
from storage.notices import SENT, form_of


async def transitions_of(database: Database, rule_id: str, *, limit: int = 10) -> list[LoggedTransition]:
    """The newest changes of a rule's alerts, newest first."""
    async with database.reader() as connection:
        rows = await connection.execute(say.transitions_of_rule, {"the_rule": rule_id, "the_limit": limit})
        return [to_transition(row) for row in rows]


async def messages_of(database: Database, rule_id: str, *, limit: int = 10) -> list[Entry]:
    """The newest messages about a rule's alerts, newest first, also those that were not sent."""
    async with database.reader() as connection:
        rows = await connection.execute(say.outbox_of_rule, {"the_rule": rule_id, "the_limit": limit})
        return [to_entry(row) for row in rows]


class Carrier(msgspec.Struct, frozen=True):
    """A message that tells what others were to tell."""

    key: str
    form: Form
    status: str
    due_ms: int | None  # it leaves no earlier
    finished_ms: int | None


async def carriers_of(database: Database, messages: Iterable[Entry]) -> dict[str, Carrier]:
    """The messages that tell these in their place, by their keys."""
    keys = {one.merged_into for one in messages if one.merged_into is not None}
    if not keys:
        return {}
    async with database.reader() as connection:
        rows = await connection.execute(say.carriers, {"the_keys": sorted(keys)})
        return {row.key: Carrier(row.key, form_of(row), row.status, row.due_ms, row.finished_ms) for row in rows}


async def told_together(database: Database, messages: Iterable[Entry]) -> dict[str, int]:
    """When the summaries and digests that told these were sent, by their keys; what has not left is not there."""
    found = (await carriers_of(database, messages)).values()
    return {one.key: one.finished_ms for one in found if one.status == SENT and one.finished_ms is not None}
