"""What the house shows: views folded from its own events, upstreams behind a cache, and the endpoints that read both."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from daemon.bus import Mailbox
from daemon.clock import Clock
from daemon.config.model import Config
from daemon.demand import Lease
from daemon.server.dialects.coinlocally import Credentials
from daemon.server.dialects.serve import Dialects
from daemon.server.limits import Limits
from daemon.server.sources import Sources
from daemon.server.topics import Hub
from daemon.server.tzone import SPECS
from daemon.server.tzone.endpoint import Endpoint
from daemon.sources.configs import CONFIGS, Coinlocally
from daemon.sources.registry import KEY_FREE
from daemon.upstream.cache import Cache
from daemon.upstream.http import Http
from daemon.upstream.market import Market
from daemon.upstream.market_config import MarketConfig
from daemon.views.all import Views
from daemon.views.futures import HOUR_MS
from daemon.wishes import Wish
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest, StablecoinQuote
from rules.selection import Selection
from storage.database import Database
from storage.log import stored_events

if TYPE_CHECKING:
    from pydantic import BaseModel

log = logging.getLogger(__name__)

REMEMBERED: Mapping[type[Event], int] = {  # how far back a restart reads, so that tables begin where they ended
    FundingRate: 26 * HOUR_MS,
    Liquidation: 24 * HOUR_MS,
    StablecoinQuote: 14 * 24 * HOUR_MS,
}


class Showroom:
    """The views and their fan-out; `run` keeps them moving."""

    def __init__(self, views: Views, hub: Hub, sources: Sources, dialects: Dialects) -> None:
        self.views = views
        self.hub = hub
        self.sources = sources
        self.dialects = dialects

    @property
    def wishes(self) -> frozenset[Wish]:
        """What the tables need to hear, whatever the rules want: liquidations of everything, the rest of the live coins."""
        live = Selection.of(sorted(self.sources.live))
        futures = (
            {(kind, None, live) for kind in (FundingRate, MarkPrice, OpenInterest)} if self.sources.live else set()
        )
        everything = Selection(None)
        return frozenset({*futures, (Liquidation, None, everything), (StablecoinQuote, "defillama", everything)})

    async def remember(self, database: Database, now_ms: int) -> None:
        """Fold what was stored before we stopped."""
        for kind, length_ms in REMEMBERED.items():
            tag = str(kind.__struct_config__.tag)
            async for events in stored_events(database, {tag}, now_ms - length_ms):
                for event in events:
                    self.views.observe(event)

    async def run(self, mailbox: Mailbox) -> None:
        """Fold for ever, all that is there at a time: a full mailbox makes feeds wait, and with them the rules."""
        while True:
            events = await mailbox.take(None)
            while events:
                for event in events:
                    self.views.observe(event)
                events = mailbox.take_now()
            self.hub.moved()
            await asyncio.sleep(0)


@asynccontextmanager
async def opened(
    config: Config, http: Http, clock: Clock, want: Callable[[Iterable[Wish]], Lease]
) -> AsyncIterator[Showroom]:
    """The showroom, with a cache and a hub that end with it. `want`: how clients' wishes become ours."""
    async with Cache(clock) as cache:
        market = Market(http, cache, _market_config(config), clock)
        views = Views()
        live = frozenset(coin.upper() for coin in config.server.live)
        sources = Sources(market=market, views=views, clock=clock, label=config.label, live=live)
        hub = Hub([Endpoint(spec, sources) for spec in SPECS], limits(config), clock)
        async with hub, Dialects(hub, sources, want, _credentials(config)) as dialects:
            yield Showroom(views, hub, sources, dialects)


def limits(config: Config) -> Limits:
    """The configured bounds of the WebSocket endpoints."""
    server = config.server
    return Limits(
        connections=server.connections,
        connections_per_address=server.connections_per_address,
        connections_per_key=server.connections_per_key,
        topics=server.topics,
        write_buffer=server.write_buffer,
        write_buffer_hard=server.write_buffer * 4,
        message_size=server.message_size,
        messages_per_s=server.messages_per_s,
        ping_s=server.ping_ms / 1_000,
        idle_s=server.idle_ms / 1_000,
        min_push_ms=server.min_push_ms,
    )


def _market_config(config: Config) -> MarketConfig:
    """Addresses and keys of the hosts that the configuration names, or of every key-free one."""
    chosen: Mapping[str, BaseModel] = (
        {name: CONFIGS[name]() for name in KEY_FREE} if config.sources is None else config.sources
    )
    urls = {name: str(getattr(source, "rest_url", "")) for name, source in chosen.items()}
    keys = {name: _key(source) for name, source in chosen.items()}
    return MarketConfig(
        urls={name: url for name, url in urls.items() if url},
        only=frozenset(chosen),
        coindesk_key=keys.get("coindesk", ""),
        coingecko_key=keys.get("coingecko", ""),
    )


def _credentials(config: Config) -> Credentials:
    """Who may read which private account: the holders of what opens it at the venue."""
    source = (config.sources or {}).get("coinlocally")
    return {name: one.credentials for name, one in source.by_name.items()} if isinstance(source, Coinlocally) else {}


def _key(source: "BaseModel") -> str:
    key = getattr(source, "key", None)
    return "" if key is None else str(key.get_secret_value())
