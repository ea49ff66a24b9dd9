"""Writes in a thread of its own, in order: a terminal that somebody has halted must not halt the house."""

from collections.abc import Callable
from queue import Full, Queue
from threading import Thread
from time import monotonic

GOODBYE_S = 2.0


class Scribe:
    """Takes small pieces of writing. What does not fit into its queue is lost, and `take` says so."""

    def __init__(self, name: str, waiting_max: int) -> None:
        self._waiting: Queue[Callable[[], None] | None] = Queue(waiting_max)
        self._thread = Thread(target=self._write, name=name, daemon=True)
        self._thread.start()

    @property
    def is_idle(self) -> bool:
        """Nothing waits to be written."""
        return self._waiting.empty()

    def take(self, writing: Callable[[], None]) -> bool:
        """Whether there was room. `writing` answers for its own errors."""
        try:
            self._waiting.put_nowait(writing)
        except Full:
            return False
        return True

    def finish(self) -> bool:
        """Write what waits, within a moment; whether everything is written."""
        until = monotonic() + GOODBYE_S
        try:
            self._waiting.put(None, timeout=GOODBYE_S)
        except Full:
            return False
        self._thread.join(max(0.0, until - monotonic()))
        return not self._thread.is_alive()

    def _write(self) -> None:
        while (writing := self._waiting.get()) is not None:
            writing()
