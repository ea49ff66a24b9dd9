"""Slack with a picture: brought, hung under words that stand there, kept; whatever is wrong with it, the words stay."""

from collections import deque
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from sinks import address
from sinks.base import Button, Picture, Unreached
from sinks.slack import SlackBotSink, SlackWebhookSink
from sinks.slack_files import FILENAME
from tests.chats import Slack
from tests.patience import UNHURRIED
from tests.sinks.samples import CHART, CLEARED, WARNING, png
from tests.sinks.slack.bringing import CALLS, PICTURED, files_named, kinds, paths, sent
from tests.sinks.slack.test_slack import refusal

# -- brought ----------------------------------------------------------------------------------------------------------


async def test_a_picture_is_hung_under_its_words(chat: Slack, bot: SlackBotSink) -> None:
    """Three calls bring it, the fourth names it, as a file and not in a block; the message's name tells which it is."""
    name = await sent(chat, bot)
    buttons = ((Button("Acknowledge", "a:1"),),)
    receipt = await bot.deliver(replace(PICTURED, buttons=buttons), edits=name)

    (shown,), (file,) = chat.shown, chat.files.files
    assert [*CALLS, "api/chat.update"] == paths(chat)
    assert (CHART.png, CHART.says, CHART.says) == (shown.photo, file.says, file.title)
    assert ["header", "section", "context", "actions"] == kinds(chat)
    assert [["F0000000000"]] == files_named(chat)
    assert f"{name}/F0000000000" == receipt.message_id


async def test_words_alone_come_first(chat: Slack, bot: SlackBotSink) -> None:
    """A file needs its time, and an alert has none: a new message leaves the picture out."""
    receipt = await bot.deliver(PICTURED)

    assert ["api/chat.postMessage"] == paths(chat)
    assert "C0ALERTS1/1790000000.000000" == receipt.message_id


async def test_a_webhook_leaves_pictures_out(chat: Slack, session: aiohttp.ClientSession) -> None:
    """It can show none."""
    place = address.parse(chat.hook_address)
    assert isinstance(place, address.SlackWebhook)
    await SlackWebhookSink("desk", place, session=session, api_url=chat.url, patience=UNHURRIED).deliver(PICTURED)

    assert ["header", "section", "context"] == kinds(chat)


async def test_later_words_keep_the_picture(chat: Slack, bot: SlackBotSink) -> None:
    """Nobody says that Slack keeps a file that is not named again, so each edit names it; it is not brought again."""
    name = (await bot.deliver(PICTURED, edits=await sent(chat, bot))).message_id
    again = [await bot.deliver(words, edits=name) for words in (WARNING, CLEARED)]

    assert [name, name] == [receipt.message_id for receipt in again]
    assert CHART.png == chat.shown[0].photo
    assert chat.texts[0].startswith("CLEARED")
    assert [*CALLS, *["api/chat.update"] * 3] == paths(chat)
    assert [["F0000000000"]] * 3 == files_named(chat)


async def test_a_newer_picture_takes_the_place_of_the_older(chat: Slack, bot: SlackBotSink) -> None:
    """And the name with it."""
    newer = Picture(png(320, 200), "later")
    name = await sent(chat, bot)
    first = await bot.deliver(PICTURED, edits=name)
    second = await bot.deliver(replace(CLEARED, picture=newer), edits=first.message_id)

    assert f"{name}/F0000000001" == second.message_id
    assert newer.png == chat.shown[0].photo
    assert [["F0000000000"], ["F0000000001"]] == files_named(chat)


async def test_one_picture_under_two_messages_is_brought_once(chat: Slack, bot: SlackBotSink) -> None:
    """An episode may have a first message and a latest."""
    names = [await sent(chat, bot), await sent(chat, bot)]
    for name in names:
        await bot.deliver(PICTURED, edits=name)

    assert [CHART.png, CHART.png] == [shown.photo for shown in chat.shown]
    assert 1 == len(chat.files.files)


async def test_what_speaks_again_is_in_the_thread_of_a_pictured_message(chat: Slack, bot: SlackBotSink) -> None:
    """The name has three parts then, and the second is the thread."""
    name = await sent(chat, bot)
    first = await bot.deliver(PICTURED, edits=name)
    await bot.deliver(replace(WARNING, replies=first.message_id))

    assert name.partition("/")[2] == chat.requests[-1].body["thread_ts"]


async def test_without_words_for_the_blind_a_picture_has_a_title(chat: Slack, bot: SlackBotSink) -> None:
    """Something must stand beside it."""
    await bot.deliver(replace(WARNING, picture=Picture(CHART.png, " ")), edits=await sent(chat, bot))

    assert FILENAME == chat.files.files[0].title
    assert CHART.png == chat.shown[0].photo


async def test_words_of_any_length_describe_a_picture(chat: Slack, bot: SlackBotSink) -> None:
    """Cut to what each place takes."""
    await bot.deliver(replace(WARNING, picture=Picture(CHART.png, "😀<&" * 900)), edits=await sent(chat, bot))

    assert CHART.png == chat.shown[0].photo


# -- the loopback is strict ------------------------------------------------------------------------------------------


async def ask(chat: Slack, session: aiohttp.ClientSession, method: str, **more: Any) -> dict[str, Any]:
    """What our driver does not say."""
    body = {"channel": "C0ALERTS1", "ts": "1790000000.000000", "text": "words"} | more
    headers = {"Authorization": f"Bearer {chat.token}"}
    async with session.post(f"{chat.api_url}/{method}", json=body, headers=headers) as reply:
        return dict(await reply.json())


IMAGE = {"type": "image", "slack_file": {"id": "F0000000000"}, "alt_text": "a chart"}


async def brought(chat: Slack, bot: SlackBotSink) -> None:
    """A file that nobody has shared, and a message without it."""
    name = await sent(chat, bot)
    chat.moods_of["chat.update"] = deque([refusal("file_not_found")])
    with pytest.raises(Unreached):
        await bot.deliver(PICTURED, edits=name)


async def test_an_image_block_that_an_edit_adds_is_a_placeholder(
    chat: Slack, bot: SlackBotSink, session: aiohttp.ClientSession
) -> None:
    """Slack says yes, and nobody sees a picture: java-slack-sdk issue 1441. What the edit names is seen."""
    await brought(chat, bot)
    answer = await ask(chat, session, "chat.update", blocks=[IMAGE])

    assert answer["ok"] is True
    assert ([IMAGE], None) == (chat.shown[0].raw["blocks"], chat.shown[0].photo)
    await ask(chat, session, "chat.update", file_ids=["F0000000000"])
    assert CHART.png == chat.shown[0].photo


async def test_a_message_that_is_posted_with_an_image_shares_it(
    chat: Slack, bot: SlackBotSink, session: aiohttp.ClientSession
) -> None:
    """From then on edits may show it in a block."""
    await brought(chat, bot)
    await ask(chat, session, "chat.postMessage", blocks=[IMAGE])
    await ask(chat, session, "chat.update", blocks=[IMAGE])

    assert [CHART.png, CHART.png] == [shown.photo for shown in chat.shown]


async def test_a_file_that_is_not_named_again_goes(
    chat: Slack, bot: SlackBotSink, session: aiohttp.ClientSession
) -> None:
    """The stricter of two readings."""
    await bot.deliver(PICTURED, edits=await sent(chat, bot))
    await ask(chat, session, "chat.update")

    assert ("words", None) == (chat.texts[0], chat.shown[0].photo)


@pytest.mark.parametrize(
    ("method", "file_ids", "error"),
    [
        ("chat.update", ["F9999999999"], "file_not_found"),
        ("chat.update", ["F0000000000", "F9999999999"], "file_not_found"),
        ("chat.update", "F0000000000", "invalid_arguments"),
        ("chat.update", [7], "invalid_arguments"),
        ("chat.postMessage", ["F0000000000"], "invalid_arguments"),
    ],
)
async def test_files_that_cannot_be_hung_are_refused(
    chat: Slack, bot: SlackBotSink, session: aiohttp.ClientSession, method: str, file_ids: Any, error: str
) -> None:
    """And the message stays as it is."""
    await brought(chat, bot)
    answer = await ask(chat, session, method, file_ids=file_ids)

    assert error == answer["error"]
    assert [(0, None)] == [(shown.edits, shown.photo) for shown in chat.shown]
