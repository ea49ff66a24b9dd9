"""Who may answer is read from the file, and again when it is saved."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.chat.chats import bots_of
from daemon.config.model import SinkConfig
from tests.chats import Telegram
from tests.daemon.lanes import until
from tests.daemon.town import Home


@pytest.mark.parametrize(
    ("url", "users", "words"),
    [
        ("slack://xoxb-1-2-x/#alerts", [1], "answer is for tgram:// only"),
        ("tgram://123456:AAE-x/42", [], "at least 1 item"),
        ("tgram://123456:AAE-x/42", ["anna"], "valid integer"),
        ("tgram://123456:AAE-x/42", [-1001], "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_answered_is_said(url: str, users: list[object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SinkConfig.model_validate({"url": url, "answer": {"users": users}})


def test_two_sinks_of_one_bot_have_one_listener() -> None:
    sinks = {
        name: SinkConfig.model_validate({"url": f"tgram://123456:AAE-x/{chat}", "answer": {"users": [1]}})
        for name, chat in (("mine", 42), ("group", -1001))
    }
    sinks["mute"] = SinkConfig.model_validate({"url": "tgram://777:AAE-x/42"})

    assert [["mine", "group"]] == list(bots_of(sinks).values())


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
