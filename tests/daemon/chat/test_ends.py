"""What told several alerts says once that all are over: conversations with a house that lives, in both chats."""

import re
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from daemon.clock import wall_ms
from daemon.house import House
from tests.chats import Slack, Slow, Telegram, html_page
from tests.chats.socket_mode import buttons
from tests.daemon.chat import desk as at_slack
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, at_phone

BY_KIND = {"wait": "0s", "by": ["kind"]}
COINS = ("USDT", "USDC", "DAI", "FRAX")
HOUR_MS = 3_600_000
END = re.compile(r" · all cleared by \d\d:\d\d:\d\dZ$")


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    async with Venue(**dict.fromkeys(COINS, 0.97)) as venue:
        yield venue


def at(phone: Telegram, **more: Any) -> dict[str, Any]:
    """The sinks of a house that tells four alerts as one; in words only, so that edits can be counted."""
    return {"phone": at_phone(phone, **{"answer": {"users": [1]}, "picture": False, "group": BY_KIND} | more)}


def edits(phone: Telegram) -> int:
    return sum(seen.path.endswith("/editMessageText") for seen in phone.requests)


async def slept(home: Home, house: House, ms: int) -> None:
    """Let that time pass at once."""
    home.clock.ahead_ms += ms
    assert house.dispatch is not None
    house.dispatch.ring(["phone"])


async def test_a_summary_says_when_the_last_of_its_alerts_is_over(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """Not before; its buttons go, and the end is told as ever."""
    home = Home(tmp_path, venue, sinks=at(phone))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        told, could = phone.texts[0], len(phone.shown[0].buttons)
        venue.prices |= dict.fromkeys(COINS[:3], 1.0)
        await phone.wait_for(lambda chat: len(chat.shown) >= 2)
        await phone.wait_for(lambda chat: sum(text.count("cheap") for text in chat.texts[1:]) >= 1)
        before = edits(phone)
        venue.prices["FRAX"] = 1.0
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        count = len(phone.shown)

    assert told.startswith("WARNING  4 expression alerts")
    assert (0, 4) == (before, could)
    assert phone.texts[0].startswith("WARNING, already over  4 expression alerts")
    assert END.search(phone.texts[0])
    assert [] == phone.shown[0].buttons
    assert (1, count) == (edits(phone), len(phone.shown))
    assert all(text.startswith("CLEARED") for text in phone.texts[1:])


async def test_slack_is_told_the_same(tmp_path: Path, venue: Venue, desk: Slack) -> None:
    home = Home(tmp_path, venue, sinks=at_slack.answered(desk, group=BY_KIND))
    async with home.living():
        await at_slack.spoken(desk)
        could = at_slack.offered(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await at_slack.edited(desk)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await at_slack.edited(desk, times=2)

    assert "Acknowledge" in could
    assert [] == buttons(desk.shown[0])
    assert END.search(at_slack.last_line(desk))
    assert 1 == desk.texts[0].count("4 alerts acknowledged by @anna, ")
    assert desk.texts[1].startswith("CLEARED")


async def test_what_was_pressed_stays(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """Once, and in the same words."""
    home = Home(tmp_path, venue, sinks=at(phone))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Snooze 4h")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        line = phone.texts[0].splitlines()[-1]
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: chat.shown[0].edits == 2)

    assert line.startswith("4 alerts snoozed by @anna until ")
    assert 1 == phone.texts[0].splitlines().count(line)
    assert END.search(phone.texts[0])


async def test_nobody_need_be_able_to_answer(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks={"phone": at_phone(phone, picture=False, group=BY_KIND)})
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert END.search(phone.texts[0])


async def test_what_is_not_to_be_edited_stays_as_it_was(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """With `edit: false`, though the lane has looked since."""
    home = Home(tmp_path, venue, sinks=at(phone, edit=False))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        told = phone.texts[0]
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        phone.presses("Acknowledge", shown=phone.shown[0])
        await phone.wait_for(lambda chat: len(chat.notes) == 1)

    assert (told, 0) == (phone.texts[0], edits(phone))


async def test_a_summary_of_ends_is_not_told_to_end(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """All was over when it left; the lane has looked before it tells the next one."""
    home = Home(tmp_path, venue, sinks=at(phone, group=BY_KIND | {"wait": "1s"}))
    async with home.living() as house:
        await until(lambda: len(house.post.standings) == 4)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await until(lambda: not house.post.standings)
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        venue.prices["USDT"] = 0.97
        await phone.wait_for(lambda chat: len(chat.shown) == 2)

    assert phone.texts[0].startswith("CLEARED  4 expression alerts")
    assert 0 == edits(phone)


async def test_a_digest_says_it_too(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """What was kept back over an hour, and cleared later."""
    home = Home(tmp_path, venue, sinks=at(phone, cap="1 per 1h", group={"wait": "0s"}))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 2)  # the first, and that the others come together
        await until(lambda: len(house.post.standings) == 4)
        await slept(home, house, HOUR_MS)
        await phone.wait_for(lambda chat: len(chat.shown) == 3)
        told, could = phone.texts[2], len(phone.shown[2].buttons)
        home.clock.ahead_ms += 2 * HOUR_MS
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: chat.shown[2].edits == 1)

    assert "about 3 alerts, 3 still firing" in told
    assert 4 == could
    assert "about 3 alerts, none is firing now" in phone.texts[2]
    assert END.search(phone.texts[2])
    assert [] == phone.shown[2].buttons


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize("takes", [False, True])
async def test_an_end_that_was_cut_short_is_told_by_the_next_run(
    tmp_path: Path, venue: Venue, phone: Telegram, takes: bool
) -> None:
    """Whatever became of the first try: the message reads the same."""
    home = Home(tmp_path, venue, sinks=at(phone))
    phone.moods_of["editMessageText"] = deque((Slow(takes=takes),))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: edits(chat) == 1)
    before = phone.texts[0]
    phone.release()
    async with home.living():
        await phone.wait_for(lambda chat: edits(chat) == 2)

    assert takes == bool(END.search(before))
    assert END.search(phone.texts[0])
    assert 1 == phone.texts[0].count("all cleared by")


async def test_what_ends_while_the_house_is_down_ends_at_its_return(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    home = Home(tmp_path, venue, sinks=at(phone))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
    venue.prices |= dict.fromkeys(COINS, 1.0)
    async with home.living():
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert END.search(phone.texts[0])


async def test_a_chat_out_of_reach_is_told_later(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks=at(phone))
    phone.moods_of["editMessageText"] = deque((html_page(503),))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: edits(chat) == 1)
        await slept(home, house, 120_000)
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    assert 2 == edits(phone)


async def test_the_night_changes_no_summary(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """It says so when the night is over, after the news of it."""
    now = datetime.fromtimestamp(wall_ms() / 1000, UTC)
    begins, ends = now + timedelta(hours=2), now + timedelta(hours=4)
    quiet = {"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}", "tz": "UTC"}
    home = Home(tmp_path, venue, sinks=at(phone, quiet=quiet))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await slept(home, house, 3 * HOUR_MS)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await until(lambda: not house.post.standings)
        await slept(home, house, 0)
        phone.writes("/alerts")
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        before = edits(phone)
        await slept(home, house, HOUR_MS + 60_000)
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)

    asked = [seen.path.rpartition("/")[2] for seen in phone.requests if "Message" in seen.path]
    assert 0 == before
    assert ["sendMessage"] * 3 + ["editMessageText"] == asked
    assert re.search(r"all cleared by [0-9: -]+Z$", phone.texts[0])


@pytest.mark.parametrize("words", ["Acknowledge", "Snooze 1h"])
async def test_a_press_at_the_same_moment_is_not_written_over(
    tmp_path: Path, venue: Venue, phone: Telegram, words: str
) -> None:
    """It was pressed, and before the message could say so everything was over: in the end it says both."""
    home = Home(tmp_path, venue, sinks=at(phone))
    phone.moods_of["answerCallbackQuery"] = deque((Slow(),))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses(words)
        await phone.wait_for(lambda chat: len(chat.notes) == 1)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: bool(END.search(chat.texts[0])))
        phone.release()
        await phone.wait_for(lambda chat: edits(chat) == 2)

    line = phone.notes[0][1]
    said = [seen.body["text"] for seen in phone.requests if seen.path.endswith("/editMessageText")]
    assert all("all cleared by" in text for text in said)
    assert END.search(phone.texts[0])
    assert 1 == phone.texts[0].count(line)
    assert [] == phone.shown[0].buttons


async def test_an_end_during_the_word_of_a_press_is_told_after_it(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """The chat takes its time over who pressed; it all ends meanwhile, and the message says so once more."""
    home = Home(tmp_path, venue, sinks=at(phone))
    phone.moods_of["editMessageText"] = deque((Slow(),))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: edits(chat) == 1)
        venue.prices |= dict.fromkeys(COINS, 1.0)
        await phone.wait_for(lambda chat: edits(chat) == 2)
        phone.release()
        await phone.wait_for(lambda chat: edits(chat) == 3)

    assert END.search(phone.texts[0])
    assert 1 == phone.texts[0].count("4 alerts acknowledged by @anna, ")
