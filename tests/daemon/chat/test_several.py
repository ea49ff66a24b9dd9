"""People answer summaries and digests: conversations with a house that lives, over a loopback Telegram."""

import logging
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from daemon.chat.answering import WENT_WRONG
from daemon.house import House
from tests.chats import Telegram, Vanish
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, at_phone, cheap

ANNA, BEN = 1, 2
HOUR_MS = 3_600_000
BY_KIND = {"wait": "0s", "by": ["kind"]}
COINS = ("USDT", "USDC", "DAI", "FRAX")


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    async with Venue(**dict.fromkeys(COINS, 0.97)) as venue:
        yield venue


def answered(phone: Telegram, **more: Any) -> dict[str, Any]:
    """The sinks of a house whose alerts can be answered; in words only, so that edits can be counted."""
    return {"phone": at_phone(phone, answer={"users": [ANNA, BEN]}, picture=False, **more)}


def offered(phone: Telegram, number: int = 0) -> list[str]:
    return [one["text"] for one in phone.shown[number].buttons]


async def slept(home: Home, house: House, ms: int) -> None:
    """Let that time pass at once."""
    home.clock.ahead_ms += ms
    assert house.dispatch is not None
    house.dispatch.ring(["phone"])


async def test_a_summary_is_answered_for_all_that_it_tells(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """And each alert's own next message says who has seen it."""
    home = Home(tmp_path, venue, sinks=answered(phone, group=BY_KIND))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        could = offered(phone)
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        seen = await house.silences.acknowledged()
        venue.prices["DAI"] = 1.0
        await phone.wait_for(lambda chat: len(chat.shown) == 2)

    assert ["Acknowledge", "Snooze 1h", "Snooze 4h", "Until they clear"] == could
    assert {standing.episode_id for standing in seen} >= {one.episode_id for one in house.post.standings}
    assert 4 == len(seen)
    note = phone.notes[0][1]
    assert note.startswith("4 alerts acknowledged by @anna, ")
    assert phone.texts[0].endswith(f"\n{note}")
    assert [] == offered(phone)
    assert phone.texts[1].startswith("CLEARED")
    assert note.removeprefix("4 alerts ") in phone.texts[1].splitlines()
    assert [] == offered(phone, 1)


async def test_what_is_about_one_coin_can_be_muted(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """Four rules about the same: one silence of the coin, or one of the four rules."""
    rules = [cheap(f"cheap-{number}", below=0.99 - number / 1000) for number in range(4)]
    venue.prices = {"USDT": 0.97}
    home = Home(tmp_path, venue, sinks=answered(phone), rules=rules)
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        could = offered(phone)
        phone.presses("Snooze 4h")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        (silence,) = await house.silences.active(house.clock())

    assert "Mute USDT 24h" == could[-1]
    assert "rule cheap-0 or cheap-1 or cheap-2 or cheap-3, symbol USDT" == str(silence.matchers)
    assert 4 * HOUR_MS == pytest.approx((silence.until_ms or 0) - silence.created_ms, abs=1_000)
    assert phone.texts[0].splitlines()[-1].startswith("4 alerts snoozed by @anna until ")


async def test_until_they_clear_is_about_those_that_still_fire(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone, group=BY_KIND))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        venue.prices["DAI"] = 1.0
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        phone.presses("Until they", shown=phone.shown[0])
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        quiet = {one.episode_id for one in await house.silences.active(house.clock())}
        firing = {one.alert.episode_id for one in house.post.standings}

    assert quiet == firing
    assert 3 == len(quiet)
    assert phone.texts[0].splitlines()[-1] == "3 alerts snoozed by @anna until they clear"


async def test_when_all_have_cleared_nothing_is_left_to_answer(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """The summary of their ends has no buttons, and that of their beginnings says so when it is pressed."""
    home = Home(tmp_path, venue, sinks=answered(phone, group=BY_KIND))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        phone.presses("Snooze 1h", shown=phone.shown[0])
        await phone.wait_for(lambda chat: len(chat.notes) == 1)
        silences = await house.silences.listing()

    assert phone.texts[1].startswith("CLEARED")
    assert [] == offered(phone, 1)
    assert "cleared already" in phone.notes[0][1]
    assert [] == silences


async def test_two_who_press_one_summary_get_one_result(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone, group=BY_KIND))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        data = {one["text"]: one["callback_data"] for one in phone.shown[0].buttons}
        phone.brings(data["Snooze 1h"], user=ANNA, name="anna")
        phone.brings(data["Acknowledge"], user=BEN, name="ben")
        await phone.wait_for(lambda chat: len(chat.notes) == 2)
        seen = await house.silences.acknowledged()

    assert phone.notes[1][1] == f"Done already: {phone.notes[0][1]}"
    assert [] == seen


async def test_a_summary_that_was_sent_again_has_the_same_buttons(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """Both copies give one result, and the press on either is known under what comes later."""
    home = Home(tmp_path, venue, sinks=answered(phone, group=BY_KIND, uncertain={"warning": "repeat"}))
    phone.moods = deque((Vanish(after_taking=True),))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        could = offered(phone, 0), offered(phone, 1)
        phone.presses("Acknowledge", shown=phone.shown[0])
        phone.presses("Snooze 1h", shown=phone.shown[1])
        await phone.wait_for(lambda chat: len(chat.notes) == 2)
        silences = await house.silences.listing()

    assert could[0] == could[1] != []
    assert "may be a repeat" in phone.texts[1]
    assert phone.notes[1][1] == f"Done already: {phone.notes[0][1]}"
    assert [] == silences


async def test_a_digest_is_answered_like_a_summary(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """What was kept back over an hour: those that still fire, and the one that does not."""
    home = Home(tmp_path, venue, sinks=answered(phone, cap="1 per 1h"))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 2)  # the first, and that the others come together
        venue.prices["FRAX"] = 1.0
        await until(lambda: len(house.post.standings) == 3)
        await slept(home, house, HOUR_MS)
        await phone.wait_for(lambda chat: len(chat.shown) == 3)
        could = offered(phone, 2)
        phone.presses("Acknowledge", shown=phone.shown[2])
        await phone.wait_for(lambda chat: chat.shown[2].edits == 1)
        seen = await house.silences.acknowledged()

    assert "about 3 alerts, 2 still firing" in phone.texts[2]
    assert ["Acknowledge", "Snooze 1h", "Snooze 4h", "Until they clear"] == could
    assert phone.texts[2].splitlines()[-1].startswith("2 alerts acknowledged by @anna, ")
    assert 2 == len(seen)


async def test_a_digest_of_what_is_over_has_no_buttons(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone, cap="1 per 1h"))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await until(lambda: not house.post.standings)
        await slept(home, house, HOUR_MS)
        await phone.wait_for(lambda chat: any("none is firing now" in shown.text for shown in chat.shown))

    assert [] == [one for shown in phone.shown[2:] for one in shown.buttons]


async def test_a_bug_of_ours_is_told_and_the_house_goes_on(
    tmp_path: Path, venue: Venue, phone: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    """Here a row that a later program may have written."""
    home = Home(tmp_path, venue, sinks=answered(phone, group=BY_KIND))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        async with house.database.writer() as connection:
            await connection.exec_driver_sql("UPDATE buttons SET press = 'p', action = 'dance', pressed_ms = 1")
        phone.presses("Acknowledge")
        phone.writes("/rules")
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: len(chat.shown) == 3)

    assert phone.texts[2].startswith("CLEARED")
    assert [WENT_WRONG] == [note for _, note in phone.notes]
    assert phone.texts[1].startswith("cheap expression")
    assert ["update went wrong"] == [record.msg for record in caplog.records if record.levelno == logging.ERROR]


async def test_a_press_is_known_after_a_restart(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """The house went down after the summary was pressed; what clears later says who had seen it."""
    home = Home(tmp_path, venue, sinks=answered(phone, group=BY_KIND))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Acknowledge", user=BEN, name="ben")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
    venue.prices |= dict.fromkeys(COINS, 1.0)
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 2)

    assert phone.texts[1].startswith("CLEARED")
    assert any(line.startswith("4 alerts acknowledged by @ben, ") for line in phone.texts[1].splitlines())
