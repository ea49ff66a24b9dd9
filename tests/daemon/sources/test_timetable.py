"""The timetable is punctual on average, never doubles, and leaves in good order."""

import asyncio
import logging

import pytest

from daemon.sources.timetable import Timetable
from tests.daemon.sources.loopback import until
from tests.patience import PATIENCE_S


async def test_work_in_flight_is_finished_before_the_house_closes(caplog: pytest.LogCaptureFixture) -> None:
    """APScheduler would cancel it and log an error."""
    caplog.set_level(logging.DEBUG)
    began, gate, done = asyncio.Event(), asyncio.Event(), []

    async def work() -> None:
        began.set()
        await gate.wait()
        done.append(1)

    async with Timetable(grace_s=5) as timetable:
        timetable.every(60, work, name="work", first_s=0)
        await began.wait()
        asyncio.get_running_loop().call_later(0.02, gate.set)

    assert done == [1]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_work_that_does_not_end_is_cancelled_after_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    """Without a line that looks like a failed job."""
    began, ended = asyncio.Event(), []

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    async with Timetable(grace_s=0.01) as timetable:
        timetable.every(60, work, name="work", first_s=0)
        await began.wait()

    assert ended == [1]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("when", ["before", "while it waits"])
async def test_who_is_in_a_hurry_waits_for_no_work(when: str) -> None:
    """The second signal, before we close or while we do: what is on its way is cancelled at once."""
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def live(is_over: asyncio.Event) -> None:
        async with Timetable(grace_s=3_600) as timetable:
            timetable.every(60, work, name="work", first_s=0)
            await is_over.wait()

    is_over = asyncio.Event()
    living = asyncio.create_task(live(is_over), name="house")
    await began.wait()
    if when == "while it waits":
        is_over.set()
        for _ in range(10):
            await asyncio.sleep(0)
    living.cancel()
    await asyncio.wait({living})
    async with asyncio.timeout(PATIENCE_S):
        await ended.wait()


async def test_a_run_that_is_due_while_the_last_one_still_runs_is_skipped_and_counted() -> None:
    """Two at once would double the load on a host that is slow already."""
    running, most = 0, 0
    gate = asyncio.Event()

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate.wait()
        running -= 1

    async with Timetable() as timetable:
        timetable.every(0.01, work, name="slow", first_s=0)
        await until(lambda: timetable.skipped["slow"] >= 3)
        gate.set()

    assert most == 1


async def test_the_first_runs_are_spread_and_later_ones_keep_the_mean() -> None:
    """APScheduler's jitter only ever adds, so half of it is taken off."""
    times: list[float] = []
    loop = asyncio.get_running_loop()

    async def work() -> None:
        times.append(loop.time())

    async with Timetable(uniform=lambda _low, high: high) as timetable:
        began = loop.time()
        timetable.every(0.05, work, name="work", first_s=0.02)
        await until(lambda: len(times) >= 12)

    assert times[0] - began >= 0.015
    assert times[11] - began >= 11 * 0.045  # and how much later they come is the machine's affair


async def test_an_appointment_can_be_cancelled() -> None:
    """Twice is harmless."""
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1

    async with Timetable() as timetable:
        appointment = timetable.every(0.01, work, name="work", first_s=0)
        await until(lambda: runs >= 2)
        appointment.cancel()
        appointment.cancel()
        for _ in range(10):  # one may have begun
            await asyncio.sleep(0)
        before = runs
        other = asyncio.Event()
        timetable.every(0.03, _setting(other), name="other", first_s=0.03)
        await other.wait()

    assert before == runs


def _setting(event: asyncio.Event):  # type: ignore[no-untyped-def]
    async def work() -> None:
        event.set()

    return work
