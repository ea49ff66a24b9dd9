"""The databases that every storage test runs against: a SQLite file, and a PostgreSQL on loopback if one answers.

Making the tables anew takes a tenth of a second, and two thousand tests want them: they are made once and copied.
"""

import asyncio
import os
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import create_engine

from storage.migrations import HEAD, upgrade
from storage.schema import metadata
from tests.compiling import compile_once
from tests.patience import PATIENCE_S

compile_once()

POSTGRES = os.environ.get("TOCSIN_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/test")

both = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """A database of the module's own; the module's tests skip when no server answers."""
    name = f"tocsin_test_{uuid.uuid4().hex[:12]}"
    try:
        asyncio.run(run(POSTGRES, f"CREATE DATABASE {name} TEMPLATE template0"))
        asyncio.run(run(POSTGRES, f"ALTER DATABASE {name} SET synchronous_commit = off"))  # nobody pulls the plug
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        pytest.skip(f"no PostgreSQL answers at {_shown(POSTGRES)}, set TOCSIN_TEST_POSTGRES: {exc}")
    yield urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))
    asyncio.run(run(POSTGRES, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database, `sqlite` or `postgres` as the test's parameter says.

    Nothing is in it, not even tables; only where the test takes an open `database` too, it opens one that has them.
    """
    is_open = "database" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "tocsin.db"
        return f"sqlite:///{with_tables(file) if is_open else file}"
    url: str = request.getfixturevalue("postgres_url")
    asyncio.run(run(url, EMPTY_TABLES if is_open else _NO_TABLES))
    return url


def with_tables(file: Path) -> Path:
    """A SQLite file as a first start leaves it: our tables, and nothing in them."""
    file.write_bytes(_made_once())
    return file


@cache
def _made_once() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "tocsin.db"
        engine = create_engine(f"sqlite:///{file}")
        with engine.begin() as connection:
            upgrade(connection)
        engine.dispose()
        return file.read_bytes()


_NO_TABLES = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
_ROWS = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))  # TRUNCATE waits for disks
EMPTY_TABLES = f"""
DO $$
BEGIN
    IF to_regclass('public.alembic_version') IS NULL THEN
        {_NO_TABLES};
    ELSIF (SELECT version_num FROM alembic_version) IS DISTINCT FROM '{HEAD}' THEN  -- a test of other revisions was here
        {_NO_TABLES};
    ELSE
        {_ROWS};
        PERFORM setval(quote_ident(sequencename)::regclass, 1, false) FROM pg_sequences WHERE schemaname = 'public';
    END IF;
END $$
"""


async def run(url: str, statement: str) -> None:
    """One statement on a connection of its own, outside any transaction."""
    connection = await asyncpg.connect(url, timeout=PATIENCE_S)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}"
