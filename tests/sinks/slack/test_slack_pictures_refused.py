"""Slack refuses a picture, or the way to it breaks: the words stay, and each trouble is what it is."""

import json
from collections import deque

import pytest
from msgspec.structs import replace

from sinks.base import Busy, Gone, SinkTrouble, Uncertain, Undeliverable, Unreached
from sinks.outcome import EditLost
from sinks.slack import API_URL, SlackBotSink
from sinks.slack_files import is_theirs
from tests.chats import Mood, Reply, Slack, Slow, Vanish, html_page
from tests.sinks.samples import CHART, CLEARED, WARNING
from tests.sinks.slack.bringing import CALLS, PICTURED, files_named, kinds, paths, sent
from tests.sinks.slack.test_slack import refusal


async def test_a_picture_that_is_not_ready_is_tried_again_without_bringing_it_again(
    chat: Slack, bot: SlackBotSink
) -> None:
    """Slack looks at a file when it finds the time; a new file would be as new as the first."""
    chat.files.looks = 1
    name = await sent(chat, bot)

    with pytest.raises(Unreached, match="file_not_found: it has not finished with the picture"):
        await bot.deliver(PICTURED, edits=name)
    assert (None, 0) == (chat.shown[0].photo, chat.shown[0].edits)
    await bot.deliver(PICTURED, edits=name)

    assert CHART.png == chat.shown[0].photo
    assert [*CALLS, "api/chat.update", "api/chat.update"] == paths(chat)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        ("file_not_found", Unreached),
        ("invalid_file_id", Unreached),
        ("some_file_is_not_ready", Unreached),
        ("invalid_blocks", Unreached),
        ("invalid_arguments", Undeliverable),
        ("something_new", Undeliverable),
    ],
)
async def test_a_new_picture_is_tried_again_only_where_time_may_help(
    chat: Slack, bot: SlackBotSink, error: str, trouble: type[Exception]
) -> None:
    """No document says which word stands for a file that is not ready; none of them costs the words."""
    name = await sent(chat, bot)
    chat.moods_of["chat.update"] = deque([refusal(error)])

    with pytest.raises(trouble, match=error) as caught:
        await bot.deliver(PICTURED, edits=name)

    assert trouble is type(caught.value)
    assert [*CALLS, "api/chat.update"] == paths(chat)
    assert (0, None) == (chat.shown[0].edits, chat.shown[0].photo)


@pytest.mark.parametrize(
    "error",
    ["file_not_found", "file_deleted", "invalid_file_id", "invalid_blocks", "invalid_arguments", "invalid_array_arg"],
)
async def test_later_words_go_without_a_file_that_is_refused(chat: Slack, bot: SlackBotSink, error: str) -> None:
    """Once more, with all their blocks; from then on nobody names it."""
    name = await sent(chat, bot)
    pictured = await bot.deliver(PICTURED, edits=name)
    chat.requests.clear()
    chat.moods_of["chat.update"] = deque([refusal(error)])
    receipt = await bot.deliver(CLEARED, edits=pictured.message_id)
    await bot.deliver(WARNING, edits=receipt.message_id)

    assert name == receipt.message_id
    assert [["F0000000000"], None, None] == files_named(chat)
    assert ["header", "section", "context"] == kinds(chat)


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        (refusal("message_not_found"), EditLost),
        (refusal("ratelimited"), Busy),
        (refusal("internal_error"), Uncertain),
        (refusal("token_revoked"), Gone),
        (html_page(503), Unreached),
    ],
)
async def test_what_is_not_about_the_file_is_not_asked_twice(
    chat: Slack, bot: SlackBotSink, mood: Reply, trouble: type[Exception]
) -> None:
    """The file is not to blame, and keeps its place in the name."""
    pictured = await bot.deliver(PICTURED, edits=await sent(chat, bot))
    chat.requests.clear()
    chat.moods_of["chat.update"] = deque([mood])

    with pytest.raises(trouble):
        await bot.deliver(CLEARED, edits=pictured.message_id)

    assert [["F0000000000"]] == files_named(chat)


async def test_a_picture_that_somebody_deleted_is_left_out(chat: Slack, bot: SlackBotSink) -> None:
    """The newer words stand there with all their blocks, and the name no longer speaks of it."""
    name = await sent(chat, bot)
    pictured = await bot.deliver(PICTURED, edits=name)
    chat.files.files.clear()
    receipt = await bot.deliver(CLEARED, edits=pictured.message_id)

    assert name == receipt.message_id
    assert ["header", "section", "context"] == kinds(chat)
    assert chat.texts[0].startswith("CLEARED")


async def test_blocks_that_stay_refused_go_out_as_plain_text(chat: Slack, bot: SlackBotSink) -> None:
    """Without the picture, then without blocks, and then it is enough."""
    name = await sent(chat, bot)
    pictured = await bot.deliver(PICTURED, edits=name)
    chat.requests.clear()
    chat.moods += [refusal("invalid_blocks"), refusal("invalid_blocks")]
    receipt = await bot.deliver(CLEARED, edits=pictured.message_id)

    assert [["F0000000000"], None, None] == files_named(chat)
    assert ([], None) == (chat.shown[0].raw["blocks"], chat.shown[0].photo)
    assert name == receipt.message_id


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        (html_page(502), Unreached),
        (html_page(503), Unreached),
        (html_page(302), Unreached),
        (Vanish(after_taking=True), Unreached),
        (Vanish(after_taking=False), Unreached),
        (Slow(), Unreached),
        (html_page(401), Undeliverable),
        (html_page(404), Undeliverable),
        (html_page(413), Undeliverable),
        (Reply(429, "", headers={"Retry-After": "30"}), Busy),
    ],
)
async def test_no_trouble_on_the_way_touches_the_words(
    chat: Slack, bot: SlackBotSink, step: int, mood: Mood, trouble: type[Exception]
) -> None:
    """Nothing is uncertain, because nothing was shown; nobody is gone, because the words still arrive."""
    name = await sent(chat, bot)
    chat.moods += [*([None] * step), mood]

    with pytest.raises(trouble) as caught:
        await bot.deliver(replace(CLEARED, picture=CHART), edits=name)
    chat.release()

    assert trouble is type(caught.value)
    assert not isinstance(caught.value, Busy) or 30 == caught.value.retry_after_s
    assert CALLS[: step + 1] == paths(chat)
    assert (0, None) == (chat.shown[0].edits, chat.shown[0].photo)


@pytest.mark.parametrize("step", [0, 2])
@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        ("missing_scope", Undeliverable),
        ("not_allowed_token_type", Undeliverable),
        ("access_denied", Undeliverable),
        ("file_uploads_disabled", Undeliverable),
        ("something_new", Undeliverable),
        ("internal_error", Unreached),
        ("service_unavailable", Unreached),
        ("ratelimited", Busy),
    ],
)
async def test_each_word_about_a_file_is_what_it_is(
    chat: Slack, bot: SlackBotSink, step: int, error: str, trouble: type[Exception]
) -> None:
    """Whoever reads the sentence knows what to do: a scope that is missing has a name."""
    name = await sent(chat, bot)
    chat.moods += [*([None] * step), refusal(error)]

    with pytest.raises(trouble, match="files:write" if error == "missing_scope" else error) as caught:
        await bot.deliver(PICTURED, edits=name)

    assert trouble is type(caught.value)
    assert CALLS[: step + 1] == paths(chat)


async def test_200_with_a_page_is_no_place(chat: Slack, bot: SlackBotSink) -> None:
    """A portal answers everything with 200."""
    name = await sent(chat, bot)
    chat.moods.append(html_page(200))

    with pytest.raises(Unreached):
        await bot.deliver(PICTURED, edits=name)


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example/upload",
        "http://127.0.0.2:{port}/upload",
        "https://127.0.0.1:{port}/upload",
        "http://127.0.0.1.evil.example/upload",
        "http://127.0.0.1:{port}@evil.example/upload",
        "http://[/upload",
        "ftp://127.0.0.1/upload",
        "upload",
        "",
    ],
)
async def test_a_picture_goes_to_slack_and_nowhere_else(chat: Slack, bot: SlackBotSink, place: str) -> None:
    """An answer that sends us elsewhere is not followed."""
    name = await sent(chat, bot)
    where = place.format(port=chat.url.rpartition(":")[2])
    chat.moods.append(Reply(200, json.dumps({"ok": True, "upload_url": where, "file_id": "F0000000000"})))

    with pytest.raises(Undeliverable, match="not one of Slack's"):
        await bot.deliver(PICTURED, edits=name)

    assert CALLS[:1] == paths(chat)


@pytest.mark.parametrize("file_id", ["", "F1/C0ALERTS1", "F1 <!channel>", "F" * 65])
async def test_an_id_that_is_none_is_not_written_down(chat: Slack, bot: SlackBotSink, file_id: str) -> None:
    """It would become a part of the message's name."""
    name = await sent(chat, bot)
    place = f"{chat.url}/upload/v1/SECRETF0000000000"
    chat.moods.append(Reply(200, json.dumps({"ok": True, "upload_url": place, "file_id": file_id})))

    with pytest.raises(Undeliverable):
        await bot.deliver(PICTURED, edits=name)

    assert CALLS[:1] == paths(chat)


@pytest.mark.parametrize(
    ("url", "api_url", "is_so"),
    [
        ("https://files.slack.com/upload/v1/x", API_URL, True),
        ("https://slack.com/upload", API_URL, True),
        ("http://files.slack.com/upload", API_URL, False),
        ("https://files.slack.com.evil.example/upload", API_URL, False),
        ("https://notslack.com/upload", API_URL, False),
        ("https://files.slack-gov.com/upload", "https://slack-gov.com/api", True),
    ],
)
def test_slack_s_files_are_at_slack(url: str, api_url: str, is_so: bool) -> None:
    """At the host of its API or below it."""
    assert is_so == is_theirs(url, api_url)


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        (refusal("message_not_found"), EditLost),
        (refusal("ratelimited"), Busy),
        (Vanish(), Uncertain),
        (html_page(503), Unreached),
    ],
)
async def test_each_answer_to_the_last_call_is_that_of_an_edit(
    chat: Slack, bot: SlackBotSink, mood: Mood, trouble: type[SinkTrouble]
) -> None:
    """That call alone touches the message."""
    name = await sent(chat, bot)
    chat.moods += [None, None, None, mood]

    with pytest.raises(trouble) as caught:
        await bot.deliver(PICTURED, edits=name)

    assert trouble is type(caught.value)


@pytest.mark.parametrize("name", ["", "C0ALERTS1", "C0ALERTS1/", "/1790000000.000000", "/1/F0000000000"])
async def test_a_name_that_is_none_is_not_asked_about(chat: Slack, bot: SlackBotSink, name: str) -> None:
    """Nor is a picture brought for it."""
    with pytest.raises(EditLost):
        await bot.deliver(PICTURED, edits=name)

    assert [] == chat.requests
