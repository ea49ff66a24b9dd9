"""The databases that every storage test runs against: a SQLite file, and a PostgreSQL on loopback if one answers."""

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

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
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        pytest.skip(f"no PostgreSQL answers at {_shown(POSTGRES)}, set TOCSIN_TEST_POSTGRES: {exc}")
    yield urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))
    asyncio.run(run(POSTGRES, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database: `sqlite` or `postgres`, as the test's parameter says."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'tocsin.db'}"
    url: str = request.getfixturevalue("postgres_url")
    asyncio.run(run(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    return url


async def run(url: str, statement: str) -> None:
    """One statement on a connection of its own, outside any transaction."""
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}"
