"""Which driver an address gets."""

import io

import aiohttp
import pytest

from sinks.address import AddressWrong
from sinks.apprise import AppriseSink
from sinks.base import Shows
from sinks.console import ConsoleSink
from sinks.pace import SLACK, TELEGRAM_CHAT, TELEGRAM_GROUP, UNPACED, Pace
from sinks.registry import Options, build
from sinks.slack import SlackBotSink, SlackWebhookSink
from sinks.telegram import TelegramSink
from tests.chats import Telegram
from tests.sinks.samples import WARNING


@pytest.mark.parametrize(
    ("url", "driver", "can_edit", "shows", "pace"),
    [
        ("tgram://1:a/5", TelegramSink, True, Shows.WITH, TELEGRAM_CHAT),
        ("tgram://1:a/-5", TelegramSink, True, Shows.WITH, TELEGRAM_GROUP),
        ("tgram://1:a/@news", TelegramSink, True, Shows.WITH, TELEGRAM_GROUP),
        ("slack://A/B/C", SlackWebhookSink, False, Shows.NEVER, SLACK),
        ("slack://xoxb-1-2/#a", SlackBotSink, True, Shows.AFTER, SLACK),
        ("console://", ConsoleSink, False, Shows.NEVER, UNPACED),
        ("json://127.0.0.1/x", AppriseSink, False, Shows.NEVER, UNPACED),
        ("slack://T/W/1/s?mode=workflow", AppriseSink, False, Shows.NEVER, UNPACED),
    ],
)
async def test_each_address_has_its_driver(
    session: aiohttp.ClientSession, url: str, driver: type, can_edit: bool, shows: Shows, pace: Pace
) -> None:
    """And each driver says what it can do."""
    sink = build("phone", url, session=session)

    assert driver is type(sink)
    assert ("phone", can_edit, shows, pace) == (sink.name, sink.can_edit, sink.shows, sink.pace)
    await sink.aclose()


async def test_api_url_stands_in_for_the_far_end(session: aiohttp.ClientSession) -> None:
    """How every test reaches its chat, and how a Bot API server of one's own is reached."""
    async with Telegram() as chat:
        await build("phone", chat.address(), api_url=f"{chat.url}/", session=session).deliver(WARNING)

        assert 1 == len(chat.shown)


async def test_api_url_makes_no_sense_elsewhere(session: aiohttp.ClientSession) -> None:
    """The other addresses name their host themselves."""
    with pytest.raises(AddressWrong, match="api_url is for tgram:// and slack://"):
        build("hook", "json://127.0.0.1/x", api_url="http://127.0.0.1:1", session=session)


async def test_the_console_can_be_given(session: aiohttp.ClientSession) -> None:
    """The command line has one already."""
    stream = io.StringIO()
    await build("console", "console://", session=session, options=Options(console=stream)).deliver(WARNING)

    assert stream.getvalue().startswith("WARNING  binance")
