"""An open database for each storage test, on both kinds."""

from collections.abc import AsyncIterator

import pytest

from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from tests.databases import database_url, postgres_url
from tests.storage.episodes import NOW, Clock

__all__ = ["clock", "database", "database_url", "journal", "outbox", "postgres_url"]


@pytest.fixture
def clock() -> Clock:
    """A clock that a test moves."""
    return Clock(NOW)


@pytest.fixture
async def database(database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """Open, empty, and closed afterwards."""
    opened = await Database.open(database_url, clock=clock, patience_s=10.0)
    yield opened
    await opened.close()


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)
