"""The five exchanges beyond the three, in a box that speaks their protocols, and our sources of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from daemon.simulator.box import Box
from daemon.sources.base import Feed, Wanted
from daemon.sources.configs import CONFIGS
from daemon.sources.registry import SOURCES
from daemon.sources.script import Timing
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection
from tests.daemon.simulator.far_end import Clock, opened
from tests.daemon.sources.loopback import QUICK, House, house, supervised
from tests.patience import PATIENCE_S

VENUES = ("deribit", "hyperliquid", "gate", "htx", "bitget")
TELL_LIQUIDATIONS = tuple(name for name in VENUES if name != "hyperliquid")
KINDS: tuple[type[Event], ...] = (MarkPrice, FundingRate, OpenInterest, Liquidation)
CALM = "market: {liquidations_per_minute: 0}"
BITCOIN = {"deribit": "BTC-USD-PERP"}  # elsewhere BTC-USDT-PERP


def bitcoin(venue: str) -> str:
    return BITCOIN.get(venue, "BTC-USDT-PERP")


@dataclass
class Scene:
    """A box, our feeds of one of its venues, and what they have told the house."""

    venue: str
    box: Box
    clock: Clock
    home: House
    feeds: list[Feed]

    async def play(self, holds: Callable[[], bool]) -> None:
        """Let the market go on, a second at a time, until this is true."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                self.clock.now_ms += 1_000
                await self.box.step()
                await asyncio.sleep(0.002)

    async def connected(self) -> None:
        """Everything that was asked for was answered."""
        await self.play(lambda: all(feed.status.state == "up" for feed in self.feeds))

    def heard(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.home.facts if isinstance(event, kind)]


@asynccontextmanager
async def scene(
    venue: str,
    *,
    kinds: Iterable[type[Event]] = KINDS,
    coins: Iterable[str] = ("BTC", "ETH"),
    timing: Timing = QUICK,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Scene]:
    """Our source of this venue, listening to a box; `settings` lead it elsewhere."""
    clock = Clock()
    wanted = Wanted([(kind, None, Selection.of(coins)) for kind in kinds])
    async with opened(CALM, clock) as box, house(wanted) as home:
        told = {**box.sources_config()[venue], **(settings or {})}
        told.pop("open_interest_every", None)  # once at the start, and then not within a test
        config = CONFIGS[venue].model_validate(told)
        feeds: list[Feed] = SOURCES[venue].build(config, home.context, timing=replace(timing))
        async with supervised(*feeds):
            yield Scene(venue, box, clock, home, feeds)
