"""For tests of the daemon: a SQLite file and a clock that they move, and for whole houses a venue, chats and a home."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox
from tests.chats import Slack, Telegram
from tests.daemon.lanes import Clock
from tests.daemon.town import Home, Venue, at_phone
from tests.databases import with_tables
from tests.storage.episodes import NOW


@pytest.fixture
def clock() -> Clock:
    """A clock that a test moves."""
    return Clock(NOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the database is, with its tables."""
    return with_tables(tmp_path / "tocsin.db")


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


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs when a house stops is let go at once."""
    monkeypatch.setattr("daemon.desk.GRACE_S", 0.05)


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """Where a USDT costs a dollar, until a test says otherwise."""
    async with Venue(USDT=1.0) as venue:
        yield venue


@pytest.fixture
async def phone() -> AsyncIterator[Telegram]:
    """A chat whose messages can be changed."""
    async with Telegram() as phone:
        yield phone


@pytest.fixture
async def desk() -> AsyncIterator[Slack]:
    """A second chat."""
    async with Slack() as desk:
        yield desk


@pytest.fixture
def home(tmp_path: Path, venue: Venue, phone: Telegram) -> Home:
    """That hears the venue and tells the phone."""
    return Home(tmp_path, venue, sinks={"phone": at_phone(phone)})
