"""The latest liquidations, newest last."""

from collections import deque
from itertools import islice

from rules.events import Event, Liquidation

KEPT = 5_000


class Liquidations:
    """A ring of what was liquidated; `version` is how many have come since the start."""

    def __init__(self, kept: int = KEPT) -> None:
        self.version = 0
        self._ring: deque[Liquidation] = deque(maxlen=kept)

    def observe(self, event: Event) -> None:
        """Take liquidations; everything else passes."""
        if isinstance(event, Liquidation):
            self._ring.append(event)
            self.version += 1

    def latest(self, count: int) -> list[Liquidation]:
        """The newest first."""
        return list(islice(reversed(self._ring), count))

    def since(self, version: int) -> list[Liquidation]:
        """Those that came after that version, oldest first; at most as many as the ring holds."""
        missing = min(self.version - version, len(self._ring))
        return list(islice(self._ring, len(self._ring) - missing, None)) if missing > 0 else []
