"""/ws/alerts: changes of alerts as they happen, filtered, and read on where a break was."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from pydantic import Field

from daemon.server.api.changes import MISSED_MAX, Changes, Listener
from daemon.server.api.naming import refuse_unknown
from daemon.server.api.resource import Asked, Severities, Trouble
from daemon.server.api.serve import query_of
from daemon.server.dialects.conversation import converse
from daemon.server.frames import text_frame
from daemon.server.goodbye import Goodbye, error_payload
from daemon.server.line import Line
from rules.alerts import Severity
from rules.delivery import Matchers
from storage.trouble import StorageTrouble

if TYPE_CHECKING:
    from daemon.house import House

log = logging.getLogger(__name__)

PATH = "/ws/alerts"


class WatchAsked(Asked):
    """Which changes."""

    rule: str | None = None
    """only of this rule"""
    kind: str | None = None
    """only of this kind of rule"""
    symbol: str | None = None
    """only about this coin or instrument"""
    min_severity: Severities = "info"
    """only so loud or louder"""
    after: int | None = Field(default=None, ge=0)
    """first those that follow this id; left out: only what happens from now on"""

    def matchers(self) -> Matchers:
        """Ready to be asked."""
        return Matchers(
            rules=() if self.rule is None else (self.rule,),
            kinds=() if self.kind is None else (self.kind,),
            symbols=() if self.symbol is None else (self.symbol,),
        )


def watching(house: "House") -> Callable[[web.Request], Any]:
    """The handler of PATH."""
    assert house.changes is not None, "opened before anybody can listen"
    changes = house.changes

    async def watch(request: web.Request) -> web.StreamResponse:
        return await converse(request, changes, lambda line: _Talk(house, changes, request, line))

    return watch


class _Talk:
    """One client: a hello with the newest id, what it missed, and whatever happens."""

    def __init__(self, house: "House", changes: Changes, request: web.Request, line: Line) -> None:
        self._house, self._changes, self._request, self._line = house, changes, request, line
        self._listener: Listener | None = None
        self._reading: asyncio.Task[None] | None = None

    def begin(self, takes: Callable[[int], bool]) -> None:
        """Everything is asked by the address; who asks wrongly is told what would be right."""
        try:
            asked: WatchAsked = query_of(WatchAsked, self._request)
        except Trouble as exc:
            self._refuse(exc)
            return
        self._reading = asyncio.create_task(self._read(asked), name="alerts: reading on")

    async def heard(self, message: str | bytes) -> None:
        """Nothing can be asked here."""
        self.trouble("unknown", "no message is understood here; filters are in the address: ?rule=, ?after=")

    def trouble(self, code: str, text: str) -> None:
        """As the tables say it."""
        self._line.say(text_frame(error_payload(code, None, text)))

    def end(self) -> None:
        """The client is gone."""
        if self._reading is not None:
            self._reading.cancel()
        if self._listener is not None:
            self._changes.leave(self._listener)

    async def _read(self, asked: WatchAsked) -> None:
        try:
            await refuse_unknown(self._house, rule=asked.rule, kind=asked.kind, symbol=asked.symbol)
            newest = await self._changes.newest_id()
            after = newest if asked.after is None else asked.after
            _check(after, newest)
            self._line.tell(text_frame(msgspec.json.encode({"hello": {"newest_id": newest}})))
            self._listener = Listener(self._line, asked.matchers(), Severity(asked.min_severity), after)
            await self._changes.listen(self._listener)
        except Trouble as exc:
            self._refuse(exc)
        except StorageTrouble:
            self._line.goodbye(Goodbye.NO_ROOM, "the database does not answer right now; connect again in a moment")
        except Exception as exc:  # a bug of ours costs this connection alone
            log.error("a conversation broke", exc_info=exc, extra={"path": PATH})
            self._line.goodbye(Goodbye.BROKEN)

    def _refuse(self, trouble: Trouble) -> None:
        wrong = trouble.wrong
        self._line.say(text_frame(error_payload(wrong.code, wrong.parameter, wrong.message)))
        self._line.goodbye(Goodbye.MISSING_PARAMETER, "a parameter is wrong; the message before this one names it")


def _check(after: int, newest: int) -> None:
    if after > newest:
        raise Trouble(400, "out_of_range", f"the newest change is {newest}; is this another database?", "after")
    if newest - after > MISSED_MAX:
        what = f"more than {MISSED_MAX} changes were missed; read GET /api/alerts and connect without after"
        raise Trouble(400, "too_far", what, "after")
