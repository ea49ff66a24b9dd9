"""A message is closed where it stands: text or picture, in Telegram and in Slack, and never with more than fits."""

import json
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import pytest
from msgspec.structs import replace

from daemon.chat.api import BotApi
from daemon.chat.pressed import Closed, Pressed
from daemon.chat.saying import Voice
from daemon.chat.slack_api import SlackApi
from daemon.chat.slack_voice import Place as SlackPlace
from daemon.chat.slack_voice import SlackVoice, closed_blocks
from daemon.wire.slack import read_click
from daemon.wire.telegram import Place, Press, read_place, read_updates
from sinks.address import SlackBot, TelegramChat
from sinks.address import parse as parse_address
from sinks.base import Button, Picture
from sinks.post import open_session
from sinks.slack import SlackBotSink
from sinks.telegram import TelegramSink
from tests.chats import Chat, Reply, Shown, Slack, Telegram, blocks_error, html_page, telegram_error, too_many
from tests.chats.socket_mode import buttons, click
from tests.daemon.lanes import Clock
from tests.patience import UNHURRIED
from tests.sinks.samples import CHART, WARNING

DEED = "acknowledged by @anna, 12:01:00Z"
BUTTONS = ((Button("Acknowledge", "ack:00ff"),),)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


def telegram_voice(phone: Telegram, session: aiohttp.ClientSession) -> Voice:
    return Voice("phone", BotApi(session, phone.token, phone.url, UNHURRIED), sleep=Clock(0).sleep)


def slack_voice(desk: Slack, session: aiohttp.ClientSession) -> SlackVoice:
    api = SlackApi(session, desk.token, desk.socket_mode.app_token, desk.api_url, UNHURRIED)
    return SlackVoice("desk", api, sleep=Clock(0).sleep)


def asked(chat: Chat, method: str) -> list[dict[str, Any]]:
    return [seen.body for seen in chat.requests if seen.path.endswith(method)]


async def in_telegram(phone: Telegram, session: aiohttp.ClientSession, picture: Picture | None = None) -> Place:
    """An alert that was pressed, as Telegram tells of it."""
    address = parse_address(phone.address())
    assert isinstance(address, TelegramChat)
    sink = TelegramSink("phone", address, session=session, api_url=phone.url, patience=UNHURRIED)
    await sink.deliver(replace(WARNING, buttons=BUTTONS, picture=picture))
    phone.presses("Acknowledge")
    (update,) = read_updates(json.dumps(phone.updates).encode())
    assert isinstance(update.callback_query, Press) and update.callback_query.message is not None
    return Place.of(update.callback_query.message)


def text_of(place: Place) -> str:
    return msgspec.json.encode(place).decode()


# -- Telegram ---------------------------------------------------------------------------------------------------------


async def test_a_text_is_closed_as_text(phone: Telegram, session: aiohttp.ClientSession) -> None:
    place = await in_telegram(phone, session)
    before = phone.texts[0]

    assert Closed.DONE is await telegram_voice(phone, session).close(text_of(place), DEED)
    assert f"{before}\n{DEED}" == phone.texts[0]
    assert [] == phone.shown[0].buttons
    assert place.entities == asked(phone, "editMessageText")[0]["entities"]


async def test_a_picture_is_closed_by_its_caption(phone: Telegram, session: aiohttp.ClientSession) -> None:
    """With the markup that the caption had, and above the picture if it stood there."""
    place = await in_telegram(phone, session, CHART)
    before, photo = phone.texts[0], phone.shown[0].photo
    above = replace(place, is_above=True)

    assert place.is_photo
    assert Closed.DONE is await telegram_voice(phone, session).close(text_of(above), DEED)
    assert (f"{before}\n{DEED}", photo) == (phone.texts[0], phone.shown[0].photo)
    assert [] == phone.shown[0].buttons
    (body,) = asked(phone, "editMessageCaption")
    assert (place.entities, True) == (body["caption_entities"], body["show_caption_above_media"])


@pytest.mark.parametrize(("picture", "length"), [(None, 4096), (CHART, 1024)])
async def test_what_does_not_fit_loses_only_its_buttons(
    phone: Telegram, session: aiohttp.ClientSession, picture: Picture | None, length: int
) -> None:
    """To the letter, as Telegram counts."""
    place = await in_telegram(phone, session, picture)
    fits = "😀" * ((length - len(DEED) - 1) // 2)
    fits += "x" * (length - len(DEED) - 1 - 2 * len(fits))
    voice = telegram_voice(phone, session)

    assert Closed.DONE is await voice.close(text_of(replace(place, text=fits, entities=[])), DEED)
    assert f"{fits}\n{DEED}" == phone.texts[0]
    assert Closed.DONE is await voice.close(text_of(replace(place, text=f"{fits}x", entities=[])), DEED)
    assert 1 == len(asked(phone, "editMessageReplyMarkup"))
    assert [] == phone.shown[0].buttons


@pytest.mark.parametrize("picture", [None, CHART])
async def test_a_picture_that_came_or_went_meanwhile_is_noticed(
    phone: Telegram, session: aiohttp.ClientSession, picture: Picture | None
) -> None:
    """The wrong method is refused, and the other one tried."""
    place = await in_telegram(phone, session, picture)
    wrong = replace(place, is_photo=not place.is_photo)

    assert Closed.DONE is await telegram_voice(phone, session).close(text_of(wrong), DEED)
    assert phone.texts[0].endswith(f"\n{DEED}")


async def test_the_same_edit_again_is_done(phone: Telegram, session: aiohttp.ClientSession) -> None:
    """Telegram calls it a mistake."""
    place = text_of(await in_telegram(phone, session))
    voice = telegram_voice(phone, session)

    assert [Closed.DONE, Closed.DONE] == [await voice.close(place, DEED) for _ in range(2)]
    assert 1 == phone.shown[0].edits


@pytest.mark.parametrize(
    ("mood", "closed"),
    [
        (telegram_error(400, "Bad Request: message to edit not found"), Closed.NEVER),
        (telegram_error(403, "Forbidden: bot was kicked from the group chat"), Closed.NEVER),
        (too_many(1), Closed.LATER),
        (html_page(502), Closed.LATER),
    ],
)
async def test_what_became_of_an_edit_is_known(
    phone: Telegram, session: aiohttp.ClientSession, mood: Reply, closed: Closed
) -> None:
    """A message that is gone is not looked for every minute."""
    place = await in_telegram(phone, session)
    phone.always = mood

    assert closed is await telegram_voice(phone, session).close(text_of(place), DEED)


async def test_a_chat_that_wants_minutes_is_not_asked_again_at_once(
    phone: Telegram, session: aiohttp.ClientSession
) -> None:
    """Nor does whoever listens wait for it: the message is changed when presses are made good."""
    place = await in_telegram(phone, session)
    phone.always = too_many(600)
    before = len(phone.requests)

    assert Closed.LATER is await telegram_voice(phone, session).close(text_of(place), DEED)
    assert 1 == len(phone.requests) - before


@pytest.mark.parametrize("place", ["", "{", "[]", '{"chat": "x", "number": 1}', "null", '{"channel": 7}'])
async def test_a_place_that_nobody_can_read_is_none(
    phone: Telegram, desk: Slack, session: aiohttp.ClientSession, place: str
) -> None:
    """Whatever an older program has written down."""
    assert read_place(place) is None
    assert Closed.NEVER is await telegram_voice(phone, session).close(place, DEED)
    assert Closed.NEVER is await slack_voice(desk, session).close(place, DEED)
    assert [] == phone.requests + desk.requests


# -- Slack ------------------------------------------------------------------------------------------------------------


async def in_slack(desk: Slack, session: aiohttp.ClientSession, picture: Picture | None = None) -> SlackPlace:
    """The same in Slack."""
    address = parse_address(desk.bot_address)
    assert isinstance(address, SlackBot)
    sink = SlackBotSink("desk", address, session=session, api_url=desk.api_url, patience=UNHURRIED)
    message = replace(WARNING, buttons=BUTTONS)
    receipt = await sink.deliver(message)
    if picture is not None:
        await sink.deliver(replace(message, picture=picture), edits=receipt.message_id)
    (shown,) = desk.shown
    return pressed_in(shown)


def pressed_in(shown: Shown, **more: Any) -> SlackPlace:
    """The place of a press under this message, which may tell more of it."""
    payload = click("ack:00ff", shown, user="U0ANNA001", name="anna", when="1")
    payload["message"] |= more
    heard = read_click(json.dumps(payload).encode())
    assert heard is not None
    place = SlackPlace.of(heard)
    assert place is not None
    return place


def slack_text_of(place: SlackPlace) -> str:
    return msgspec.json.encode(place).decode()


async def test_a_message_in_slack_keeps_all_but_its_buttons(desk: Slack, session: aiohttp.ClientSession) -> None:
    place = await in_slack(desk, session)
    before = desk.shown[0].raw["blocks"]

    assert Closed.DONE is await slack_voice(desk, session).close(slack_text_of(place), DEED)
    line = {"type": "context", "elements": [{"type": "plain_text", "text": DEED, "emoji": False}]}
    assert [*before[:-1], line] == desk.shown[0].raw["blocks"]
    assert [] == buttons(desk.shown[0])


async def test_a_picture_in_slack_stays(desk: Slack, session: aiohttp.ClientSession) -> None:
    """What the press tells of it is named again."""
    place = await in_slack(desk, session, CHART)
    assert CHART.png == desk.shown[0].photo

    assert Closed.DONE is await slack_voice(desk, session).close(slack_text_of(place), DEED)
    assert CHART.png == desk.shown[0].photo
    assert [["F0000000000"]] == [body.get("file_ids") for body in asked(desk, "chat.update")[1:]]
    assert desk.texts[0].endswith(DEED)


async def test_a_picture_in_a_block_stays(desk: Slack, session: aiohttp.ClientSession) -> None:
    """Another version may have posted it so. Slack tells more of it than it takes back."""
    await in_slack(desk, session, CHART)
    (shown,) = desk.shown
    image = {"type": "image", "slack_file": {"id": "F0000000000"}, "alt_text": "a chart"}
    shown.raw = {"text": shown.raw["text"], "blocks": [*shown.raw["blocks"], image]}
    place = pressed_in(shown)

    assert blocks_error({"text": "a", "blocks": place.blocks}) == "invalid_blocks"
    assert Closed.DONE is await slack_voice(desk, session).close(slack_text_of(place), DEED)
    assert image in shown.raw["blocks"]
    assert CHART.png == shown.photo


@pytest.mark.parametrize("word", ["file_not_found", "invalid_blocks", "invalid_arguments"])
async def test_a_file_that_is_refused_does_not_keep_the_buttons(
    desk: Slack, session: aiohttp.ClientSession, word: str
) -> None:
    """Without it, and with all the blocks."""
    place = await in_slack(desk, session, CHART)
    desk.moods_of["chat.update"] = deque([Reply(200, json.dumps({"ok": False, "error": word}))])

    assert Closed.DONE is await slack_voice(desk, session).close(slack_text_of(place), DEED)
    assert [["F0000000000"], None] == [body.get("file_ids") for body in asked(desk, "chat.update")[1:]]
    assert ["header", "section", "context", "context"] == [one["type"] for one in desk.shown[0].raw["blocks"]]


async def test_what_is_refused_with_and_without_files_becomes_words(
    desk: Slack, session: aiohttp.ClientSession
) -> None:
    """The buttons must go."""
    place = await in_slack(desk, session, CHART)
    desk.moods_of["chat.update"] = deque([Reply(200, '{"ok": false, "error": "invalid_blocks"}')] * 2)

    assert Closed.DONE is await slack_voice(desk, session).close(slack_text_of(place), DEED)
    assert [] == desk.shown[0].raw["blocks"]
    assert desk.texts[0].endswith(DEED)


async def test_a_refusal_that_is_not_about_files_is_no_reason_to_leave_them_out(
    desk: Slack, session: aiohttp.ClientSession
) -> None:
    place = await in_slack(desk, session, CHART)
    desk.moods_of["chat.update"] = deque([Reply(200, '{"ok": false, "error": "message_not_found"}')])

    assert Closed.NEVER is await slack_voice(desk, session).close(slack_text_of(place), DEED)
    assert 1 == len(asked(desk, "chat.update")[1:])


@pytest.mark.parametrize(
    ("files", "kept"),
    [
        (None, []),
        ([], []),
        ("F1", []),
        ({"id": "F1"}, []),
        ([None, 7, "F1", {}, {"id": None}, {"id": 7}, {"id": ["F1"]}], []),
        ([{"id": ""}, {"id": "F1/C2"}, {"id": "<!here>"}, {"id": "F" * 65}, {"id": "F" * 64}], ["F" * 64]),
        ([{"id": f"F{number}"} for number in range(1_000)], ["F0", "F1", "F2", "F3", "F4"]),
    ],
)
async def test_whatever_a_press_tells_of_files_it_is_heard(
    desk: Slack, session: aiohttp.ClientSession, files: Any, kept: list[str]
) -> None:
    """No document shows them in a press; five bare words at most are kept of it."""
    await in_slack(desk, session)

    assert kept == pressed_in(desk.shown[0], files=files).files


async def test_a_place_that_knows_of_no_files_is_closed_as_before(desk: Slack, session: aiohttp.ClientSession) -> None:
    """An older program has written it down."""
    known = json.loads(slack_text_of(await in_slack(desk, session)))
    del known["files"]

    assert Closed.DONE is await slack_voice(desk, session).close(json.dumps(known), DEED)
    assert "file_ids" not in asked(desk, "chat.update")[-1]


def test_blocks_that_are_none_of_ours_do_not_go_back() -> None:
    """Whatever an app of somebody else, or Slack, has put there; and never more than fifty."""
    header = {"type": "header", "text": {"type": "plain_text", "text": "WARNING", "emoji": False}}
    strange: list[dict[str, Any]] = [{"type": "rich_text", "elements": []}, {"type": 7}, {}, {"type": "actions"}]

    assert ["header", "context"] == [block["type"] for block in closed_blocks([header, *strange], DEED)]
    assert 50 == len(closed_blocks([header] * 60, DEED))
    assert DEED == closed_blocks([header] * 60, DEED)[-1]["elements"][0]["text"]
    assert blocks_error({"text": "a", "blocks": closed_blocks([], "\x00" + "x" * 9_000)}) is None


@pytest.mark.parametrize(
    ("mood", "closed"),
    [
        (Reply(200, '{"ok": false, "error": "message_not_found"}'), Closed.NEVER),
        (Reply(200, '{"ok": false, "error": "cant_update_message"}'), Closed.NEVER),
        (Reply(200, '{"ok": false, "error": "token_revoked"}'), Closed.NEVER),
        (Reply(200, '{"ok": false, "error": "internal_error"}'), Closed.LATER),
        (Reply(429, '{"ok": false, "error": "ratelimited"}'), Closed.LATER),
        (html_page(502), Closed.LATER),
    ],
)
async def test_what_became_of_an_edit_in_slack_is_known(
    desk: Slack, session: aiohttp.ClientSession, mood: Reply, closed: Closed
) -> None:
    place = await in_slack(desk, session)
    desk.always = mood

    assert closed is await slack_voice(desk, session).close(slack_text_of(place), DEED)


async def test_whoever_is_not_in_the_channel_cannot_be_told(
    desk: Slack, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is said once, and stops nobody."""
    desk.absent.add("U0EVE0001")
    voice = slack_voice(desk, session)
    for _ in range(2):
        await voice.note(pressed("U0EVE0001"), DEED)
    await voice.note(pressed("U0ANNA001"), "<!channel> & more")

    assert [("U0ANNA001", "<!channel> & more")] == desk.notes
    assert "&lt;!channel&gt; &amp; more" == desk.requests[-1].body["text"]
    assert 1 == sum(one.msg == "bot could not answer" and one.levelname == "WARNING" for one in caplog.records)


async def test_a_press_from_nowhere_is_not_answered(desk: Slack, session: aiohttp.ClientSession) -> None:
    await slack_voice(desk, session).note(pressed("U0ANNA001", channel=""), DEED)

    assert [] == desk.requests


async def test_a_slack_that_is_down_is_asked_three_times(desk: Slack, session: aiohttp.ClientSession) -> None:
    desk.moods_of["chat.postEphemeral"] = deque([html_page(503), html_page(503)])
    await slack_voice(desk, session).note(pressed("U0ANNA001"), DEED)

    assert 3 == len(desk.requests)
    assert [("U0ANNA001", DEED)] == desk.notes


def pressed(user: str, *, channel: str = "C0ALERTS1") -> Pressed:
    return Pressed(id="1", user=user, who="@anna", data="ack:00ff", channel=channel)
