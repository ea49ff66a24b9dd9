"""Chats on loopback as lanes, and alerts that are decided for them."""

from rules.alerts import Change, Severity
from storage.journal import Journal
from tests.chats import Slack, Telegram
from tests.storage.episodes import HOUR_MS, NOW, Episode

Place = tuple[str, str, str | None]
BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"


def telegram_lane(chat: Telegram, name: str = "phone") -> Place:
    return name, chat.address(), chat.url


def hook_lane(chat: Slack, name: str = "desk") -> Place:
    return name, chat.hook_address, chat.url


def bot_lane(chat: Slack, name: str = "desk") -> Place:
    return name, chat.bot_address, chat.api_url


async def decide(
    journal: Journal, *lanes: str, symbol: str = BTC, severity: Severity = Severity.WARNING, lasts_ms: int = HOUR_MS
) -> Episode:
    """A fire, decided."""
    episode = Episode(symbol)
    await journal.commit(episode.change(Change.FIRED, *lanes, severity=severity, lasts_ms=lasts_ms), NOW)
    return episode
