"""Does things every so often, on APScheduler, and leaves in good order."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

JITTER_SHARE = 0.1  # of the interval
FIRST_S = 2.0  # the first runs are spread over so long, at most


class Appointment:
    """One thing that is done every so often, until it is cancelled."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel


class Timetable:
    """An APScheduler with the defaults that a house of pollers needs."""

    def __init__(self, *, grace_s: float = 5.0, uniform: Callable[[float, float], float] = random.uniform) -> None:
        """At the end, work in flight has `grace_s` to finish before it is cancelled."""
        self._grace_s, self._uniform = grace_s, uniform
        self._in_flight: set[asyncio.Task[None]] = set()
        self.skipped: Counter[str] = Counter()  # runs that were due while the one before still ran, by name
        # APScheduler tells of every job and every run; our log speaks on change
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={
                "misfire_grace_time": None,  # late is better than never: the default skips silently after 1 s
                "coalesce": True,
                "max_instances": 1,
            },
        )
        self._scheduler.add_listener(self._skip, EVENT_JOB_MAX_INSTANCES)

    async def __aenter__(self) -> Self:
        self._scheduler.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """APScheduler cannot wait for coroutines, so we do: pause, wait, then shut down. Trouble waits for nobody."""
        self._scheduler.pause()
        try:
            if self._in_flight and kind is None:
                await asyncio.wait(self._in_flight, timeout=self._grace_s)
        finally:
            for task in tuple(self._in_flight):
                task.cancel()
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        await asyncio.sleep(0)  # lets APScheduler see that its own jobs have ended, or it logs them as failed
        self._scheduler.shutdown(wait=False)

    def every(
        self, seconds: float, work: Callable[[], Awaitable[None]], *, name: str, first_s: float = FIRST_S
    ) -> Appointment:
        """Run `work` every `seconds` on average, the first time within `first_s`; never twice at once.

        `work` answers for its own errors; what it raises ends in its task and is reported by asyncio.
        """

        async def once() -> None:
            task: asyncio.Task[None] = asyncio.create_task(_run(work), name=name)
            self._in_flight.add(task)
            task.add_done_callback(self._in_flight.discard)
            await asyncio.wait({task})  # not `await task`: a cancelled run must not look like a failed job

        jitter_s = seconds * JITTER_SHARE
        first = datetime.now(UTC) + timedelta(seconds=self._uniform(0.0, min(first_s, seconds)))
        # APScheduler adds uniform(0, jitter) to each gap, so half of it is taken off to keep the mean
        trigger = IntervalTrigger(seconds=seconds - jitter_s / 2, jitter=jitter_s, timezone=UTC)
        job = self._scheduler.add_job(once, trigger, name=name, next_run_time=first)

        def cancel() -> None:
            if self._scheduler.get_job(job.id) is not None:
                self._scheduler.remove_job(job.id)

        return Appointment(cancel)

    def _skip(self, event: JobSubmissionEvent) -> None:
        job = self._scheduler.get_job(event.job_id)
        if job is not None:
            self.skipped[str(job.name)] += 1


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()
