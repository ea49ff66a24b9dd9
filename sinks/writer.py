"""Writes to a stream in a thread of its own: a terminal that somebody has stopped must not stop the house."""

import asyncio
import threading
from queue import SimpleQueue
from typing import IO

_Order = tuple[IO[str], str, asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class StillWriting(Exception):
    """The stream has not taken what it was given before."""


class Writer:
    """One text at a time; whoever comes while the stream is stuck is sent away, so nothing piles up."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()  # never longer than one: `write` sees to that
        self._thread: threading.Thread | None = None
        self._is_busy = threading.Event()

    async def write(self, stream: IO[str], text: str) -> None:
        """Until the stream has taken it; raises what the stream raises, or StillWriting."""
        if self._is_busy.is_set():
            raise StillWriting
        if self._thread is None:  # a daemon thread: a stuck terminal does not keep the process from ending
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        taken: asyncio.Future[None] = loop.create_future()
        self._is_busy.set()
        self._orders.put((stream, text, loop, taken))
        await taken

    def close(self) -> None:
        """Let the thread end when it has written what it has."""
        self._orders.put(None)
        self._thread = None

    def _work(self) -> None:
        while (order := self._orders.get()) is not None:
            stream, text, loop, taken = order
            trouble: Exception | None = None
            try:
                stream.write(text)
                stream.flush()
            except Exception as exc:  # noqa: BLE001 - whatever it is belongs to whoever waits
                trouble = exc
            self._is_busy.clear()
            try:
                loop.call_soon_threadsafe(_tell, taken, trouble)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return


def _tell(taken: "asyncio.Future[None]", trouble: Exception | None) -> None:
    if taken.done():  # nobody waits any more
        return
    if trouble is None:
        taken.set_result(None)
    else:
        taken.set_exception(trouble)
