"""Retention beside others who write: it waits for none of them."""

import pytest
from sqlalchemy import select, update

from rules.alerts import Change
from storage.buttons import Buttons
from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from storage.retention import DAY_MS, Removed, forget
from storage.schema import buttons as buttons_table
from storage.schema import outbox as outbox_table
from tests.storage.episodes import NOW, Episode


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_what_somebody_changes_at_this_moment_goes_next_time(
    journal: Journal, database: Database, outbox: Outbox
) -> None:
    """On a server others write, too: who waits for nobody is in nobody's deadlock."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "desk", "phone"), NOW)
    await journal.commit(episode.change(Change.CLEARED), NOW)
    keys = []
    for lane in ("desk", "phone"):
        delivery = await outbox.claim(lane, NOW)
        assert delivery is not None
        await outbox.sent(delivery.key, None, NOW)
        await Buttons(database).put(delivery.key, lane, episode.episode_id)
        keys.append(delivery.key)
    later = NOW + 30 * DAY_MS
    async with database.writer() as connection:
        for table in (outbox_table, buttons_table):
            await connection.execute(update(table).where(table.c.key == keys[0]).values(lane="desk"))
        assert Removed(messages=1) == await forget(database, later, days=8)
        async with database.reader() as other:
            assert [keys[0]] == list((await other.execute(select(buttons_table.c.key))).scalars())

    assert Removed(messages=1, episodes=1) == await forget(database, later, days=8)
