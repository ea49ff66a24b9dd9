"""Connections that can be let go of at any moment: whoever is cancelled leaves none open, and no server keeps us."""

import asyncio
import sqlite3
import weakref
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any, Protocol, Self, TypeVar

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
T = TypeVar("T")


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
        self._connect_file = partial(sqlite3.connect, *arguments, **settings)
        self._file: sqlite3.Connection | None = None
        self._end: asyncio.Future[Any] | None = None
        self._is_idle = True  # its thread has nothing to do

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

    def cursor(self) -> "FileCursor":  # type: ignore[override]  # nobody here asks the driver for its own
        return FileCursor(self)

    async def rollback(self) -> None:
        """Whoever puts a connection back asks for it, and nearly always there is nothing to undo."""
        if not self._is_idle or self._conn.in_transaction:
            await super().rollback()

    async def ask(self, what: Callable[[sqlite3.Connection], T]) -> T:
        """Have the thread do this."""
        answer: T = await self._execute(what, self._conn)
        return answer

    async def _execute(self, fn: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        self._is_idle = False  # and stays so if the wait for the answer is cancelled
        answer = await super()._execute(fn, *arguments, **settings)  # type: ignore[no-untyped-call]
        self._is_idle = True
        return answer

    def _open(self) -> sqlite3.Connection:
        self._file = self._connect_file()
        return self._file

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()


class FileCursor:
    """Statements one after the other, each with one visit to the thread; the driver's four took more time than SQLite.

    SQLite keeps a connection, its transaction and its lock as long as a statement of it lives, and that of a cancelled
    caller would live in a traceback until the next collection. So none outlives its visit.
    """

    arraysize = 1
    description: Any = None
    rowcount = -1
    lastrowid: int | None = None

    def __init__(self, line: FileLine) -> None:
        self._line = line
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, words: str, values: Any = ()) -> Self:
        """Say this, and read the whole answer."""
        return await self._line.ask(partial(self._say, "execute", words, values))

    async def executemany(self, words: str, rows: Any) -> Self:
        """Say this for each of the rows."""
        return await self._line.ask(partial(self._say, "executemany", words, rows))

    async def fetchall(self) -> list[Any]:
        """What was answered."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """It holds nothing."""

    def _say(self, how: str, words: str, values: Any, file: sqlite3.Connection) -> Self:
        with closing(file.cursor()) as cursor:
            getattr(cursor, how)(words, values)
            self.description = cursor.description
            self._rows = cursor.fetchall() if cursor.description else []
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        return self
