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
    """The same call will never work, whatever we wait: a wrong key, a thing that does not exist."""


class Service(Protocol):
    """Something that runs for ever, tries once, and tells the truth about why it stopped.

    `run` raises `Transient` or `Busy` when the same call may work later, `Refused` when it never will, and anything
    else for a bug of ours. It calls `on_well` whenever it does what it is for; the supervisor hangs itself in there.
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
        uniform: Callable[[float, float], float] = random.uniform,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Wait at most `first_s` after the first stumble, twice that after each further one, never above `cap_s`.

        A service that was well for `calm_s` starts again at `first_s`; one that breaks sooner climbs on, so that a
        far end that accepts and drops us is not asked every second.
        """
        self._first_s, self._cap_s, self._calm_s = first_s, cap_s, calm_s
        self._uniform, self._sleep = uniform, sleep

    async def run(self, services: Iterable[Service]) -> None:
        """Run all of them until cancelled; a bug in one stops all, as an ExceptionGroup."""
        async with asyncio.TaskGroup() as group:
            for service in services:
                group.create_task(self.keep(service), name=service.name)

    async def keep(self, service: Service) -> None:
        """Run one service for ever; return only when it ended by itself or never can work."""
        course = _Course(service.name)
        service.on_well = course.well
        rung = 0
        while True:
            try:
                await service.run()
            except Transient as exc:
                if course.was_well_for_s() >= self._calm_s:
                    rung = 0
                wait_s = self._pause_s(rung, exc.retry_after_s)
                rung += 1
                course.stumbled(exc, wait_s)
            except Refused as exc:
                log.error("service gave up", extra={"service": service.name, "error": str(exc)})
                return
            else:
                return
            await self._sleep(wait_s)

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
        self._broke_at = 0.0
        self._well_at: float | None = None

    def well(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._well_at is None:
            self._well_at = now
        if self._stumbles:
            down_s = round(now - self._broke_at, 1)
            log.info("service is back", extra={"service": self._name, "stumbles": self._stumbles, "down_s": down_s})
            self._stumbles = 0

    def was_well_for_s(self) -> float:
        return 0.0 if self._well_at is None else asyncio.get_running_loop().time() - self._well_at

    def stumbled(self, exc: Transient, wait_s: float) -> None:
        if not self._stumbles:
            self._broke_at = asyncio.get_running_loop().time()
        level = logging.DEBUG if self._stumbles else logging.WARNING
        log.log(
            level,
            "service stumbled",
            extra={"service": self._name, "error": str(exc), "retry_in_s": round(wait_s, 1)},
        )
        self._stumbles += 1
        self._well_at = None
