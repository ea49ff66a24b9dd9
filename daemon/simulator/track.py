"""One number of the box through time: made up before the world began, remembered since."""

from collections import deque
from math import exp

from daemon.simulator import noise

MINUTE_MS = 60_000
_REMEMBERED = 14 * 24 * 60  # minutes


class Track:
    """Where a price, or an open interest, has been. It ends at what it is now, and what is past never changes."""

    def __init__(self, name: int, start_ms: int, value: float, *, daily: float) -> None:
        self.now = value
        self._name, self._daily = name, daily
        self._start_ms, self._start = start_ms, value
        self._anchor = noise.walk(name, start_ms, daily)
        self._now_ms = start_ms
        self._first = start_ms // MINUTE_MS
        self._minutes: deque[float] = deque([value], _REMEMBERED)  # as each minute began

    def note(self, now_ms: int, value: float) -> None:
        """It has come to this."""
        missing = now_ms // MINUTE_MS - self._first - len(self._minutes) + 1
        if missing > 0:
            self._first += max(0, len(self._minutes) + missing - _REMEMBERED)
            unheard = min(missing, _REMEMBERED) - 1  # a clock that jumped: it stood still meanwhile
            self._minutes.extend([*[self.now] * unheard, value])
        self._now_ms, self.now = now_ms, value

    def at(self, at_ms: int) -> float:
        """What it was; of the future, what it is."""
        if at_ms >= self._now_ms:
            return self.now
        if at_ms < self._start_ms:
            return self._start * exp(noise.walk(self._name, at_ms, self._daily) - self._anchor)
        place, rest = divmod(at_ms - self._first * MINUTE_MS, MINUTE_MS)
        if place < 0:
            return self._minutes[0]
        before = self._minutes[place]
        after = self._minutes[place + 1] if place + 1 < len(self._minutes) else self.now
        return before + (after - before) * rest / MINUTE_MS
