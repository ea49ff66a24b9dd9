"""Slack, webhook and bot: each row of the outcome table, edits, and the plain text when blocks are refused."""

import json

import aiohttp
import pytest
from msgspec.structs import replace

from sinks import address
from sinks.base import Busy, Button, Gone, Message, Uncertain, Undeliverable, Unreached
from sinks.outcome import EditLost
from sinks.slack import SlackBotSink, SlackWebhookSink
from tests.chats import Mood, Reply, Slack, Slow, Vanish, html_page
from tests.patience import UNHURRIED
from tests.sinks.samples import CLEARED, HOSTILE, WARNING


def word(status: int, text: str) -> Reply:
    return Reply(status, text, "text/plain")


def refusal(error: str, status: int = 200) -> Reply:
    return Reply(status, json.dumps({"ok": False, "error": error}))


WORDS = (
    "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)\n"
    "held 5m, next settlement in 1h12m\n"
    "rule hot-funding"
)

SHARED: list[tuple[Mood, type[Exception]]] = [
    (word(500, "server_error"), Unreached),
    (word(503, "service_unavailable"), Unreached),
    (html_page(502), Uncertain),
    (html_page(504), Uncertain),
    (html_page(200), Uncertain),
    (html_page(302), Unreached),
    (word(200, ""), Uncertain),
    (Vanish(after_taking=True), Uncertain),
    (Vanish(after_taking=False), Uncertain),
    (Slow(), Uncertain),
    (html_page(401), Gone),
]


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        *SHARED,
        (word(200, '{"ok": true}'), Uncertain),
        (word(400, "no_text"), Undeliverable),
        (word(403, "invalid_token"), Gone),
        (word(403, "action_prohibited"), Gone),
        (word(404, "no_service"), Gone),
        (word(404, "channel_not_found"), Gone),
        (word(410, "channel_is_archived"), Gone),
    ],
)
async def test_each_answer_to_a_webhook_is_what_it_is(
    chat: Slack, hook: SlackWebhookSink, mood: Mood, trouble: type[Exception]
) -> None:
    """The rows of the outcome table, one request each."""
    chat.moods.append(mood)

    with pytest.raises(trouble) as caught:
        await hook.deliver(WARNING)

    assert trouble is type(caught.value)
    assert 1 == len(chat.requests)


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        *SHARED,
        (refusal("service_unavailable"), Unreached),
        (refusal("fatal_error"), Uncertain),
        (refusal("internal_error"), Uncertain),
        (refusal("ratelimited"), Busy),
        (refusal("channel_not_found"), Gone),
        (refusal("not_in_channel"), Gone),
        (refusal("is_archived"), Gone),
        (refusal("token_revoked"), Gone),
        (refusal("something_new"), Undeliverable),
        (Reply(200, '{"ok":false,"error":"OKX funding"}'), Undeliverable),
        (Reply(502, '{"ok":false,"error":"accès refusé"}', encoding="latin-1"), Uncertain),
        (Reply(200, f'{{"ok":true,"more":{"[" * 5_000}{"]" * 5_000}}}'), Uncertain),
    ],
)
async def test_each_answer_to_a_bot_is_what_it_is(
    chat: Slack, bot: SlackBotSink, mood: Mood, trouble: type[Exception]
) -> None:
    """A 200 says nothing: the `ok` inside does."""
    chat.moods.append(mood)

    with pytest.raises(trouble) as caught:
        await bot.deliver(WARNING)

    assert trouble is type(caught.value)
    assert 1 == len(chat.requests)


async def test_a_webhook_shows_the_words(chat: Slack, hook: SlackWebhookSink) -> None:
    """Blocks for the eye, the same as plain text for the notification; nothing to edit later."""
    receipt = await hook.deliver(WARNING)

    assert [WORDS] == chat.texts
    assert ["header", "section", "context"] == [block["type"] for block in chat.shown[0].raw["blocks"]]
    assert receipt.message_id is None


async def test_a_webhook_cannot_edit(chat: Slack, hook: SlackWebhookSink) -> None:
    """It says so without asking Slack."""
    with pytest.raises(EditLost):
        await hook.deliver(CLEARED, edits="C1/1.2")

    assert [] == chat.requests


async def test_a_channel_cannot_be_shouted_at(chat: Slack, hook: SlackWebhookSink) -> None:
    """`<!channel>` in a trader's words, or in a venue's, must not ring every phone."""
    await hook.deliver(HOSTILE)

    raw = chat.shown[0].raw
    assert "&lt;!channel&gt;" in raw["text"]
    assert ["plain_text", "mrkdwn"] == [block["text"]["type"] for block in raw["blocks"] if "text" in block]


@pytest.mark.parametrize(("header", "body"), [("7", ""), (None, '{"retry_after":7,"ok":false,"error":"rate_limited"}')])
async def test_429_carries_the_advice(chat: Slack, hook: SlackWebhookSink, header: str | None, body: str) -> None:
    """From the header, or from the body that webhooks send."""
    chat.moods.append(Reply(429, body, headers={"Retry-After": header} if header else {}))

    with pytest.raises(Busy) as caught:
        await hook.deliver(WARNING)

    assert 7 == caught.value.retry_after_s


@pytest.mark.parametrize("mood", [word(400, "invalid_payload"), word(400, "invalid_blocks"), word(403, "new_rule")])
async def test_refused_blocks_go_out_once_as_plain_text(chat: Slack, hook: SlackWebhookSink, mood: Mood) -> None:
    """The words matter more than their looks."""
    chat.moods.append(mood)

    await hook.deliver(WARNING)

    assert [True, False] == ["blocks" in seen.body for seen in chat.requests]
    assert [WORDS] == chat.texts


async def test_a_payload_refused_twice_is_undeliverable(chat: Slack, hook: SlackWebhookSink) -> None:
    """Two requests, then the dead letter."""
    chat.always = word(400, "invalid_payload")

    with pytest.raises(Undeliverable, match="invalid_payload"):
        await hook.deliver(WARNING)

    assert 2 == len(chat.requests)


async def test_a_bot_posts_and_edits(chat: Slack, bot: SlackBotSink) -> None:
    """The channel's name becomes its id, because chat.update takes no names."""
    receipt = await bot.deliver(WARNING)
    again = await bot.deliver(CLEARED, edits=receipt.message_id)

    assert "C0ALERTS1/1790000000.000000" == receipt.message_id
    assert receipt == again
    assert [1] == [shown.edits for shown in chat.shown]
    assert chat.texts[0].startswith("CLEARED")


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_an_edit_that_came_too_late_says_so(chat: Slack, bot: SlackBotSink, error: str) -> None:
    """The caller may then send a new message."""
    receipt = await bot.deliver(WARNING)
    chat.moods.append(refusal(error))

    with pytest.raises(EditLost, match=error):
        await bot.deliver(CLEARED, edits=receipt.message_id)


async def test_a_bot_heeds_retry_after(chat: Slack, bot: SlackBotSink) -> None:
    """The header is the only place where the Web API says it."""
    chat.moods.append(Reply(429, '{"ok":false,"error":"ratelimited"}', headers={"Retry-After": "30"}))

    with pytest.raises(Busy) as caught:
        await bot.deliver(WARNING)

    assert 30 == caught.value.retry_after_s


async def test_a_bot_s_refused_blocks_go_out_as_plain_text(chat: Slack, bot: SlackBotSink) -> None:
    """Emptied by name, or an edit would keep the old ones."""
    chat.moods.append(refusal("invalid_blocks"))

    await bot.deliver(WARNING)

    assert [] == chat.requests[1].body["blocks"]
    assert [WORDS] == chat.texts


async def test_two_messages_share_a_connection(chat: Slack, hook: SlackWebhookSink) -> None:
    """TLS once, not once per alert."""
    await hook.deliver(WARNING)
    await hook.deliver(CLEARED)

    assert 1 == len({seen.connection for seen in chat.requests})


async def test_nobody_listening_means_not_sent(session: aiohttp.ClientSession) -> None:
    """A refused connection is worth retrying for ever."""
    place = address.parse("slack://A/B/C")
    assert isinstance(place, address.SlackWebhook)
    async with Slack() as chat:
        sink = SlackWebhookSink("desk", place, session=session, api_url=chat.url, patience=UNHURRIED)

    with pytest.raises(Unreached, match="could not connect"):
        await sink.deliver(WARNING)


async def test_a_message_of_any_length_is_taken(chat: Slack, hook: SlackWebhookSink) -> None:
    """Cut at our end, because the far end would refuse all of it."""
    await hook.deliver(Message(headline="😀<&" * 2_000, lines=("<😀&>" * 3_000,) * 3, footer="rule r " * 900))

    assert 1 == len(chat.requests) == len(chat.shown)


async def test_what_speaks_again_is_in_the_thread_and_in_the_channel(chat: Slack, bot: SlackBotSink) -> None:
    """A thread alone makes no sound."""
    first = await bot.deliver(WARNING)
    await bot.deliver(replace(WARNING, replies=first.message_id))

    assert first.message_id is not None
    assert [(None, None), (first.message_id.partition("/")[2], True)] == [
        (seen.body.get("thread_ts"), seen.body.get("reply_broadcast")) for seen in chat.requests
    ]


BUTTONS = ((Button("Acknowledge", "ack:00ff"),), (Button("Snooze 1h", "1h:00ff"), Button("Snooze 4h", "4h:00ff")))


@pytest.mark.parametrize(
    "error",
    [
        "invalid_thread_ts",
        "thread_not_found",
        "cannot_reply_to_message",
        "message_not_found",
        "restricted_action_non_threadable_channel",
    ],
)
async def test_what_cannot_be_said_in_the_thread_is_said_beside_it(chat: Slack, bot: SlackBotSink, error: str) -> None:
    """Its first message was deleted, stands in another chat, or the channel has no threads."""
    chat.moods.append(refusal(error))
    receipt = await bot.deliver(replace(WARNING, replies="-1001/17"))

    assert ["17", None] == [seen.body.get("thread_ts") for seen in chat.requests]
    assert "reply_broadcast" not in chat.requests[1].body
    assert f"C0ALERTS1/{chat.shown[0].message_id}" == receipt.message_id


async def test_a_bot_shows_buttons_and_an_edit_takes_them_away(chat: Slack, bot: SlackBotSink) -> None:
    receipt = await bot.deliver(replace(WARNING, buttons=BUTTONS))
    before = [one["value"] for one in chat.shown[0].raw["blocks"][-1]["elements"]]
    await bot.deliver(CLEARED, edits=receipt.message_id)

    assert ["ack:00ff", "1h:00ff", "4h:00ff"] == before
    assert "actions" not in [block["type"] for block in chat.shown[0].raw["blocks"]]


async def test_a_webhook_has_no_buttons(chat: Slack, hook: SlackWebhookSink) -> None:
    """Nobody would hear them being pressed."""
    await hook.deliver(replace(WARNING, buttons=BUTTONS))

    assert ["header", "section", "context"] == [block["type"] for block in chat.shown[0].raw["blocks"]]
