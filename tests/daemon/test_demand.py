"""Wishes are counted, and outlive the last who wanted them by some seconds."""

import asyncio
import heapq
from collections.abc import Callable
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.demand import LINGER_S, Demand, Lease
from daemon.wishes import Wish
from rules.events import MarkPrice, Trade
from rules.selection import Selection
from tests.patience import PATIENCE_S

COINS = ["BTC", "ETH", "SOL", "DOGE"]
A, B, C, D = ((MarkPrice, "binance", Selection.of([coin])) for coin in COINS)


class Handle:
    is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Evening:
    """A loop whose clock a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self._number = count()
        self._due: list[tuple[float, int, Handle, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Handle:
        handle = Handle()
        heapq.heappush(self._due, (self.now + delay, next(self._number), handle, callback))
        return handle

    def pass_s(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, handle, callback = heapq.heappop(self._due)
            if not handle.is_cancelled:
                callback()
        self.now = end

    @property
    def waiting(self) -> int:
        return len(self._due)


class House:
    """Somebody whom changes are told."""

    def __init__(self, *, most: int = 1_000) -> None:
        self.evening = Evening()
        self.changes = 0
        self.demand = Demand(self.changed, loop=self.evening, most=most)

    def changed(self) -> None:
        self.changes += 1


def test_a_wish_is_wanted_at_once_and_some_seconds_longer_than_anybody_wants_it() -> None:
    """Who comes back in time finds it untouched."""
    house = House()
    lease = house.demand.want([A])
    assert (frozenset({A}), 1) == (house.demand.wishes, house.changes)

    lease.release()
    house.evening.pass_s(LINGER_S - 0.1)
    assert (frozenset({A}), 1) == (house.demand.wishes, house.changes)

    house.evening.pass_s(0.2)
    assert (frozenset(), 2) == (house.demand.wishes, house.changes)


def test_who_comes_back_in_time_changes_nothing() -> None:
    """And the seconds are counted anew from the last release."""
    house = House()
    house.demand.want([A]).release()
    house.evening.pass_s(LINGER_S - 1)
    lease = house.demand.want([A])
    house.evening.pass_s(LINGER_S)
    lease.release()
    house.evening.pass_s(LINGER_S - 1)

    assert (frozenset({A}), 1) == (house.demand.wishes, house.changes)


def test_wishes_of_several_are_counted() -> None:
    """The first to leave takes nothing away from the others; leaving twice is leaving once."""
    house = House()
    first, second = house.demand.want([A, B]), house.demand.want([B, C])
    first.release()
    first.release()
    house.evening.pass_s(LINGER_S)
    assert frozenset({B, C}) == house.demand.wishes

    second.release()
    house.evening.pass_s(LINGER_S)
    assert frozenset() == house.demand.wishes


def test_there_is_an_end_to_what_is_wanted() -> None:
    """What lingers makes room first; then who comes last is told what nobody will hear."""
    house = House(most=2)
    house.demand.want([A]).release()
    kept = house.demand.want([B])
    late = house.demand.want([C])
    assert frozenset({B, C}) == house.demand.wishes

    lease = house.demand.want([C, D])
    assert (frozenset({C}), frozenset({D})) == (lease.wishes, lease.left_out)

    for one in (kept, late, lease):
        one.release()
    house.evening.pass_s(LINGER_S)
    assert frozenset() == house.demand.wishes


def test_one_timer_is_enough_for_any_number_of_goodbyes() -> None:
    """A client that subscribes and leaves in a loop piles nothing up."""
    house = House()
    for _ in range(1_000):
        house.demand.want([A, B]).release()

    assert 1 == house.evening.waiting


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["want", "release", "wait"]), st.sets(st.sampled_from([A, B, C, D])), st.integers(0, 12)
        )
    )
)
def test_wanted_is_what_somebody_holds_or_held_a_moment_ago(steps: list[tuple[str, set[Wish], int]]) -> None:
    """However they come and go; and every change of the set was told."""
    house = House()
    leases: list[tuple[Lease, set[Wish]]] = []
    left_at: dict[Wish, float] = {}
    told = house.demand.wishes
    for what, wishes, number in steps:
        before = house.changes
        if what == "want":
            leases.append((house.demand.want(wishes), wishes))
        elif what == "release" and leases:
            lease, gone = leases.pop(number % len(leases))
            lease.release()
            left_at.update(dict.fromkeys(gone, house.evening.now))
        elif what == "wait":
            house.evening.pass_s(float(number))
        held = {wish for _, several in leases for wish in several}
        recent = {wish for wish, at in left_at.items() if house.evening.now - at < LINGER_S}

        assert held | recent == house.demand.wishes
        assert (house.demand.wishes != told) <= (house.changes > before)
        told = house.demand.wishes


async def test_a_real_clock_lets_go_too() -> None:
    """The event loop's own."""
    changed = asyncio.Event()
    demand = Demand(changed.set, linger_s=0.01)
    lease = demand.want([(Trade, None, Selection(None))])
    changed.clear()
    lease.release()
    async with asyncio.timeout(PATIENCE_S):
        await changed.wait()

    assert frozenset() == demand.wishes
