"""What endpoints read from: upstreams behind their cache, views of our own events, and the time."""

from dataclasses import dataclass

from daemon.clock import Clock
from daemon.upstream.market import Market
from daemon.views.all import Views


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Lent to every endpoint."""

    market: Market
    views: Views
    clock: Clock
    label: str | None = None  # marks every payload, for instance SIMULATED
    live: frozenset[str] = frozenset()  # coins whose funding, marks and open interest we stream ourselves
