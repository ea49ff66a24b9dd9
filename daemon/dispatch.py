"""From the outbox to people: a lane for each sink, so that one party's trouble stays its own."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping

from daemon.clock import Clock
from daemon.courier import LaneConfig
from daemon.lane import Lane
from daemon.ledger import LaneStatus
from storage.claim import WhyMuted, never
from storage.outbox import Outbox


class Dispatch:
    """Runs the lanes. `ring` wakes them; `run` keeps them going until `stop`."""

    def __init__(
        self,
        outbox: Outbox,
        lanes: Mapping[str, LaneConfig],
        *,
        clock: Clock,
        label: str | None = None,
        why_muted: WhyMuted = never,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """`why_muted` is asked once more when a message is about to leave: silences come and go."""
        self.why_muted = why_muted
        self.status = {name: LaneStatus() for name in lanes}
        self._lanes = {
            name: Lane(name, config, self.status[name], self, outbox, clock, label, uniform, sleep)
            for name, config in lanes.items()
        }

    def ring(self, lanes: Iterable[str]) -> None:
        """Something new waits in these lanes."""
        for name in lanes:
            if (lane := self._lanes.get(name)) is not None:
                lane.bell.set()

    def others(self, name: str) -> list[str]:
        """Where to tell that a lane has died."""
        return [other for other in self._lanes if other != name]

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`; a message on its way is waited for."""
        async with asyncio.TaskGroup() as group:
            for name, lane in self._lanes.items():
                group.create_task(lane.run(stop), name=f"lane {name}")
