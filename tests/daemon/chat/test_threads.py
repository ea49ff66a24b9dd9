"""Work in a thread ends when it is done, when its time is over, and when nobody waits for it any more."""

import asyncio
import threading
from pathlib import Path

import pytest

from daemon.chat.threads import Look, TooLong, hurried, in_thread
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import events_in_time
from tests.daemon.lanes import until
from tests.storage.episodes import NOW, liquidation


class Work:
    """Begins, and goes on until it may not."""

    def __init__(self) -> None:
        self.looked = 0
        self.is_ended = False

    async def go_on(self, look: Look) -> None:
        try:
            while True:
                look()
                self.looked += 1
                await asyncio.sleep(0.001)
        finally:
            await asyncio.sleep(0)  # what must be closed can be
            self.is_ended = True


async def test_it_answers_and_fails_like_any_other() -> None:
    async def answer(look: Look) -> threading.Thread:
        look()
        return threading.current_thread()

    async def fail(look: Look) -> None:
        raise KeyError("broken")

    assert threading.current_thread() is not await in_thread(answer, 5.0)
    with pytest.raises(KeyError, match="broken"):
        await in_thread(fail, 5.0)


async def test_its_time_is_over() -> None:
    work = Work()
    with pytest.raises(TooLong):
        await in_thread(work.go_on, 0.05)

    assert work.is_ended


async def test_whoever_stops_waiting_ends_it_first() -> None:
    work = Work()
    task = asyncio.create_task(in_thread(work.go_on, 60.0))
    await until(lambda: work.looked > 0)
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert work.is_ended


async def test_what_has_not_begun_never_does() -> None:
    """All threads are taken, and somebody loses patience meanwhile."""
    loop, gate, begun = asyncio.get_running_loop(), threading.Event(), []

    async def begin(look: Look) -> None:
        begun.append(True)

    taken = [loop.run_in_executor(None, gate.wait, 10) for _ in range(64)]
    task = asyncio.create_task(in_thread(begin, 60.0))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    gate.set()
    await asyncio.gather(*taken)

    assert task.cancelled()
    assert [] == begun


async def test_a_long_look_back_stops_between_two_chunks(tmp_path: Path) -> None:
    """And leaves no connection behind."""
    url = str(tmp_path / "t.db")
    database = await Database.open(url)
    await Journal(database).commit(Batch(events=[liquidation(NOW + number) for number in range(30)]), NOW)
    await database.close()
    seen: list[int] = []

    async def read(look: Look) -> None:
        nonlocal seen

        def look_twice() -> None:
            look()
            if len(seen) == 2:
                raise TooLong

        async with hurried(url, look_twice) as database:
            async for events in events_in_time(database, {"liquidation"}, NOW, NOW + 1_000, chunk=10):
                seen += [len(events)]

    with pytest.raises(TooLong):
        await in_thread(read, 60.0)

    assert [10, 10] == seen
