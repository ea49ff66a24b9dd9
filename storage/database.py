"""Where we remember: one URL, SQLite or PostgreSQL, opened, migrated and guarded."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.engines import postgres_engine, sqlite_reader, sqlite_writer
from storage.guard import FileGuard, ServerGuard
from storage.lines import Lines
from storage.migrations import HEAD, refuse_foreign, refuse_newer, revision_of, upgrade
from storage.schema import LAST_OPENED
from storage.statements import upsert_meta
from storage.trouble import Held, StorageTrouble, trouble_of

__all__ = ["Database", "Held", "StorageTrouble", "normalise", "place_of", "trouble_of"]

Clock = Callable[[], int]  # milliseconds since 1970 UTC
PATIENCE_S = 5.0  # how long a statement waits for a lock that another process holds


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def normalise(url: str) -> URL:
    """The address with its asynchronous driver: a bare path, sqlite:///path or postgresql://user@host/name.

    Raises StorageTrouble, without the address itself: it may hold a password.
    """
    if "://" not in url:
        if not url.strip():
            raise StorageTrouble("storage.url is empty; write a path, sqlite:///path or postgresql://host/name")
        return URL.create("sqlite+aiosqlite", database=str(Path(url).expanduser()))
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:
        raise StorageTrouble("storage.url cannot be read; write sqlite:///path or postgresql://host/name") from exc
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise StorageTrouble("storage.url names no file; write sqlite:///path, memory is not remembered")
            return parsed.set(drivername="sqlite+aiosqlite", database=str(Path(parsed.database).expanduser()))
        case "postgresql" | "postgres":
            query = dict(parsed.query)
            if "sslmode" in query:  # libpq's word for what asyncpg calls ssl
                query["ssl"] = query.pop("sslmode")
            return parsed.set(drivername="postgresql+asyncpg", query=query)
        case other:
            raise StorageTrouble(f"storage.url speaks {other}; write sqlite:///path or postgresql://host/name")


def place_of(url: URL) -> str:
    """How people know the database; never with user or password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"the database '{url.database or url.username or ''}' on {url.host or 'localhost'}:{url.port or 5432}"


class Database:
    """An open database. Everybody writes through `writer`, one transaction after the other on SQLite."""

    def __init__(
        self,
        place: str,
        writer: AsyncEngine,
        reader: AsyncEngine,
        lines: Lines,
        guard: FileGuard | ServerGuard,
        clock: Clock,
    ) -> None:
        self.place = place
        self.clock = clock
        self._writer = writer
        self._reader = reader
        self._lines = lines
        self._guard = guard

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Clock = _wall_ms,
        exclusive: bool = True,
        create: bool = True,
        patience_s: float = PATIENCE_S,
    ) -> "Database":
        """Open, guard and migrate. Raises Held if waiting may help, any other StorageTrouble if it will not.

        The daemon opens `exclusive` (the guard is held until `close`); a short-lived command opens beside it, takes
        the guard only if it must migrate, and with `create=False` finds no file rather than making an empty one.
        """
        address = normalise(url)
        place, lines = place_of(address), Lines()
        guard: FileGuard | ServerGuard  # on either database, one daemon
        if address.get_backend_name() == "sqlite":
            path = Path(address.database or "")
            with explained(place):
                path = _prepared(path, create=create)
            address = address.set(database=str(path))
            writer = sqlite_writer(address, lines, patience_s=patience_s, checkpoints=exclusive)
            reader = sqlite_reader(address, lines, patience_s=patience_s)
            guard = FileGuard(path)
        else:
            writer = reader = postgres_engine(address, lines, patience_s=patience_s)
            guard = ServerGuard(writer, place)
        database = cls(place, writer, reader, lines, guard, clock)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            if exclusive:
                await database._take_guard()
                await database._migrate()
            elif await database._is_behind():
                await database._take_guard()
                await database._migrate()
                await guard.release()
            stack.pop_all()
        return database

    async def close(self) -> None:
        """Let go of connections and of the guard, within a moment whatever the database does, and also if cancelled."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._writer.dispose)
            if self._writer is not self._reader:
                stack.push_async_callback(self._reader.dispose)
            stack.push_async_callback(self._guard.release)
            await self._lines.hang_up()  # the others find nothing left to wait for

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that may write; committed at the end, rolled back by any exception.

        On SQLite there is one at a time. Raises Held or StorageTrouble: then nothing was written.
        """
        with explained(self.place):
            await self._guard.hold()
            async with self._writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that reads one moment of the database. Keep it short: on SQLite it holds the log's tail."""
        with explained(self.place):
            async with self._reader.begin() as connection:
                yield connection

    async def _take_guard(self) -> None:
        with explained(self.place):
            await self._guard.take()

    async def _is_behind(self) -> bool:
        async with self.reader() as connection:
            revision = await connection.run_sync(revision_of)
        refuse_newer(revision, self.place)
        return revision != HEAD

    async def _migrate(self) -> None:
        """All or nothing: the tables change in one transaction on both databases."""
        async with self.writer() as connection:
            revision = await connection.run_sync(revision_of)
            refuse_newer(revision, self.place)
            if revision is None:
                await connection.run_sync(refuse_foreign, self.place)
            if revision != HEAD:
                await connection.run_sync(upgrade)
            # a file that may only be read lets a transaction begin; only a row shows that we may write
            await connection.execute(upsert_meta, {"name": LAST_OPENED, "value": str(self.clock())})


@contextmanager
def explained(place: str) -> Iterator[None]:
    """Turn what the driver or the file system raises into a sentence; bugs of ours pass as they are."""
    try:
        yield
    except (SQLAlchemyError, OSError) as exc:
        if (trouble := trouble_of(exc, place)) is None:
            raise
        raise trouble from exc


def _prepared(path: Path, *, create: bool) -> Path:
    """The file's one true path, so that two names of it share one guard; its folder is made."""
    path = path.absolute()
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise StorageTrouble(f"{path} does not exist yet; `tocsin run` makes it")
    if path.is_dir():
        raise StorageTrouble(f"{path} is a folder, not a database file; name a file in storage.url")
    return path.resolve()
