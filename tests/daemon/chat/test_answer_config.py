"""Who may answer is read from the file, and again when it is saved."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.chat.chats import bots_of
from daemon.config.model import SinkConfig
from tests.chats import Telegram
from tests.daemon.lanes import until
from tests.daemon.town import Home

TELEGRAM, SLACK, HOOK = "tgram://123456:AAE-x/42", "slack://xoxb-1-2-x/#alerts", "slack://A1/B2/C3"
APP = {"app_token": "xapp-1-A1-2-x"}


@pytest.mark.parametrize(
    ("url", "answer", "words"),
    [
        ("console://", {"users": [1]}, "answer is for tgram:// and for slack:// with a bot token"),
        (HOOK, {"users": ["U012AB3CD"]} | APP, "a webhook can only post; to be answered use a bot token"),
        (f"https://hooks.slack.com/services/{HOOK[8:]}", {"users": ["U012AB3CD"]} | APP, "a webhook can only post"),
        (TELEGRAM, {"users": []}, "at least 1 item"),
        (TELEGRAM, {"users": ["anna"]}, "'anna' names nobody"),
        (TELEGRAM, {"users": [-1001]}, "-1001 is nobody's number"),
        (TELEGRAM, {"users": ["U012AB3CD"]}, "Telegram's people are numbers"),
        (TELEGRAM, {"users": [1]} | APP, "app_token is for slack:// only"),
        (SLACK, {"users": ["U012AB3CD"]}, "app_token is missing"),
        (SLACK, {"users": [1]} | APP, "Slack's people have ids"),
        (SLACK, {"users": ["@anna"]} | APP, "'@anna' names nobody"),
        (SLACK, {"users": ["u012ab3cd"]} | APP, "'u012ab3cd' names nobody"),
        (SLACK, {"users": ["U012AB3CD"], "app_token": "xoxb-1-2-x"}, "this is no app-level token"),
    ],
)
def test_what_cannot_be_answered_is_said(url: str, answer: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        SinkConfig.model_validate({"url": url, "answer": answer})

    assert "xapp-1" not in str(caught.value)
    assert "xoxb-1" not in str(caught.value)


def test_the_app_level_token_is_not_shown() -> None:
    """Whoever prints a configuration."""
    sink = SinkConfig.model_validate({"url": SLACK, "answer": {"users": ["U012AB3CD", "W012AB3CD"]} | APP})

    assert sink.answer is not None and sink.answer.app_token is not None
    assert "xapp-1-A1-2-x" == sink.answer.app_token.get_secret_value()
    assert "xapp-1" not in f"{sink!r} {sink} {sink.model_dump()} {sink.model_dump_json()}"
    assert {"U012AB3CD", "W012AB3CD"} == sink.answer.names


def test_two_sinks_of_one_bot_have_one_listener() -> None:
    sinks = {
        name: SinkConfig.model_validate({"url": f"tgram://123456:AAE-x/{chat}", "answer": {"users": [1]}})
        for name, chat in (("mine", 42), ("group", -1001))
    }
    sinks["mute"] = SinkConfig.model_validate({"url": "tgram://777:AAE-x/42"})

    assert [("mine", "group")] == [bot.names for bot in bots_of(sinks)]


async def test_a_reload_begins_to_listen_and_ends_it(tmp_path: Path) -> None:
    async with Telegram() as phone:
        sink = {"url": phone.address(), "api_url": phone.url}
        home = Home(tmp_path, None, sinks={"phone": sink})
        async with home.living():
            assert 0 == phone.asking
            home.write(sinks={"phone": sink | {"answer": {"users": [1]}}})
            await until(lambda: phone.asking == 1)
            phone.writes("/help")
            await phone.wait_for(lambda chat: len(chat.shown) == 1)
            home.write(sinks={"phone": sink})
            await until(lambda: len(home.said) == 2)
            asked = phone.asking
            phone.writes("/help")

        assert asked == phone.asking
        assert 1 == len(phone.shown)
