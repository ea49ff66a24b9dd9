"""The tables that migrations make are those that the sentences speak of, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

import storage.migrations
from storage.database import Database, StorageTrouble, normalise
from storage.migrations import HEAD, KNOWN, revision_of
from storage.schema import metadata
from tests.databases import both


def test_the_newest_revision_is_the_known_one() -> None:
    """HEAD is a constant, so that opening a current database imports no Alembic."""
    scripts = ScriptDirectory(str(Path(storage.migrations.__file__).parent))

    assert [HEAD] == scripts.get_heads()
    assert {script.revision for script in scripts.walk_revisions()} == KNOWN


@both
async def test_migrations_make_the_declared_tables(database: Database) -> None:
    """Columns, kinds, keys, indexes: nothing missing, nothing left over."""

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))

    def names(connection: Connection) -> set[str | None]:
        inspector = inspect(connection)
        return {
            constraint["name"]
            for table in metadata.tables
            for constraint in [*inspector.get_indexes(table), *inspector.get_unique_constraints(table)]
        }

    def declared() -> set[str | None]:
        found: set[str | None] = set()
        for table in metadata.tables.values():
            found |= {str(index.name) for index in table.indexes}
            found |= {str(each.name) for each in table.constraints if type(each).__name__ == "UniqueConstraint"}
        return found

    async with database.reader() as connection:
        assert [] == await connection.run_sync(differences)
        assert declared() <= await connection.run_sync(names)
        assert HEAD == await connection.run_sync(revision_of)


@both
async def test_opening_twice_changes_nothing(database_url: str) -> None:
    """What is there stays."""
    first = await Database.open(database_url)
    async with first.writer() as connection:
        await connection.execute(text("INSERT INTO meta (name, value) VALUES ('mine', 'kept')"))
    await first.close()

    second = await Database.open(database_url)
    async with second.reader() as connection:
        assert "kept" == (await connection.execute(text("SELECT value FROM meta WHERE name = 'mine'"))).scalar()
    await second.close()


async def unmade(url: str, *statements: str) -> None:
    """The database without our tables, and with these statements' doing."""
    database = await Database.open(url)
    async with database.writer() as connection:
        for name in [*metadata.tables, "alembic_version"]:
            await connection.execute(text(f"DROP TABLE {name}"))
        for statement in statements:
            await connection.execute(text(statement))
    await database.close()


@both
async def test_other_peoples_tables_are_left_alone(database_url: str) -> None:
    """A shared server may hold a table called events."""
    await unmade(database_url, "CREATE TABLE events (somebody INTEGER)")

    with pytest.raises(StorageTrouble, match="has tables called events that Tocsin did not make; name another"):
        await Database.open(database_url)


@both
async def test_a_migration_that_fails_leaves_nothing(database_url: str) -> None:
    """Tables change in one transaction; a half-made schema would be refused by everybody."""
    await unmade(database_url, "CREATE TABLE other (x INTEGER)", "CREATE INDEX ix_alerts_at_ms ON other (x)")

    with pytest.raises(DBAPIError, match="ix_alerts_at_ms"):
        await Database.open(database_url)

    engine = create_async_engine(normalise(database_url))
    async with engine.connect() as connection:
        assert ["other"] == await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    await engine.dispose()
