"""How events travel inside the house: one way, in batches, through mailboxes that have a size."""

import asyncio
from collections.abc import Sequence

from rules.events import Event

BATCHES_MAX = 256


class Mailbox:
    """Batches waiting for one reader. A full mailbox makes its writers wait: nothing is dropped, nothing piles up."""

    def __init__(self, name: str, batches_max: int = BATCHES_MAX) -> None:
        self.name = name
        self._batches: asyncio.Queue[Sequence[Event]] = asyncio.Queue(batches_max)

    async def put(self, events: Sequence[Event]) -> None:
        await self._batches.put(events)

    async def take(self, patience_s: float | None) -> Sequence[Event]:
        """The next batch, or an empty one when patience is over first; None waits for ever."""
        if not self._batches.empty():
            return self._batches.get_nowait()
        try:
            async with asyncio.timeout(patience_s):
                return await self._batches.get()
        except TimeoutError:
            return ()

    def take_now(self) -> Sequence[Event]:
        """A batch that is already there, or an empty one."""
        return () if self._batches.empty() else self._batches.get_nowait()

    @property
    def waiting(self) -> int:
        """Batches not yet read."""
        return self._batches.qsize()


class Bus:
    """Everything published reaches every mailbox; awaiting `publish` is the backpressure."""

    def __init__(self) -> None:
        self._mailboxes: list[Mailbox] = []

    def mailbox(self, name: str) -> Mailbox:
        """A new reader's mailbox; to be asked for before anything is published."""
        self._mailboxes.append(Mailbox(name))
        return self._mailboxes[-1]

    async def publish(self, events: Sequence[Event]) -> None:
        """Hand events to every reader; returns when all have room for them."""
        for mailbox in self._mailboxes:
            await mailbox.put(events)
