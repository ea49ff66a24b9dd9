"""A venue on loopback that says what stablecoins are worth, a file that names it, and a house that lives there."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import yaml
from aiohttp import web

from daemon.clock import wall_ms
from daemon.config.load import load
from daemon.house import House
from daemon.wire import defillama as wire
from rules.events import StablecoinQuote
from tests.chats import Slack, Telegram
from tests.daemon.lanes import PATIENT, until
from tests.databases import with_tables

FEED = "defillama.stablecoins"
NEWS_S = (
    2.0  # half a minute's budget of thirty questions would else be gone in two seconds, and the next one a minute away
)


class Venue:
    """Answers as DefiLlama does; `prices` may be changed at any time. `is_down` makes it fail, `refuses` turn us away.

    Who asks again is answered when something has changed, or after a while.
    """

    def __init__(self, **prices: float) -> None:
        self.prices = prices
        self.is_down = False
        self.refuses = False
        self.asked = 0
        self.url = ""
        self.ahead_ms: Callable[[], int] = lambda: 0  # of the clock by which quotes are old or new
        self._told: dict[object, object] = {}  # by connection
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(wire.STABLECOINS, self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        await self._news(request)
        if self.is_down:
            return web.Response(status=500)
        if self.refuses:
            return web.Response(status=401)
        quotes = [
            StablecoinQuote(
                venue=wire.VENUE, coin=coin, price=price, target=1.0, market_cap_usd=5e8, at_ms=0, received_ms=0
            )
            for coin, price in self.prices.items()
        ]
        return web.Response(body=wire.encode_stablecoins(quotes), content_type="application/json")

    async def _news(self, request: web.Request) -> None:
        """Return once there is something that was not told on this connection, or it has waited long enough."""
        connection, until_s = request.transport, time.monotonic() + NEWS_S
        while self._told.get(connection) == self._state() and time.monotonic() < until_s:  # noqa: ASYNC110  # plain attributes ring no bell
            await asyncio.sleep(0.01)
        self._told[connection] = self._state() if not (self.is_down or self.refuses) else None

    def _state(self) -> object:
        return tuple(self.prices.items()), self.is_down, self.refuses, self.ahead_ms()


class ShiftedClock:
    """The wall clock, and how far a test has moved it."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return wall_ms() + self.ahead_ms


def cheap(rule_id: str = "cheap", *, below: float = 0.99, **more: Any) -> dict[str, Any]:
    """A rule about any coin that costs less."""
    return {
        "id": rule_id,
        "type": "expression",
        "on": "stablecoin_quote",
        "by": ["coin"],
        "when": f"price < {below}",
        **more,
    }


def at_phone(phone: Telegram, **more: object) -> dict[str, object]:
    """A sink that tells this phone, at once, and in words alone: a picture goes along or comes later, as time allows."""
    return {"url": phone.address(), "api_url": phone.url, "group": {"wait": "0s"}, "picture": False, **more}


def at_desk(desk: Slack, **more: object) -> dict[str, object]:
    """A sink that tells this desk, at once, and in words alone."""
    return {"url": desk.hook_address, "api_url": desk.url, "group": {"wait": "0s"}, "picture": False, **more}


class Home:
    """A folder with a configuration file and a database."""

    def __init__(self, folder: Path, venue: Venue | None, **sections: Any) -> None:
        self.file = folder / "tocsin.yaml"
        self.database = with_tables(folder / "tocsin.db")
        self.said: list[str] = []
        self.clock = ShiftedClock()
        if venue is not None:
            venue.ahead_ms = lambda: self.clock.ahead_ms
        self.sections: dict[str, Any] = {
            "sources": {} if venue is None else {"defillama": {"rest_url": venue.url, "every": "50ms"}},
            "storage": {"url": str(self.database)},
            "server": {"port": 0, "tables": False},
            "rules": [cheap()],
        }
        self.write(**sections)

    def write(self, **sections: Any) -> None:
        """Save the file with these sections instead; whole or not at all, as editors do."""
        self.sections |= sections
        self.write_text(yaml.safe_dump(self.sections, sort_keys=False))

    def write_text(self, text: str) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.file)

    @asynccontextmanager
    async def living(self) -> AsyncIterator[House]:
        """A house that lives until the block ends, and is stopped as by the first signal."""
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            house = await House.open(load([self.file]), stack, clock=self.clock, say=self.said.append, options=PATIENT)
            living = asyncio.create_task(house.live(stop), name="house")
            try:
                await until(lambda: house.dispatch is not None or living.done())
                yield house
            finally:
                stop.set()
                await living
