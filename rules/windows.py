"""What a rule remembers of the recent past: one small object per function call and tracked key.

A window is exact while it holds fewer than `SLOTS` samples. Beyond that, samples of one slot (a thousandth of the
window) are folded together, so that memory is bounded whatever the rate.
"""

from collections import deque
from math import fsum, sqrt
from typing import Protocol

import msgspec

SLOTS = 1_000
_REBUILD = 4_096  # after so many slots have left, sums are made anew: what rounding leaves behind does not pile up


class Window(Protocol):
    """`push` takes a sample, `at` asks again after time has passed; both answer None for `no data yet`."""

    latest: float | None
    length_ms: int

    def push(self, now_ms: int, value: float, label: str = "") -> float | None: ...
    def at(self, now_ms: int) -> float | None: ...

    def next_ms(self) -> int | None:
        """When time alone changes the answer; after `at(t)` always later than t."""

    def facts(self) -> dict[str, object]: ...


class _Slot(msgspec.Struct, gc=False):
    """Samples folded together; they are many, and refer to nothing that garbage collection would have to look for."""

    first_ms: int
    last_ms: int
    total: float
    squares: float
    count: int = 1


class Aggregate:
    """Sum, count, average and deviation of the samples of the last `length_ms`; a sample leaves when it is that old."""

    __slots__ = (
        "_base",
        "_count",
        "_left",
        "_since_ms",
        "_slot_ms",
        "_slots",
        "_squares",
        "_total",
        "_what",
        "latest",
        "length_ms",
    )

    def __init__(self, what: str, length_ms: int) -> None:
        self._what = what
        self.length_ms = length_ms
        self._slot_ms = max(1, length_ms // SLOTS)
        self._slots: deque[_Slot] = deque()
        self._count = 0
        self._total = 0.0
        self._squares = 0.0
        self._base = 0.0  # deviations are summed from here: squares of prices would drown small ones
        self._left = 0
        self._since_ms: int | None = None  # of the first sample there ever was
        self.latest: float | None = None

    def push(self, now_ms: int, value: float, label: str = "") -> float | None:
        if value - value != 0.0:  # infinite: no number, and it would never leave the sum again
            return self.at(now_ms)
        self._expire(now_ms)
        slots = self._slots
        if self._what == "zscore":
            self._since_ms = now_ms if self._since_ms is None else self._since_ms
            # measured against the samples before it; three of them are no day, and would call anything unusual
            self.latest = self._zscore(value) if now_ms - self._since_ms >= self.length_ms else None
            if not slots:
                self._base = value
            value -= self._base
        if slots and (
            slots[-1].first_ms == now_ms
            or (len(slots) >= SLOTS and slots[-1].first_ms // self._slot_ms == now_ms // self._slot_ms)
        ):
            slot = slots[-1]
            slot.count += 1
            slot.total += value
            slot.squares += value * value
            slot.last_ms = now_ms
        else:
            slots.append(_Slot(now_ms, now_ms, value, value * value))
        self._count += 1
        self._total += value
        self._squares += value * value
        if self._what != "zscore":
            self.latest = self._answer()
        return self.latest

    def at(self, now_ms: int) -> float | None:
        self._expire(now_ms)
        if self._what != "zscore":
            self.latest = self._answer()
        return self.latest

    def next_ms(self) -> int | None:
        return self._slots[0].last_ms + self.length_ms if self._slots else None

    def facts(self) -> dict[str, object]:
        return {}

    def _expire(self, now_ms: int) -> None:
        slots, horizon = self._slots, now_ms - self.length_ms
        while slots and slots[0].last_ms <= horizon:
            slot = slots.popleft()
            self._count -= slot.count
            self._total -= slot.total
            self._squares -= slot.squares
            self._left += 1
        if self._left and (not slots or self._left >= _REBUILD):
            self._left = 0
            self._total = fsum(slot.total for slot in slots)
            self._squares = fsum(slot.squares for slot in slots)

    def _answer(self) -> float | None:
        if self._what == "sum":
            return self._total
        if self._what == "count":
            return float(self._count)
        return self._total / self._count if self._count else None

    def _zscore(self, value: float) -> float | None:
        if self._count < 2:
            return None
        mean = self._total / self._count
        variance = self._squares / self._count - mean * mean
        if variance <= 1e-12 * mean * mean or variance <= 1e-24 * self._base * self._base:
            return None  # they were all the same, but for rounding
        return (value - self._base - mean) / sqrt(variance)


class Change:
    """By which fraction of it a value differs from what it was `length_ms` ago."""

    __slots__ = ("_past", "_slot_ms", "latest", "length_ms")

    def __init__(self, what: str, length_ms: int) -> None:
        del what
        self.length_ms = length_ms
        self._slot_ms = max(1, length_ms // SLOTS)
        self._past: deque[tuple[int, float]] = deque()
        self.latest: float | None = None

    def push(self, now_ms: int, value: float, label: str = "") -> float | None:
        past, horizon = self._past, now_ms - self.length_ms
        # the reference is the newest sample that is at least a window old, so one older than the horizon stays
        while len(past) > 1 and past[1][0] <= horizon:
            past.popleft()
        self.latest = self._change(value, horizon)
        if past and past[-1][0] == now_ms:
            past[-1] = (now_ms, value)
        elif len(past) < SLOTS or past[-1][0] // self._slot_ms != now_ms // self._slot_ms:
            past.append((now_ms, value))
        return self.latest

    def at(self, now_ms: int) -> float | None:
        return self.latest

    def next_ms(self) -> int | None:
        return None

    def facts(self) -> dict[str, object]:
        return {}

    def _change(self, value: float, horizon: int) -> float | None:
        if not self._past or self._past[0][0] > horizon:
            return None  # we have not been watching for a whole window
        seen_ms, then = self._past[0]
        if horizon - seen_ms > self.length_ms:
            return None  # a gap in the data: the reference is too old to be called `length_ms` ago
        return (value - then) / abs(then) if then else None


class Crossing:
    """Whether a value is beyond a level, and came there within the last `length_ms`. Fed with value minus level."""

    __slots__ = ("_crossed_ms", "_is_first", "_sign", "_was_before", "latest", "length_ms")

    def __init__(self, what: str, length_ms: int) -> None:
        self.length_ms = length_ms
        self._sign = 1.0 if what == "crossed_up" else -1.0
        self._is_first = True
        self._was_before = False  # the latest sample was on the level or before it
        self._crossed_ms: int | None = None  # the value is beyond since then
        self.latest: float | None = None

    def push(self, now_ms: int, value: float, label: str = "") -> float | None:
        if value * self._sign <= 0:
            self._was_before, self._crossed_ms = True, None
        elif self._was_before:
            self._was_before, self._crossed_ms = False, now_ms
        if self._is_first:  # nothing to compare with
            self._is_first = False
            return None
        self.latest = 0.0
        return self.at(now_ms)

    def at(self, now_ms: int) -> float | None:
        if self._crossed_ms is not None and now_ms - self._crossed_ms >= self.length_ms:
            self._crossed_ms = None
        if self.latest is not None:
            self.latest = float(self._crossed_ms is not None)
        return self.latest

    def next_ms(self) -> int | None:
        return None if self._crossed_ms is None else self._crossed_ms + self.length_ms

    def facts(self) -> dict[str, object]:
        return {}


class Spread:
    """Largest minus smallest of the latest values by label (venue, say); one silent for `length_ms` drops out."""

    __slots__ = ("_latest", "latest", "length_ms")

    LABELS_MAX = 256

    def __init__(self, what: str, length_ms: int) -> None:
        del what
        self.length_ms = length_ms
        self._latest: dict[str, tuple[int, float]] = {}
        self.latest: float | None = None

    def push(self, now_ms: int, value: float, label: str = "") -> float | None:
        if label in self._latest or len(self._latest) < self.LABELS_MAX:
            self._latest[label] = (now_ms, value)
        return self.at(now_ms)

    def at(self, now_ms: int) -> float | None:
        horizon = now_ms - self.length_ms
        for label in [label for label, (seen_ms, _) in self._latest.items() if seen_ms <= horizon]:
            del self._latest[label]
        values = [value for _, value in self._latest.values()]
        self.latest = max(values) - min(values) if len(values) > 1 else None
        return self.latest

    def next_ms(self) -> int | None:
        oldest = min((seen_ms for seen_ms, _ in self._latest.values()), default=None)
        return None if oldest is None else oldest + self.length_ms

    def facts(self) -> dict[str, object]:
        """Who holds the two ends, and what they are."""
        if len(self._latest) < 2:
            return {}
        ordered = sorted(self._latest, key=lambda label: self._latest[label][1])
        low, high = ordered[0], ordered[-1]
        return {
            "high": high,
            "high_value": self._latest[high][1],
            "low": low,
            "low_value": self._latest[low][1],
            "of": len(ordered),
        }


KINDS: dict[str, type[Aggregate] | type[Change] | type[Crossing] | type[Spread]] = {
    "sum": Aggregate,
    "count": Aggregate,
    "avg": Aggregate,
    "zscore": Aggregate,
    "change": Change,
    "crossed_up": Crossing,
    "crossed_down": Crossing,
    "spread": Spread,
}
TIMED = ("sum", "count", "avg", "crossed_up", "crossed_down", "spread")  # their answer changes with time alone
