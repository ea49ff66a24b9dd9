"""Telegram with a picture: sent, added, kept; whatever is wrong with it, the words arrive."""

from collections import deque
from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import example, given, settings
from msgspec.structs import replace

from sinks.base import Busy, Button, Gone, Message, Picture, Uncertain, Undeliverable, Unreached
from sinks.fit import weight
from sinks.outcome import EditLost
from sinks.post import Patience
from sinks.telegram import TelegramSink
from sinks.telegram_words import CAPTION_MAX, fits_caption, to_html, to_plain
from tests.chats import Mood, Reply, Slow, Telegram, Vanish, html_page, parse_html, telegram_error, too_many
from tests.sinks.samples import CHART, CLEARED, HOSTILE, WARNING, png
from tests.sinks.test_telegram import messages, sink_for

PICTURED = replace(WARNING, picture=CHART)
BUTTONS = ((Button("Acknowledge", "a:1"), Button("1 h", "s:1")),)
LONG = replace(WARNING, lines=tuple(f"{number}. binance BTC-USDT-PERP long $1.2M at 61,200" for number in range(40)))


@pytest.fixture
async def chat() -> AsyncIterator[Telegram]:
    async with Telegram() as chat:
        yield chat


@pytest.fixture
def sink(chat: Telegram, session: aiohttp.ClientSession, patience: Patience) -> TelegramSink:
    return sink_for(chat, session, chat.address(), patience)


def methods(chat: Telegram) -> list[str]:
    return [seen.path.rpartition("/")[2] for seen in chat.requests]


def refused(description: str, status: int = 400) -> Reply:
    return telegram_error(status, f"Bad Request: {description}" if status == 400 else description)


# -- sent with the words ----------------------------------------------------------------------------------------------


async def test_a_picture_stands_beneath_its_words(chat: Telegram, sink: TelegramSink) -> None:
    """One message with both, the same words as without, and a name that says that it shows a photo."""
    await sink.deliver(WARNING)
    receipt = await sink.deliver(PICTURED)

    text, photo = chat.shown
    assert text.text == photo.text
    assert (None, CHART.png) == (text.photo, photo.photo)
    assert "-1001/101/photo" == receipt.message_id
    assert "true" == photo.raw["show_caption_above_media"]


async def test_markup_in_a_trader_s_words_is_only_words_in_a_caption(chat: Telegram, sink: TelegramSink) -> None:
    """A form has rules of its own, and none of them touches the text."""
    await sink.deliver(replace(HOSTILE, picture=CHART))

    assert ["<b>1 < 2 & 3 > 2</b> <!channel>\na [31m b\n&lt;\n</i>"] == chat.texts


async def test_topic_silence_reply_and_buttons_travel_in_the_form(
    chat: Telegram, session: aiohttp.ClientSession
) -> None:
    """All that a text can have."""
    sink = sink_for(chat, session, f"tgram://{chat.token}/-1001:7")
    first = await sink.deliver(PICTURED)
    await sink.deliver(replace(PICTURED, replies=first.message_id, is_silent=True, buttons=BUTTONS))

    raw = chat.shown[1].raw
    assert "-1001/100/photo" == first.message_id
    assert (7, "true") == (raw["message_thread_id"], raw["disable_notification"])
    assert {"message_id": 100, "allow_sending_without_reply": True} == raw["reply_parameters"]
    assert ["a:1", "s:1"] == [one["callback_data"] for one in chat.shown[1].buttons]


async def test_words_that_do_not_fit_beneath_a_picture_go_without_it(chat: Telegram, sink: TelegramSink) -> None:
    """A chart is nice; the list of what happened is why the message is sent."""
    receipt = await sink.deliver(replace(LONG, picture=CHART))

    assert ["sendMessage"] == methods(chat)
    assert [to_plain(LONG)] == chat.texts
    assert "-1001/100" == receipt.message_id


async def test_a_group_that_moved_gets_the_picture_where_it_is(chat: Telegram, sink: TelegramSink) -> None:
    """The same form, made anew."""
    chat.moved["-1001"] = -100777

    receipt = await sink.deliver(PICTURED)

    assert ("-100777/100/photo", CHART.png) == (receipt.message_id, chat.shown[0].photo)
    assert ["sendPhoto", "sendPhoto"] == methods(chat)


async def test_a_caption_that_is_no_html_is_sent_once_more_as_plain_text(chat: Telegram, sink: TelegramSink) -> None:
    """With the picture: that was not at fault."""
    chat.moods.append(refused("can't parse entities: no idea why"))

    await sink.deliver(PICTURED)

    assert ["HTML", None] == [seen.body.get("parse_mode") for seen in chat.requests]
    assert [CHART.png] == [shown.photo for shown in chat.shown]


@pytest.mark.parametrize(
    "mood",
    [
        refused("PHOTO_INVALID_DIMENSIONS"),
        refused("IMAGE_PROCESS_FAILED"),
        refused("wrong file identifier/HTTP URL specified"),
        refused("not enough rights to send photos to the chat"),
        refused("message caption is too long"),
        refused("something new about photos"),
        refused("Forbidden: CHAT_SEND_PHOTOS_FORBIDDEN", 403),
        refused("Request Entity Too Large", 413),
        html_page(413),
        html_page(400),
        html_page(403),
    ],
)
async def test_without_the_picture_if_that_is_refused(chat: Telegram, sink: TelegramSink, mood: Mood) -> None:
    """The refusal is certain, so the words are sent once more and not a third time."""
    chat.moods.append(mood)

    receipt = await sink.deliver(replace(PICTURED, buttons=BUTTONS))

    assert ["sendPhoto", "sendMessage"] == methods(chat)
    assert [(to_plain(WARNING), None)] == [(shown.text, shown.photo) for shown in chat.shown]
    assert 2 == len(chat.shown[0].buttons)
    assert "-1001/100" == receipt.message_id


@pytest.mark.parametrize("picture", [b"", b"not a picture", png(9_999, 2), png(41, 2)])
async def test_a_picture_that_is_none_does_not_keep_the_words(
    chat: Telegram, sink: TelegramSink, picture: bytes
) -> None:
    """The far end looks at it, we do not."""
    await sink.deliver(replace(WARNING, picture=Picture(picture, "a chart")))

    assert [to_plain(WARNING)] == chat.texts


async def test_what_is_wrong_with_the_chat_is_not_blamed_on_the_picture(chat: Telegram, sink: TelegramSink) -> None:
    """The second answer is the one that counts, and there is no third request."""
    chat.moods += [refused("not enough rights to send photos to the chat"), refused("not enough rights to send text")]

    with pytest.raises(Gone, match="rights to send text"):
        await sink.deliver(PICTURED)

    assert 2 == len(chat.requests)


async def test_a_proxy_that_takes_neither_has_the_last_word(chat: Telegram, sink: TelegramSink) -> None:
    """As it would have had without a picture."""
    chat.always = html_page(403)

    with pytest.raises(Gone):
        await sink.deliver(PICTURED)

    assert ["sendPhoto", "sendMessage"] == methods(chat)


async def test_all_that_can_be_refused_ends(chat: Telegram, sink: TelegramSink) -> None:
    """Plain, then without the picture, and then it is enough."""
    chat.always = refused("can't parse entities: never content")

    with pytest.raises(Undeliverable):
        await sink.deliver(PICTURED)

    assert ["sendPhoto", "sendPhoto", "sendMessage"] == methods(chat)


async def test_a_refused_picture_is_spoken_of_once(
    chat: Telegram, sink: TelegramSink, caplog: pytest.LogCaptureFixture
) -> None:
    """Until one has been taken again."""
    caplog.set_level("INFO")
    no = refused("not enough rights to send photos to the chat")
    chat.moods_of["sendPhoto"] = deque((no, no, Slow(takes=True), no))
    chat.release()
    for _ in range(4):
        await sink.deliver(PICTURED)

    assert ["picture left out"] * 2 == [record.message for record in caplog.records if record.name == "sinks.telegram"]


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        (too_many(17), Busy),
        (html_page(503), Unreached),
        (html_page(302), Unreached),
        (html_page(502), Uncertain),
        (html_page(200), Uncertain),
        (Vanish(after_taking=True), Uncertain),
        (Slow(), Uncertain),
        (telegram_error(401, "Unauthorized"), Gone),
        (telegram_error(403, "Forbidden: bot was blocked by the user"), Gone),
        (refused("chat not found"), Gone),
        (refused("message thread not found"), Gone),
    ],
)
async def test_each_answer_to_a_photo_is_what_it_is(
    chat: Telegram, sink: TelegramSink, mood: Mood, trouble: type[Exception]
) -> None:
    """As for words; where the photo may have arrived, nothing is sent behind it."""
    chat.moods.append(mood)

    with pytest.raises(trouble) as caught:
        await sink.deliver(PICTURED)

    assert trouble is type(caught.value)
    assert 1 == len(chat.requests)


# -- added and kept by edits ------------------------------------------------------------------------------------------


async def test_a_picture_is_added_to_a_text(chat: Telegram, sink: TelegramSink) -> None:
    """The chart was late: the message stays where it is, and its name says what it has become."""
    first = await sink.deliver(replace(WARNING, buttons=BUTTONS))
    receipt = await sink.deliver(replace(PICTURED, buttons=BUTTONS), edits=first.message_id)

    (shown,) = chat.shown
    assert (to_plain(WARNING), CHART.png, 1) == (shown.text, shown.photo, shown.edits)
    assert 2 == len(shown.buttons)
    assert "-1001/100/photo" == receipt.message_id


async def test_newer_words_leave_the_picture(chat: Telegram, sink: TelegramSink) -> None:
    """As a caption; and the same again is no trouble."""
    first = await sink.deliver(PICTURED)
    second = await sink.deliver(CLEARED, edits=first.message_id)
    third = await sink.deliver(CLEARED, edits=second.message_id)

    assert first == second == third
    assert ["sendPhoto", "editMessageCaption", "editMessageCaption"] == methods(chat)
    assert [(to_plain(CLEARED), CHART.png)] == [(shown.text, shown.photo) for shown in chat.shown]


async def test_a_newer_picture_takes_the_place_of_the_older(chat: Telegram, sink: TelegramSink) -> None:
    """With the newer words above it."""
    newer = Picture(png(320, 200), "later")
    first = await sink.deliver(PICTURED)
    second = await sink.deliver(replace(CLEARED, picture=newer), edits=first.message_id)

    assert first == second
    assert [(to_plain(CLEARED), newer.png)] == [(shown.text, shown.photo) for shown in chat.shown]


@pytest.mark.parametrize("name", ["-1001/100", "-1001/100/photo"])
@pytest.mark.parametrize("message", [WARNING, PICTURED])
async def test_a_wrong_guess_heals(chat: Telegram, sink: TelegramSink, message: Message, name: str) -> None:
    """An edit whose answer was lost has made a photo of it, or has not. One more request, and the name is right."""
    await sink.deliver(message)
    receipt = await sink.deliver(CLEARED, edits=name)

    is_photo = message.picture is not None
    assert ("-1001/100/photo" if is_photo else "-1001/100") == receipt.message_id
    assert [to_plain(CLEARED)] == chat.texts
    assert (2 if is_photo == name.endswith("photo") else 3) == len(chat.requests)


async def test_a_guess_that_stays_wrong_is_healed_once(chat: Telegram, sink: TelegramSink) -> None:
    """A message that has neither a text nor a caption is not ours."""
    first = await sink.deliver(WARNING)
    chat.moods += [refused("there is no text in the message to edit")]
    chat.always = refused("there is no caption in the message to edit")

    with pytest.raises(Undeliverable):
        await sink.deliver(CLEARED, edits=first.message_id)

    assert ["sendMessage", "editMessageText", "editMessageCaption"] == methods(chat)


@pytest.mark.parametrize("mood", [refused("PHOTO_INVALID_DIMENSIONS"), refused("there is no media in the message")])
@pytest.mark.parametrize("message", [WARNING, PICTURED])
async def test_a_picture_that_cannot_be_added_does_not_keep_newer_words(
    chat: Telegram, sink: TelegramSink, message: Message, mood: Mood
) -> None:
    """The edit is made without it, and the name says what stands there."""
    first = await sink.deliver(message)
    chat.moods.append(mood)
    receipt = await sink.deliver(replace(CLEARED, picture=CHART), edits=first.message_id)

    assert first == receipt
    assert [(to_plain(CLEARED), message.picture and CHART.png)] == [(one.text, one.photo) for one in chat.shown]
    assert 3 == len(chat.requests)


async def test_a_text_too_long_for_a_caption_stays_a_text(chat: Telegram, sink: TelegramSink) -> None:
    """The words are what counts."""
    first = await sink.deliver(WARNING)
    receipt = await sink.deliver(replace(LONG, picture=CHART), edits=first.message_id)

    assert first == receipt
    assert [(to_plain(LONG), None)] == [(shown.text, shown.photo) for shown in chat.shown]


@pytest.mark.parametrize("picture", [None, Picture(png(320, 200), "later")])
async def test_words_that_grow_beneath_a_photo_are_cut(
    chat: Telegram, sink: TelegramSink, picture: Picture | None
) -> None:
    """A photo never becomes a text again. The middle goes; the headline and the rule stay."""
    first = await sink.deliver(PICTURED)
    await sink.deliver(replace(LONG, picture=picture), edits=first.message_id)

    (text,) = chat.texts
    assert (picture or CHART).png == chat.shown[0].photo
    assert CAPTION_MAX >= weight(text) > CAPTION_MAX - 10
    assert text.startswith("WARNING  binance")
    assert text.endswith("…\nrule hot-funding")


async def test_the_same_picture_again_is_fine(chat: Telegram, sink: TelegramSink) -> None:
    """Telegram says that nothing has changed: it shows it."""
    first = await sink.deliver(WARNING)
    chat.moods.append(refused("message is not modified: specified new message content is the same"))
    receipt = await sink.deliver(PICTURED, edits=first.message_id)

    assert "-1001/100/photo" == receipt.message_id
    assert 2 == len(chat.requests)


@pytest.mark.parametrize("name", ["-1001/100", "-1001/100/photo"])
@pytest.mark.parametrize("message", [CLEARED, replace(CLEARED, picture=CHART)])
async def test_an_edit_of_a_deleted_message_says_so(
    chat: Telegram, sink: TelegramSink, message: Message, name: str
) -> None:
    """At once: there is nothing that could be added to."""
    with pytest.raises(EditLost, match="message to edit not found"):
        await sink.deliver(message, edits=name)

    assert 1 == len(chat.requests)


@pytest.mark.parametrize(
    "name", ["", "-1001", "-1001/", "/5", "-1001/5/film", "C0ALERTS1/1790000000.000000/F0AAA", "a/b/c/d"]
)
async def test_a_name_that_is_none_of_ours_is_not_asked_about(chat: Telegram, sink: TelegramSink, name: str) -> None:
    """The sink had another address once."""
    with pytest.raises(EditLost):
        await sink.deliver(CLEARED, edits=name)

    assert [] == chat.requests


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [(too_many(5), Busy), (html_page(503), Unreached), (Vanish(), Uncertain), (refused("chat not found"), Gone)],
)
async def test_each_answer_to_an_added_picture_is_what_it_is(
    chat: Telegram, sink: TelegramSink, mood: Mood, trouble: type[Exception]
) -> None:
    """As for an edit of words."""
    first = await sink.deliver(WARNING)
    chat.moods.append(mood)

    with pytest.raises(trouble):
        await sink.deliver(PICTURED, edits=first.message_id)

    assert 2 == len(chat.requests)


# -- words beneath a picture ------------------------------------------------------------------------------------------


@given(messages)
@example(Message(headline="h" * 2_000, lines=("😀" * 2_000,), footer="f" * 2_000))
@settings(deadline=None, max_examples=60)
def test_any_text_makes_a_caption(message: Message) -> None:
    """1,024 UTF-16 units after entities, markup closed, nothing empty."""
    shown = parse_html(to_html(message, CAPTION_MAX))

    assert CAPTION_MAX >= len(shown.encode("utf-16-le")) // 2
    assert shown.strip()
    assert shown == to_plain(message, CAPTION_MAX)


@given(messages)
@settings(deadline=None, max_examples=60)
def test_what_fits_a_caption_is_not_cut_for_it(message: Message) -> None:
    """Else a picture would cost words."""
    assert not fits_caption(message) or to_html(message, CAPTION_MAX) == to_html(message)


def test_an_alert_fits_a_caption_and_a_list_does_not() -> None:
    """The usual ones, that is."""
    assert [True, True, False] == [fits_caption(message) for message in (WARNING, CLEARED, LONG)]
