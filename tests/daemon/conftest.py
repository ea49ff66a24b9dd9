"""An open SQLite file for tests of the daemon, and a clock that they move."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from tests.daemon.lanes import Clock
from tests.storage.episodes import NOW


@pytest.fixture
def clock() -> Clock:
    """A clock that a test moves."""
    return Clock(NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database is."""
    return tmp_path / "tocsin.db"


@pytest.fixture
async def database(file: Path, clock: Clock) -> AsyncIterator[Database]:
    """Open, empty, impatient with locks, and closed afterwards."""
    opened = await Database.open(str(file), clock=clock, patience_s=0.05)
    yield opened
    await opened.close()


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)


@pytest.fixture
def outbox(database: Database) -> Outbox:
    return Outbox(database)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is waited for a moment only."""
    monkeypatch.setitem(Database.open.__func__.__kwdefaults__, "patience_s", 0.05)  # type: ignore[attr-defined] # of a classmethod
