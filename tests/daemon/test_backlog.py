"""A whole market moves at once: a house, forty coins, and a chat that takes one message a second."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chats import Telegram
from tests.daemon.town import Home, Venue, at_phone, cheap

COINS = tuple(f"C{number}" for number in range(40))


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    async with Venue(**dict.fromkeys(COINS, 0.97), SUNK=0.5) as venue:
        yield venue


@pytest.fixture
async def phone() -> AsyncIterator[Telegram]:
    async with Telegram() as phone:
        yield phone


async def test_forty_alerts_at_once_are_one_message_behind_the_critical_one(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """Nobody waits most of a minute for the last, and the worst is not the last."""
    rules = [cheap(), cheap("sunk", below=0.6, severity="critical")]
    home = Home(tmp_path, venue, sinks={"phone": at_phone(phone)}, rules=rules)
    async with home.living() as house:
        await phone.wait_for(lambda chat: any("Many at once" in text for text in chat.texts))
        first, many = phone.texts[0], phone.texts[-1]
        assert "SUNK" in first
        assert "CRITICAL" in first
        assert "41 messages about 41 alerts, 41 still firing" in many
        assert len(phone.shown) == 2
        firing = {one.alert.key["coin"] for one in house.engine.firing() if one.alert is not None}

        venue.prices |= dict.fromkeys((*COINS, "SUNK"), 1.0)
        await phone.wait_for(lambda chat: any("none is firing now" in text for text in chat.texts))
        ends = next(seen.body for seen in phone.requests if "none is firing now" in seen.body.get("text", ""))

    assert {*COINS, "SUNK"} == firing
    assert ends["disable_notification"]  # nobody is woken to hear that all is well


async def test_a_sink_may_want_each_by_itself(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """However long that takes."""
    sink = at_phone(phone, group={"wait": "0s", "backlog": "0s"})
    venue.prices = dict.fromkeys(COINS[:6], 0.97)
    home = Home(tmp_path, venue, sinks={"phone": sink})
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 6)

    assert not any("Many at once" in text for text in phone.texts)
