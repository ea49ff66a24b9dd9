"""Connections that can be let go of at any moment: whoever is cancelled leaves none open, and no server keeps us."""

import asyncio
import sqlite3
import weakref
from functools import partial
from typing import Any, Protocol, TypeVar

import aiosqlite

GOODBYE_S = 1.0  # to end in good order; a server that was unplugged never does, nor a file that another holds locked
_ROWS_AT_ONCE = 64


class Line(Protocol):
    """One connection."""

    async def close(self) -> None:
        """End it in good order."""

    def cut(self) -> object:
        """End it without waiting."""


L = TypeVar("L", bound=Line)


class Lines:
    """All connections of one database that are open, in use or not."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[Line] = weakref.WeakSet()

    def keep(self, line: L) -> L:
        """Remember it as long as somebody has it."""
        self._open.add(line)
        return line

    async def hang_up(self) -> None:
        """End them all, at the same time and within a moment; also those that a cancelled task has lost."""
        lines = list(self._open)
        ending = [asyncio.create_task(line.close(), name="goodbye to the database") for line in lines]
        try:
            if ending:
                await asyncio.wait(ending, timeout=GOODBYE_S)
        finally:
            for line in lines:
                line.cut()
            for task in ending:
                task.cancel()


class FileLine(aiosqlite.Connection):
    """SQLite in a thread of its own, which closes the file before it ends.

    The driver loses what it has opened when it is cancelled meanwhile; and told twice to end, it waits for ever for a
    thread that has ended.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Takes what sqlite3.connect takes; awaiting it opens the file."""
        super().__init__(self._open, _ROWS_AT_ONCE)
        self._thread.daemon = True  # somebody else's lock must not keep the process from ending
        self._connect_file = partial(_Connection, *arguments, **settings)
        self._file: sqlite3.Connection | None = None
        self._end: asyncio.Future[Any] | None = None

    def stop(self) -> "asyncio.Future[Any] | None":
        """End after what was asked for already. Does not wait."""
        if self._end is None:
            self._tx.put_nowait((None, self._let_go))
            self._end = super().stop()
        return self._end

    def cut(self) -> object:
        return self.stop()

    async def close(self) -> None:
        """Wait until what was asked for is done and the file is closed; but not for somebody else's lock."""
        if (end := self.stop()) is not None and not end.done():
            await asyncio.wait({end}, timeout=GOODBYE_S)  # others may wait for the same, so it is not cancelled

    def _open(self) -> sqlite3.Connection:
        self._file = self._connect_file()
        return self._file

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()


class _Connection(sqlite3.Connection):
    """One that is closed when it says so.

    SQLite keeps a connection, its transaction and its lock as long as a statement of it lives. One that was cancelled
    lives in a cursor that a traceback holds, until the next collection: everybody else finds the database locked.
    """

    _latest: weakref.ref[sqlite3.Cursor] | None = None  # the others are closed: results are read at once

    def cursor(self) -> sqlite3.Cursor:  # type: ignore[override]  # no driver here asks for a kind of its own
        cursor = super().cursor()
        self._latest = weakref.ref(cursor)
        return cursor

    def close(self) -> None:
        latest, self._latest = self._latest, None
        if latest is not None and (cursor := latest()) is not None:
            cursor.close()
        super().close()
