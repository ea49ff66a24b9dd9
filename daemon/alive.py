"""Signs of life, so that silence means something: a line a day to a chat, a ping for a watcher outside."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

import aiohttp

from daemon.clock import Clock
from daemon.config.delivery import AliveConfig
from daemon.ledger import LaneStatus
from daemon.sources.base import FeedStatus
from rules.alerts import Severity
from rules.delivery import Words
from rules.delivery.hours import next_ms
from rules.delivery.letters import own_key
from rules.units import say_duration
from storage.outbox import Outbox
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0  # a reload may change the time, and clocks are set
MISSED_MS = 3_600_000  # a start so soon after the time still says the line; later nobody expects it
PING_PATIENCE_S = 10.0
NAMES_MAX = 3


@dataclass(frozen=True, kw_only=True)
class Vitals:
    """How the house is, at one moment."""

    rules: int
    alerts: int  # firing
    lag_p99_ms: int | None  # from the decision to the chat's answer, of the latest messages
    down: tuple[tuple[str, int], ...] = ()  # (feed, for how long)
    dead: tuple[str, ...] = ()  # sinks that take nothing
    mistakes: int = 0  # in the files as they are saved, so that older ones run
    held: str | None = None  # why nothing can be written down, and so nothing told
    sinks: int = 0

    @property
    def is_mute(self) -> bool:
        """Whether nobody would hear of an alert: then a watcher outside must miss us."""
        return self.held is not None or 0 < self.sinks == len(self.dead)

    def line(self) -> str:
        """`alive; 14 rules; 3 alerts; 99% of messages within 0.8 s; okx.public down 4m`."""
        parts = ["alive", _counted(self.rules, "rule"), _counted(self.alerts, "alert")]
        if self.lag_p99_ms is not None:
            parts.append(f"99% of messages within {self.lag_p99_ms / 1000:.1f} s")
        parts += [f"{name} down {say_duration(for_ms - for_ms % 1_000)}" for name, for_ms in self.down[:NAMES_MAX]]
        if len(self.down) > NAMES_MAX:
            parts.append(f"{len(self.down) - NAMES_MAX} more feeds down")
        parts += [f"sink {name} dead" for name in self.dead]
        if self.held is not None:
            parts.append(f"nothing can be written down: {self.held}")
        if self.mistakes:
            parts.append(f"the saved files have {_counted(self.mistakes, 'mistake')}, what ran before runs on")
        return "; ".join(parts)


def vitals(
    *,
    rules: int,
    alerts: int,
    feeds: Iterable[FeedStatus],
    lanes: Mapping[str, LaneStatus],
    now_ms: int,
    mistakes: int = 0,
    held: str | None = None,
) -> Vitals:
    """From what every part says of itself."""
    lags = sorted(lag_ms for lane in lanes.values() for lag_ms in lane.lag_ms)
    return Vitals(
        rules=rules,
        alerts=alerts,
        lag_p99_ms=lags[min(len(lags) - 1, len(lags) * 99 // 100)] if lags else None,
        down=tuple((feed.name, max(0, now_ms - feed.since_ms)) for feed in feeds if feed.state == "down"),
        dead=tuple(name for name, lane in lanes.items() if lane.disabled is not None),
        mistakes=mistakes,
        held=held,
        sinks=len(lanes),
    )


class Alive:
    """Says that we are here, as the files want it; they may change at any time."""

    def __init__(
        self,
        outbox: Outbox,
        session: aiohttp.ClientSession,
        *,
        wanted: Callable[[], AliveConfig | None],
        sinks: Callable[[], Iterable[str]],
        vitals: Callable[[], Vitals],
        ring: Callable[[Iterable[str]], None],
        clock: Clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._outbox = outbox
        self._session = session
        self._wanted, self._sinks, self._vitals = wanted, sinks, vitals
        self._ring = ring
        self._clock = clock
        self._sleep = sleep
        self._said_ms = 0  # the time of day that was said last
        self._pinged_ms = 0
        self._is_unheard = False
        self._is_mute = False

    async def run(self) -> None:
        """For ever."""
        while True:
            wait_s = LOOK_EVERY_S
            if (wanted := self._wanted()) is not None:
                await self.say(wanted)
                wait_s = min(wait_s, await self.ping(wanted))
            await self._sleep(wait_s)

    async def say(self, wanted: AliveConfig) -> None:
        """The daily line, if its time has come; the outbox takes each day's only once."""
        if wanted.at is None:
            return
        now_ms = self._clock()
        at_ms = next_ms(wanted.at, wanted.tz, now_ms - MISSED_MS)
        if at_ms > now_ms or at_ms == self._said_ms:
            return
        known = list(self._sinks())
        names = [name for name in wanted.to if name in known] if wanted.to else known
        words = Words(headline=self._vitals().line())
        try:
            for name in names:
                key = own_key("alive", name, at_ms)
                await self._outbox.say(name, words, Severity.INFO, lasts_ms=MISSED_MS, key=key)
        except StorageTrouble as exc:
            log.debug("the sign of life waits", extra={"reason": str(exc)})
            return
        self._said_ms = at_ms
        self._ring(names)

    async def ping(self, wanted: AliveConfig) -> float:
        """Ask the watcher's address, if its time has come; how long until the next time, in seconds.

        Not while nobody would hear of an alert: a watcher that misses us is the only one left to say so. The address is a
        secret: no word of the library's errors is repeated, because they name it.
        """
        if wanted.ping is None:
            return LOOK_EVERY_S
        wait_ms = self._pinged_ms + wanted.every_ms - self._clock()
        if 0 < wait_ms <= wanted.every_ms:
            return wait_ms / 1000
        self._pinged_ms = self._clock()
        was_mute, self._is_mute = self._is_mute, self._vitals().is_mute
        if self._is_mute:
            if not was_mute:
                log.warning("the watcher is not told that we are alive, because nobody would hear of an alert")
            return wanted.every_ms / 1000
        trouble = None
        try:
            async with asyncio.timeout(PING_PATIENCE_S):
                async with self._session.get(wanted.ping.get_secret_value(), allow_redirects=False) as reply:
                    if reply.status >= 400:
                        trouble = f"it answered {reply.status}"
        except TimeoutError:
            trouble = "it did not answer"
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            trouble = type(exc).__name__
        if trouble is not None and not self._is_unheard:
            log.warning("nobody hears that we are alive", extra={"reason": trouble})
        elif trouble is None and self._is_unheard:
            log.info("the watcher hears us again")
        self._is_unheard = trouble is not None
        return wanted.every_ms / 1000


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
