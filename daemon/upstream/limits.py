"""How often we may ask a host, and when we had better not."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Now = Callable[[], float]  # seconds on a clock that never goes back


@dataclass(frozen=True)
class Budget:
    """What a host allows: requests of `weight` in total in any window of `per_s` seconds."""

    weight: int
    per_s: float


class Window:
    """A sliding window over weighted requests, first come first served.

    A leaky bucket lets nearly twice the budget into one window right after a pause; venues with hard windows ban that.
    """

    def __init__(
        self, budget: Budget, *, now: Now, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._budget, self._now, self._sleep = budget, now, sleep
        self._spent: deque[tuple[float, int]] = deque()
        self._total = 0
        self._turn = asyncio.Lock()

    async def take(self, weight: int = 1) -> None:
        """Return when `weight` more fits into the window; ValueError if it never can."""
        if weight > self._budget.weight:
            raise ValueError(f"a request of weight {weight} does not fit into a budget of {self._budget.weight}")
        async with self._turn:
            while (wait_s := self._room_in_s(weight)) > 0:
                await self._sleep(wait_s)
            self._spent.append((self._now(), weight))
            self._total += weight

    def heard(self, used: int) -> None:
        """The host says how much of the window it counts as used; believe it when it counts more than we do."""
        self._forget()
        if used > self._total:
            self._spent.append((self._now(), used - self._total))
            self._total = used

    def _room_in_s(self, weight: int) -> float:
        self._forget()
        excess = self._total + weight - self._budget.weight
        if excess <= 0:
            return 0.0
        for at, spent in self._spent:
            excess -= spent
            if excess <= 0:
                # a hair more than nothing: a wait that rounds to zero would spin
                return max(at + self._budget.per_s - self._now(), 1e-6)
        return self._budget.per_s

    def _forget(self) -> None:
        start = self._now() - self._budget.per_s
        while self._spent and self._spent[0][0] <= start:
            self._total -= self._spent.popleft()[1]


class Breaker:
    """Stops asking a host that keeps failing. When half open, a single probe goes out; the rest are refused."""

    def __init__(self, *, failures: int = 5, rest_s: float = 30.0, now: Now) -> None:
        self._threshold, self._rest_s, self._now = failures, rest_s, now
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    def refused_for_s(self) -> float | None:
        """How long to stay away, or None when a request may go out now. Whoever gets None must report the outcome."""
        if self._opened_at is None:
            return None
        left_s = self._opened_at + self._rest_s - self._now()
        if left_s > 0:
            return left_s
        if self._probing:
            return self._rest_s
        self._probing = True
        return None

    def worked(self) -> None:
        """The host answered, whatever it said."""
        self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self) -> None:
        """The host did not answer, or answered that it is broken."""
        self._failures += 1
        if self._probing or self._failures >= self._threshold:
            self._opened_at = self._now()
        self._probing = False

    def abandoned(self) -> None:
        """We gave the request up ourselves (cancelled): it says nothing about the host."""
        self._probing = False
