"""People press buttons under alerts: conversations with a house that lives, over a loopback Telegram."""

from collections import deque
from pathlib import Path
from typing import Any

from storage.buttons import LAST_MS
from tests.chats import Slow, Telegram, Vanish, too_many
from tests.daemon.lanes import until
from tests.daemon.town import Home, Venue, at_phone

ANNA, BEN, STRANGER = 1, 2, 666


def answered(phone: Telegram, **more: Any) -> dict[str, Any]:
    """The sinks of a house whose alerts can be answered; in words only, so that edits can be counted."""
    return {"phone": at_phone(phone, answer={"users": [ANNA, BEN]}, picture=False, **more)}


async def test_a_press_is_done_answered_and_written_under_the_message(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        offered = [one["text"] for one in phone.shown[0].buttons]
        press = phone.presses("Snooze 1h")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        (silence,) = await house.silences.active(house.clock())
        await until(lambda: len(house.post.silences) == 1)

    assert ["Acknowledge", "Snooze 1h", "Snooze 4h", "Until it clears", "Mute USDT 24h"] == offered
    assert ("cheap",) == silence.matchers.rules
    assert "@anna (Telegram)" == silence.author
    assert 3_600_000 >= (silence.until_ms or 0) - silence.created_ms > 3_590_000
    ((name, note),) = phone.notes
    assert press == name
    assert note.startswith("snoozed by @anna until ")
    assert phone.texts[0].endswith(f"\n{note}")
    assert [] == phone.shown[0].buttons


async def test_each_button_does_what_it_says(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    venue.prices |= {"USDC": 0.97, "DAI": 0.97, "FRAX": 0.97}
    group = {"wait": "0s", "at_least": 9}
    home = Home(tmp_path, venue, sinks=answered(phone, group=group))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 4)
        for shown, words in zip(phone.shown, ("Acknowledge", "Snooze 4h", "Until", "Mute"), strict=True):
            phone.presses(words, shown=shown, user=BEN, name="ben")
        await phone.wait_for(lambda chat: sum(shown.edits for shown in chat.shown) == 4)
        (seen,) = await house.silences.acknowledged()
        silences = await house.silences.active(house.clock())

    assert "@ben (Telegram)" == seen.who
    assert phone.shown[0].text.splitlines()[-1].startswith("acknowledged by @ben, ")
    meant = {one.episode_id or str(one.matchers): one.until_ms for one in silences}
    assert 3 == len(meant)
    assert 1 == sum(until_ms is None for until_ms in meant.values())
    assert 1 == sum(name.startswith("symbol ") for name in meant)
    assert 1 == sum(name.startswith("rule cheap, symbol ") for name in meant)


async def test_a_stranger_is_refused_and_nothing_happens(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Mute", user=STRANGER, name="eve")
        for _ in range(3):
            phone.writes("/mute cheap 4h", user=STRANGER, name="eve")
        phone.writes("/silences", user=ANNA)
        await phone.wait_for(lambda chat: len(chat.shown) == 3)
        silences = await house.silences.listing()

    assert [] == silences
    assert ["You are not on the list of those who may answer here."] == [note for _, note in phone.notes]
    assert 0 == phone.shown[0].edits
    assert phone.texts[1].startswith("I answer only people who are on my list.")
    assert "Nothing is kept quiet." == phone.texts[2]


async def test_a_press_after_expiry_says_so(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        home.clock.ahead_ms += LAST_MS
        phone.presses("Snooze 1h")
        phone.brings("1h:00ff")
        phone.brings("1h:' OR 1=1")
        phone.brings("\x00:" + "x" * 60)
        await phone.wait_for(lambda chat: len(chat.notes) == 4)
        silences = await house.silences.listing()

    assert [] == silences
    assert [True, True, False, False] == ["have expired" in note for _, note in phone.notes]
    assert 0 == phone.shown[0].edits


async def test_two_who_press_at_once_get_one_result(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    home = Home(tmp_path, venue, sinks=answered(phone))
    async with home.living() as house:
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        data = {one["text"]: one["callback_data"] for one in phone.shown[0].buttons}
        phone.brings(data["Snooze 4h"], user=ANNA, name="anna")
        phone.brings(data["Snooze 1h"], user=BEN, name="ben")
        await phone.wait_for(lambda chat: len(chat.notes) == 2)
        silences = await house.silences.listing()

    assert 1 == len(silences)
    assert "@anna (Telegram)" == silences[0].author
    assert phone.notes[1][1] == f"Done already: {phone.notes[0][1]}"


async def test_a_crash_between_press_and_edit_is_made_good(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """The press is heard again by the next run: one silence, and the message says who did what."""
    home = Home(tmp_path, venue, sinks=answered(phone))
    phone.moods_of["editMessageText"] = deque((Slow(takes=False),))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Snooze 4h")
        await phone.wait_for(lambda chat: any(seen.path.endswith("editMessageText") for seen in chat.requests))
    assert 0 == phone.shown[0].edits
    phone.release()
    home.clock.ahead_ms += 130_000  # a crash leaves the lease to end by itself; here it was given back

    async with home.living() as house:
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        silences = await house.silences.listing()

    assert 1 == len(silences)
    assert phone.shown[0].text.splitlines()[-1].startswith("snoozed by @anna until ")


async def test_what_was_done_stays_in_the_message_and_goes_on_with_it(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """An alert that clears takes its buttons away, and keeps the line that tells who has seen it."""
    home = Home(tmp_path, venue, sinks=answered(phone))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: chat.shown[0].edits == 1)
        venue.prices["USDT"] = 1.0
        await phone.wait_for(lambda chat: chat.shown[0].edits == 2)

    assert phone.texts[0].startswith("CLEARED")
    assert "acknowledged by @anna, " in phone.texts[0]
    assert [] == phone.shown[0].buttons


async def test_a_busy_telegram_is_waited_for(tmp_path: Path, venue: Venue, phone: Telegram) -> None:
    """429 on the note: as long as it says; a lost answer to the edit: the same edit again."""
    home = Home(tmp_path, venue, sinks=answered(phone))
    phone.moods_of["answerCallbackQuery"] = deque((too_many(1),))
    phone.moods_of["editMessageText"] = deque((Vanish(after_taking=True),))
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        phone.presses("Acknowledge")
        await phone.wait_for(lambda chat: len(chat.notes) == 1)
        await phone.wait_for(lambda chat: sum(seen.path.endswith("editMessageText") for seen in chat.requests) == 2)

    refused, taken = (seen.at_s for seen in phone.requests if seen.path.endswith("answerCallbackQuery"))
    assert 1.0 <= taken - refused
    assert 1 == phone.shown[0].edits


async def test_a_sink_without_answer_has_no_buttons_and_nobody_listens(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    sinks = answered(phone)
    del sinks["phone"]["answer"]
    home = Home(tmp_path, venue, sinks=sinks)
    async with home.living():
        await phone.wait_for(lambda chat: len(chat.shown) == 1)

    assert [] == phone.shown[0].buttons
    assert not [seen for seen in phone.requests if seen.path.endswith("getUpdates")]
