"""The dialects together: one desk, the endpoints on it, and their paths."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

from aiohttp import web

from daemon.bus import Mailbox
from daemon.server.dialects import amberdata, coinlocally, datamaxi
from daemon.server.dialects.amberdata import Amberdata
from daemon.server.dialects.coinlocally import Coinlocally, Credentials
from daemon.server.dialects.datamaxi import DataMaxi
from daemon.server.dialects.desk import Desk, Lease
from daemon.server.dialects.listing import lists
from daemon.server.sources import Sources
from daemon.server.topics import Hub
from daemon.wire import datamaxi as datamaxi_wire
from daemon.wishes import Wish
from rules.selection import Selection

KEY_HEADERS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(amberdata.PATHS, amberdata.KEY_HEADERS),
    datamaxi_wire.FUNDING_PATH: datamaxi.KEY_HEADERS,
    datamaxi_wire.LIQUIDATION_PATH: datamaxi.KEY_HEADERS,
    datamaxi_wire.SYMBOLS: datamaxi.KEY_HEADERS,
    coinlocally.PATH: (),
}
"""path -> headers in which that path's clients show their key; none: it looks at keys of its own"""


class Dialects:
    """Use it as `async with`, and let `run` read its mailbox."""

    def __init__(
        self,
        hub: Hub,
        sources: Sources,
        want: Callable[[Iterable[Wish]], Lease],
        credentials: Credentials = MappingProxyType({}),
    ) -> None:
        """`credentials`: who may read which of the private accounts that are followed."""
        self.desk = Desk(hub, want, sources.clock)
        listed = lists(sources.market)
        self.amberdata = Amberdata(self.desk, live=Selection.of(sorted(sources.live)), lists=listed)
        self.datamaxi = DataMaxi(self.desk, market=sources.market, lists=listed)
        self.coinlocally = Coinlocally(self.desk, credentials)

    async def __aenter__(self) -> Self:
        await self.desk.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.desk.__aexit__(kind, exc, trace)

    async def run(self, mailbox: Mailbox) -> None:
        """Read for ever."""
        await self.desk.run(mailbox)

    def routes(self) -> list[web.RouteDef]:
        """Every path but `/`, which the page shares with Amberdata."""
        return [
            web.get(amberdata.PATHS[0], self.amberdata.serve),
            *(web.get(path, self.datamaxi.serve) for path in self.datamaxi.channels),
            web.get(datamaxi_wire.SYMBOLS, self.datamaxi.symbols),
            web.get(coinlocally.PATH, self.coinlocally.serve),
        ]
