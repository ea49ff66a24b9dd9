"""Keeps one Slack app's socket open: a new one before the old is closed, and less and less often while it breaks.

There is no lease as for Telegram's updates: a database has one daemon, Slack gives each press to one connection, the
database lets the first press win, and a lease that a crash has left would only lose presses, for Slack keeps none.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from daemon.chat.complaint import Complaint
from daemon.chat.slack_api import Denied, SlackApi
from daemon.chat.slack_socket import PING_S, Socket, SwitchedOff
from daemon.wire.slack import OFF, SOON, Frame
from sinks.base import SinkTrouble, Unreached

log = logging.getLogger(__name__)

BACKOFF_FIRST_S, BACKOFF_MAX_S = 1.0, 60.0
RARELY_S = 300.0  # what a person must mend is not mended in a minute
ADVICE_MAX_S = 3_600.0
CALM_S = 10.0  # a socket that lived less is no good one
LINGER_S = 30.0  # an old one is read for so long; Slack closes it earlier
AT_ONCE = 64  # presses being dealt with

_MAKE = "api.slack.com/apps, your app, Basic Information, App-Level Tokens"
_UNKNOWN = (
    f"Slack does not know the app-level token: make one with the scope connections:write ({_MAKE}), and write it into"
    " answer.app_token"
)
_OTHER_KIND = f"answer.app_token is no app-level token: it begins with xapp-, and is made at {_MAKE}"
_NO_SCOPE = f"the app-level token lacks the scope connections:write; make another with it ({_MAKE})"
_MEND = {
    "invalid_auth": _UNKNOWN,
    "not_authed": _UNKNOWN,
    "token_revoked": _UNKNOWN,
    "token_expired": _UNKNOWN,
    "account_inactive": _UNKNOWN,
    "not_allowed_token_type": _OTHER_KIND,
    "missing_scope": _NO_SCOPE,
    "no_permission": _NO_SCOPE,
}

Send = Callable[[str], Awaitable[bool]]
Heard = Callable[[Frame, Send], Awaitable[None]]


@dataclass
class _Line:
    """One connection, while it is read."""

    socket: Socket
    over: asyncio.Event = field(default_factory=asyncio.Event)  # another is needed
    why: str = ""  # Slack's word for it, if it announced the end
    trouble: str = ""  # else what broke


class SlackListener:
    """One app's ear. `heard` is told each envelope, several at once, and acknowledges it."""

    def __init__(
        self,
        name: str,
        api: SlackApi,
        heard: Heard,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        calm_s: float = CALM_S,
        ping_s: float = PING_S,
    ) -> None:
        self._name = name
        self._api = api
        self._heard = heard
        self._sleep = sleep
        self._uniform = uniform
        self._calm_s = calm_s
        self._ping_s = ping_s
        self._complaint = Complaint(name)
        self._stumbles = 0
        self._room = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                if wait_s := await self._once(group):
                    await self._sleep(wait_s)

    async def _once(self, group: asyncio.TaskGroup) -> float:
        """Open a socket, and return when another is needed: how long to wait before that, in seconds."""
        try:
            socket = await Socket.open(await self._api.open_socket(), ping_s=self._ping_s)
        except Denied as exc:
            return self._denied(exc)
        except SwitchedOff as exc:
            return self._hopeless(str(exc))
        except SinkTrouble as exc:
            return self._stumble(str(exc))
        line = _Line(socket)
        group.create_task(self._read(line, group), name=f"socket of {self._name}")
        return self._after(line, is_calm=await self._lives(line))

    async def _lives(self, line: _Line) -> bool:
        """Wait until another socket is needed. Whether this one lived long enough to be called one."""
        try:
            async with asyncio.timeout(self._calm_s):
                await line.over.wait()
        except TimeoutError:
            self._complaint.over()
            self._stumbles = 0
            await line.over.wait()
            return True
        return False

    async def _read(self, line: _Line, group: asyncio.TaskGroup) -> None:
        """To its end; one that Slack will close soon is still read, because presses may come by it."""
        try:
            async with asyncio.timeout(None) as lingering:
                async for frame in line.socket.frames():
                    if frame.type == "disconnect":
                        if not line.over.is_set():
                            lingering.reschedule(asyncio.get_running_loop().time() + LINGER_S)
                        line.why = (frame.reason or "no reason")[:40]
                        line.over.set()
                    elif frame.envelope_id is not None:
                        await self._room.acquire()
                        group.create_task(self._hear(line, frame), name=f"press at {self._name}")
        except Unreached as exc:
            line.trouble = str(exc)
        except TimeoutError:
            line.trouble = "Slack: it announced the end of the socket, and did not close it"
        finally:
            line.over.set()
            await line.socket.close()

    async def _hear(self, line: _Line, frame: Frame) -> None:
        try:
            await self._heard(frame, line.socket.send)
        finally:
            self._room.release()

    def _after(self, line: _Line, *, is_calm: bool) -> float:
        if line.why == OFF:
            return self._hopeless(str(SwitchedOff()))
        if line.why in SOON:
            return 0.0 if is_calm else self._stumble(f"Slack: it closes the socket at once ({line.why})")
        return self._stumble(f"Slack: it closes the socket ({line.why})" if line.why else line.trouble)

    def _denied(self, exc: Denied) -> float:
        if (advice := _MEND.get(exc.word)) is not None:
            return self._hopeless(advice)
        if exc.status == 429 and exc.retry_after_s is not None:
            self._complaint.say(logging.WARNING, str(exc))
            return min(max(exc.retry_after_s, 0.1), ADVICE_MAX_S)
        if not exc.may_work_later:
            return self._hopeless(str(exc))
        return self._stumble(str(exc))

    def _hopeless(self, reason: str) -> float:
        """A person must do something."""
        self._complaint.say(logging.ERROR, reason)
        return RARELY_S

    def _stumble(self, reason: str) -> float:
        wait_s = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2.0 ** min(self._stumbles, 10))
        self._stumbles += 1
        self._complaint.say(logging.WARNING, reason)
        return self._uniform(wait_s / 2, wait_s)
