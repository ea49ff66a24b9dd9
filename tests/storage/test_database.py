"""Opening a database: what it takes, who may, and what it says when it cannot."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import select, text

from storage.database import Database, Held, StorageTrouble, normalise, place_of, trouble_of
from storage.guard import FileGuard
from storage.journal import Batch, Journal
from storage.migrations import HEAD
from storage.schema import meta
from tests.databases import both, run
from tests.storage.episodes import NOW, liquidation

FAST_S = 0.2


async def open_and_close(url: str) -> None:
    database = await Database.open(url, patience_s=FAST_S)
    await database.close()


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
    first = await Database.open(database_url, patience_s=FAST_S)

    with pytest.raises(StorageTrouble, match=rf"another Tocsin \(process {os.getpid()}\b.*stop it first") as caught:
        await Database.open(database_url, patience_s=FAST_S)

    assert not isinstance(caught.value, Held)
    beside = await Database.open(database_url, exclusive=False, patience_s=FAST_S)
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_reader_cannot_write(database: Database) -> None:
    """There is one writer, and it is not this one."""
    with pytest.raises(StorageTrouble, match="read-only"):
        async with database.reader() as connection:
            await connection.execute(text("INSERT INTO meta (name, value) VALUES ('a', 'b')"))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_file_is_spoken_to_as_measured(database: Database) -> None:
    """The recipe of facts/dependencies.md 2."""

    async def settings(names: tuple[str, ...], *, reading: bool) -> list[object]:
        async with database.reader() if reading else database.writer() as connection:
            return [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in names]

    names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "query_only", "wal_autocheckpoint")
    assert ["wal", 1, 1000, 1, 0, 1000] == await settings(names, reading=False)
    assert ["wal", 1, 0] == await settings(("journal_mode", "query_only", "wal_autocheckpoint"), reading=True)


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


async def test_a_command_beside_nothing_makes_no_file(tmp_path: Path) -> None:
    """`tocsin events` in the wrong folder must not leave an empty database there."""
    path = tmp_path / "none.db"

    for _ in range(2):
        with pytest.raises(StorageTrouble, match="does not exist yet"):
            await Database.open(str(path), exclusive=False, create=False)


async def test_a_command_may_be_first(tmp_path: Path) -> None:
    """It makes the tables, and lets go of the guard."""
    beside = await Database.open(str(tmp_path / "new" / "t.db"), exclusive=False)
    daemon = await Database.open(str(tmp_path / "new" / "t.db"))
    await daemon.close()
    await beside.close()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """Never overwritten."""
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database, and longer than a header\n" * 20)
    before = path.read_bytes()

    with pytest.raises(StorageTrouble, match=r"notes\.txt is not a database file; name another one"):
        await open_and_close(str(path))

    assert before == path.read_bytes()


async def test_a_folder_is_refused(tmp_path: Path) -> None:
    """So is a path through a file."""
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageTrouble, match="is a folder"):
        await open_and_close(str(tmp_path))
    with pytest.raises(StorageTrouble, match="a part of its path is a file"):
        await open_and_close(str(tmp_path / "file" / "t.db"))


async def test_a_locked_file_is_worth_waiting_for(tmp_path: Path) -> None:
    """Somebody has it open in a database browser."""
    path = tmp_path / "t.db"
    await open_and_close(str(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(Held, match=r"t\.db is locked by another process; close what has it open"):
            await open_and_close(str(path))

    await open_and_close(str(path))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_file_locked_while_running_holds_the_batch(
    database: Database, database_url: str, journal: Journal
) -> None:
    """The same batch is committed once the lock is gone."""
    batch = Batch(events=[liquidation()])
    with closing(sqlite3.connect(urlsplit(database_url).path[1:] or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Held, match="locked"):
            await journal.commit(batch, NOW)

    await journal.commit(batch, NOW)
    async with database.reader() as connection:
        assert 1 == (await connection.execute(text("SELECT count(*) FROM events"))).scalar()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_full_disk_holds_the_batch(database: Database, journal: Journal) -> None:
    """Nothing of the batch is written, and after making room all of it."""
    async with database.writer() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    batch = Batch(events=[liquidation(NOW + number) for number in range(2_000)])

    with pytest.raises(Held, match=r"the disk of .* is full; make room"):
        await journal.commit(batch, NOW)

    async with database.writer() as connection:
        assert 0 == (await connection.execute(text("SELECT count(*) FROM events"))).scalar()
        await connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    await journal.commit(batch, NOW)
    async with database.reader() as connection:
        assert 2_000 == (await connection.execute(text("SELECT count(*) FROM events"))).scalar()


OPEN_AS_NOBODY = """
import asyncio, os, sys
import sqlalchemy.dialects.sqlite.aiosqlite, aiosqlite
from storage.database import Database, Held, StorageTrouble
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
async def main():
    try:
        await (await Database.open(sys.argv[1], patience_s=0.2)).close()
    except Held as exc:
        print("held", exc)
    except StorageTrouble as exc:
        print("trouble", exc)
    else:
        print("fine")
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "sentence"),
    [
        (0o444, 0o777, "is read-only; allow writing to the file and to its folder"),
        (0o666, 0o555, "is read-only; allow writing to the file and to its folder"),
        (0o666, 0o777, None),
    ],
)
def test_a_read_only_database_is_explained(file_mode: int, folder_mode: int, sentence: str | None) -> None:
    """Asked by a user who may not write; the superuser may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "t.db"
        asyncio.run(open_and_close(str(path)))
        path.with_name("t.db.lock").chmod(0o666)
        path.chmod(file_mode)
        folder.chmod(folder_mode)
        answer = subprocess.run(
            [sys.executable, "-c", OPEN_AS_NOBODY, str(path)],
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        folder.chmod(0o777)

    assert "" == answer.stderr
    expected = "fine" if sentence is None else f"trouble {path} "
    assert answer.stdout.startswith(expected)
    assert answer.stdout.strip().endswith(sentence or "fine")


def test_the_guard_survives_a_stale_lock_file(tmp_path: Path) -> None:
    """A crash leaves the file and lets go of the lock."""
    (tmp_path / "t.db.lock").write_text("99999\n")

    async def take() -> None:
        guard = FileGuard(tmp_path / "t.db")
        await guard.take()
        await guard.release()

    asyncio.run(take())
    assert f"{os.getpid()}\n" == (tmp_path / "t.db.lock").read_text()


async def test_a_server_that_does_not_answer_is_worth_waiting_for(unused_tcp_port: int) -> None:
    """It may be starting."""
    with pytest.raises(Held, match=f"'x' on 127.0.0.1:{unused_tcp_port} does not answer") as caught:
        await open_and_close(f"postgresql://tocsin:hunter2@127.0.0.1:{unused_tcp_port}/x")

    assert "hunter2" not in str(caught.value)


@pytest.mark.postgres
async def test_a_missing_database_is_named(postgres_url: str) -> None:
    """With the command that makes it."""
    url = urlunsplit(urlsplit(postgres_url)._replace(path="/there_is_no_such_database"))

    with pytest.raises(StorageTrouble, match=r"'there_is_no_such_database' on .* does not exist; create it") as caught:
        await open_and_close(url)

    assert not isinstance(caught.value, Held)


async def test_a_wrong_password_is_explained_and_not_shown() -> None:
    """Spoken by a server of ours, because a test server may trust everybody."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(512)
        fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "tocsin"\0\0'
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(StorageTrouble, match=r"'x' on 127\.0\.0\.1:\d+ refused the password") as caught:
            await open_and_close(f"postgresql://tocsin:hunter2@127.0.0.1:{port}/x?ssl=disable")

    assert not isinstance(caught.value, Held)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_server_that_drops_us_is_worth_waiting_for(database: Database, journal: Journal) -> None:
    """The next batch finds a new connection."""
    with pytest.raises(Held, match="does not answer"):
        async with database.writer() as connection:
            me = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            async with database.writer() as other:
                await other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": me})
            await connection.execute(text("SELECT 1"))

    await journal.commit(Batch(events=[liquidation()]), NOW)


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_the_guard_is_taken_again_after_the_server_dropped_it(
    database: Database, database_url: str, journal: Journal
) -> None:
    """A restarted server has forgotten who decides; the next transaction reminds it."""
    await _end_all_sessions(database, database_url)
    with contextlib.suppress(Held):  # the pool's other connections have ended as well
        await journal.commit(Batch(events=[liquidation()]), NOW)
    await journal.commit(Batch(events=[liquidation(NOW + 1)]), NOW)

    with pytest.raises(StorageTrouble, match="another Tocsin"):
        await Database.open(database_url, patience_s=FAST_S)


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_who_came_while_the_guard_was_lost_goes_on_alone(
    database: Database, database_url: str, journal: Journal
) -> None:
    """Two daemons never decide together: the first holds until the second has left."""
    await _end_all_sessions(database, database_url)
    second = await Database.open(database_url, patience_s=FAST_S)

    with pytest.raises(StorageTrouble, match="another Tocsin"):
        await journal.commit(Batch(events=[liquidation()]), NOW)
    await second.close()
    await journal.commit(Batch(events=[liquidation()]), NOW)

    with pytest.raises(StorageTrouble, match="another Tocsin"):
        await Database.open(database_url, patience_s=FAST_S)


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_server_that_falls_silent_is_worth_waiting_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plug was pulled: no answer, and no goodbye either."""
    monkeypatch.setattr("storage.engines._ANSWER_S", 1.0)
    parts = urlsplit(database_url)
    hears = asyncio.Event()
    hears.set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if hears.is_set():
                writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(parts.hostname, parts.port or 5432)
        await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer), return_exceptions=True)

    relaying = await asyncio.start_server(relay, "127.0.0.1", 0)
    port = relaying.sockets[0].getsockname()[1]
    async with relaying:
        url = urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}"))
        database = await Database.open(url, patience_s=FAST_S)
        hears.clear()
        with pytest.raises(Held, match="does not answer"):
            await Journal(database).commit(Batch(events=[liquidation()]), NOW)
        hears.set()
        await Journal(database).commit(Batch(events=[liquidation()]), NOW)
        await database.close()


async def _end_all_sessions(database: Database, url: str) -> None:
    """What a restart of the server does to those who are connected, and waits until they have seen it."""
    sessions = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await run(url, f"SELECT pg_terminate_backend(pid, 5000) {sessions}")
    async with asyncio.timeout(5):
        while not database._guard._is_lost():  # type: ignore[union-attr]  # noqa: ASYNC110 - nobody else knows
            await asyncio.sleep(0.005)


def test_a_bug_of_ours_is_no_trouble_of_the_database() -> None:
    """It must stop the house, loudly."""
    assert trouble_of(ValueError("x")) is None
    assert trouble_of(sqlite3.OperationalError("no such table: x")) is None
