"""A PostgreSQL that is away, refuses, drops us or falls silent: what is said, and that we go on afterwards."""

import asyncio
import contextlib
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import text

from storage.database import Database, Held, StorageTrouble
from storage.journal import Batch, Journal
from tests.databases import run
from tests.patience import PATIENCE_S
from tests.storage.episodes import NOW, liquidation
from tests.storage.opening import OPEN_S, open_and_close
from tests.storage.relay import relayed


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
        await Database.open(database_url, patience_s=OPEN_S)


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_who_came_while_the_guard_was_lost_goes_on_alone(
    database: Database, database_url: str, journal: Journal
) -> None:
    """Two daemons never decide together: the first holds until the second has left."""
    await _end_all_sessions(database, database_url)
    second = await Database.open(database_url, patience_s=OPEN_S)

    with pytest.raises(StorageTrouble, match="another Tocsin"):
        await journal.commit(Batch(events=[liquidation()]), NOW)
    await second.close()
    await journal.commit(Batch(events=[liquidation()]), NOW)

    with pytest.raises(StorageTrouble, match="another Tocsin"):
        await Database.open(database_url, patience_s=OPEN_S)


@pytest.mark.parametrize("database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_server_that_falls_silent_is_worth_waiting_for(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plug was pulled: no answer, and no goodbye either."""
    monkeypatch.setattr("storage.engines._ANSWER_S", 3.0)
    async with relayed(database_url) as relay:
        database = await Database.open(relay.url, patience_s=OPEN_S)
        relay.hears.clear()
        with pytest.raises(Held, match="does not answer"):
            await Journal(database).commit(Batch(events=[liquidation()]), NOW)
        relay.hears.set()
        await Journal(database).commit(Batch(events=[liquidation()]), NOW)
        await database.close()


async def _end_all_sessions(database: Database, url: str) -> None:
    """What a restart of the server does to those who are connected, and waits until they have seen it."""
    sessions = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    await run(url, f"SELECT pg_terminate_backend(pid, 5000) {sessions}")
    async with asyncio.timeout(PATIENCE_S):
        while not database._guard._is_lost():  # type: ignore[union-attr]  # noqa: ASYNC110 - nobody else knows
            await asyncio.sleep(0.005)
