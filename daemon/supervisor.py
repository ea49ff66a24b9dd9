"""Keeps services running: waits when the world stumbles, stops the house when we do."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

log = logging.getLogger(__name__)


class Transient(Exception):
    """It did not work; the same call may work later."""

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class Busy(Transient):
    """The far end refused for now, and usually said when to come back (`retry_after_s`)."""


class Refused(Exception):
    """The same call will not work until somebody mends something: a wrong key, a thing that does not exist."""


class Service(Protocol):
    """Something that runs for ever, tries once, and tells the truth about why it stopped.

    `run` raises `Transient` or `Busy` when the same call may work later, `Refused` when a person has to mend something
    first, and anything else for a bug of ours. It calls `on_well` whenever it does what it is for; the supervisor hangs
    itself in there.
    """

    on_well: Callable[[], None]

    @property
    def name(self) -> str: ...

    async def run(self) -> None: ...


class Supervisor:
    """Runs services again after each stumble, with full jitter, and says so on change only."""

    def __init__(
        self,
        *,
        first_s: float = 1.0,
        cap_s: float = 60.0,
        calm_s: float = 60.0,
        refused_first_s: float = 300.0,
        refused_cap_s: float = 3_600.0,
        nudged_s: float = 60.0,
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Wait at most `first_s` after the first stumble, twice that after each further one, never above `cap_s`.

        A service that was well for `calm_s` starts again at `first_s`; one that breaks sooner climbs on, so that a
        far end that accepts and drops us is not asked every second.

        One that was refused is tried rarely: after `refused_first_s`, later and later up to `refused_cap_s`. A key may be
        enabled at the far end without anybody telling us. A nudge brings it forward, but never below `nudged_s`.
        """
        self._first_s, self._cap_s, self._calm_s = first_s, cap_s, calm_s
        self._refused_first_s, self._refused_cap_s, self._nudged_s = refused_first_s, refused_cap_s, nudged_s
        self._uniform, self._sleep = uniform, sleep
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """Something has changed that those who were refused may have waited for: try them now."""
        self._nudged.set()
        self._nudged = asyncio.Event()

    async def run(self, services: Iterable[Service]) -> None:
        """Run all of them until cancelled; a bug in one stops all, as an ExceptionGroup."""
        async with asyncio.TaskGroup() as group:
            for service in services:
                group.create_task(self.keep(service), name=service.name)

    async def keep(self, service: Service) -> None:
        """Run one service for ever; return only when it ended by itself."""
        course = _Course(service.name)
        service.on_well = course.well
        rung = refusals = 0
        while True:
            try:
                await service.run()
            except Transient as exc:
                if course.was_well_for_s() >= self._calm_s:
                    rung = refusals = 0
                wait_s = self._pause_s(rung, exc.retry_after_s)
                rung += 1
                course.stumbled(exc, wait_s)
                await self._sleep(wait_s)
            except Refused as exc:
                if course.was_well_for_s() >= self._calm_s:
                    refusals = 0
                wait_s = min(self._refused_cap_s, self._refused_first_s * 2.0 ** min(refusals, 32))
                wait_s = self._uniform(wait_s / 2, wait_s)
                refusals += 1
                course.refused(exc, wait_s)
                await self._rest(wait_s)
            else:
                return

    async def _rest(self, wait_s: float) -> None:
        """As long as this, or until a nudge; one that comes too soon is heeded a little later."""
        nudged = self._nudged
        soonest_s = min(wait_s, self._nudged_s)
        await self._sleep(soonest_s)
        resting = asyncio.ensure_future(self._sleep(wait_s - soonest_s))
        waiting = asyncio.ensure_future(nudged.wait())
        try:
            await asyncio.wait({resting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            resting.cancel()
            waiting.cancel()

    def _pause_s(self, rung: int, advice_s: float | None) -> float:
        wait_s = self._uniform(0.0, min(self._cap_s, self._first_s * 2.0 ** min(rung, 32)))
        if advice_s is None:
            return wait_s
        # never earlier than advised; a little later, because everybody was told the same moment
        return max(wait_s, advice_s + self._uniform(0.0, self._first_s))


class _Course:
    """How one service has fared, and what the log was told about it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stumbles = 0
        self._is_refused = False  # and that was said
        self._broke_at = 0.0
        self._well_at: float | None = None

    def well(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._well_at is None:
            self._well_at = now
        if self._stumbles:
            down_s = round(now - self._broke_at, 1)
            log.info("service is back", extra={"service": self._name, "stumbles": self._stumbles, "down_s": down_s})
            self._stumbles, self._is_refused = 0, False

    def was_well_for_s(self) -> float:
        return 0.0 if self._well_at is None else asyncio.get_running_loop().time() - self._well_at

    def stumbled(self, exc: Transient, wait_s: float) -> None:
        self._say(logging.DEBUG if self._stumbles else logging.WARNING, "service stumbled", exc, wait_s)

    def refused(self, exc: Refused, wait_s: float) -> None:
        level = logging.DEBUG if self._is_refused else logging.ERROR
        self._is_refused = True
        self._say(level, "service is refused, and tried again now and then", exc, wait_s)

    def _say(self, level: int, text: str, exc: Exception, wait_s: float) -> None:
        if not self._stumbles:
            self._broke_at = asyncio.get_running_loop().time()
        extra = {"service": self._name, "error": str(exc), "retry_in_s": round(wait_s, 1)}
        log.log(level, text, extra=extra)
        self._stumbles += 1
        self._well_at = None
