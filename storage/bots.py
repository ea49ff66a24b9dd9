"""Who listens to a bot: one process at a time, by a lease that ends by itself; and how far it has listened."""

from sqlalchemy import bindparam, or_, select, update

from storage.database import Database
from storage.schema import bots
from storage.sentences import insert_once

add_bot = insert_once(bots, "bot")
take_bot = (
    update(bots)
    .where(
        bots.c.bot == bindparam("the_bot"),
        or_(bots.c.holder == bindparam("the_holder"), bots.c.until_ms <= bindparam("now_ms")),
    )
    .values(holder=bindparam("the_holder"), until_ms=bindparam("the_end_ms"))
)
bot_row = select(bots).where(bots.c.bot == bindparam("the_bot"))
advance_bot = (
    update(bots)
    .where(bots.c.bot == bindparam("the_bot"), bots.c.next_update < bindparam("the_next"))
    .values(next_update=bindparam("the_next"))
)
leave_bot = (
    update(bots).where(bots.c.bot == bindparam("the_bot"), bots.c.holder == bindparam("the_holder")).values(until_ms=0)
)


class Lease:
    """One process's wish to listen to one bot. Every method is one transaction."""

    def __init__(self, database: Database, bot: str, holder: str) -> None:
        self._database = database
        self._bot = bot
        self._holder = holder

    async def take(self, length_ms: int) -> int | None:
        """Take or renew it. The first update that is not dealt with, or None while another process has it."""
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
        return int(row.next_update) if is_ours else None

    async def advance(self, next_update: int) -> None:
        """All updates before this one are dealt with."""
        async with self._database.writer() as connection:
            await connection.execute(advance_bot, {"the_bot": self._bot, "the_next": next_update})

    async def leave(self) -> None:
        """Let another process take over at once."""
        async with self._database.writer() as connection:
            await connection.execute(leave_bot, {"the_bot": self._bot, "the_holder": self._holder})
