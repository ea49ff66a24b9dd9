"""A loopback Slack, and both drivers to it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sinks import address
from sinks.post import Patience
from sinks.slack import SlackBotSink, SlackWebhookSink
from tests.chats import Slack


@pytest.fixture
async def chat() -> AsyncIterator[Slack]:
    async with Slack() as chat:
        yield chat


@pytest.fixture
def hook(chat: Slack, session: aiohttp.ClientSession, patience: Patience) -> SlackWebhookSink:
    place = address.parse(chat.hook_address)
    assert isinstance(place, address.SlackWebhook)
    return SlackWebhookSink("desk", place, session=session, api_url=chat.url, patience=patience)


@pytest.fixture
def bot(chat: Slack, session: aiohttp.ClientSession, patience: Patience) -> SlackBotSink:
    place = address.parse(chat.bot_address)
    assert isinstance(place, address.SlackBot)
    return SlackBotSink("desk", place, session=session, api_url=chat.api_url, patience=patience)
