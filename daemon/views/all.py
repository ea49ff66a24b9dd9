"""Every view of the house, fed by one mailbox."""

from collections.abc import Callable

from daemon.views.futures import Futures
from daemon.views.liquidations import Liquidations
from daemon.views.pegs import Pegs
from rules.events import Event

Changed = Callable[[], None]


class Views:
    """All views together; `observe` folds an event into whichever it concerns."""

    def __init__(self) -> None:
        self.futures = Futures()
        self.liquidations = Liquidations()
        self.pegs = Pegs()

    def observe(self, event: Event) -> None:
        """One event, in the order of arrival."""
        self.futures.observe(event)
        self.liquidations.observe(event)
        self.pegs.observe(event)
