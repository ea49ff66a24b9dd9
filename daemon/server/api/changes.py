"""Pushes every change of an alert, once it is written down, to whoever listens: one reader of the table for all."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence

from daemon.server.api.alerts import ChangeAnswer, change_of
from daemon.server.frames import text_frame
from daemon.server.goodbye import Goodbye
from daemon.server.line import Line
from daemon.server.topics import Hub
from rules.alerts import Alert, Severity
from rules.delivery import Matchers
from rules.kinds import say
from storage.database import Database
from storage.episodes import alerts_of, newest_change_id, query_changes
from storage.log import LoggedTransition
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

MISSED_MAX = 10_000  # ids that somebody may have missed, and still read on
_PAGE = 200
_RETRY_S = 0.25
_PACE_S = 0.02


class PushedChange(ChangeAnswer):
    """One change, in words too."""

    headline: str | None
    """what the chats were told then, without its severity; missing if that was not kept"""


class Listener:
    """One client, what it wants to hear, and the id up to which it has been told."""

    __slots__ = ("after_id", "least", "line", "matchers")

    def __init__(self, line: Line, matchers: Matchers, least: Severity, after_id: int) -> None:
        self.line, self.matchers, self.least, self.after_id = line, matchers, least, after_id

    def wants(self, change: LoggedTransition, alert: Alert) -> bool:
        """Whether this change is one of those it asked for."""
        return Severity(change.severity).rank >= self.least.rank and self.matchers.matches(alert, {})


class Changes:
    """Let `run` read, and call `moved` whenever something was written down."""

    def __init__(self, database: Database, hub: Hub) -> None:
        self.hub = hub
        self.clients: Counter[str] = Counter()  # by path
        self._database = database
        self._listeners: dict[Listener, None] = {}
        self._moved = asyncio.Event()
        self._told_id = 0  # nobody who listens started later, or has been told of more
        self._seen = -1

    def moved(self, transitions: int) -> None:
        """The recorder has written; `transitions` is how many it has seen since the start, so that most calls do nothing."""
        if transitions != self._seen:
            self._seen = transitions
            self._moved.set()

    async def newest_id(self) -> int:
        """Where the record of changes ends now."""
        return await newest_change_id(self._database)

    async def listen(self, listener: Listener) -> None:
        """Tell it what it has missed, then whatever happens. Returns once it hears live, or is leaving."""
        while not listener.line.is_leaving:
            newest = await self.newest_id()
            found = await query_changes(self._database, after_id=listener.after_id, limit=_PAGE)
            for change, alert, frame in await self._written(found):
                if listener.wants(change, alert):
                    await _has_read(listener.line)
                    listener.line.tell(frame)
            is_all = len(found) < _PAGE
            listener.after_id = max(listener.after_id, _end(found, newest) if is_all else found[-1].id)
            if is_all and listener.after_id >= self._told_id:
                self._told_id = listener.after_id  # whoever joins next starts no earlier
                self._listeners[listener] = None
                self._moved.set()  # for what was written while we read
                return

    def leave(self, listener: Listener) -> None:
        """It is gone."""
        self._listeners.pop(listener, None)

    async def run(self) -> None:
        """For ever; reads nothing while nobody listens."""
        is_blind = False
        while True:
            await self._moved.wait()
            self._moved.clear()
            try:
                while await self._round():
                    pass
            except StorageTrouble as exc:
                level = logging.DEBUG if is_blind else logging.WARNING
                log.log(level, "changes of alerts cannot be read", extra={"reason": str(exc)})
                is_blind = True
                await asyncio.sleep(_RETRY_S)
                self._moved.set()
            except Exception as exc:  # a bug of ours costs those who listen, not the alerts themselves
                log.error("pushing alerts broke", exc_info=exc)
                for listener in list(self._listeners):
                    listener.line.goodbye(Goodbye.BROKEN)
                self._listeners.clear()
            else:
                is_blind = False

    async def _round(self) -> bool:
        """Tell one page; whether there may be more."""
        if not self._listeners:
            return False
        newest = await self.newest_id()
        since = min((listener.after_id for listener in self._listeners), default=newest)
        if newest <= since:
            return False
        found = await query_changes(self._database, after_id=since, limit=_PAGE)
        for change, alert, frame in await self._written(found):
            for listener in list(self._listeners):
                if change.id > listener.after_id and listener.wants(change, alert):
                    listener.line.tell(frame)
                if listener.line.is_leaving:
                    self.leave(listener)
        is_all = len(found) < _PAGE
        upto = _end(found, newest) if is_all else found[-1].id
        self._told_id = max(self._told_id, upto)
        for listener in self._listeners:
            listener.after_id = max(listener.after_id, upto)
        return not is_all

    async def _written(self, changes: Sequence[LoggedTransition]) -> Iterable[tuple[LoggedTransition, Alert, bytes]]:
        """Each change with its alert, and the frame that says it."""
        known = await alerts_of(self._database, {change.episode_id for change in changes}) if changes else {}
        return [
            (change, known[change.episode_id], _frame(change, known[change.episode_id]))
            for change in changes
            if change.episode_id in known
        ]


def _end(found: Sequence[LoggedTransition], newest_id: int) -> int:
    """Where one stands who has read all there was: changes of private alerts leave holes, also at the end."""
    return max(newest_id, found[-1].id) if found else newest_id


def _frame(change: LoggedTransition, alert: Alert) -> bytes:
    """As it was then: what an alert says today is no news of that day."""
    then = change.alert or (alert if alert.sequence == change.sequence else None)
    headline = None if then is None else say(then, change.at_ms).headline
    return text_frame(PushedChange(**dict(change_of(change)), headline=headline).model_dump_json().encode())


async def _has_read(line: Line) -> None:
    """What was missed is sent as fast as it is read; who does not read at all answers no ping either, and is cut off."""
    while line.transport.get_write_buffer_size() and not line.is_leaving:  # noqa: ASYNC110 - aiohttp has no event for it
        await asyncio.sleep(_PACE_S)
