"""Opening a database: what it takes, who may, and what it says when it cannot."""

import asyncio
import gc
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import select, text

from storage.database import Database, Held, StorageTrouble, normalise, place_of, trouble_of
from storage.migrations import HEAD
from storage.schema import meta
from tests.databases import both
from tests.storage.opening import OPEN_S, open_and_close


@pytest.fixture
def no_collection() -> Iterator[None]:
    """What nobody needs any more lives on, as it may for minutes."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("written", "driver", "name"),
    [
        ("sqlite:///data/t.db", "sqlite+aiosqlite", "data/t.db"),
        ("sqlite:////var/t.db", "sqlite+aiosqlite", "/var/t.db"),
        ("data/t.db", "sqlite+aiosqlite", "data/t.db"),
        ("postgresql://u:p@h/name", "postgresql+asyncpg", "name"),
        ("postgres://u:p@h/name?sslmode=require", "postgresql+asyncpg", "name"),
    ],
)
def test_an_address_is_written_as_people_write_it(written: str, driver: str, name: str) -> None:
    """The asynchronous driver is our business."""
    url = normalise(written)

    assert (driver, name) == (url.drivername, url.database)
    assert "sslmode" not in url.query


@pytest.mark.parametrize("written", ["", "mysql://u:hunter2@h/x", "sqlite://", "sqlite:///:memory:", "p://:hunter2@["])
def test_a_wrong_address_is_explained_without_its_password(written: str) -> None:
    """What cannot be read may still hold a secret."""
    with pytest.raises(StorageTrouble, match="write") as caught:
        normalise(written)

    assert "hunter2" not in str(caught.value)


def test_a_place_has_no_password() -> None:
    """It stands in every sentence."""
    assert "the database 'name' on h:5432" == place_of(normalise("postgresql://u:hunter2@h/name"))


@both
async def test_a_second_daemon_is_refused_by_name(database_url: str) -> None:
    """Two writers would each believe that they alone decide."""
    first = await Database.open(database_url, patience_s=OPEN_S)

    with pytest.raises(StorageTrouble, match=rf"another Tocsin \(process {os.getpid()}\b.*stop it first") as caught:
        await Database.open(database_url, patience_s=OPEN_S)

    assert not isinstance(caught.value, Held)
    beside = await Database.open(database_url, exclusive=False, patience_s=OPEN_S)
    await beside.close()
    await first.close()
    await open_and_close(database_url)


@both
async def test_two_tasks_lose_no_update(database: Database) -> None:
    """The driver's own transactions ended at 61 of 200: both read, then both wrote (facts/dependencies.md, 1)."""
    async with database.writer() as connection:
        await connection.execute(text("INSERT INTO meta (name, value) VALUES ('count', '0')"))
    read = select(meta.c.value).where(meta.c.name == "count").with_for_update()  # SQLite's writer is alone anyway

    async def count_up() -> None:
        for _ in range(50):
            async with database.writer() as connection:
                value = int((await connection.execute(read)).scalar_one())
                await asyncio.sleep(0)
                await connection.execute(text("UPDATE meta SET value = :v WHERE name = 'count'"), {"v": str(value + 1)})

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(count_up(), name=f"counter {number}")

    async with database.reader() as connection:
        assert "200" == (await connection.execute(text("SELECT value FROM meta WHERE name = 'count'"))).scalar()


@both
async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    """All or nothing, and the next one works."""
    with pytest.raises(ZeroDivisionError):
        async with database.writer() as connection:
            await connection.execute(text("INSERT INTO meta (name, value) VALUES ('half', '1')"))
            raise ZeroDivisionError

    async with database.reader() as connection:
        assert 0 == (await connection.execute(text("SELECT count(*) FROM meta WHERE name = 'half'"))).scalar()


@both
async def test_a_cancelled_transaction_leaves_nothing_and_the_writer_works(database: Database) -> None:
    """Shutting down cancels tasks in the middle of whatever they do."""
    started = asyncio.Event()

    async def half() -> None:
        async with database.writer() as connection:
            await connection.execute(text("INSERT INTO meta (name, value) VALUES ('half', '1')"))
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(half(), name="half a transaction")
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with database.writer() as connection:
        assert 0 == (await connection.execute(text("SELECT count(*) FROM meta WHERE name = 'half'"))).scalar()


@both
async def test_a_statement_that_is_cancelled_keeps_no_lock(database: Database, no_collection: None) -> None:
    """A cursor that a traceback still holds keeps its transaction open, whoever closed the connection."""

    async def ask() -> None:
        while True:
            async with database.writer() as connection:
                await connection.execute(text("UPDATE meta SET value = '2' WHERE name = 'seen'"))
                (await connection.execute(text("SELECT name, value FROM meta"))).all()

    for moment in range(100):
        task = asyncio.create_task(ask(), name="asks and asks")
        for _ in range(10 * moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        async with database.writer() as connection:  # Held: the lock is still there
            await connection.execute(text("UPDATE meta SET value = '3' WHERE name = 'seen'"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_reader_that_is_cancelled_does_not_hold_the_log(database: Database, no_collection: None) -> None:
    """While somebody reads an older moment, the file beside the database grows and grows."""

    async def ask() -> None:
        while True:
            async with database.reader() as connection:
                (await connection.execute(text("SELECT name, value FROM meta"))).all()

    for moment in range(100):
        task = asyncio.create_task(ask(), name="asks and asks")
        for _ in range(10 * moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    async with database.writer() as connection:
        await connection.execute(text("INSERT INTO meta (name, value) VALUES ('late', '1')"))

    with closing(sqlite3.connect(database.place)) as beside:
        is_held, _, _ = beside.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    assert not is_held


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_reader_cannot_write(database: Database) -> None:
    """There is one writer, and it is not this one."""
    with pytest.raises(StorageTrouble, match="read-only"):
        async with database.reader() as connection:
            await connection.execute(text("INSERT INTO meta (name, value) VALUES ('a', 'b')"))


@both
async def test_a_newer_schema_is_refused(database_url: str) -> None:
    """An old program must not write into tables it does not know."""
    database = await Database.open(database_url)
    async with database.writer() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()

    for exclusive in (True, False):
        with pytest.raises(StorageTrouble, match=rf"newer Tocsin \(schema 9999; .* up to {HEAD}\); update") as caught:
            await Database.open(database_url, exclusive=exclusive)
        assert not isinstance(caught.value, Held)


def test_a_bug_of_ours_is_no_trouble_of_the_database() -> None:
    """It must stop the house, loudly."""
    assert trouble_of(ValueError("x")) is None
    assert trouble_of(sqlite3.OperationalError("no such table: x")) is None
