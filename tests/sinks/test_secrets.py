"""The sink suite checks: no token in an error, its traceback, a log line or a repr, whatever goes wrong."""

import json
import logging
import traceback
from collections import deque

import aiohttp
import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from daemon.chat.chats import bots_of
from daemon.chat.slack_api import SlackApi
from daemon.config.model import SinkConfig
from sinks import address
from sinks.base import SinkTrouble
from sinks.post import Patience
from sinks.registry import Options, build
from tests.chats import Chat, JsonHook, Mood, Reply, Shown, Slack, Slow, Telegram, Vanish, html_page
from tests.sinks.samples import CHART, CLEARED, NOWHERE, WARNING

BOT = "987654:AAE-very_secret_token"
HOOK = "T0SECRETA/B0SECRETB/secretCCC"
SLACK = "xoxb-99-88-verysecret"
APP = "xapp-1-A0SECRET-77-verysecretapp"
PATH = "verysecretpath"
UPLOAD = "SECRETF0000000000"  # as Slack's own, the last part of an address
PICTURED = replace(WARNING, picture=CHART)
SECRETS = {
    "telegram": (BOT, BOT.partition(":")[2]),
    "webhook": (HOOK, *HOOK.split("/")),
    "bot": (SLACK, UPLOAD),
    "app": (APP, SLACK),
    "apprise": (PATH, "secretuser", "secretpass"),
}

EVERYTHING = json.dumps({"ok": False, "error": f"no {SLACK} {HOOK} {APP}", "description": f"no {BOT}"})
MOODS: list[Mood] = [
    *(Reply(status, EVERYTHING) for status in (200, 302, 400, 401, 403, 404, 410, 413, 418, 429, 500, 502, 503, 504)),
    *(html_page(status) for status in (200, 404, 502)),
    Reply(400, HOOK.partition("/")[0], "text/plain"),
    Reply(200, SLACK, "text/plain"),
    Reply(302, "", headers={"Location": f"http://127.0.0.1:9/{BOT}"}),
    Vanish(after_taking=True),
    Slow(),
]


STEPS = [("telegram", 0), ("telegram", 1), *(("bot", step) for step in range(4))]  # of the calls for one picture
CASES: list[tuple[str, int, Mood]] = [
    *((kind, step, mood) for kind, step in STEPS for mood in MOODS),
    *((kind, step, Reply(200, json.dumps({"ok": False, "error": f"no upload/v1/{UPLOAD}"}))) for kind, step in STEPS),
    ("bot", 2, Reply(200, json.dumps({"ok": False, "error": UPLOAD}))),  # once it is known, and before it is spent
]


def addresses(chat: Chat) -> dict[str, tuple[str, str | None]]:
    return {
        "telegram": (f"tgram://{BOT}/-1001", chat.url),
        "webhook": (f"slack://{HOOK}", chat.url),
        "bot": (f"slack://{SLACK}/#alerts", f"{chat.url}/api"),
        "apprise": (f"json://secretuser:secretpass@{chat.url.removeprefix('http://')}/{PATH}?+x={PATH}", None),
    }


def chat_for(kind: str) -> Chat:
    match kind:
        case "telegram":
            return Telegram(BOT)
        case "apprise":
            return JsonHook()
    return Slack(HOOK, SLACK)


def assert_clean(text: str, kind: str | None = None) -> None:
    secrets = SECRETS[kind] if kind else [secret for some in SECRETS.values() for secret in some]
    assert [] == [secret for secret in secrets if secret in text], text


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: type(mood).__name__)
@pytest.mark.parametrize("kind", ["telegram", "webhook", "bot", "apprise"])
async def test_no_failure_tells_the_token(
    session: aiohttp.ClientSession, kind: str, mood: Mood, patience: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even when the far end repeats it to us."""
    caplog.set_level(logging.DEBUG)
    async with chat_for(kind) as chat:
        chat.always = mood
        url, api_url = addresses(chat)[kind]
        sink = build("phone", url, api_url=api_url, session=session, options=Options(patience=patience))
        for edits in (None, "C1/12"):
            try:
                await sink.deliver(WARNING, edits=edits)
            except SinkTrouble as exc:
                assert_clean("".join(traceback.format_exception(exc)), kind)
        chat.release()
        await sink.aclose()
        assert chat.requests
    assert_clean(caplog.text, kind)
    assert_clean(repr(sink), kind)


@pytest.mark.parametrize(("kind", "step", "mood"), CASES)
async def test_no_failure_of_a_picture_tells_the_token(
    session: aiohttp.ClientSession,
    kind: str,
    step: int,
    mood: Mood,
    patience: Patience,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor the address where it is brought: whoever has that may put something else there."""
    caplog.set_level(logging.DEBUG)
    async with chat_for(kind) as chat:
        url, api_url = addresses(chat)[kind]
        sink = build("phone", url, api_url=api_url, session=session, options=Options(patience=patience))
        chat.shown += [Shown("-1001", "12", "", {}), Shown("C0ALERTS1", "12", "", {})]
        chat.moods += [*([None] * step), mood]
        chat.always = mood
        try:
            await sink.deliver(PICTURED, edits=f"{chat.shown[0 if kind == 'telegram' else 1].chat}/12")
        except SinkTrouble as exc:
            assert_clean("".join(traceback.format_exception(exc)), kind)
        chat.release()
        await sink.aclose()
    assert_clean(caplog.text, kind)


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: type(mood).__name__)
async def test_no_failure_of_slack_s_app_tells_a_token(
    session: aiohttp.ClientSession, mood: Mood, patience: Patience, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the one by which presses come, nor the one by which they are answered."""
    caplog.set_level(logging.DEBUG)
    async with Slack(HOOK, SLACK) as chat:
        api = SlackApi(session, SLACK, APP, chat.api_url, patience)
        for method in ("apps.connections.open", "chat.postEphemeral"):
            chat.moods_of[method] = deque((mood,))
            asking = api.open_socket() if method.startswith("apps") else api.call(method, {"channel": "C1"})
            with pytest.raises(SinkTrouble) as caught:
                await asking
            assert_clean("".join(traceback.format_exception(caught.value)), "app")
        chat.release()
        assert 2 == len(chat.requests)
    assert_clean(caplog.text, "app")
    assert_clean(repr(api), "app")


def test_a_bot_that_is_answered_shows_no_token() -> None:
    """However its configuration is printed, and the bot that is made of it."""
    answer = {"users": ["U012AB3CD"], "app_token": APP}
    sink = SinkConfig.model_validate({"url": f"slack://{SLACK}/#alerts", "answer": answer})
    (bot,) = bots_of({"desk": sink})

    assert APP == bot.app_token
    assert_clean(f"{sink} {sink!r} {sink.model_dump()} {bot} {bot!r} {[bot]}", "app")
    with pytest.raises(ValidationError) as caught:
        SinkConfig.model_validate({"url": f"slack://{SLACK}/#alerts", "answer": {"users": [], "app_token": f"{APP}!"}})
    assert_clean("".join(traceback.format_exception(caught.value)), "app")


@pytest.mark.parametrize("kind", ["telegram", "webhook", "bot", "apprise"])
@pytest.mark.parametrize("base", ["http://127.0.0.1:9", "https://127.0.0.1:{port}", "http://name.invalid", "nonsense"])
async def test_no_connection_tells_the_token(
    session: aiohttp.ClientSession, kind: str, base: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused, not TLS, no such name, not even a URL: the library's exceptions hold the path, ours do not."""
    caplog.set_level(logging.DEBUG)
    async with chat_for(kind) as chat:
        there = base.format(port=chat.url.rpartition(":")[2])
        url, api_url = addresses(chat)[kind]
        if api_url is None:
            url, there = url.replace(chat.url.removeprefix("http://"), there.rpartition("/")[2]), ""
        sink = build("phone", url, api_url=there or None, session=session, options=Options(patience=NOWHERE))
        try:
            await sink.deliver(CLEARED)
        except SinkTrouble as exc:
            assert_clean("".join(traceback.format_exception(exc)), kind)
        await sink.aclose()
    assert_clean(caplog.text, kind)


@pytest.mark.parametrize(
    "url",
    [
        f"tgram://{BOT}",
        f"tgram://{BOT}/1/2",
        f"tgram://{BOT}/no chat",
        f"tgram://{BOT.replace(':', '')}/1",
        f"telegram://{BOT}/1",
        f"slack://{HOOK}/x",
        f"slack://{HOOK.rpartition('/')[0]}",
        f"slack://{HOOK}!",
        f"slack://{SLACK}",
        f"slack://{SLACK}/a/b",
        f"slack://xoxb_{SLACK}/a",
        f"{SLACK}",
    ],
)
def test_a_wrong_address_is_not_repeated(url: str) -> None:
    """The sentence goes to a terminal, a log, a bug report."""
    with pytest.raises(address.AddressWrong) as caught:
        address.parse(url)

    assert_clean("".join(traceback.format_exception(caught.value)).partition("AddressWrong")[2])


@pytest.mark.parametrize("kind", ["telegram", "webhook", "bot", "apprise"])
def test_an_address_shows_its_mask_only(kind: str) -> None:
    """However it is printed."""
    chat = chat_for(kind)
    chat.url = "http://127.0.0.1:1"
    place = address.parse(addresses(chat)[kind][0])

    assert_clean(f"{place} {place!r} {place.masked} {place.address_hash} {[place]} {(place,)}")
