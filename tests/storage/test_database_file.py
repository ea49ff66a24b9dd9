"""A SQLite file that is opened: what it takes, who may, and what is said when it cannot."""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from storage.database import Database, Held, StorageTrouble
from storage.guard import FileGuard
from storage.journal import Batch, Journal
from tests.patience import PATIENCE_S
from tests.storage.episodes import NOW, liquidation
from tests.storage.opening import open_and_close


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_file_is_spoken_to_as_measured(database: Database) -> None:
    """The recipe of facts/dependencies.md 2."""

    async def settings(names: tuple[str, ...], *, reading: bool) -> list[object]:
        async with database.reader() if reading else database.writer() as connection:
            return [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in names]

    names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "query_only", "wal_autocheckpoint")
    assert ["wal", 1, 10_000, 1, 0, 1000] == await settings(names, reading=False)
    assert ["wal", 1, 0] == await settings(("journal_mode", "query_only", "wal_autocheckpoint"), reading=True)


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
            await open_and_close(str(path), patience_s=0.2)

    await open_and_close(str(path))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_file_locked_while_running_holds_the_batch(
    database: Database, database_url: str, journal: Journal
) -> None:
    """The same batch is committed once the lock is gone."""
    async with database.writer() as connection:
        await connection.exec_driver_sql("PRAGMA busy_timeout=200")
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
            timeout=PATIENCE_S,
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
