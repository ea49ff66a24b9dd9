"""A process that stops at a named point and waits to be killed. Run as `python -m tests.storage.crashing`."""

import asyncio
import sys

from rules.alerts import Change, Severity
from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from tests.storage.episodes import NOW, Episode


def ready(word: str) -> None:
    """Tell whoever watches that the point is reached."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def main(url: str, point: str) -> None:
    """Points: before-commit, after-commit, sending, sent, busy."""
    database = await Database.open(url)
    journal, outbox = Journal(database), Outbox(database)
    batch = Episode().change(Change.FIRED, "desk", severity=Severity.CRITICAL)
    if point == "busy":
        await busy(journal, outbox)
    if point == "before-commit":
        async with database.writer() as connection:
            await journal.write(connection, batch, NOW)
            ready(point)
            await asyncio.Event().wait()
    await journal.commit(batch, NOW)
    if point in ("sending", "sent"):
        delivery = await outbox.claim("desk", NOW)
        assert delivery is not None
        if point == "sent":
            await outbox.sent(delivery.key, "17", NOW)
    ready(point)
    await asyncio.Event().wait()


async def busy(journal: Journal, outbox: Outbox) -> None:
    """Decide and send without end; each line is said after the fact it names was committed, or before it is sent."""
    for number in range(1_000_000):
        batch = Episode(f"C{number}-USDT-PERP").change(Change.FIRED, "desk", severity=Severity.CRITICAL)
        await journal.commit(batch, NOW)
        ready(f"decided {batch.notices[0].key}")
        if (delivery := await outbox.claim("desk", NOW)) is not None:
            ready(f"posted {delivery.key} {'repeat' if delivery.is_repeat else 'first'}")
            await outbox.sent(delivery.key, None, NOW)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
