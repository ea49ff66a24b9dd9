"""What upstreams have told us, with its age: fresh, stale while it is asked for again, or too old.

Nobody waits for what is fresh or stale; a question that is under way is asked once, however many want the answer; a
failure is remembered for a moment, so that a dead upstream is not asked by each client.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sized
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

import msgspec

from daemon.clock import Clock, wall_ms
from daemon.supervisor import Refused, Transient
from daemon.wire.control import Unreadable

log = logging.getLogger(__name__)

T = TypeVar("T")
Fetch = Callable[[], Awaitable[T]]

MOST_KEYS = 1_000
MOST_ITEMS = 200_000  # rows and points of all answers together, some 30 MB
FAILED_FOR_S = 5.0  # nobody asks again so soon after a failure
FAILED_FOR_MOST_S = 60.0  # nor later than this, whatever the far end advises: `Http` heeds the rest
AHEAD = 0.75  # of its fresh time, after which an answer that is still read is asked for again, before it is stale
OUR_BUG = "we made a mistake while asking; it is in the log"


class Answer(msgspec.Struct, Generic[T], frozen=True):
    """What an upstream said, and when. `error` is the reason, for people, why it is not newer or not whole."""

    value: T
    at_ms: int
    is_stale: bool = False
    error: str | None = None


class Unavailable(Exception):
    """There is no answer, not even an old one. The text says why, without secrets."""


class _Entry(Generic[T]):
    """One key: the last answer, the last failure since, and the question that is under way."""

    __slots__ = ("asked_at", "at_ms", "error", "failed_at", "failed_for_s", "flight", "has_value", "items", "value")

    def __init__(self) -> None:
        self.has_value = False
        self.value: T | None = None
        self.at_ms = 0
        self.error: str | None = None
        self.failed_at = 0
        self.failed_for_s = 0.0
        self.flight: asyncio.Task[None] | None = None
        self.asked_at = 0.0
        self.items = 0  # what it weighs in the cache's bound

    def age_s(self, now_ms: int) -> float | None:
        return (now_ms - self.at_ms) / 1000 if self.has_value else None

    def failed_lately(self, now_ms: int) -> bool:
        return self.error is not None and 0 <= (now_ms - self.failed_at) / 1000 < self.failed_for_s

    def answer(self, *, is_stale: bool, error: str | None) -> Answer[T]:
        return Answer(cast(T, self.value), self.at_ms, is_stale, error)


class Cache:
    """Answers by key. Enter it before asking; leaving it ends the questions that are under way."""

    def __init__(
        self,
        clock: Clock = wall_ms,
        *,
        most_keys: int = MOST_KEYS,
        most_items: int = MOST_ITEMS,
        failed_for_s: float = FAILED_FOR_S,
    ) -> None:
        self._clock, self._failed_for_s = clock, failed_for_s
        self._most_keys, self._most_items, self._items = most_keys, most_items, 0
        self._entries: OrderedDict[Hashable, _Entry[object]] = OrderedDict()
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        flights = [entry.flight for entry in self._entries.values() if entry.flight is not None]
        self._entries.clear()
        self._items = 0
        for flight in flights:
            flight.cancel()
        if flights:
            await asyncio.wait(flights)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def under_way(self) -> int:
        """How many questions are being asked now."""
        return sum(1 for entry in self._entries.values() if entry.flight is not None)

    async def get(
        self, key: Hashable, fetch: Fetch[T], *, fresh_s: float, stale_s: float, patience_s: float | None = None
    ) -> Answer[T]:
        """The answer of `key`: cached up to `fresh_s` old; up to `stale_s` old, marked, and asked for again meanwhile.

        What is older waits for `fetch`, and is served with the reason if that fails. `patience_s` is how long any
        caller waits for one question; the question goes on without them. Unavailable if there is nothing at all.
        A mistake of ours in `fetch` is raised to those who wait for it.
        """
        if not self._is_open:
            raise RuntimeError("enter the cache before asking it")
        entry = cast(_Entry[T], self._entry(key))
        now_ms = self._clock()
        age_s = entry.age_s(now_ms)
        if age_s is not None and 0 <= age_s <= fresh_s:  # below nothing: the clock was set back
            if age_s >= fresh_s * AHEAD:
                self._ask(key, entry, fetch)
            return entry.answer(is_stale=False, error=None)
        self._ask(key, entry, fetch)
        if age_s is not None and age_s <= stale_s:
            return entry.answer(is_stale=True, error=entry.error)
        flight = entry.flight
        if flight is not None:
            await self._wait(entry, flight, patience_s)
        return self._best(entry, flight, fresh_s)

    def _ask(self, key: Hashable, entry: _Entry[T], fetch: Fetch[T]) -> None:
        """Ask, unless somebody does, or it has just failed."""
        if entry.flight is None and not entry.failed_lately(self._clock()):
            entry.asked_at = asyncio.get_running_loop().time()
            entry.flight = asyncio.create_task(self._fly(entry, fetch), name=f"upstream: {key}"[:120])
            entry.flight.add_done_callback(lambda flight: _landed(entry, flight))

    async def _fly(self, entry: _Entry[T], fetch: Fetch[T]) -> None:
        try:
            value = await fetch()
        except (Transient, Unreadable, Unavailable) as exc:
            self._failed(entry, str(exc) or type(exc).__name__, getattr(exc, "retry_after_s", None))
        except Refused as exc:  # the same question will never work, but somebody may have mended the key
            self._failed(entry, str(exc), FAILED_FOR_MOST_S)
        except Exception:
            self._failed(entry, OUR_BUG, None)
            raise
        else:
            entry.value, entry.has_value, entry.at_ms, entry.error = value, True, self._clock(), None
            self._weigh(cast(_Entry[object], entry))

    def _failed(self, entry: _Entry[T], error: str, advice_s: float | None) -> None:
        entry.error, entry.failed_at = error, self._clock()
        entry.failed_for_s = min(max(self._failed_for_s, advice_s or 0.0), FAILED_FOR_MOST_S)

    async def _wait(self, entry: _Entry[T], flight: asyncio.Task[None], patience_s: float | None) -> None:
        """Until the flight has landed; `patience_s` counts from its start, so that rows asking in turn wait once."""
        left_s = None
        if patience_s is not None:
            left_s = max(0.0, entry.asked_at + patience_s - asyncio.get_running_loop().time())
        await asyncio.wait({flight}, timeout=left_s)  # unlike `await flight`, a caller who is cancelled cancels nothing

    def _best(self, entry: _Entry[T], flight: asyncio.Task[None] | None, fresh_s: float) -> Answer[T]:
        """What there is now, after asking."""
        error = entry.error
        if flight is not None:
            if not flight.done():
                error = "the upstream has not answered yet"
            elif flight.cancelled():
                error = "the house is closing"
            elif (bug := flight.exception()) is not None:
                raise bug
        age_s = entry.age_s(self._clock())
        if age_s is None:
            raise Unavailable(error or "the upstream has not answered")
        if error is None and 0 <= age_s <= fresh_s:
            return entry.answer(is_stale=False, error=None)
        return entry.answer(is_stale=True, error=error)

    def _entry(self, key: Hashable) -> _Entry[object]:
        """The entry of this key, now the last to be forgotten."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
            return entry
        if len(self._entries) >= self._most_keys:
            idle = next((old for old, kept in self._entries.items() if kept.flight is None), None)
            if idle is None:
                raise Unavailable(f"{self._most_keys} questions are under way already")
            self._forget(idle)
        entry = self._entries[key] = _Entry()
        return entry

    def _weigh(self, entry: _Entry[object]) -> None:
        """Count a new answer, and forget the longest unasked ones until all fit."""
        items = len(entry.value) if isinstance(entry.value, Sized) else 1
        self._items += items - entry.items
        entry.items = items
        while self._items > self._most_items:
            idle = next((key for key, old in self._entries.items() if old is not entry and old.flight is None), None)
            if idle is None:
                return
            self._forget(idle)

    def _forget(self, key: Hashable) -> None:
        self._items -= self._entries.pop(key).items


def _landed(entry: _Entry[T], flight: asyncio.Task[None]) -> None:
    entry.flight = None
    if not flight.cancelled() and (bug := flight.exception()) is not None:
        log.error("an upstream question met a bug of ours", exc_info=bug, extra={"question": flight.get_name()})
