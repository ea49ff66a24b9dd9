"""The way out to one client: its transport, what it agreed to, and how we part."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from daemon.server.frames import close_frame, ping_frame
from daemon.server.goodbye import Goodbye
from daemon.server.limits import Counters, Limits
from daemon.server.parameters import BadParameter

if TYPE_CHECKING:
    from daemon.server.topic import Topic

_PING = ping_frame()


class Line:
    """Written to by its topic, without waiting. Nothing here ever waits for a client that does not read."""

    __slots__ = (
        "_counters",
        "_cut",
        "_limits",
        "_loop",
        "deflates",
        "hard_bound",
        "heard_at_s",
        "is_behind",
        "is_leaving",
        "key",
        "login",
        "only_changes",
        "ping_at_s",
        "rejected",
        "topic",
        "transport",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        deflates: bool,
        key: str | None,
        limits: Limits,
        counters: Counters,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._counters = counters
        self._cut: asyncio.TimerHandle | None = None
        self.transport = transport
        self.deflates = deflates  # takes frames compressed for all
        self.hard_bound = limits.write_buffer_hard  # bytes; more after a frame that is bigger by itself
        self.only_changes = False
        self.key = key
        self.login: str | None = None
        self.topic: Topic | None = None
        self.rejected: Callable[[BadParameter], None] | None = None  # told when there is no answer to its parameters
        self.is_behind = False  # a frame was left out
        self.is_leaving = False  # a goodbye was said, by either side
        self.heard_at_s = self._loop.time()
        self.ping_at_s = self.heard_at_s + limits.ping_s

    def say(self, frame: bytes) -> None:
        """Send something for this client alone: an error, a pong."""
        if self.is_leaving:
            return
        if self.transport.get_write_buffer_size() > self.hard_bound:
            self.abort("stalled")
        else:
            self.transport.write(frame)

    def tell(self, frame: bytes) -> None:
        """Send a fact. Who has not read enough to be sent it is told goodbye, because a gap would be a lie."""
        if self.is_leaving:
            return
        waiting = self.transport.get_write_buffer_size()
        if waiting > self.hard_bound:
            self.abort("stalled")
        elif waiting > self._limits.write_buffer:
            self.goodbye(Goodbye.TOO_SLOW)
        else:
            self.transport.write(frame)
            self._counters.frames += 1
            self._counters.bytes += len(frame)

    def heard(self) -> None:
        """A pong came: somebody is there and reads."""
        self.heard_at_s = self._loop.time()

    def check(self, now_s: float) -> None:
        """Ask whether somebody is there when it is time to, and cut the line when nobody answered for too long."""
        if self.is_leaving:
            return
        if now_s - self.heard_at_s > self._limits.idle_s:
            self.abort("silent")
        elif now_s >= self.ping_at_s:
            self.ping_at_s = now_s + self._limits.ping_s
            self.say(_PING)

    def goodbye(self, why: Goodbye, reason: str | None = None) -> None:
        """Say why, send nothing more, and cut the line if the other side does not part in time.

        `reason` in place of the usual sentence, for clients that expect another's words.
        """
        if self.is_leaving:
            return
        self._counters.goodbyes[why.word] += 1
        self._leave(close_frame(why.code, why.reason if reason is None else reason))

    def goodbye_too(self, code: int) -> None:
        """The client said goodbye: say the same, once."""
        if not self.is_leaving:
            self._leave(close_frame(code) if code else close_frame(1000))

    def abort(self, word: str) -> None:
        """Cut the line without a word, which is the only way to part with somebody who does not read."""
        if not self.transport.is_closing() or self.transport.get_write_buffer_size():
            self._counters.aborted[word] += 1
        self.is_leaving = True
        self._leave_topic()
        self.transport.abort()

    def end(self) -> None:
        """The conversation is over: what is still unread may be read until the line is cut."""
        self.is_leaving = True
        self.rejected = None
        self._leave_topic()
        if self._cut is not None and not self.transport.get_write_buffer_size():
            self._cut.cancel()
            self._cut = None
        elif self._cut is None and self.transport.get_write_buffer_size():
            self._cut = self._loop.call_later(self._limits.goodbye_s, self.abort, "unanswered_goodbye")

    def _leave(self, last: bytes) -> None:
        self.is_leaving = True
        self._leave_topic()
        self.transport.write(last)
        self._cut = self._loop.call_later(self._limits.goodbye_s, self.abort, "unanswered_goodbye")

    def _leave_topic(self) -> None:
        if self.topic is not None:
            self.topic.leave(self)
