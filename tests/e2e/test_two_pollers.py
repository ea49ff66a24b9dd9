"""Two programs and one bot: who follows on who died, and who shares it by mistake."""

import logging
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from daemon.chat.listening import SHARED
from tests.chats import Slow, Telegram
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, at_phone
from tests.e2e.process import tocsin

ANNA, BEN = 1, 2


def answered(phone: Telegram) -> dict[str, Any]:
    return {"phone": at_phone(phone, answer={"users": [ANNA, BEN]})}


async def test_who_follows_a_killed_process_finishes_what_it_left(tmp_path: Path) -> None:
    """It dies with a press and a command in hand, and its lease: at once each is done, once, and shown."""
    async with Venue(USDT=0.97) as venue, Telegram() as phone:
        home = Home(tmp_path, venue, sinks=answered(phone))
        async with tocsin("run", "-c", home.file) as daemon:
            await phone.wait_for(lambda chat: len(chat.shown) == 1)
            phone.moods_of["editMessageText"] = deque((Slow(takes=False),))
            phone.presses("Snooze 4h")
            await phone.wait_for(lambda chat: any(seen.path.endswith("editMessageText") for seen in chat.requests))
            await daemon.dies()
        phone.release()
        assert [] != phone.shown[0].buttons
        phone.writes("/mute USDC 4h", user=BEN, name="ben")

        async with home.living() as house:
            await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
            await until(lambda: len(house.post.silences) == 2)
            await phone.wait_for(lambda chat: len(chat.shown) == 2)
            silences = await house.silences.listing()
            phone.writes("/silences")
            await phone.wait_for(lambda chat: len(chat.shown) == 3)

    assert {"@anna (Telegram)", "@ben (Telegram)"} == {one.author for one in silences}
    assert 2 == len(silences)
    assert phone.shown[0].text.splitlines()[-1].startswith("snoozed by @anna until ")
    assert [] == phone.shown[0].buttons
    assert 2 == len(phone.texts[2].splitlines())


async def test_two_houses_with_one_bot_are_told_to_make_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One of them is deaf, and says in words that help; the alerts of both go on."""
    caplog.set_level(logging.INFO)
    async with Venue(USDT=0.97) as venue, Telegram() as phone:
        homes = []
        for name in ("here", "there"):
            (tmp_path / name).mkdir()
            homes.append(Home(tmp_path / name, venue, sinks=answered(phone)))
        async with homes[0].living():
            await phone.wait_for(lambda chat: len(chat.shown) == 1)
            await until(lambda: phone.asking == 1)
            async with homes[1].living():
                await phone.wait_for(lambda chat: len(chat.shown) == 2)
                await until(lambda: phone.asking == 2)
                await until(lambda: any(record.msg == "bot is not heard" for record in caplog.records))
                venue.prices["USDT"] = 1.0
                await phone.wait_for(lambda chat: sum(shown.edits for shown in chat.shown) == 2)
                phone.writes("/help")
                await phone.wait_for(lambda chat: len(chat.shown) == 3)

    said = [record for record in caplog.records if record.levelno >= logging.WARNING and "bot" in record.msg]
    assert {SHARED} == {getattr(record, "reason", "") for record in said}
    assert len(said) <= 2  # the other learns of it too if this takes long; each says it once
    assert all(text.startswith("CLEARED") for text in phone.texts[:2])
    assert phone.token.partition(":")[2] not in caplog.text
