"""Who listens to a bot: one process at a time, by a lease that ends by itself; and how far it has listened."""

from sqlalchemy import bindparam, case, or_, select, update

from storage.database import Database
from storage.schema import bots
from storage.sentences import insert_once

QUIET_MS = 6 * 86_400_000  # after a week without news Telegram numbers what comes anew, and at random

add_bot = insert_once(bots, "bot")
take_bot = (
    update(bots)
    .where(
        bots.c.bot == bindparam("the_bot"),
        or_(bots.c.holder == bindparam("the_holder"), bots.c.until_ms <= bindparam("now_ms")),
    )
    .values(
        holder=bindparam("the_holder"),
        until_ms=bindparam("the_end_ms"),
    )
)
bot_row = select(bots).where(bots.c.bot == bindparam("the_bot"))
advance_bot = (
    update(bots)
    .where(
        bots.c.bot == bindparam("the_bot"),  # only who listens knows of numbers that begin anew
        or_(bots.c.holder == bindparam("the_holder"), bots.c.next_update < bindparam("the_next")),
    )
    .values(next_update=bindparam("the_next"), heard_ms=bindparam("now_ms"))
)
renew_bot = (
    update(bots)
    .where(bots.c.bot == bindparam("the_bot"), bots.c.holder == bindparam("the_holder"))
    .values(until_ms=case((bots.c.until_ms > bindparam("the_end_ms"), bots.c.until_ms), else_=bindparam("the_end_ms")))
)
leave_bot = (
    update(bots).where(bots.c.bot == bindparam("the_bot"), bots.c.holder == bindparam("the_holder")).values(until_ms=0)
)
free_bots = update(bots).values(until_ms=0)


async def free_all(database: Database) -> None:
    """At start: whoever listened before is dead, because a database has one daemon at a time."""
    async with database.writer() as connection:
        await connection.execute(free_bots)


class Lease:
    """One process's wish to listen to one bot. Every method is one transaction."""

    def __init__(self, database: Database, bot: str, holder: str) -> None:
        self._database = database
        self._bot = bot
        self._holder = holder

    async def take(self, length_ms: int) -> int | None:
        """Take or renew it. The first update that is not dealt with, or None while another process has it.

        0, whatever comes next, once nothing was heard for so long that its number says nothing.
        """
        now_ms = self._database.clock()
        values = {
            "the_bot": self._bot,
            "the_holder": self._holder,
            "now_ms": now_ms,
            "the_end_ms": now_ms + length_ms,
        }
        async with self._database.writer() as connection:
            await connection.execute(
                add_bot, {"bot": self._bot, "holder": self._holder, "until_ms": 0, "next_update": 0}
            )
            is_ours = (await connection.execute(take_bot, values)).rowcount > 0
            row = (await connection.execute(bot_row, {"the_bot": self._bot})).one()
        if not is_ours:
            return None
        is_long_ago = row.heard_ms is None or now_ms - row.heard_ms > QUIET_MS  # older programs did not write it
        return 0 if is_long_ago else int(row.next_update)

    async def advance(self, next_update: int, length_ms: int = 0) -> bool:
        """All updates before this one are dealt with; the lease is renewed. False if another process has it by now."""
        now_ms = self._database.clock()
        values: dict[str, object] = {"the_bot": self._bot, "the_holder": self._holder}
        async with self._database.writer() as connection:
            await connection.execute(advance_bot, values | {"the_next": next_update, "now_ms": now_ms})
            values["the_end_ms"] = now_ms + length_ms
            return (await connection.execute(renew_bot, values)).rowcount > 0

    async def leave(self) -> None:
        """Let another process take over at once."""
        async with self._database.writer() as connection:
            await connection.execute(leave_bot, {"the_bot": self._bot, "the_holder": self._holder})
