"""Telegram: each row of the outcome table, edits, moves, and a text that always fits."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rules.alerts import Change, Severity
from sinks import address
from sinks.base import Busy, Gone, Message, Uncertain, Undeliverable, Unreached
from sinks.outcome import EditLost
from sinks.post import Patience
from sinks.telegram import TelegramSink
from sinks.telegram_words import to_html, to_plain
from tests.chats import Mood, Reply, Slow, Telegram, Vanish, html_page, parse_html, telegram_error, too_many
from tests.patience import UNHURRIED
from tests.sinks.samples import CLEARED, HOSTILE, WARNING


@pytest.fixture
async def chat() -> AsyncIterator[Telegram]:
    async with Telegram() as chat:
        yield chat


@pytest.fixture
def sink(chat: Telegram, session: aiohttp.ClientSession, patience: Patience) -> TelegramSink:
    return sink_for(chat, session, chat.address(), patience)


def sink_for(chat: Telegram, session: aiohttp.ClientSession, url: str, patience: Patience = UNHURRIED) -> TelegramSink:
    place = address.parse(url)
    assert isinstance(place, address.TelegramChat)
    return TelegramSink("phone", place, session=session, api_url=chat.url, patience=patience)


async def test_a_message_arrives_word_for_word(chat: Telegram, sink: TelegramSink) -> None:
    """Headline, lines and small print, one below the other, and a name to edit it by."""
    receipt = await sink.deliver(WARNING)

    assert [
        "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)\n"
        "held 5m, next settlement in 1h12m\n"
        "rule hot-funding"
    ] == chat.texts
    assert "-1001/100" == receipt.message_id


async def test_markup_in_a_trader_s_words_is_only_words(chat: Telegram, sink: TelegramSink) -> None:
    """`rate < 0.1` must not become a broken tag; control characters do not travel."""
    await sink.deliver(HOSTILE)

    assert ["<b>1 < 2 & 3 > 2</b> <!channel>\na [31m b\n&lt;\n</i>"] == chat.texts


async def test_an_edit_replaces_the_message(chat: Telegram, sink: TelegramSink) -> None:
    """A cleared alert changes its first message instead of adding one."""
    receipt = await sink.deliver(WARNING)
    again = await sink.deliver(CLEARED, edits=receipt.message_id)

    assert receipt == again
    assert [1] == [shown.edits for shown in chat.shown]
    assert chat.texts[0].startswith("CLEARED")


async def test_the_same_edit_twice_is_fine(chat: Telegram, sink: TelegramSink) -> None:
    """`message is not modified` means that the first copy of the edit arrived."""
    receipt = await sink.deliver(WARNING)
    await sink.deliver(CLEARED, edits=receipt.message_id)
    again = await sink.deliver(CLEARED, edits=receipt.message_id)

    assert receipt == again
    assert 3 == len(chat.requests)


async def test_an_edit_of_a_deleted_message_says_so(chat: Telegram, sink: TelegramSink) -> None:
    """The caller may then send a new one: the recipient is well."""
    receipt = await sink.deliver(WARNING)
    chat.shown.clear()

    with pytest.raises(EditLost, match="message to edit not found"):
        await sink.deliver(CLEARED, edits=receipt.message_id)


async def test_429_carries_the_advice_of_the_body(chat: Telegram, sink: TelegramSink) -> None:
    """Telegram says in `parameters.retry_after` when to come back."""
    chat.moods.append(too_many(17))

    with pytest.raises(Busy) as caught:
        await sink.deliver(WARNING)

    assert 17 == caught.value.retry_after_s
    assert 1 == len(chat.requests)


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        (telegram_error(500, "Internal Server Error"), Unreached),
        (telegram_error(503, "Service Unavailable"), Unreached),
        (html_page(503), Unreached),
        (html_page(302), Unreached),
        (html_page(502), Uncertain),
        (html_page(504), Uncertain),
        (html_page(200), Uncertain),
        (Reply(200, "{"), Uncertain),
        (Reply(200, ""), Uncertain),
        (Reply(200, '{"ok": "perhaps"}'), Uncertain),
        (Reply(502, '{"ok": false, "description": "accès refusé"}', encoding="latin-1"), Uncertain),
        (Reply(200, f'{{"ok": true, "more": {"[" * 5_000}{"]" * 5_000}}}'), Uncertain),
        (Reply(200, '{"ok": false, "description": "no"}'), Undeliverable),
        (Reply(200, '{"ok": false, "error_code": 403, "description": "Forbidden"}'), Gone),
        (Reply(429, "slow down", headers={"Retry-After": "3"}), Busy),
        (Vanish(after_taking=True), Uncertain),
        (Vanish(after_taking=False), Uncertain),
        (Slow(), Uncertain),
        (telegram_error(401, "Unauthorized"), Gone),
        (telegram_error(403, "Forbidden: bot was blocked by the user"), Gone),
        (telegram_error(404, "Not Found"), Gone),
        (telegram_error(400, "Bad Request: chat not found"), Gone),
        (telegram_error(400, "Bad Request: have no rights to send a message"), Gone),
        (telegram_error(400, "Bad Request: something new"), Undeliverable),
        (telegram_error(413, "Request Entity Too Large"), Undeliverable),
    ],
)
async def test_each_answer_is_what_it_is(
    chat: Telegram, sink: TelegramSink, mood: Mood, trouble: type[Exception]
) -> None:
    """The rows of the outcome table, and never a second request where none is promised."""
    chat.moods.append(mood)

    with pytest.raises(trouble) as caught:
        await sink.deliver(WARNING)

    assert trouble is type(caught.value)
    assert 1 == len(chat.requests)


async def test_nobody_listening_means_not_sent(session: aiohttp.ClientSession) -> None:
    """A refused connection is worth retrying for ever."""
    async with Telegram() as chat:
        sink = sink_for(chat, session, chat.address())

    with pytest.raises(Unreached, match="could not connect"):
        await sink.deliver(WARNING)


async def test_a_broken_form_is_sent_once_more_as_plain_text(chat: Telegram, sink: TelegramSink) -> None:
    """Whatever Telegram dislikes about our HTML, the words arrive."""
    chat.moods.append(telegram_error(400, "Bad Request: can't parse entities: no idea why"))

    await sink.deliver(WARNING)

    assert ["HTML", None] == [seen.body.get("parse_mode") for seen in chat.requests]
    assert 1 == len(chat.shown)


async def test_a_form_that_stays_broken_is_tried_twice_only(chat: Telegram, sink: TelegramSink) -> None:
    """No loop, whatever the far end says."""
    chat.always = telegram_error(400, "Bad Request: can't parse entities: never content")

    with pytest.raises(Undeliverable):
        await sink.deliver(WARNING)

    assert 2 == len(chat.requests)


async def test_a_group_that_moved_is_followed(chat: Telegram, sink: TelegramSink) -> None:
    """The message arrives in the new chat, the next one goes there at once, and somebody can read where it is."""
    chat.moved["-1001"] = -100777

    await sink.deliver(WARNING)
    await sink.deliver(CLEARED)

    assert "-100777" == sink.moved_to
    assert ["-100777", "-100777"] == [shown.chat for shown in chat.shown]
    assert 3 == len(chat.requests)


async def test_a_chat_that_moves_in_a_circle_ends(chat: Telegram, sink: TelegramSink) -> None:
    """Two groups that point at each other must not keep us for ever."""
    chat.moved |= {"-1001": -1002, "-1002": -1001}

    with pytest.raises(Gone):
        await sink.deliver(WARNING)

    assert 2 == len(chat.requests)


async def test_two_messages_share_a_connection(chat: Telegram, sink: TelegramSink) -> None:
    """TLS once, not once per alert."""
    await sink.deliver(WARNING)
    await sink.deliver(CLEARED)

    assert 1 == len({seen.connection for seen in chat.requests})


async def test_a_topic_and_silence_are_asked_for(chat: Telegram, session: aiohttp.ClientSession) -> None:
    """The address names the topic; good news makes no sound."""
    sink = sink_for(chat, session, f"tgram://{chat.token}/-1001:7")

    await sink.deliver(WARNING)
    await sink.deliver(CLEARED)

    assert [7, 7] == [seen.body["message_thread_id"] for seen in chat.requests]
    assert [False, True] == [seen.body["disable_notification"] for seen in chat.requests]


text = st.text(max_size=9000) | st.text(st.sampled_from("<>&\"'a \n\u200d😀🇩🇪é\ud800\x00"), max_size=9000)
messages = st.builds(
    Message,
    headline=text,
    lines=st.lists(text, max_size=4).map(tuple),
    footer=text,
    severity=st.sampled_from(Severity),
    change=st.sampled_from(Change),
)


@given(messages)
@settings(deadline=None, max_examples=60)
def test_any_text_parses_and_fits(message: Message) -> None:
    """4,096 UTF-16 units after entities, markup closed, nothing empty, nothing that UTF-8 cannot carry."""
    shown = parse_html(to_html(message))

    assert 4096 >= len(shown.encode("utf-16-le")) // 2
    assert shown.strip()
    assert shown == to_plain(message)
    assert not {"\x00", "\r"} & set(shown)


def test_the_small_print_survives_a_long_message() -> None:
    """What is cut is the middle: the rule's id must stay readable."""
    long = Message(headline="CRITICAL", lines=("😀" * 5000,), footer="rule hot-funding")

    assert to_plain(long).endswith("…\nrule hot-funding")
    assert 4096 == len(to_plain(long).encode("utf-16-le")) // 2 + 1  # a pair that would be halved is left out


async def test_a_message_of_any_length_is_taken(chat: Telegram, sink: TelegramSink) -> None:
    """Cut at our end, because the far end would refuse all of it."""
    await sink.deliver(Message(headline="😀<&" * 2_000, lines=("<😀&>" * 3_000,) * 3, footer="rule r " * 900))

    assert 1 == len(chat.requests) == len(chat.shown)


async def test_what_speaks_again_is_a_reply_and_silent_if_told_so(chat: Telegram, sink: TelegramSink) -> None:
    """To the first message, if that stands in this chat; and it arrives though that was deleted."""
    first = await sink.deliver(WARNING)
    await sink.deliver(replace(WARNING, replies=first.message_id, is_silent=True))
    await sink.deliver(replace(WARNING, replies="-999/7", is_silent=False))

    assert first.message_id is not None
    number = int(first.message_id.partition("/")[2])
    assert [None, {"message_id": number, "allow_sending_without_reply": True}, None] == [
        seen.body.get("reply_parameters") for seen in chat.requests
    ]
    assert [False, True, False] == [seen.body["disable_notification"] for seen in chat.requests]
