"""What people say is heard by the running house, whoever wrote it down."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.silences import Silences
from tests.chats import Telegram
from tests.daemon.lanes import became, until
from tests.daemon.town import Home, Venue

AT_ONCE = {"wait": "0s"}


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    async with Venue(USDT=1.0) as venue:
        yield venue


@pytest.fixture
async def phone() -> AsyncIterator[Telegram]:
    async with Telegram() as phone:
        yield phone


async def test_a_silence_of_another_process_is_heard_and_its_end_told_once(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """As from the command line: written beside the daemon, through a connection of its own."""
    home = Home(tmp_path, venue, sinks={"phone": {"url": phone.address(), "api_url": phone.url, "group": AT_ONCE}})
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 0)
        beside = await Database.open(str(home.database), exclusive=False, create=False)
        try:
            acts = Silences(beside)
            silence = await acts.add(author="anna", until_ms=house.clock() + 3_600_000, reason="a test")
            await until(lambda: len(house.post.silences) == 1)
            venue.prices["USDT"] = 0.97
            (muted,) = await became(house.outbox, "phone", "suppressed")
            assert not phone.texts
            assert await acts.end(silence.silence_id, "anna")
        finally:
            await beside.close()
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "suppressed", "sent")

    assert (muted.reason or "").startswith("muted: silenced by anna until ")
    assert phone.texts[0].startswith("STILL WARNING  ")


async def test_two_who_acknowledge_at_once_get_one_answer(tmp_path: Path) -> None:
    """The first; somebody who speaks of what got worse since is heard again."""
    database = await Database.open(str(tmp_path / "t.db"), clock=lambda: 1_000)
    try:
        acts = Silences(database)
        first, again = await acts.acknowledge("e", "anna"), await acts.acknowledge("e", "ben")
        worse = await acts.acknowledge("e", "ben", worse_ms=2_000)
    finally:
        await database.close()

    assert [("anna", True), ("anna", False), ("ben", True)] == [
        (ack.who, is_new) for ack, is_new in (first, again, worse)
    ]
