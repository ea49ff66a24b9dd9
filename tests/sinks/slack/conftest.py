"""A loopback Slack, and both drivers to it."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sinks import address
from sinks.slack import SlackBotSink, SlackWebhookSink
from tests.chats import Slack
from tests.sinks.samples import HURRY


@pytest.fixture
async def chat() -> AsyncIterator[Slack]:
    async with Slack() as chat:
        yield chat


@pytest.fixture
def hook(chat: Slack, session: aiohttp.ClientSession) -> SlackWebhookSink:
    place = address.parse(chat.hook_address)
    assert isinstance(place, address.SlackWebhook)
    return SlackWebhookSink("desk", place, session=session, api_url=chat.url, patience=HURRY)


@pytest.fixture
def bot(chat: Slack, session: aiohttp.ClientSession) -> SlackBotSink:
    place = address.parse(chat.bot_address)
    assert isinstance(place, address.SlackBot)
    return SlackBotSink("desk", place, session=session, api_url=chat.api_url, patience=HURRY)
