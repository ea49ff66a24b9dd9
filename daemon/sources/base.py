"""What every source is: something that is told what is wanted, and pushes what happened."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from daemon.clock import Clock, wall_ms
from daemon.sources.sieve import Once, Sieve
from daemon.sources.timetable import Timetable
from daemon.sources.wanted import Wanted as Wanted
from daemon.sources.wanted import Wishes
from daemon.supervisor import Refused, Transient
from daemon.upstream.http import Http
from rules.events import Event, FeedHealth, FeedState

log = logging.getLogger(__name__)

Publish = Callable[[Sequence[Event]], Awaitable[None]]  # awaiting it IS the backpressure

SAMPLE_CHARS = 300
STARTED, BACK = "started", "back"


@dataclass(kw_only=True)
class Context:
    """What the house lends to every source."""

    publish: Publish
    wanted: Wanted
    http: Http
    timetable: Timetable
    clock: Clock = wall_ms
    once: Once = field(default_factory=Once)  # facts that were counted, by whichever feed
    sources: frozenset[str] = frozenset()  # all that the configuration names: vendors leave out what others bring
    gecko_ids: dict[str, str] = field(default_factory=dict)  # ticker -> CoinGecko id, learnt from DefiLlama
    desks: dict[str, object] = field(default_factory=dict)  # REST address -> what a source's feeds have learnt there


@dataclass(kw_only=True)
class FeedStatus:
    """How one feed is doing; read by /healthz and /metrics, written by the feed alone."""

    name: str
    venue: str
    since_ms: int  # in this state since
    state: Literal["starting", "up", "down"] = "starting"
    last_frame_ms: int | None = None
    last_event_ms: int | None = None
    frames: int = 0
    events: int = 0
    reconnects: int = 0
    last_error: str | None = None
    unreadable: int = 0
    sample: str | None = None  # the first unreadable frame, cut
    rejected: dict[str, str] = field(default_factory=dict)  # subscribed item -> why the venue refused it
    topics: int = 0  # that the venue has taken and we have not let go
    gaps: int = 0  # times an order book lost an update and had to begin anew


def _nobody() -> None:
    """Nobody supervises this feed yet."""


class Feed(ABC):
    """One conversation with one far end. `run` tries once and tells the truth; the supervisor tries again."""

    def __init__(
        self, *, name: str, venue: str, context: Context, sieve: Sieve, carries: Sequence[str] | None = None
    ) -> None:
        """`carries` names what is missing while this feed is down; by default the event types of its sieve."""
        self.on_well: Callable[[], None] = _nobody
        self._context = context
        self._sieve = sieve
        self._carries = tuple(sieve.tags if carries is None else carries)
        self.status = FeedStatus(name=name, venue=venue, since_ms=context.clock())

    @property
    def name(self) -> str:
        return self.status.name

    async def run(self) -> None:
        """Feed the house until something breaks: Transient, Busy or Refused say what."""
        try:
            await self._work()
        except (Transient, Refused) as exc:
            await self._down(str(exc))
            raise

    @abstractmethod
    async def _work(self) -> None:
        """Connect or poll, and publish, until it breaks."""

    @property
    def _wishes(self) -> Wishes:
        """What is wanted now of the types that this feed brings."""
        return self._context.wanted.about(self._sieve.kinds)

    async def _wished_other_than(self, wishes: Wishes) -> None:
        """Return when something else is wanted of this feed."""
        wanted = self._context.wanted
        while self._wishes == wishes:
            await wanted.changed(wanted.version)

    async def _publish(self, events: Sequence[Event], received_ms: int) -> None:
        """Hand on what is wanted and new; returns when the house has taken it."""
        kept = self._sieve.keep(events, received_ms)
        if kept:
            self.status.events += len(kept)
            self.status.last_event_ms = received_ms
            await self._context.publish(kept)

    def _unreadable(self, why: str, frame: bytes | str, count: int = 1) -> None:
        """Count a frame (or rows of one) that we cannot read; the first is kept, and said in the log."""
        self.status.unreadable += count
        if self.status.sample is None:
            text = frame[: SAMPLE_CHARS * 4]
            shown = text.decode(errors="replace") if isinstance(text, bytes) else text
            self.status.sample = shown[:SAMPLE_CHARS]
            log.warning(
                "frame is unreadable, counted and skipped",
                extra={"feed": self.name, "why": why, "sample": self.status.sample},
            )

    async def _up(self) -> None:
        """Everything works. Said on change, and once at the start: an alert from before a restart must be able to end."""
        was = self.status.state
        if was != "up":
            self._turn("up")
            self.status.last_error = None
            await self._say("up", STARTED if was == "starting" else BACK)
        self.on_well()

    async def _down(self, reason: str) -> None:
        self.status.last_error = reason
        if self.status.state != "down":
            self._turn("down")
            await self._say("down", reason)

    def _turn(self, state: FeedState) -> None:
        self.status.state = state
        self.status.since_ms = self._context.clock()

    async def _say(self, state: FeedState, reason: str) -> None:
        now = self._context.clock()
        health = FeedHealth(
            venue=self.status.venue,
            feed=self.name,
            state=state,
            reason=reason,
            carries=self._carries,
            at_ms=now,
            received_ms=now,
        )
        await self._context.publish((health,))
