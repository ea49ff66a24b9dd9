"""One daemon per database: who came first holds the guard until it leaves, and a crash lets go of it."""

import asyncio
import contextlib
import fcntl
import logging
import os
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

ADVISORY_LOCK = 0x746F6373696E  # "tocsin": the same number for every daemon, locks are per database

_try_lock = text("SELECT pg_try_advisory_lock(:number)")
_holder = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.classid = :high AND l.objid = :low"
)


class FileGuard:
    """An exclusive lock on `<file>.lock`, which holds our process id for whoever comes second."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.lock")
        self._place = str(database)
        self._descriptor: int | None = None

    async def take(self) -> None:
        """Raise StorageTrouble with the holder's process id if somebody else has it, OSError if we may not write."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            pid = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise StorageTrouble(
                f"another Tocsin (process {pid}) works with {self._place}; stop it first, or name another storage.url"
            ) from exc
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    async def hold(self) -> None:
        """A file's lock is ours until we let go."""

    async def release(self) -> None:
        """Let go. The file stays: removing it would let two daemons hold two files of the same name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class ServerGuard:
    """A session's advisory lock on a connection of its own; the server drops it when the session ends."""

    def __init__(self, engine: AsyncEngine, place: str) -> None:
        self._engine = engine
        self._place = place
        self._connection: AsyncConnection | None = None
        self._is_lost: Callable[[], bool] = lambda: False  # the driver sees the end of a session as it happens
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Raise StorageTrouble with the holder's name if somebody else has it."""
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(self._engine.connect())
            if not (await connection.execute(_try_lock, {"number": ADVISORY_LOCK})).scalar():
                parts = {"high": ADVISORY_LOCK >> 32, "low": ADVISORY_LOCK & 0xFFFFFFFF}
                holder = (await connection.execute(_holder, parts)).scalar() or "unknown"
                raise StorageTrouble(
                    f"another Tocsin ({holder}) works with {self._place}; stop it first, or name another storage.url"
                )
            await connection.commit()  # the lock belongs to the session, not to the transaction
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None, "it has just answered"
            self._connection, self._is_lost = connection, driver.is_closed
            stack.pop_all()

    async def hold(self) -> None:
        """Take the lock again if its session has ended, as it does when the server restarts.

        Raise StorageTrouble while another daemon has it: it came while we were away, and decides now.
        """
        if not self._is_lost():
            return
        async with self._turn:
            if self._is_lost():
                await self._drop()
                await self.take()
                log.info("the guard of the database is taken again")

    async def release(self) -> None:
        """End the session, and with it the lock."""
        self._is_lost = lambda: False
        await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(OSError, SQLAlchemyError):  # the server may be gone already, and the lock with it
                await connection.invalidate()
                await connection.close()


def our_name() -> str:
    """How we appear in the server's list of sessions, and to the second daemon."""
    return f"process {os.getpid()} on {socket.gethostname()}"[:60]
