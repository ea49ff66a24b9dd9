"""The venues in a box: real servers on one loopback port, and a scenario that they play."""

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from daemon.clock import Clock, wall_ms
from daemon.simulator.acts import MarketAct, MisbehaveAct, hastened
from daemon.simulator.control import control_routes
from daemon.simulator.doorman import doorman
from daemon.simulator.misbehave import Misbehaviour
from daemon.simulator.scenario import Scenario, Script
from daemon.simulator.subscriptions import Subscriptions
from daemon.simulator.venue import Venue
from daemon.simulator.venues.alternative_me import AlternativeMe
from daemon.simulator.venues.binance import Binance
from daemon.simulator.venues.bitget import Bitget
from daemon.simulator.venues.bybit import Bybit
from daemon.simulator.venues.coingecko import CoinGecko
from daemon.simulator.venues.coinlocally import Coinlocally
from daemon.simulator.venues.datamaxi import DataMaxi
from daemon.simulator.venues.defillama import DefiLlama
from daemon.simulator.venues.deribit import Deribit
from daemon.simulator.venues.gate import Gate
from daemon.simulator.venues.htx import Htx
from daemon.simulator.venues.hyperliquid import Hyperliquid
from daemon.simulator.venues.okx import Okx
from daemon.simulator.world import World
from rules.events import Event

_VENUES: tuple[type[Venue], ...] = (
    Binance, Bybit, Okx, DataMaxi, DefiLlama, CoinGecko, Deribit, Hyperliquid, Gate, Htx, Bitget, AlternativeMe,
    Coinlocally,
)  # fmt: skip


class Box:
    """Serves all venues under 127.0.0.1:`port`, each under its own name, from `async with` on.

    `play` moves the world by the scenario until it is cancelled; `step` moves it once, for those with a clock of their
    own; `say` injects exact events. `speed` makes acts come sooner and last shorter; the times in frames stay the clock's.
    """

    def __init__(
        self, scenario: Scenario, *, seed: int = 1, clock: Clock = wall_ms, speed: float = 1.0, port: int = 0
    ) -> None:
        self.scenario = scenario
        self.port = port
        self._clock, self._speed = clock, speed
        self._began_ms = clock()
        self._script = Script(scenario)
        self.world = World(seed, self._began_ms, scenario.market.pace())
        self.venues: dict[str, Venue] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        self.venues = {kind.name: kind(self.world, self._clock) for kind in _VENUES}
        opening = self.world.opening()
        for venue in self.venues.values():
            await venue.say(venue.told(opening, self._clock()), self._clock())
        app = web.Application(middlewares=[doorman(self.venues)])
        for venue in self.venues.values():
            app.add_routes([web.route(r.method, f"/{venue.name}{r.path}", r.handler) for r in venue.routes()])
        app.add_routes(control_routes(self))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        for venue in self.venues.values():
            venue.manners.end()  # nobody may be left waiting in a stall
            await venue.farewell()
        if self._runner is not None:
            await self._runner.cleanup()

    def ws_url(self, venue: str) -> str:
        """Where this venue's streams are."""
        return f"ws://127.0.0.1:{self.port}/{venue}{self.venues[venue].stream_path}"

    def rest_url(self, venue: str) -> str:
        """Where this venue's REST paths begin."""
        return f"http://127.0.0.1:{self.port}/{venue}{self.venues[venue].rest_path}"

    def sources_config(self) -> dict[str, Any]:
        """The `sources:` section that points every source at this box."""
        return {
            name: venue.source_config(self.ws_url(name), self.rest_url(name)) for name, venue in self.venues.items()
        }

    def subscriptions(self, venue: str) -> Subscriptions:
        """What the clients of this venue have asked for."""
        return self.venues[venue].subscriptions

    async def play(self) -> None:
        """Play the scenario until cancelled."""
        while True:
            await self.step()
            await asyncio.sleep(self.scenario.tick_ms / 1_000)

    async def step(self) -> None:
        """Let the world catch up with the clock: acts that are due, then everything that the venues report."""
        now_ms = self._clock()
        for written in self._script.due((now_ms - self._began_ms) * self._speed):
            act = hastened(written, self._speed)
            if isinstance(act, MisbehaveAct):
                self.misbehave(act.venue, act)
            else:
                self.perform(act)
        said = self.world.step(now_ms)
        for venue in self.venues.values():
            venue.manners.expire(now_ms)
            events = [*venue.gather(venue.told(said, now_ms), now_ms), *venue.trading.step(venue.listened(), now_ms)]
            if events:
                await venue.say(events, now_ms)

    def perform(self, act: MarketAct) -> None:
        """Let this happen in the market now; the next step shows it."""
        self.world.perform(act, self._clock())

    async def say(self, venue: str, events: Sequence[Event]) -> None:
        """Let this venue report exactly these events, now; REST answers follow them too."""
        await self.venues[venue].say(events, self._clock())

    def misbehave(self, venue: str, how: str | Misbehaviour, **settings: Any) -> None:
        """Let this venue misbehave: `misbehave("okx", "throttle", retry_after_s=2)`. ValidationError if it cannot."""
        wish = how if isinstance(how, Misbehaviour) else Misbehaviour.model_validate({"how": how, **settings})
        self.venues[venue].begin(wish, self._clock())

    def behave(self, venue: str, how: str | None = None) -> None:
        """End one misbehaviour of this venue, or all."""
        self.venues[venue].manners.end(how)
