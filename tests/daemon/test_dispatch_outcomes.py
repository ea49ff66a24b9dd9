"""What becomes of a message, by what the chat answers: sent, tried again, uncertain, dead or moved."""

import asyncio
import logging
import socket
from contextlib import AsyncExitStack

import pytest

from daemon.ledger import BACKOFF_MAX_S
from rules.alerts import Severity
from sinks.post import Patience
from sinks.registry import Options
from storage.journal import Journal
from storage.listing import Entry
from storage.outbox import Outbox
from tests.chats import Chat, JsonHook, Reply, Slack, Slow, Telegram, Vanish, html_page, telegram_error, too_many
from tests.daemon.decided import ETH, Place, bot_lane, decide, hook_lane, telegram_lane
from tests.daemon.lanes import Clock, became, dispatching, sinks_at, until
from tests.patience import PATIENCE_S
from tests.storage.episodes import NOW


def json_lane(chat: JsonHook, name: str = "json") -> Place:
    return name, chat.address, None


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
    async with asyncio.timeout(PATIENCE_S):
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
    said = [record.getMessage() for record in caplog.records if record.name == "daemon.ledger"]
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
    options = Options(patience=Patience(connect_s=10.0, answer_s=0.1))
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
