"""How it reads: late news, ends that change or follow the first message, and repeats that say so."""

import io
from collections import deque

import pytest

from rules.alerts import Change, Severity
from rules.delivery.gather import NOT_TOLD
from sinks.registry import Options
from storage.journal import Journal
from storage.notices import Words
from storage.outbox import Outbox
from tests.chats import Chat, Reply, Slack, Telegram, Vanish, telegram_error, too_many
from tests.daemon.decided import bot_lane, decide, hook_lane, telegram_lane
from tests.daemon.lanes import Clock, became, dispatching, sinks_at, until
from tests.storage.episodes import NOW, Episode

# -- how it reads -----------------------------------------------------------------------------------------------------


async def test_late_news_says_that_it_is_late(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Rendered when it leaves."""
    await decide(journal, "phone")
    clock.now_ms += 7 * 60_000
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock),
    ):
        await became(outbox, "phone", "sent")

    assert telegram.texts[0].startswith("delayed 7 min  WARNING  binance"), telegram.texts


async def test_a_fire_that_is_over_before_it_left_is_one_message(
    journal: Journal, outbox: Outbox, clock: Clock
) -> None:
    """Both rows are told by it."""
    episode = await decide(journal, "phone")
    await journal.commit(episode.change(Change.CLEARED, "phone", at_ms=NOW + 120_000, value=0.0001), NOW)
    clock.now_ms += 121_000
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock),
    ):
        await became(outbox, "phone", "sent", "merged")

    (text,) = telegram.texts
    assert "lasted 2m" in text or ("fired" in text and "cleared" in text), text


@pytest.mark.parametrize("which", ["telegram", "slack bot"])
async def test_an_end_changes_the_first_message(journal: Journal, outbox: Outbox, clock: Clock, which: str) -> None:
    """Where the chat can."""
    async with Telegram() as telegram, Slack() as slack:
        chat: Chat = telegram if which == "telegram" else slack
        place = telegram_lane(telegram, "lane") if which == "telegram" else bot_lane(slack, "lane")
        async with sinks_at(place) as sinks, dispatching(outbox, sinks, clock) as dispatch:
            episode = await decide(journal, "lane")
            dispatch.ring(["lane"])
            await became(outbox, "lane", "sent")
            await journal.commit(episode.change(Change.CLEARED, "lane", value=0.0001), NOW)
            dispatch.ring(["lane"])
            await became(outbox, "lane", "sent", "sent")
            assert 1 == dispatch.status["lane"].edited

        (shown,) = chat.shown
        assert (1, True) == (shown.edits, shown.text.startswith("CLEARED"))


async def test_an_end_leaves_no_escalation_as_the_last_word(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The first message says how it stands, and so does the latest; getting worse is told aloud besides."""
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        episode = await decide(journal, "phone")
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        for change, severity, said in (
            (Change.ESCALATED, Severity.CRITICAL, ["ESCALATED", "ESCALATED"]),
            (Change.EASED, Severity.WARNING, ["EASED", "EASED"]),
            (Change.ESCALATED, Severity.CRITICAL, ["ESCALATED", "EASED", "ESCALATED"]),
            (Change.CLEARED, Severity.CRITICAL, ["CLEARED", "EASED", "CLEARED"]),
        ):
            await journal.commit(episode.change(change, "phone", severity=severity), NOW)
            dispatch.ring(["phone"])
            await became(outbox, "phone", *["sent"] * (episode.sequence + 1))
            await until(lambda said=said: said == [text.split()[0] for text in telegram.texts])  # type: ignore[misc]
        assert 4 == dispatch.status["phone"].edited


@pytest.mark.parametrize("has_moved", [False, True])
async def test_an_end_is_told_once_where_the_first_message_is_gone(
    journal: Journal, outbox: Outbox, clock: Clock, has_moved: bool
) -> None:
    """Somebody has deleted it, or it stayed behind when the group became a supergroup: the latest is changed."""
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        episode = await decide(journal, "phone")
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        if has_moved:
            telegram.moved["-1001"] = -1002
        else:
            telegram.shown[0].message_id = "deleted"
        await journal.commit(episode.change(Change.ESCALATED, "phone", severity=Severity.CRITICAL), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")
        await journal.commit(episode.change(Change.CLEARED, "phone", severity=Severity.CRITICAL), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent", "sent")

    assert ["WARNING", "CLEARED"] == [text.split()[0] for text in telegram.texts]


async def test_an_end_is_a_new_message_where_nothing_can_be_edited(
    journal: Journal, outbox: Outbox, clock: Clock
) -> None:
    """A webhook, and the console."""
    screen = io.StringIO()
    options = Options(console=screen)
    places = ("console", "console://", None)
    async with Slack() as slack, sinks_at(hook_lane(slack), places, options=options) as sinks:
        async with dispatching(outbox, sinks, clock) as dispatch:
            episode = await decide(journal, "desk", "console")
            dispatch.ring(["desk", "console"])
            await became(outbox, "desk", "sent")
            await became(outbox, "console", "sent")
            await journal.commit(episode.change(Change.CLEARED, "desk", "console", value=0.0001), NOW)
            dispatch.ring(["desk", "console"])
            await became(outbox, "desk", "sent", "sent")
            await became(outbox, "console", "sent", "sent")

        assert ["WARNING", "CLEARED"] == [text.split()[0] for text in slack.texts]
    assert ["WARNING", "CLEARED"] == [line.split()[0] for line in screen.getvalue().splitlines() if line[0] != " "]


@pytest.mark.parametrize(
    "refusal",
    [
        telegram_error(400, "Bad Request: message can't be edited"),
        telegram_error(400, "Bad Request: chat not found"),  # the sink has a new bot or chat since
        telegram_error(403, "Forbidden: bot was kicked from the group chat"),
    ],
    ids=["closed", "foreign chat", "kicked from the old one"],
)
async def test_an_edit_that_is_refused_becomes_a_new_message(
    journal: Journal, outbox: Outbox, clock: Clock, refusal: Reply
) -> None:
    """And never kills the lane by itself."""
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        episode = await decide(journal, "phone")
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        telegram.moods.append(refusal)
        await journal.commit(episode.change(Change.CLEARED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")
        assert dispatch.status["phone"].disabled is None

        assert ["WARNING", "CLEARED"] == [text.split()[0] for text in telegram.texts]


async def test_an_edit_is_repeated_freely(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The same edit twice is one edit: no label, no doubt, also for a warning."""
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        episode = await decide(journal, "phone")
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        telegram.moods.append(Vanish(after_taking=True))
        await journal.commit(episode.change(Change.CLEARED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await telegram.wait_for(lambda chat: len(chat.requests) == 2)
        await became(outbox, "phone", "sent", "waiting")
        clock.now_ms += 60_000
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent")

        (text,) = telegram.texts
        assert text.startswith("CLEARED")
        assert "repeat" not in text


async def test_the_message_in_place_of_an_edit_is_not_repeated_unmarked(
    journal: Journal, outbox: Outbox, clock: Clock
) -> None:
    """An edit may be sent again freely, the new message after a lost one may not."""
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        episode = await decide(journal, "phone")
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        telegram.moods.extend([telegram_error(400, "Bad Request: message to edit not found"), Vanish()])
        await journal.commit(episode.change(Change.CLEARED, "phone", value=0.0001), NOW)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "uncertain")

        assert 3 == len(telegram.requests)


async def test_the_end_of_what_nobody_heard_is_not_told(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Nor is its easing: it would be the first word of it."""
    episode = Episode()
    await journal.commit(episode.change(Change.FIRED, "phone", severity=Severity.CRITICAL, muted="cooldown"), NOW)
    await journal.commit(episode.change(Change.EASED, "phone"), NOW)
    await journal.commit(episode.change(Change.CLEARED, "phone", value=0.0001), NOW)
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock),
    ):
        *_, cleared = await became(outbox, "phone", "suppressed", "suppressed", "suppressed")

    assert f"muted: {NOT_TOLD}" == cleared.reason
    assert not telegram.requests


async def test_our_own_words_say_that_they_are_repeated(outbox: Outbox, clock: Clock) -> None:
    """Whatever is sent twice says so."""
    async with Slack() as slack, sinks_at(hook_lane(slack)) as sinks:
        slack.moods.append(Vanish())
        key = await outbox.say("desk", Words("the house is on fire", ("really",)), Severity.CRITICAL)
        async with dispatching(outbox, sinks, clock, label="DEMO") as dispatch:
            await slack.wait_for(lambda chat: len(chat.requests) == 1)
            await became(outbox, "desk", "waiting")
            clock.now_ms += 60_000
            dispatch.ring(["desk"])
            await became(outbox, "desk", "sent")

    assert [
        "DEMO  the house is on fire",
        f"DEMO  the house is on fire (may be a repeat) #{key[:6]}",
    ] == [text.splitlines()[0] for text in slack.texts]


async def test_a_busy_chat_is_not_asked_again_before_its_time(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Also where it was only the first message of an alert that could not be changed."""
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        telegram.moods_of["editMessageText"] = deque((too_many(30),))
        episode = await decide(journal, "phone")
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")
        await journal.commit(episode.change(Change.ESCALATED, "phone", severity=Severity.CRITICAL), NOW)
        dispatch.ring(["phone"])
        await until(lambda: dispatch.status["phone"].held == 1)
        await decide(journal, "phone", symbol="ETH-USDT-PERP", severity=Severity.CRITICAL)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent", "waiting")
        clock.now_ms += 31_000
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent", "sent", "sent")
