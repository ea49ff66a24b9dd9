"""Pictures of one lane: begun before the words leave, and hung under them afterwards if they come too late to go along."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine

from rules.alerts import Alert
from sinks.base import Picture

Paint = Callable[[Alert, str | None], Coroutine[None, None, Picture | None]]  # the alert, and what marks all we say
Sketch = asyncio.Task[Picture | None]
Hang = Callable[[str, Picture], Awaitable[None]]

WAIT_S = 0.3  # so long may words wait for their picture
LATE_MAX = 8  # pictures that may still come; beyond that the oldest is given up


class Late:
    """The sketches at work, each with the name of the message that it belongs to."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        """A bug in one of them ends the group."""
        self._group = group
        self._sketches: set[Sketch] = set()
        self._hanging: dict[str, tuple[Sketch, asyncio.Task[None]]] = {}

    def begin(self, picture: Coroutine[None, None, Picture | None]) -> Sketch:
        """Let it be made beside whatever else is done."""
        sketch = self._group.create_task(picture, name="picture")
        self._sketches.add(sketch)
        sketch.add_done_callback(self._sketches.discard)
        return sketch

    async def in_time(self, sketch: Sketch) -> Picture | None:
        """The picture, if it is ready before the words have waited too long."""
        await asyncio.wait({sketch}, timeout=WAIT_S)
        return sketch.result() if sketch.done() else None

    async def follow(self, name: str, sketch: Sketch, hang: Hang) -> None:
        """Once it is made, let `hang` put it under the message of this name."""
        await self.forget(name)
        while len(self._hanging) >= LATE_MAX:
            oldest, _ = await self._take(next(iter(self._hanging)))
            oldest.cancel()
        self._hanging[name] = (sketch, self._group.create_task(self._hang(name, sketch, hang), name="late picture"))

    async def forget(self, name: str) -> Sketch | None:
        """The words of this message are about to change: what was to be hung under the old ones, so far as it came."""
        if name not in self._hanging:
            return None
        sketch, _ = await self._take(name)
        return sketch

    def close(self) -> None:
        """Words are what matters: at the end nobody waits for a picture."""
        for sketch, task in self._hanging.values():
            task.cancel()
            sketch.cancel()
        for sketch in self._sketches:
            sketch.cancel()

    async def _take(self, name: str) -> tuple[Sketch, asyncio.Task[None]]:
        """Out of the list, and certainly not on its way any more: two edits of one message must not race."""
        sketch, task = self._hanging.pop(name)
        task.cancel()
        await asyncio.wait({task})
        return sketch, task

    async def _hang(self, name: str, sketch: Sketch, hang: Hang) -> None:
        await asyncio.wait({sketch})  # not awaited itself: whoever cancels the hanging does not cancel the sketch
        picture = None if sketch.cancelled() else sketch.result()
        if picture is not None:
            await hang(name, picture)
        if (own := self._hanging.get(name)) is not None and own[0] is sketch:
            del self._hanging[name]
