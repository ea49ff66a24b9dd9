"""Long work in a thread with a loop of its own, so that the house goes on: for so long and no longer."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database

T = TypeVar("T")
Look = Callable[[], None]  # raises TooLong when it is time to stop


class TooLong(Exception):
    """It took longer than anybody waits in a chat."""


class Hurried(Database):
    """A database that is read only as long as there is time: each chunk of a long look back begins here."""

    look: Look = staticmethod(lambda: None)

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[AsyncConnection]:
        """The same as ever; TooLong when the time is over."""
        self.look()
        async with super().reader() as connection:
            yield connection


@asynccontextmanager
async def hurried(url: str, look: Look) -> AsyncIterator[Hurried]:
    """Open for a while, beside whoever else uses it."""
    database = await Hurried.open(url, exclusive=False, create=False)
    assert isinstance(database, Hurried)
    database.look = look
    try:
        yield database
    finally:
        await database.close()


async def in_thread(work: Callable[[Look], Coroutine[Any, Any, T]], patience_s: float) -> T:
    """What `work` answers; TooLong when its time is over, which it asks for again and again.

    It is never cut off in the middle: a connection would be left without its loop. Cancelled, we wait for it to look up,
    so that nothing of it is left when the house closes.
    """
    is_over = threading.Event()
    begun = threading.Event()

    def run() -> T:
        begun.set()
        ends_s = monotonic() + patience_s

        def look() -> None:
            if is_over.is_set() or monotonic() >= ends_s:
                raise TooLong

        look()
        return asyncio.run(work(look))

    future = asyncio.get_running_loop().run_in_executor(None, run)
    try:
        await asyncio.wait({future})
    finally:
        is_over.set()
        if not begun.is_set():
            future.cancel()  # it waits for a thread, and has nothing to close
        await asyncio.wait({future})
    return future.result()
