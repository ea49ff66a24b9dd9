"""Connections whose users are cut off at any moment: none is left open, and no end is waited for in vain."""

import asyncio
import gc
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from storage.database import Database
from storage.lines import FileLine
from tests.databases import POSTGRES, both, with_tables
from tests.patience import PATIENCE_S
from tests.storage.relay import relayed

BEFORE: set[threading.Thread] = set()  # those that are not of this test
on_postgres = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """What nobody needs any more lives on, as it may for minutes."""
    gc.collect()
    gc.disable()
    BEFORE.clear()
    BEFORE.update(threading.enumerate())
    yield
    gc.enable()


async def test_a_file_that_is_being_opened_is_closed_when_that_is_cancelled(tmp_path: Path) -> None:
    """At whatever moment: the driver forgets what its thread has just opened."""
    file = with_tables(tmp_path / "tocsin.db")

    async def look() -> None:
        database = await Database.open(str(file))
        try:
            async with database.reader() as connection:
                await connection.execute(text("SELECT 1"))
        finally:
            await database.close()

    for moment in range(60):
        task = asyncio.create_task(look(), name="looks")
        for _ in range(moment):
            await asyncio.sleep(0.0001)
        task.cancel()
        await asyncio.wait({task})
        await closed(file)


@both
async def test_who_is_cancelled_twice_leaves_nothing_behind(database: Database) -> None:
    """The second time falls into the clearing up after the first."""
    complaints: list[object] = []
    loop = asyncio.get_running_loop()

    def complain(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        if "connection_lost() call" not in str(context.get("exception")):  # asyncpg's, when it is cancelled connecting
            complaints.append(context)

    loop.set_exception_handler(complain)
    before = asyncio.all_tasks()

    async def ask() -> None:
        async with database.writer() as connection:
            await connection.execute(text("UPDATE meta SET value = '2' WHERE name = 'seen'"))
            (await connection.execute(text("SELECT name, value FROM meta"))).all()

    for moment in range(50):
        tasks = [asyncio.create_task(ask(), name="asks") for _ in range(2)]
        for _ in range(moment % 25):
            await asyncio.sleep(0)
        for turns in range(3):
            for task in tasks:
                task.cancel()
            for _ in range(turns):
                await asyncio.sleep(0)
        await asyncio.wait(tasks)
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - nobody tells when they have ended
            await asyncio.sleep(0.001)
    gc.collect()
    await asyncio.sleep(0)

    assert [] == complaints
    await ask()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_lock_of_somebody_else_does_not_keep_us(database_url: str) -> None:
    """A statement waits for it in its thread; whoever stops us is not made to wait, too."""
    database = await Database.open(database_url, patience_s=3 * PATIENCE_S)
    with closing(sqlite3.connect(database.place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        entering = asyncio.create_task(database.writer().__aenter__(), name="waits")
        await asyncio.wait({entering}, timeout=0.1)
        async with asyncio.timeout(PATIENCE_S):
            entering.cancel()
            await asyncio.wait({entering})
            await database.close()
    await closed(Path(database.place))


@on_postgres
async def test_a_silent_server_does_not_keep_us(database_url: str) -> None:
    """Its plug was pulled; whoever stops us is not made to wait for statements and goodbyes that nobody answers."""
    async with relayed(database_url) as relay:
        database = await Database.open(relay.url)

        async def ask() -> None:
            async with database.reader() as connection:
                await connection.execute(text("SELECT 1"))

        await asyncio.gather(ask(), ask(), ask())
        relay.hears.clear()
        asking = [asyncio.create_task(ask(), name="asks") for _ in range(2)]
        await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            for task in asking:
                task.cancel()
            await asyncio.wait(asking)
            await database.close()


@on_postgres
async def test_a_close_that_is_cancelled_closes_all_the_same(database_url: str) -> None:
    """The second signal comes while the first one's goodbye is being said."""
    for moment in range(1, 12):
        database = await Database.open(database_url)

        async def ask(database: Database = database) -> None:
            async with database.reader() as connection:
                await connection.execute(text("SELECT pg_sleep(0.01)"))

        await asyncio.gather(ask(), ask(), ask())
        closing = asyncio.create_task(database.close(), name="closes")
        for _ in range(moment):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
        async with asyncio.timeout(PATIENCE_S):
            while await sessions(database_url):  # noqa: ASYNC110 - the server ends them
                await asyncio.sleep(0.005)


async def test_a_line_that_has_ended_is_waited_for_by_nobody(tmp_path: Path) -> None:
    """A second signal finds no moment to fall into once everything is closed."""
    line = FileLine(str(with_tables(tmp_path / "tocsin.db")))
    await line
    await line.close()
    again = line.close()

    with pytest.raises(StopIteration):
        again.send(None)


class Visited(FileLine):
    """A line that counts how often its thread is asked."""

    visits = 0

    async def _execute(self, fn: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        self.visits += 1
        return await super()._execute(fn, *arguments, **settings)


async def test_a_statement_and_its_answer_are_one_visit_to_the_thread(tmp_path: Path) -> None:
    """Each visit costs more than what SQLite does meanwhile; and nothing is undone where nothing was begun."""
    line = Visited(str(with_tables(tmp_path / "tocsin.db")), isolation_level=None)
    await line
    cursor = line.cursor()
    await cursor.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", [("a", "1"), ("b", "2")])
    assert (2, None) == (cursor.rowcount, cursor.description)
    await cursor.execute("SELECT name, value FROM meta WHERE value > ? ORDER BY name", ("1",))
    assert [("b", "2")] == await cursor.fetchall()
    assert [] == await cursor.fetchall()
    await cursor.execute("DELETE FROM meta WHERE name = ? RETURNING value", ("a",))
    assert (1, [("1",)]) == (cursor.rowcount, await cursor.fetchall())
    await cursor.close()
    await line.rollback()

    assert 3 == line.visits
    await line.close()


async def test_a_transaction_that_is_cancelled_at_any_moment_is_undone(tmp_path: Path) -> None:
    """Also if its statement was still on its way when somebody asked whether there was anything to undo."""
    line = FileLine(str(with_tables(tmp_path / "tocsin.db")), isolation_level=None)
    await line
    cursor = line.cursor()

    async def write() -> None:
        await cursor.execute("BEGIN IMMEDIATE")
        await cursor.execute("INSERT INTO meta (name, value) VALUES ('half', 'done')")

    for moment in range(20):
        task = asyncio.create_task(write(), name="writes")
        for _ in range(moment % 10):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await line.rollback()
        await cursor.execute("SELECT count(*) FROM meta WHERE name = 'half'")
        assert [(0,)] == await cursor.fetchall()
        assert not line.in_transaction
    await line.close()


async def closed(file: Path) -> None:
    """Wait until this process has it open no more, and nobody is left who would tell the loop after its end."""
    async with asyncio.timeout(PATIENCE_S):
        while file.name in open_files():  # noqa: ASYNC110 - a thread closes it
            await asyncio.sleep(0.001)
        while any("connection_worker" in one.name for one in {*threading.enumerate()} - BEFORE):  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.001)


def open_files() -> set[str]:
    """The names of all files that this process has open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(descriptor.readlink().name)
        except FileNotFoundError:  # it was the one that reads this folder
            continue
    return found


async def sessions(database_url: str) -> int:
    """How many are connected to this database."""
    connection = await asyncpg.connect(POSTGRES)
    try:
        statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
        count: int = await connection.fetchval(statement, urlsplit(database_url).path[1:])
    finally:
        await connection.close()
    return count
