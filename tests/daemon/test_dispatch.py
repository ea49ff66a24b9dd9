"""From the outbox to the chats: each row of the table of outcomes, on loopback, and what the outbox says of it."""

import asyncio
import io
import logging
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from daemon.dispatch import BACKOFF_MAX_S
from rules.alerts import Change, Severity
from rules.delivery import SinkPolicy
from sinks.base import Message, Receipt
from sinks.pace import UNPACED, Pace
from sinks.post import Patience
from sinks.registry import Options
from storage.claim import NOT_TOLD, Delivery, WhyMuted, never
from storage.database import Database, Held
from storage.journal import Journal
from storage.listing import Entry
from storage.notices import Words
from storage.outbox import Outbox
from tests.chats import Chat, JsonHook, Reply, Slack, Slow, Telegram, Vanish, html_page, telegram_error, too_many
from tests.daemon.lanes import Clock, became, dispatching, locked, sinks_at, until
from tests.storage.episodes import HOUR_MS, NOW, Episode

Place = tuple[str, str, str | None]
BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"


def telegram_lane(chat: Telegram, name: str = "phone") -> Place:
    return name, chat.address(), chat.url


def hook_lane(chat: Slack, name: str = "desk") -> Place:
    return name, chat.hook_address, chat.url


def bot_lane(chat: Slack, name: str = "desk") -> Place:
    return name, chat.bot_address, chat.api_url


def json_lane(chat: JsonHook, name: str = "json") -> Place:
    return name, chat.address, None


async def decide(
    journal: Journal, *lanes: str, symbol: str = BTC, severity: Severity = Severity.WARNING, lasts_ms: int = HOUR_MS
) -> Episode:
    """A fire, decided."""
    episode = Episode(symbol)
    await journal.commit(episode.change(Change.FIRED, *lanes, severity=severity, lasts_ms=lasts_ms), NOW)
    return episode


# -- the table of outcomes --------------------------------------------------------------------------------------------


async def test_a_taken_message_is_sent_once_and_named(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """All three kinds of chats; those that can edit tell the message's name."""
    async with AsyncExitStack() as stack:
        telegram, slack, hook = Telegram(), Slack(), JsonHook()
        for chat in (telegram, slack, hook):
            await stack.enter_async_context(chat)
        sinks = await stack.enter_async_context(sinks_at(telegram_lane(telegram), bot_lane(slack), json_lane(hook)))
        await decide(journal, "phone", "desk", "json")
        async with dispatching(outbox, sinks, clock, label="SIMULATED") as dispatch:
            (phone,) = await became(outbox, "phone", "sent")
            (desk,) = await became(outbox, "desk", "sent")
            (json,) = await became(outbox, "json", "sent")

    assert ("-1001/100", "C0ALERTS1/1790000000.000000", None) == (phone.message_id, desk.message_id, json.message_id)
    for chat in (telegram, slack, hook):
        (text,) = chat.texts
        assert text.startswith("SIMULATED  WARNING  binance BTC-USDT-PERP: "), text
        assert 1 == len(chat.requests)
    assert [1, 1, 1] == [status.sent for status in dispatch.status.values()]


async def test_what_does_not_leave_is_tried_until_it_expires(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Nobody listens there: 1 s, doubled up to a minute (halved here by the lowest chance), however often."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    await decide(journal, "phone", lasts_ms=600_000)
    waits = []
    async with (
        sinks_at(("phone", "tgram://123456:AAE-loopback_token/-1001", closed)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        for attempt in range(1, 10):
            entry = await attempts_are(outbox, attempt)
            assert entry.not_before_ms is not None
            waits.append((entry.not_before_ms - clock.now_ms) / 1000)
            clock.now_ms = entry.not_before_ms
            dispatch.ring(["phone"])
        assert dispatch.status["phone"].failing
        clock.now_ms = NOW + 600_000
        dispatch.ring(["phone"])
        (ended,) = await became(outbox, "phone", "expired")

    assert [0.5, 1, 2, 4, 8, 16, BACKOFF_MAX_S / 2, BACKOFF_MAX_S / 2, BACKOFF_MAX_S / 2] == waits
    assert ended.reason is not None
    assert ended.reason.startswith("too old to be of use, never sent; before that: Telegram (phone): could not connect")


async def attempts_are(outbox: Outbox, attempts: int) -> Entry:
    async with asyncio.timeout(10):
        while True:
            (entry,) = await outbox.listing()
            if (entry.status, entry.attempts) == ("waiting", attempts):
                return entry
            await asyncio.sleep(0.005)


async def test_a_clear_try_again_is_obeyed(
    journal: Journal, outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """500 and 503 were not sent: no label on the next copy. Said once when it breaks, once when it is back."""
    caplog.set_level(logging.INFO)
    async with Slack() as slack, sinks_at(hook_lane(slack)) as sinks:
        slack.moods.extend([Reply(500), Reply(503), Reply(500)])
        await decide(journal, "desk")
        async with dispatching(outbox, sinks, clock) as dispatch:
            for attempt in range(1, 4):
                await attempts_are(outbox, attempt)
                clock.now_ms += 60_000
                dispatch.ring(["desk"])
            await became(outbox, "desk", "sent")

    (text,) = slack.texts
    assert "repeat" not in text
    said = [record.getMessage() for record in caplog.records if record.name == "daemon.dispatch"]
    assert ["message did not leave", "sink is back"] == said


@pytest.mark.parametrize("which", ["telegram", "slack", "json"])
async def test_429_holds_only_its_own_lane_and_outlives_a_restart(
    journal: Journal, outbox: Outbox, clock: Clock, which: str
) -> None:
    """The far end's advice is written down, was no attempt, and delays nobody else."""
    async with AsyncExitStack() as stack:
        telegram, slack, hook = Telegram(), Slack(), JsonHook()
        for one in (telegram, slack, hook):
            await stack.enter_async_context(one)
        asked: dict[str, tuple[Chat, Reply, Place, float]] = {
            "telegram": (telegram, too_many(7), telegram_lane(telegram, "held"), 7.0),
            "slack": (slack, Reply(429, "", headers={"Retry-After": "12"}), hook_lane(slack, "held"), 12.0),
            "json": (hook, Reply(429, ""), json_lane(hook, "held"), 5.0),  # Apprise does not hand the advice on
        }
        chat, refusal, place, advice_s = asked[which]
        other: tuple[Chat, Place] = (
            (slack, hook_lane(slack, "other")) if which != "slack" else (telegram, telegram_lane(telegram, "other"))
        )
        sinks = await stack.enter_async_context(sinks_at(place, other[1]))
        chat.moods.append(refusal)
        await decide(journal, "held", "other")
        await decide(journal, "held", symbol=ETH)
        until_ms = NOW + round(1000 * advice_s) + 50
        async with dispatching(outbox, sinks, clock) as dispatch:
            await became(outbox, "other", "sent")
            head, _ = await became(outbox, "held", "waiting", "waiting")
            assert 1 == dispatch.status["held"].held
            assert not dispatch.status["held"].failing
        assert (until_ms, 0, False) == (head.not_before_ms, head.attempts, head.is_repeat)
        (lane,) = [lane for lane in await outbox.lanes() if lane.name == "held"]
        assert until_ms == lane.not_before_ms

        clock.now_ms = until_ms - 1
        async with dispatching(outbox, sinks, clock) as dispatch:  # a restart
            assert await outbox.claim("held", clock.now_ms) is None
            assert 1 == len(chat.requests)
            clock.now_ms = until_ms
            dispatch.ring(["held"])
            await became(outbox, "held", "sent", "sent")
        assert 2 == len(chat.texts)
        assert not any("repeat" in text for text in chat.texts)


async def test_absurd_advice_is_not_believed(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """A number that no clock can hold is a day."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moods.append(
            Reply(429, '{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":1e308}}')
        )
        await decide(journal, "phone")
        async with dispatching(outbox, sinks, clock) as dispatch:
            await until(lambda: dispatch.status["phone"].held > 0)
            (entry,) = await became(outbox, "phone", "waiting")

    assert NOW + 86_400_050 == entry.not_before_ms


@pytest.mark.parametrize("answer", [Vanish(), html_page(502), html_page(504)], ids=["reset", "502", "504"])
async def test_an_uncertain_critical_is_sent_once_more_and_says_so(
    journal: Journal, outbox: Outbox, clock: Clock, answer: Vanish | Reply
) -> None:
    """Never more than one extra copy."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moods.append(answer)
        await decide(journal, "phone", severity=Severity.CRITICAL)
        async with dispatching(outbox, sinks, clock) as dispatch:
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            (entry,) = await became(outbox, "phone", "waiting")
            clock.now_ms = entry.not_before_ms or 0
            dispatch.ring(["phone"])
            (entry,) = await became(outbox, "phone", "sent")

    assert 2 == len(telegram.requests)
    assert telegram.texts[-1].splitlines()[0].endswith(f"(may be a repeat) #{entry.key[:6]}")


async def test_there_is_no_third_copy(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Twice no answer: it is listed, with the reason, and left alone."""
    async with Slack() as slack, sinks_at(hook_lane(slack)) as sinks:
        slack.always = Vanish()
        await decide(journal, "desk", severity=Severity.CRITICAL)
        async with dispatching(outbox, sinks, clock) as dispatch:
            await became(outbox, "desk", "waiting")
            while len(slack.requests) < 2:
                clock.now_ms += 60_000
                dispatch.ring(["desk"])
                await asyncio.sleep(0.01)
            (entry,) = await became(outbox, "desk", "uncertain")
            assert (2, True) == (dispatch.status["desk"].uncertain, dispatch.status["desk"].failing)

    assert 2 == len(slack.requests)
    assert "Slack (desk): the connection broke before the answer came (ServerDisconnectedError)" == entry.reason


@pytest.mark.parametrize("mood", [Vanish(), html_page(502)], ids=["reset", "502"])
@pytest.mark.parametrize("which", ["telegram", "slack", "json"])
async def test_an_uncertain_warning_is_not_repeated(
    journal: Journal, outbox: Outbox, clock: Clock, which: str, mood: Vanish | Reply
) -> None:
    """It is shown in the outbox, and the lane goes on with the next."""
    async with AsyncExitStack() as stack:
        telegram, slack, hook = Telegram(), Slack(), JsonHook()
        for one in (telegram, slack, hook):
            await stack.enter_async_context(one)
        chats: dict[str, tuple[Chat, Place]] = {
            "telegram": (telegram, telegram_lane(telegram, "lane")),
            "slack": (slack, hook_lane(slack, "lane")),
            "json": (hook, json_lane(hook, "lane")),
        }
        chat, place = chats[which]
        sinks = await stack.enter_async_context(sinks_at(place))
        chat.moods.append(mood)
        await decide(journal, "lane")
        await decide(journal, "lane", symbol=ETH)
        async with dispatching(outbox, sinks, clock):
            await became(outbox, "lane", "uncertain", "sent")

        assert 2 == len(chat.requests)


async def test_a_read_that_takes_too_long_is_uncertain(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The chat took it and thinks for ever."""
    options = Options(patience=Patience(connect_s=2.0, answer_s=0.1))
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram), options=options) as sinks:
        telegram.moods.append(Slow())
        await decide(journal, "phone")
        async with dispatching(outbox, sinks, clock):
            (entry,) = await became(outbox, "phone", "uncertain")

    assert "Telegram (phone): no answer within 0.1 s" == entry.reason


async def test_markup_that_is_not_understood_goes_without(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Once more without parse_mode, in the same try."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moods.append(telegram_error(400, "Bad Request: can't parse entities: unsupported start tag"))
        await decide(journal, "phone")
        async with dispatching(outbox, sinks, clock):
            (entry,) = await became(outbox, "phone", "sent")

    assert (0, ["HTML", None]) == (entry.attempts, [seen.body.get("parse_mode") for seen in telegram.requests])


async def test_a_chat_that_moved_is_followed(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """The group became a supergroup; later messages go there at once."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moved["-1001"] = -1009
        await decide(journal, "phone")
        await decide(journal, "phone", symbol=ETH)
        async with dispatching(outbox, sinks, clock):
            await became(outbox, "phone", "sent", "sent")

    assert ["-1001", "-1009", "-1009"] == [str(seen.body["chat_id"]) for seen in telegram.requests]


@pytest.mark.parametrize(
    "refusal",
    [
        telegram_error(403, "Forbidden: bot was blocked by the user"),
        telegram_error(401, "Unauthorized"),
        telegram_error(400, "Bad Request: chat not found"),
    ],
    ids=["blocked", "unauthorized", "no chat"],
)
async def test_a_dead_recipient_is_told_on_another_lane(
    journal: Journal, outbox: Outbox, clock: Clock, refusal: Reply
) -> None:
    """Its lane stops, its messages wait, and the operator reads why elsewhere."""
    async with Telegram() as telegram, Slack() as slack, sinks_at(telegram_lane(telegram), hook_lane(slack)) as sinks:
        telegram.always = refusal
        await decide(journal, "phone")
        await decide(journal, "phone", symbol=ETH)
        async with dispatching(outbox, sinks, clock) as dispatch:
            await slack.wait_for(lambda chat: len(chat.shown) == 1)
            await became(outbox, "phone", "waiting", "waiting")
            dispatch.ring(["phone"])
            await became(outbox, "desk", "sent")
            disabled = dispatch.status["phone"].disabled

    assert 1 == len(telegram.requests)
    assert "WARNING  sink phone takes no more messages" == slack.texts[0].splitlines()[0]
    assert disabled is not None
    assert disabled in slack.texts[0]
    assert telegram.token not in slack.texts[0]


@pytest.mark.parametrize("which", ["slack", "json"])
async def test_the_other_chats_die_as_well(journal: Journal, outbox: Outbox, clock: Clock, which: str) -> None:
    """404 no_service, 410."""
    async with Slack() as slack, JsonHook() as hook:
        chat: Chat = slack if which == "slack" else hook
        place = hook_lane(slack, "lane") if which == "slack" else json_lane(hook, "lane")
        chat.always = Reply(404, "no_service", "text/plain") if which == "slack" else Reply(410)
        await decide(journal, "lane")
        async with sinks_at(place) as sinks, dispatching(outbox, sinks, clock) as dispatch:
            await until(lambda: dispatch.status["lane"].disabled is not None)
            await became(outbox, "lane", "waiting")

    (lane,) = await outbox.lanes()
    assert lane.disabled_reason is not None


async def test_the_only_lane_dies_in_the_log(
    journal: Journal, outbox: Outbox, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody else can be told: the log says it once, and whoever starts again reads it from the table."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.always = telegram_error(403, "Forbidden: bot was blocked by the user")
        await decide(journal, "phone")
        async with dispatching(outbox, sinks, clock) as dispatch:
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            await until(lambda: dispatch.status["phone"].disabled is not None)
        async with dispatching(outbox, sinks, clock) as dispatch:
            await until(lambda: dispatch.status["phone"].disabled is not None)
            assert await outbox.enable_lane("phone")
            dispatch.ring(["phone"])
            telegram.always = None
            await became(outbox, "phone", "sent")

    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert ["sink is dead and disabled", "sink is disabled"] == said


async def test_a_form_that_slack_refuses_is_tried_as_plain_text_and_then_dead(
    journal: Journal, outbox: Outbox, clock: Clock
) -> None:
    """The message is dead, the lane is not."""
    async with Slack() as slack, sinks_at(hook_lane(slack)) as sinks:
        slack.moods.extend([Reply(400, "invalid_payload", "text/plain")] * 2)
        await decide(journal, "desk")
        await decide(journal, "desk", symbol=ETH)
        async with dispatching(outbox, sinks, clock):
            dead, _ = await became(outbox, "desk", "dead", "sent")

    assert "Slack (desk): 400, invalid_payload" == dead.reason
    assert ["blocks" in seen.body for seen in slack.requests] == [True, False, True]


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
        *_, cleared = await became(outbox, "phone", "suppressed", "expired", "expired")

    assert NOT_TOLD == cleared.reason
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


# -- lanes ------------------------------------------------------------------------------------------------------------


async def test_a_lane_keeps_its_order(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Also when its head has to wait."""
    symbols = [f"C{number}-USDT-PERP" for number in range(6)]
    async with Slack() as slack, sinks_at(hook_lane(slack)) as sinks:
        slack.moods.extend([Reply(500), Reply(429, "", headers={"Retry-After": "1"})])
        for symbol in symbols:
            await decide(journal, "desk", symbol=symbol)
        async with dispatching(outbox, sinks, clock) as dispatch:
            async with asyncio.timeout(10):
                while len(slack.shown) < len(symbols):
                    clock.now_ms += 2_000
                    dispatch.ring(["desk"])
                    await asyncio.sleep(0.01)
            await became(outbox, "desk", *["sent"] * 6)

    assert symbols == [text.split()[2].rstrip(":") for text in slack.texts]


async def test_a_hanging_sink_delays_nobody(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """Everything arrives elsewhere while one chat has not answered the first."""
    async with Telegram() as telegram, Slack() as slack, sinks_at(telegram_lane(telegram), hook_lane(slack)) as sinks:
        telegram.moods.append(Slow())
        for number in range(5):
            await decide(journal, "phone", "desk", symbol=f"C{number}-USDT-PERP")
        async with dispatching(outbox, sinks, clock):
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            await slack.wait_for(lambda chat: len(chat.shown) == 5)
            await became(outbox, "phone", "sending", *["waiting"] * 4)
            telegram.release()
            await became(outbox, "phone", *["sent"] * 5)


async def test_a_chat_is_spoken_to_at_its_own_pace(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """A group takes a few at once and then one in four seconds; the waits are the lane's, on the house's clock."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        pace = sinks["phone"].pace
        for number in range(pace.burst + 3):
            await decide(journal, "phone", symbol=f"C{number}-USDT-PERP")
        async with dispatching(outbox, sinks, clock):
            await became(outbox, "phone", *["sent"] * (pace.burst + 3))

    assert pace.gap_ms / 1000 == pytest.approx(clock.slept_s[0])
    assert NOW + 3 * pace.gap_ms <= clock.now_ms


async def test_a_clock_that_is_set_back_does_not_silence_a_lane(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """An hour back is not an hour's pause."""
    await decide(journal, "lane")
    await decide(journal, "lane", symbol=ETH)
    sink = Recording(Pace(1_000))
    async with dispatching(outbox, {"lane": sink}, clock):
        await became(outbox, "lane", "sent", "sent")
        clock.now_ms -= HOUR_MS
        await decide(journal, "lane", symbol="SOL-USDT-PERP")
        await became(outbox, "lane", "sent", "sent", "sent")

    assert max(clock.slept_s) <= 1.0


class Recording:
    """A sink that keeps what it is told, or fails as it is told."""

    can_edit = False

    def __init__(self, pace: Pace = UNPACED, fails: Callable[[], None] = lambda: None) -> None:
        self.name = "lane"
        self.pace = pace
        self.messages: list[Message] = []
        self._fails = fails

    async def deliver(self, message: Message, *, edits: str | None = None) -> Receipt:
        self._fails()
        self.messages.append(message)
        return Receipt()

    async def aclose(self) -> None:
        """Nothing to let go of."""


# -- trouble of our own -----------------------------------------------------------------------------------------------


async def test_an_answer_is_written_down_however_long_the_database_takes(
    journal: Journal, outbox: Outbox, clock: Clock, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A known outcome must not become a doubt, nor a second copy."""
    caplog.set_level(logging.INFO)
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moods.append(Slow())
        await decide(journal, "phone")
        async with dispatching(outbox, sinks, clock):
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            async with locked(file):
                telegram.release()
                await until(lambda: len(clock.slept_s) >= 3)
            await became(outbox, "phone", "sent")

    assert 1 == len(telegram.requests)
    said = [record.getMessage() for record in caplog.records if record.name == "daemon.dispatch"]
    assert ["lane waits for the database", "lane has the database again"] == said


class _LostAnswer(Outbox):
    """A database whose answer to one claim never comes, though it has done what it was asked to."""

    lost = 0

    async def claim(
        self, lane: str, now_ms: int, *, sink: SinkPolicy | None = None, why_muted: WhyMuted = never
    ) -> Delivery | None:
        delivery = await super().claim(lane, now_ms, sink=sink, why_muted=why_muted)
        if delivery is not None and not self.lost:
            self.lost += 1
            raise Held("the connection was lost")
        return delivery


async def test_a_claim_whose_answer_was_lost_does_not_block_the_lane(
    journal: Journal, database: Database, clock: Clock
) -> None:
    """A server may commit and then be gone; what was claimed never left, so it leaves now, unlabelled."""
    outbox = _LostAnswer(database)
    async with (
        Telegram() as telegram,
        sinks_at(telegram_lane(telegram)) as sinks,
        dispatching(outbox, sinks, clock) as dispatch,
    ):
        await decide(journal, "phone")
        dispatch.ring(["phone"])
        await until(lambda: outbox.lost == 1)
        dispatch.ring(["phone"])
        await became(outbox, "phone", "sent")

        (text,) = telegram.texts
        assert "repeat" not in text


async def test_stopping_waits_for_what_is_on_its_way(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """It ends as sent; what has not begun waits for the next start."""
    async with Telegram() as telegram, sinks_at(telegram_lane(telegram)) as sinks:
        telegram.moods.append(Slow())
        await decide(journal, "phone")
        await decide(journal, "phone", symbol=ETH)
        async with dispatching(outbox, sinks, clock):
            await telegram.wait_for(lambda chat: len(chat.requests) == 1)
            asyncio.get_running_loop().call_later(0.05, telegram.release)
        await became(outbox, "phone", "sent", "waiting")

    assert 1 == len(telegram.requests)


async def test_a_bug_in_a_driver_is_raised(journal: Journal, outbox: Outbox, clock: Clock) -> None:
    """And its message stays marked as being sent, so that the next start knows that it may have left."""

    def fail() -> None:
        raise ZeroDivisionError("a bug of ours")

    await decide(journal, "lane", severity=Severity.CRITICAL)
    with pytest.raises(ExceptionGroup) as caught:
        async with dispatching(outbox, {"lane": Recording(fails=fail)}, clock):
            await became(outbox, "lane", "sending")

    assert caught.group_contains(ZeroDivisionError)
    await became(outbox, "lane", "sending")
