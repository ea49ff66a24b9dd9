"""An alert changes while a chat takes its time over who pressed: the message ends up saying both."""

from collections import deque
from pathlib import Path

import pytest

from rules.alerts import Change, Severity
from tests.chats import Reply, Slack, Slow, Telegram, too_many
from tests.chats.socket_mode import buttons
from tests.daemon.chat import desk as at_slack
from tests.daemon.chat.test_both_chats import happens
from tests.daemon.chat.test_presses import answered
from tests.daemon.town import Home, Venue
from tests.storage.episodes import Episode


def edits(chat: Telegram | Slack, method: str = "editMessageText") -> int:
    return sum(seen.path.endswith(f"/{method}") for seen in chat.requests)


@pytest.mark.parametrize("words", ["Acknowledge", "Snooze 1h"])
async def test_an_end_before_the_word_of_a_press_is_not_written_over(
    tmp_path: Path, venue: Venue, phone: Telegram, words: str
) -> None:
    """The note hangs, the alert clears, and then the message would be closed as it was when it was pressed."""
    home = Home(tmp_path, venue, sinks=answered(phone))
    phone.moods_of["answerCallbackQuery"] = deque((Slow(),))
    venue.prices["USDT"] = 0.97
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses(words)
        await phone.wait_for(lambda chat: len(chat.notes) == 1)
        venue.prices["USDT"] = 1.0
        await phone.wait_for(lambda chat: chat.texts[0].startswith("CLEARED"))
        phone.release()
        phone.writes("/help")  # heard in order: when it is answered, the press has been dealt with
        await phone.wait_for(lambda chat: len(chat.shown) == 2)

    assert phone.texts[0].startswith("CLEARED")
    assert "by @anna" in phone.texts[0]
    assert [] == phone.shown[0].buttons


async def test_an_end_while_the_word_of_a_press_is_refused_is_not_written_over(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """The edit that says who pressed must wait a second; in which the alert clears."""
    home = Home(tmp_path, venue, sinks=answered(phone))
    phone.moods_of["editMessageText"] = deque((too_many(1),))
    venue.prices["USDT"] = 0.97
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: edits(chat) == 1)
        venue.prices["USDT"] = 1.0
        await phone.wait_for(lambda chat: chat.texts[0].startswith("CLEARED"))
        phone.writes("/help")
        await phone.wait_for(lambda chat: len(chat.shown) == 2)
        await phone.wait_for(lambda chat: chat.texts[0].startswith("CLEARED"))

    assert 1 == phone.texts[0].count("acknowledged by @anna")
    assert [] == phone.shown[0].buttons


async def test_what_eased_while_slack_takes_its_time_is_not_written_over(
    tmp_path: Path, venue: Venue, desk: Slack
) -> None:
    """Nor the lesser level, which the message goes on to tell."""
    home, episode = Home(tmp_path, venue, sinks=at_slack.answered(desk)), Episode()
    desk.moods_of["chat.update"] = deque((Reply(429, "", headers={"Retry-After": "1"}),))
    async with home.living() as house:
        await happens(house, episode, Change.FIRED, Severity.CRITICAL)
        await at_slack.spoken(desk)
        await desk.socket_mode.presses("Acknowledge", desk.shown[0])
        await desk.wait_for(lambda chat: edits(chat, "chat.update") == 1)
        await happens(house, episode, Change.EASED, Severity.WARNING)
        await desk.wait_for(lambda chat: "EASED" in chat.texts[0])
        await desk.wait_for(lambda chat: edits(chat, "chat.update") >= 3)
        await desk.wait_for(lambda chat: "EASED" in chat.texts[0] and "acknowledged by @anna" in chat.texts[0])

    assert 1 == desk.texts[0].count("acknowledged by @anna")
    assert [] == buttons(desk.shown[0])
