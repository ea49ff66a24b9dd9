"""A process is killed at each point; what the next one finds is what was promised."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from storage.database import Database, StorageTrouble
from storage.deliveries import Delivery
from storage.log import latest_alerts
from storage.outbox import Outbox
from storage.states import load_states
from tests.databases import both
from tests.patience import PATIENCE_S
from tests.programs import Program, begun
from tests.storage.episodes import NOW

pytestmark = both


@asynccontextmanager
async def running(url: str, point: str) -> AsyncIterator[Program]:
    """The process; killed hard at the end."""
    process = await begun(url, point, module="tests.storage.crashing", stderr=2)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def line(process: Program) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        return (await process.stdout.readline()).decode().strip()


async def reopened(url: str) -> Database:
    """The server may take a moment to notice that the killed one's session is over."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return await Database.open(url, clock=lambda: NOW)
            except StorageTrouble as exc:
                assert "another Tocsin" in str(exc)
                await asyncio.sleep(0.01)


async def killed_at(url: str, point: str) -> Database:
    async with running(url, point) as process:
        assert point == await line(process)
    return await reopened(url)


async def test_killed_before_the_commit_nothing_was_decided(database_url: str) -> None:
    """The event is seen again and decided again; no half of it is there."""
    database = await killed_at(database_url, "before-commit")

    assert ([], [], {}) == (
        await latest_alerts(database),
        await load_states(database),
        await Outbox(database).counts(),
    )
    await database.close()


async def test_killed_after_the_commit_it_is_sent_by_the_next(database_url: str) -> None:
    """Decided is decided. It never left, so it is no repeat."""
    database = await killed_at(database_url, "after-commit")
    outbox = Outbox(database)
    await outbox.recover(NOW)

    delivery = await outbox.claim("desk", NOW)

    assert delivery is not None
    assert not delivery.is_repeat
    assert 1 == len(await load_states(database))
    await database.close()


async def test_killed_while_sending_it_is_repeated_once_and_labelled(database_url: str) -> None:
    """Whether it arrived cannot be known."""
    database = await killed_at(database_url, "sending")
    outbox = Outbox(database)
    await outbox.recover(NOW)

    delivery = await outbox.claim("desk", NOW)

    assert delivery is not None
    assert delivery.is_repeat
    await database.close()


async def test_killed_after_the_answer_it_is_not_sent_again(database_url: str) -> None:
    """The far end's name for it is kept too."""
    database = await killed_at(database_url, "sent")
    outbox = Outbox(database)
    await outbox.recover(NOW)

    assert await outbox.claim("desk", NOW) is None
    (entry,) = await outbox.listing()
    assert ("sent", "17") == (entry.status, entry.message_id)
    await database.close()


@pytest.mark.parametrize("lines", [3, 17, 40])
async def test_killed_in_a_burst_nothing_is_lost_or_doubled(database_url: str, lines: int) -> None:
    """Whoever said `decided` has it kept; whoever was posted twice was labelled."""
    posts: Counter[str] = Counter()
    decided: set[str] = set()
    async with running(database_url, "busy") as process:
        for number in range(lines):
            words = (await line(process)).split()
            if number == lines - 1:
                os.kill(process.pid, signal.SIGKILL)
            _note(words, decided, posts)
        assert process.stdout is not None
        for rest in (await process.stdout.read()).decode().splitlines():
            _note(rest.split(), decided, posts)

    database = await reopened(database_url)
    outbox = Outbox(database)
    await outbox.recover(NOW)
    later: list[Delivery] = []
    while (delivery := await outbox.claim("desk", NOW)) is not None:
        later.append(delivery)
        await outbox.sent(delivery.key, None, NOW)

    for delivery in later:
        posts[delivery.key] += 1
        assert delivery.is_repeat or posts[delivery.key] == 1
    assert decided <= set(posts)
    assert max(posts.values()) <= 2
    await database.close()


def _note(words: list[str], decided: set[str], posts: Counter[str]) -> None:
    match words:
        case ["decided", key]:
            decided.add(key)
        case ["posted", key, _]:
            posts[key] += 1
        case _:
            pass  # a line cut off by the kill: whatever it named was not yet said
