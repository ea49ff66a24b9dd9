"""A painter who is ready when a test says so, and what a chat was asked and shows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO

from PIL import Image

from daemon.dispatch import Dispatch
from rules.alerts import Alert, Change, Severity
from sinks.base import Picture
from storage.journal import Journal
from storage.outbox import Outbox
from tests.chats import Chat, Telegram
from tests.daemon.lanes import Clock, dispatching, sinks_at
from tests.storage.episodes import NOW, Episode

BTC, ETH = "BTC-USDT-PERP", "ETH-USDT-PERP"


class Painter:
    """Makes pictures when it is told to: `ready` at once, else once `finish` is called."""

    def __init__(self, *, ready: bool) -> None:
        self.asked: list[Alert] = []
        self._is_ready = asyncio.Event()
        self._makes: Picture | None = picture()
        if ready:
            self._is_ready.set()

    async def __call__(self, alert: Alert, label: str | None) -> Picture | None:
        del label
        self.asked.append(alert)
        await self._is_ready.wait()
        return self._makes

    def finish(self) -> None:
        """All that were asked for are made now."""
        self._is_ready.set()

    def fail(self) -> None:
        """None of them can be made."""
        self._makes = None
        self._is_ready.set()


def picture() -> Picture:
    """A small one."""
    png = BytesIO()
    Image.new("RGB", (720, 360), "navy").save(png, "PNG")
    return Picture(png.getvalue(), "funding of BTC-USDT-PERP")


@asynccontextmanager
async def at_phone(outbox: Outbox, clock: Clock, painter: Painter) -> AsyncIterator[tuple[Telegram, Dispatch]]:
    """A chat that shows pictures, and a lane to it."""
    async with (
        Telegram() as telegram,
        sinks_at(("phone", telegram.address(), telegram.url)) as sinks,
        dispatching(outbox, sinks, clock, paint=painter) as dispatch,
    ):
        yield telegram, dispatch


async def fire(journal: Journal, symbol: str = BTC, *lanes: str, severity: Severity = Severity.WARNING) -> Episode:
    """A fire, decided."""
    episode = Episode(symbol)
    await journal.commit(episode.change(Change.FIRED, *(lanes or ("phone",)), severity=severity), NOW)
    return episode


def methods(chat: Chat) -> list[str]:
    """What was asked of the chat, in order."""
    return [seen.path.rpartition("/")[2] for seen in chat.requests]


def is_shown(chat: Chat) -> Callable[[], bool]:
    """A picture stands under the latest message."""
    return lambda: bool(chat.shown) and chat.shown[-1].photo is not None
