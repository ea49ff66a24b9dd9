"""The lanes that run now, and the sinks behind them: opened when the house lives, anew when a reload changes the sinks."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

import aiohttp

from daemon.clock import Clock
from daemon.config.model import SinkConfig
from daemon.courier import Dress, LaneConfig
from daemon.dispatch import Dispatch
from daemon.late import Paint
from rules.alerts import Severity
from rules.delivery import Policy
from sinks.base import Shows
from sinks.registry import Options, PacedSink, build
from storage.behind import Behind
from storage.claim import WhyMuted
from storage.outbox import Outbox

GRACE_S = 10.0  # for what is on its way when we are asked to stop


@dataclass
class _Open:
    """Lanes at work."""

    dispatch: Dispatch
    sinks: dict[str, PacedSink]
    stop: asyncio.Event
    task: asyncio.Task[None]


class Desk:
    """Builds the sinks of a configuration and runs their lanes. `trouble` gets the exception of a lane that broke."""

    def __init__(self, outbox: Outbox, session: aiohttp.ClientSession, *, clock: Clock, options: Options) -> None:
        self.grace_s = GRACE_S  # 0: somebody is in a hurry
        self.dress: Dress | None = None  # puts buttons under the messages of sinks that can be answered
        self.behind: Behind | None = None  # knows which messages do not say what has happened since
        self.paint: Paint | None = None  # makes pictures for sinks that want them
        self.shows_pictures = False  # any of the lanes that run now
        self.trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outbox = outbox
        self._session = session
        self._clock = clock
        self._options = options
        self._open: _Open | None = None

    @property
    def dispatch(self) -> Dispatch | None:
        """The lanes that run now."""
        return self._open.dispatch if self._open is not None else None

    def can_edit(self, sinks: Mapping[str, SinkConfig]) -> dict[str, bool]:
        """Which of these chats let a message be changed."""
        return {name: self._build(name, sink).can_edit for name, sink in sinks.items()}

    async def take_up(self, sinks: Mapping[str, SinkConfig], now_ms: int) -> None:
        """What was cut off while it was being sent is uncertain, by each sink's own policy; then the lanes are ours."""
        for name, sink in sinks.items():
            await self._outbox.recover(now_ms, _repeats(sink), lane=name)
        await self._outbox.recover(now_ms)  # in lanes that are gone
        await self._outbox.sync_lanes({name: _hash(sink) for name, sink in sinks.items()}, now_ms)

    def open(self, sinks: Mapping[str, SinkConfig], policy: Policy, why_muted: WhyMuted, label: str | None) -> None:
        """Let the lanes run. `why_muted` is asked before a message leaves: silences come and go."""
        built = {name: self._build(name, sink) for name, sink in sinks.items()}
        lanes = {
            name: LaneConfig(
                sink=built[name],
                address_hash=_hash(sink),
                repeats=_repeats(sink),
                policy=policy.sinks.get(name),
                late_after_ms=sink.late_after_ms,
                dress=self.dress if sink.answer is not None else None,
                paint=self.paint if sink.picture else None,
                behind=self.behind,
            )
            for name, sink in sinks.items()
        }
        self.shows_pictures = any(one.paint is not None and one.sink.shows is not Shows.NEVER for one in lanes.values())
        dispatch = Dispatch(self._outbox, lanes, clock=self._clock, label=label, why_muted=why_muted)
        stop = asyncio.Event()
        task = asyncio.create_task(dispatch.run(stop), name="dispatch")
        task.add_done_callback(self._ended)
        self._open = _Open(dispatch, built, stop, task)

    async def close(self) -> None:
        """Wait a little for what is on its way, then let go; what was cut off is uncertain, and the outbox knows."""
        was = self._open
        if was is None:
            return
        was.stop.set()
        try:
            await asyncio.wait({was.task}, timeout=self.grace_s)
        finally:
            was.task.cancel()
        await asyncio.wait({was.task})
        self._open = None  # not before: whoever comes after one that was cancelled here closes what is left
        for sink in was.sinks.values():
            await sink.aclose()

    def ring(self, lanes: Iterable[str]) -> None:
        """Something new waits in these lanes."""
        if self._open is not None:
            self._open.dispatch.ring(lanes)

    def _build(self, name: str, sink: SinkConfig) -> PacedSink:
        url = sink.url.get_secret_value()
        return build(name, url, api_url=sink.api_url, session=self._session, options=self._options)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Lanes end when they are told to; an exception is a bug of ours and must stop the house."""
        if not task.cancelled() and (exc := task.exception()) is not None and not self.trouble.done():
            self.trouble.set_exception(exc)


def _hash(sink: SinkConfig) -> str:
    """Tells a changed address from the same one, and nothing else."""
    address = f"{sink.url.get_secret_value()} {sink.api_url or ''}"
    return blake2b(address.encode(), digest_size=16).hexdigest()


def _repeats(sink: SinkConfig) -> frozenset[Severity]:
    return frozenset(severity for severity in Severity if sink.uncertain.repeats(severity))
