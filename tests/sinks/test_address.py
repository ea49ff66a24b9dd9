"""Addresses: what is understood, what is wrong, and how it is said."""

import subprocess
import sys
from importlib import import_module

import pytest

from sinks import address
from sinks.address import AddressWrong, AppriseUrl, Console, SlackBot, SlackWebhook, TelegramChat
from sinks.schemas import APPRISE


@pytest.mark.parametrize(
    ("text", "expected", "masked"),
    [
        ("tgram://12:ab-C_d/-1001", TelegramChat(token="12:ab-C_d", chat="-1001"), "tgram://***/-1001"),
        ("tgram://bot12:ab/42", TelegramChat(token="12:ab", chat="42"), "tgram://***/42"),
        ("tgram://12%3Aab/@news/", TelegramChat(token="12:ab", chat="@news"), "tgram://***/@news"),
        ("tgram://12:ab/news", TelegramChat(token="12:ab", chat="@news"), "tgram://***/@news"),
        ("tgram://12:ab/-1:7", TelegramChat(token="12:ab", chat="-1", topic=7), "tgram://***/-1:7"),
        ("tgram://12:ab/-1?topic=7", TelegramChat(token="12:ab", chat="-1", topic=7), "tgram://***/-1:7"),
        ("tgram://12:ab/?to=5", TelegramChat(token="12:ab", chat="5"), "tgram://***/5"),
        ("tgram://12:ab/5?silent=yes", TelegramChat(token="12:ab", chat="5", is_silent=True), "tgram://***/5"),
        ("slack://TA/BB/cc9", SlackWebhook(path="TA/BB/cc9"), "slack://***"),
        ("slack://bot@TA/BB/cc9/", SlackWebhook(path="TA/BB/cc9"), "slack://***"),
        ("https://hooks.slack.com/services/TA/BB/cc", SlackWebhook(path="TA/BB/cc"), "slack://***"),
        ("slack://xoxb-1-2-aB/#desk", SlackBot(token="xoxb-1-2-aB", channel="#desk"), "slack://***/#desk"),
        ("slack://xoxb-1-2-aB/%23desk", SlackBot(token="xoxb-1-2-aB", channel="#desk"), "slack://***/#desk"),
        ("slack://xoxb-1-2-aB/desk", SlackBot(token="xoxb-1-2-aB", channel="#desk"), "slack://***/#desk"),
        ("slack://xoxb-1-2-aB/C012ABCDE", SlackBot(token="xoxb-1-2-aB", channel="C012ABCDE"), "slack://***/C012ABCDE"),
        ("console://", Console(), "console://"),
        ("json://127.0.0.1:80/x", AppriseUrl(url="json://127.0.0.1:80/x"), "json://***"),
        ("discord://1/2", AppriseUrl(url="discord://1/2"), "discord://***"),
    ],
)
def test_a_right_address(text: str, expected: address.Address, masked: str) -> None:
    """Read as Apprise would read it, shown without its secrets."""
    place = address.parse(text)

    assert expected == place
    assert masked == str(place)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the address is empty"),
        ("tgram://${BOT}/1", "the address still holds ${BOT}; set that variable"),
        ("tgram://", "the bot token is missing or incomplete; write tgram://BOT_TOKEN/CHAT_ID"),
        ("tgram:///5", "the bot token is missing or incomplete"),
        ("tgram://12345/5", "the bot token is missing or incomplete"),
        ("tgram://12:ab", "the chat is missing after the bot token"),
        ("tgram://12:ab/1/2", "2 chats in one address; a sink is one chat, so write one sink for each"),
        ("tgram://12:ab/1?to=2", "2 chats in one address"),
        ("tgram://12:ab/a b", "the chat is neither a number like -1001234567890 nor a name like @channel"),
        ("tgram://12:ab/1?topic=x", "the topic is not a number"),
        ("telegram://12:ab/1", "'telegram://' is no service we know; did you mean tgram://?"),
        ("telegrm://12:ab/1", "'telegrm://' is no service we know; did you mean tgram://?"),
        ("discrod://1/2", "'discrod://' is no service we know; did you mean discord://?"),
        ("zzzzzz://1/2", "'zzzzzz://' is no service we know"),
        ("json://", "nothing follows json://"),
        ("slack://", "the token is missing; write slack://A/B/C for a webhook or slack://xoxb-.../#channel for a bot"),
        ("slack://A/B", "a webhook has three parts and this address has 2"),
        ("slack://A/B/C/#x", "a webhook posts to the channel it was made for; remove what follows its three parts"),
        ("slack://A/B-/C", "the second part of the webhook may hold letters and digits only"),
        ("slack://xoxb-1-2", "the channel is missing after the bot token"),
        ("slack://xoxb/#a", "the bot token is incomplete"),
        ("slack://xoxb-1-2/a/b", "2 channels in one address"),
        ("just words", "this is not an address"),
    ],
)
def test_a_wrong_address_says_what_would_be_right(text: str, sentence: str) -> None:
    """In a sentence, for `check`."""
    with pytest.raises(AddressWrong) as caught:
        address.parse(text)

    assert str(caught.value).startswith(sentence)


def test_each_recipient_has_its_own_stable_hash() -> None:
    """Two chats of one bot differ (Apprise's own id would not), and a restart changes nothing."""
    texts = [
        "tgram://12:ab/1",
        "tgram://12:ab/2",
        "tgram://12:ac/1",
        "tgram://12:ab/1:1",
        "slack://A/B/C",
        "json://a/b",
    ]
    hashes = [address.parse(text).address_hash for text in texts]

    assert len(texts) == len(set(hashes))
    assert "bc736b14afd483b1" == hashes[0]


def test_native_schemas_are_told_apart() -> None:
    """The listing says which sinks can edit and obey Retry-After."""
    assert [True, True, True, False] == [
        address.is_native(text) for text in ("tgram://1:a/1", "slack://A/B/C", "console://", "json://x")
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise imports what later Pythons have dropped
def test_the_list_of_services_is_apprise_s() -> None:
    """When Apprise is renewed, this says what is new."""
    manager = import_module("apprise.manager_plugins")

    assert set(manager.NotificationManager().schemas()) - {"tgram", "slack"} == set(APPRISE)


def test_reading_an_address_loads_no_driver() -> None:
    """`check` answers in half a second, and Apprise alone takes longer."""
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from sinks.address import parse; parse('json://a/b');"
            "print({'apprise', 'aiohttp', 'requests', 'rich'} & set(sys.modules))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "set()" == loaded.stdout.strip()
