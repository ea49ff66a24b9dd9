"""Mailboxes have a size, and writers wait for room."""

import asyncio

from daemon.bus import BATCHES_MAX, Bus, Mailbox
from tests.storage.episodes import funding, liquidation


async def test_everything_reaches_every_reader_in_order() -> None:
    """One way, in batches."""
    bus = Bus()
    boxes = [bus.mailbox("recorder"), bus.mailbox("views")]
    await bus.publish([funding()])
    await bus.publish([liquidation(), funding(venue="okx")])

    for box in boxes:
        assert 2 == box.waiting
        assert [funding()] == await box.take(None)
        assert [liquidation(), funding(venue="okx")] == box.take_now()
        assert 0 == box.waiting


async def test_a_full_mailbox_makes_its_writers_wait() -> None:
    """Nothing is dropped, nothing piles up, and the writer goes on as soon as there is room."""
    bus = Bus()
    box = bus.mailbox("recorder")
    for number in range(BATCHES_MAX):
        await bus.publish([funding(number)])
    writing = asyncio.create_task(bus.publish([funding(BATCHES_MAX)]), name="writer")
    for _ in range(5):
        await asyncio.sleep(0)
    assert not writing.done()
    assert BATCHES_MAX == box.waiting

    read = [box.take_now()]
    await writing
    while box.waiting:
        read.append(box.take_now())
    assert [[funding(number)] for number in range(BATCHES_MAX + 1)] == read


async def test_patience_ends_with_nothing() -> None:
    """And costs no batch: what comes at that moment is still there."""
    box = Mailbox("recorder")
    assert () == await box.take(0.0)
    assert () == box.take_now()
    taking = asyncio.create_task(box.take(None), name="reader")
    await asyncio.sleep(0)
    await box.put([funding()])
    taking.cancel()  # the reader is told to end in the moment in which it is handed a batch
    await asyncio.wait({taking})

    assert [funding()] == (taking.result() if not taking.cancelled() else box.take_now())
