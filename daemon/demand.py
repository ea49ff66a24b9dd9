"""What connected clients want to hear, counted: a venue is let go some seconds after the last of them has gone."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from daemon.wishes import Wish

log = logging.getLogger(__name__)

LINGER_S = 10.0  # a client that reconnects, or a page that is loaded again, finds the stream still running
WISHES_MAX = 20_000


class _Timer(Protocol):
    def cancel(self) -> None: ...


class Loop(Protocol):
    """What is needed of an event loop: its clock, and something that is done later."""

    def time(self) -> float: ...
    def call_later(self, delay: float, callback: Callable[[], None], /) -> _Timer: ...


class Lease:
    """Somebody's wishes, until they are released."""

    def __init__(self, demand: "Demand", wishes: frozenset[Wish], left_out: frozenset[Wish]) -> None:
        self.wishes = wishes
        self.left_out = left_out  # beyond what the house can want at once: nobody will hear these
        self._demand: Demand | None = demand

    def release(self) -> None:
        """Nobody here wants them any more. A second time changes nothing."""
        demand, self._demand = self._demand, None
        if demand is not None:
            demand._release(self.wishes)


class Demand:
    """Counts who wants what. `changed` is called at once when the set of wishes has changed, and must not wait."""

    def __init__(
        self,
        changed: Callable[[], None],
        *,
        loop: Loop | None = None,
        linger_s: float = LINGER_S,
        most: int = WISHES_MAX,
    ) -> None:
        self._changed, self._linger_s, self._most = changed, linger_s, most
        self._loop: Loop = asyncio.get_running_loop() if loop is None else loop
        self._wanted: Counter[Wish] = Counter()
        self._lingering: dict[Wish, float] = {}  # wish -> until when, soonest first
        self._wishes: frozenset[Wish] | None = None  # None: to be put together again
        self._timer: _Timer | None = None
        self._is_full = False

    @property
    def wishes(self) -> frozenset[Wish]:
        """What is wanted, or was until a moment ago."""
        if self._wishes is None:
            self._wishes = frozenset(self._wanted) | frozenset(self._lingering)
        return self._wishes

    def want(self, wishes: Iterable[Wish]) -> Lease:
        """Count one more who wants these. What does not fit any more is left out, see `Lease.left_out`."""
        taken: set[Wish] = set()
        left_out: set[Wish] = set()
        has_changed = False
        for wish in frozenset(wishes):
            if wish in self._lingering:
                del self._lingering[wish]
            elif wish not in self._wanted:
                if not self._has_room():
                    left_out.add(wish)
                    continue
                has_changed = True
            self._wanted[wish] += 1
            taken.add(wish)
        self._tell_full(bool(left_out))
        if has_changed:
            self._change()
        return Lease(self, frozenset(taken), frozenset(left_out))

    def _release(self, wishes: Iterable[Wish]) -> None:
        until = self._loop.time() + self._linger_s
        for wish in wishes:
            self._wanted[wish] -= 1
            if not self._wanted[wish]:
                del self._wanted[wish]
                self._lingering[wish] = until
        self._wind()

    def _has_room(self) -> bool:
        """Whether one more fits; whoever lingers makes room."""
        if len(self._wanted) + len(self._lingering) >= self._most and self._lingering:
            del self._lingering[next(iter(self._lingering))]
        return len(self._wanted) + len(self._lingering) < self._most

    def _wind(self) -> None:
        if self._timer is None and self._lingering:
            left_s = next(iter(self._lingering.values())) - self._loop.time()
            self._timer = self._loop.call_later(max(0.0, left_s), self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        over = [wish for wish, until in self._lingering.items() if until <= now]
        for wish in over:
            del self._lingering[wish]
        self._wind()
        if over:
            self._change()

    def _change(self) -> None:
        self._wishes = None
        self._changed()

    def _tell_full(self, is_full: bool) -> None:
        if is_full and not self._is_full:
            log.warning("more is wanted than can be listened to", extra={"most": self._most})
        self._is_full = is_full
