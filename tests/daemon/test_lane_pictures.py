"""Pictures beside words: in time they go along, late they follow, and they never keep words waiting."""

import asyncio
import logging
from collections import deque
from functools import partial

import pytest

from daemon.chat.deeds import Action
from daemon.chat.keyboard import Keyboard
from daemon.late import LATE_MAX
from daemon.ledger import BACKOFF_FIRST_S
from rules.alerts import Change, Severity
from sinks.base import Message
from storage.answers import Answers
from storage.buttons import Buttons
from storage.database import Database
from storage.deliveries import Delivery
from storage.journal import Journal
from storage.outbox import Outbox
from tests.chats import Chat, Mood, Reply, Slack, Slow, Telegram, Vanish, telegram_error, too_many
from tests.daemon.lanes import Clock, became, dispatching, sinks_at, until
from tests.daemon.painting import BTC, ETH, Painter, at_phone, fire, is_shown, methods
from tests.patience import PATIENCE_S
from tests.storage.episodes import NOW


async def test_a_picture_that_is_ready_goes_along(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """One request, and the end changes its caption."""
    painter = Painter(ready=True)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        episode = await fire(journal)
        dispatch.ring(["phone"])
        (sent,) = await became(outbox, "phone", "sent")
        await journal.commit(episode.change(Change.EASED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")

    (shown,) = telegram.shown
    assert ["sendPhoto", "editMessageCaption"] == methods(telegram)
    assert "-1001/100/photo" == sent.message_id
    assert shown.photo is not None
    assert shown.text.startswith("EASED")
    assert [episode.episode_id] == [alert.episode_id for alert in painter.asked]  # an ease has nothing new to show


async def test_an_end_shows_how_it_went(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The picture under the first message is drawn anew."""
    painter = Painter(ready=True)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        episode = await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        await journal.commit(episode.change(Change.CLEARED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")

    assert ["sendPhoto", "editMessageMedia"] == methods(telegram)
    assert [None, episode.alert and episode.alert.ended_ms] == [alert.ended_ms for alert in painter.asked]


async def test_words_do_not_wait_for_a_late_picture(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """They go alone, so do the next ones, and the pictures follow as edits under which the end is still found."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        episode = await fire(journal)
        await fire(journal, ETH)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")
        assert ["sendMessage", "sendMessage"] == methods(telegram)
        words = telegram.texts

        painter.finish()
        await until(lambda: all(shown.photo is not None for shown in telegram.shown))
        await renamed(outbox, "-1001/100/photo", "-1001/101/photo")
        assert words == telegram.texts

        await journal.commit(episode.change(Change.EASED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent", "sent")

    assert ["sendMessage"] * 2 + ["editMessageMedia"] * 2 + ["editMessageCaption"] == methods(telegram)
    assert telegram.texts[0].startswith("EASED")


async def renamed(outbox: Outbox, *names: str) -> None:
    """The outbox knows the messages by these names, oldest first."""
    async with asyncio.timeout(PATIENCE_S):
        while [entry.message_id for entry in await outbox.listing()][::-1] != list(names):  # noqa: ASYNC110 - a table
            await asyncio.sleep(0.005)


async def test_a_picture_that_fails_is_not_missed(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The words went alone and stay so."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        painter.fail()
        await fire(journal, ETH)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")

    assert ["sendMessage", "sendMessage"] == methods(telegram)


async def test_a_late_picture_never_brings_old_words_back(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The alert is over before its picture is made: what follows is the picture of the end, under the end's words."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        episode = await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        await journal.commit(episode.change(Change.CLEARED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")
        painter.finish()
        await until(is_shown(telegram))

    (text,) = telegram.texts
    assert ["sendMessage", "editMessageText", "editMessageMedia"] == methods(telegram)
    assert text.startswith("CLEARED")


async def test_an_edit_on_its_way_is_not_overtaken_by_a_picture(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The picture hangs at the far end when the end must be told: it is given up, and the end's words stay."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        episode = await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        telegram.moods_of["editMessageMedia"] = deque([Slow(takes=False)])
        painter.finish()
        await telegram.wait_for(lambda chat: "editMessageMedia" in methods(chat))
        await journal.commit(episode.change(Change.CLEARED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")

    (shown,) = telegram.shown
    assert shown.text.startswith("CLEARED")
    assert shown.photo is not None  # the end brought its own


async def test_what_got_worse_leaves_the_first_picture_to_come(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The first message says how it stands, and its picture comes under those words."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        episode = await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        await journal.commit(episode.change(Change.ESCALATED, "phone", severity=Severity.CRITICAL), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")
        await until(lambda: 1 == dispatch.status["phone"].edited)
        painter.finish()
        await until(lambda: all(shown.photo is not None for shown in telegram.shown))

    assert ["ESCALATED", "ESCALATED"] == [text.split()[0] for text in telegram.texts]


async def test_what_eases_leaves_the_first_picture_to_come(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """An ease has none of its own, so what the fire began is hung under the newer words."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        episode = await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        await journal.commit(episode.change(Change.EASED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")
        painter.finish()
        await until(is_shown(telegram))

    assert ["sendMessage", "editMessageText", "editMessageMedia"] == methods(telegram)
    assert telegram.texts[0].startswith("EASED")


async def test_what_is_pressed_under_words_outlives_their_late_picture(
    journal: Journal, outbox: Outbox, clock: Clock, database: Database
) -> None:
    """The edit that brings the picture was written before the press, and arrives after it: it is made once more."""
    buttons, answers, painter = Buttons(database), Answers(database), Painter(ready=False)
    keyboard = Keyboard(buttons, answers, clock, lambda lane: "Telegram")
    async with Telegram() as telegram, sinks_at(("phone", telegram.address(), telegram.url)) as sinks:

        async def dress(delivery: Delivery, message: Message) -> Message:
            dressed = await keyboard.dress(delivery, message)
            for button in telegram.shown[0].buttons[:1] if telegram.shown else ():
                await answers.press(button["callback_data"].partition(":")[2], "press-1", Action.HOUR, "@anna")
            return dressed

        async with dispatching(outbox, sinks, clock, paint=painter, dress=dress) as dispatch:
            await fire(journal)
            dispatch.ring(["phone"])
            await became(outbox, "phone", "sent")
            painter.finish()
            await until(lambda: is_shown(telegram)() and [] == telegram.shown[0].buttons)

    (shown,) = telegram.shown
    assert "snoozed by @anna until" in shown.text
    assert ["sendMessage", "editMessageMedia", "editMessageCaption"] == methods(telegram)


async def test_slack_is_told_first_and_shown_later(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """A file must be brought there before it can be shown; what follows keeps it."""
    async with (
        Slack() as slack,
        sinks_at(("desk", slack.bot_address, slack.api_url)) as sinks,
        dispatching(outbox, sinks, clock, paint=Painter(ready=True)) as dispatch,
    ):
        episode = await fire(journal, BTC, "desk")
        dispatch.ring(["desk"])
        await became(outbox, "desk", "sent")
        assert "chat.postMessage" == methods(slack)[0]
        await until(is_shown(slack))
        await until(lambda: methods(slack)[-1] == "chat.update")
        await journal.commit(episode.change(Change.EASED, "desk", value=0.0001), NOW)
        dispatch.ring(["desk"])
        await became(outbox, "desk", "sent", "sent")

    (shown,) = slack.shown
    assert shown.text.startswith("EASED")
    assert shown.photo is not None


@pytest.mark.parametrize("trouble", ["refused", "no answer", "held"])
async def test_trouble_with_a_picture_is_no_trouble_with_words(
    journal: Journal, outbox: Outbox, clock: Clock, trouble: str
) -> None:
    """Whatever the far end says to the late picture, the message is sent once, and the next one arrives."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        moods: dict[str, Mood] = {
            "refused": telegram_error(403, "Forbidden: bot was blocked by the user"),
            "no answer": Vanish(after_taking=False),
            "held": too_many(3),
        }
        telegram.moods.append(moods[trouble])
        painter.finish()
        await telegram.wait_for(lambda chat: len(chat.requests) >= 2)
        await until(lambda: trouble != "held" or 1 == dispatch.status["phone"].held)
        clock.now_ms += 10_000
        await fire(journal, ETH)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")

    assert 2 == len(telegram.shown)
    assert (0, 0) == (dispatch.status["phone"].dead, dispatch.status["phone"].uncertain)


async def test_only_so_many_pictures_are_waited_for(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The oldest are given up."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        for number in range(LATE_MAX + 2):
            await fire(journal, f"C{number}-USDT-PERP")
            dispatch.ring(["phone"])
            await became(outbox, "phone", *["sent"] * (number + 1))
        painter.finish()
        await until(lambda: LATE_MAX == sum(shown.photo is not None for shown in telegram.shown))

    assert [False, False] + [True] * LATE_MAX == [shown.photo is not None for shown in telegram.shown]


async def test_stopping_waits_for_no_picture(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """One is still being made."""
    painter = Painter(ready=False)
    async with asyncio.timeout(PATIENCE_S), at_phone(outbox, clock, painter) as (telegram, dispatch):
        await fire(journal)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")

    assert ["sendMessage"] == methods(telegram)


async def test_pictures_leave_room_for_words(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Four alerts at once in a group that likes fifteen a minute: their pictures take their time, the fifth does not."""
    painter = Painter(ready=False)
    async with at_phone(outbox, clock, painter) as (telegram, dispatch):
        for number in range(4):
            await fire(journal, f"C{number}-USDT-PERP")
        dispatch.ring(["phone"])
        await became(outbox, "phone", *["sent"] * 4)
        assert [] == clock.slept_s
        painter.finish()
        await until(lambda: all(shown.photo is not None for shown in telegram.shown))
        assert [4.0] * 4 == clock.slept_s
        now_ms = clock.now_ms
        await fire(journal, ETH)
        dispatch.ring(["phone"])
        *_, fifth = await became(outbox, "phone", *["sent"] * 5)

    assert now_ms == fifth.finished_ms


async def test_what_is_sent_once_more_goes_without_its_picture(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """If it was the picture that did not get through, the words now do; the picture follows."""
    async with at_phone(outbox, clock, Painter(ready=True)) as (telegram, dispatch):
        telegram.moods.append(Vanish(after_taking=False))
        await fire(journal, severity=Severity.CRITICAL)
        dispatch.ring(["phone"])
        await until(lambda: 1 == dispatch.status["phone"].uncertain)
        clock.now_ms += 1_000 * round(BACKOFF_FIRST_S)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        await until(is_shown(telegram))

    assert ["sendPhoto", "sendMessage", "editMessageMedia"] == methods(telegram)


def asked_times(count: int, chat: Chat) -> bool:
    """Slack was asked so often where a file may be brought."""
    return count == methods(chat).count("files.getUploadURLExternal")


async def test_what_a_person_must_mend_is_said_once(
    journal: Journal, outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A bot that may not bring files: a warning that names what it lacks, and no more of them."""
    caplog.set_level(logging.DEBUG, "daemon.courier")
    async with (
        Slack() as slack,
        sinks_at(("desk", slack.bot_address, slack.api_url)) as sinks,
        dispatching(outbox, sinks, clock, paint=Painter(ready=True)) as dispatch,
    ):
        slack.moods_of["files.getUploadURLExternal"] = deque(
            [Reply(200, '{"ok": false, "error": "missing_scope", "needed": "files:write"}')] * 2
        )
        for number, symbol in enumerate((BTC, ETH), 1):
            await fire(journal, symbol, "desk")
            dispatch.ring(["desk"])
            await became(outbox, "desk", *["sent"] * number)
            await slack.wait_for(partial(asked_times, number))
        await until(lambda: 2 == sum("without a picture" in record.getMessage() for record in caplog.records))

    said = [record for record in caplog.records if "without a picture" in record.getMessage()]
    assert ["WARNING", "DEBUG"] == [record.levelname for record in said]
    assert "files:write" in str(vars(said[0])["reason"])
