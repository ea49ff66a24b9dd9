"""Which driver speaks to which address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from sinks import address as addresses
from sinks.address import Address, AppriseUrl, Console, SlackBot, SlackWebhook, TelegramChat
from sinks.apprise import AppriseSink
from sinks.base import Sink
from sinks.console import ConsoleSink
from sinks.post import Patience

if TYPE_CHECKING:
    import aiohttp

    from sinks.pace import Pace


class PacedSink(Sink, Protocol):
    """A sink that says how fast it likes to be spoken to; whoever dispatches keeps the bucket."""

    pace: Pace


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the house may decide for all sinks alike."""

    patience: Patience = Patience()
    console: Any = None  # a rich Console or a text stream; None: standard output


def build(
    name: str,
    url: str | Address,
    *,
    api_url: str | None = None,
    session: aiohttp.ClientSession,
    options: Options | None = None,
) -> PacedSink:
    """The sink for an address. AddressWrong (a ValueError) says what is wrong with one that cannot be used.

    `api_url` stands in for https://api.telegram.org, https://hooks.slack.com or https://slack.com/api: a Bot API
    server of one's own, or a test on loopback.
    """
    options = options or Options()
    place = addresses.parse(url) if isinstance(url, str) else url
    match place:
        case Console():
            return ConsoleSink(name, options.console)
        case TelegramChat():
            from sinks.telegram import TelegramSink

            return TelegramSink(name, place, session=session, api_url=api_url, patience=options.patience)
        case SlackWebhook():
            from sinks.slack import SlackWebhookSink

            return SlackWebhookSink(name, place, session=session, api_url=api_url, patience=options.patience)
        case SlackBot():
            from sinks.slack import SlackBotSink

            return SlackBotSink(name, place, session=session, api_url=api_url, patience=options.patience)
        case AppriseUrl() if api_url is None:
            patience_s = options.patience.connect_s + options.patience.answer_s
            return AppriseSink(name, place, patience_s=patience_s)
    raise addresses.AddressWrong(f"{name}: api_url is for tgram:// and slack:// only; write the host into the address")
