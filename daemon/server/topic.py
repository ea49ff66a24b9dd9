"""One topic: an endpoint with one set of parameters, answered once for all of its clients."""

import asyncio
import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

import msgspec

from daemon.clock import Clock
from daemon.server.frames import deflated_frame, text_frame
from daemon.server.goodbye import Goodbye, error_payload
from daemon.server.limits import Counters, Limits
from daemon.server.line import Line
from daemon.server.parameters import BadParameter
from daemon.upstream.cache import Unavailable

log = logging.getLogger(__name__)

BATCH = 256  # writes between two turns of the others: a thousand take some 10 ms
_THREAD_FROM = 262_144  # bytes; compressing more than this would hold the loop for milliseconds


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What an endpoint says to one set of parameters."""

    version: Hashable
    """equal versions mean equal answers, apart from the time at which they were computed"""
    payload: bytes
    """JSON; a timestamp in it is the moment it was computed, and stays when it is sent again unchanged"""
    next_s: float
    """adaptive interval: when it is sent again if nothing moved before"""


class Endpoint(Protocol):
    """What the fan-out has to know of an endpoint. `params` are what its `parse` returned: anything but None."""

    @property
    def path(self) -> str:
        """Where it is served."""

    @property
    def is_stream(self) -> bool:
        """A stream of facts: pushed on every change, and who cannot follow is told so. Tables leave frames out."""

    def parse(self, asked: Mapping[str, Any], previous: Any | None, /) -> Any:
        """Parameters from a query string (all text) or a JSON message (typed); what is not given stays as in `previous`.

        Raises BadParameter; its code is `missing` for a required parameter that nobody gave. `only_changes` is not
        among them: it belongs to the connection.
        """

    def key(self, params: Any, /) -> Hashable:
        """Equal for parameters that mean the same."""

    async def answer(self, params: Any, now_ms: int, last: Answer | None, /) -> Answer:
        """The answer now; `last` itself, uncomputed, if its version still holds.

        Raises Unavailable, which is told to the clients and tried again, or BadParameter for what `parse` could not
        know: before there was any answer this sends each client back to its last good parameters.
        """

    def changes(self, params: Any, /) -> int:
        """A number that moves when a streamed view behind this answer moves; asked often, so it must cost nothing."""


class Frame:
    """One message, framed once, and compressed once if anybody wants that. Hands out the same bytes to everybody."""

    __slots__ = ("_deflated", "_payload", "plain")

    def __init__(self, payload: bytes) -> None:
        self.plain = text_frame(payload)
        self._payload: bytes | None = payload
        self._deflated = self.plain

    @property
    def deflated(self) -> bytes:
        """The compressed frame, or the plain one where compressing does not pay."""
        if self._payload is not None:
            self._deflated = deflated_frame(self._payload) or self.plain
            self._payload = None
        return self._deflated

    def wanted_by(self, line: Line) -> bytes:
        """The bytes for this client."""
        return self.deflated if line.deflates else self.plain


class Topic:
    """Answers, frames and writes; lives in the task that runs `run`."""

    def __init__(
        self,
        endpoint: Endpoint,
        params: Any,
        *,
        limits: Limits,
        counters: Counters,
        clock: Clock,
        fell_behind: Callable[[Line], None],
        vacated: Callable[["Topic", bool], None],
        rejected: Callable[["Topic", BadParameter], None],
    ) -> None:
        self.endpoint = endpoint
        self._params = params
        self._limits = limits
        self._counters = counters
        self._clock = clock
        self._fell_behind = fell_behind
        self._vacated = vacated
        self._rejected = rejected
        self._lines: dict[Line, None] = {}
        self._occupied = asyncio.Event()
        self._wake = asyncio.Event()
        self._seen = 0
        self._last: Answer | None = None
        self._frame: Frame | None = None
        self._trouble: Frame | None = None
        self._trouble_payload = b""
        self._failures = 0
        self._looks_broken = False

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._lines)

    @property
    def has_answered(self) -> bool:
        """Whether its parameters have proved good."""
        return self._frame is not None

    def join(self, line: Line) -> None:
        """From now on this client gets every frame; the newest at once, if there is one."""
        self._lines[line] = None
        line.topic = self
        line.is_behind = False
        if len(self._lines) == 1:
            self._occupied.set()
            self._vacated(self, False)
        self.deliver(line)

    def leave(self, line: Line) -> None:
        """No more frames for this client."""
        self._lines.pop(line, None)
        line.topic = None
        if not self._lines:
            self._occupied.clear()
            self._vacated(self, True)

    def deliver(self, line: Line) -> None:
        """Send what holds now to one client: the newest frame, and the trouble after it, if there is any."""
        for frame in (self._frame, self._trouble):
            if frame is not None and line.topic is self:
                self._write(line, frame)

    def look(self) -> None:
        """Answer soon if a streamed view has moved since the last answer."""
        if self._changes() != self._seen:
            self._wake.set()

    def goodbye(self, why: Goodbye) -> None:
        """Part with everybody."""
        for line in list(self._lines):
            line.goodbye(why)

    def reject(self, error: BadParameter) -> None:
        """Send everybody elsewhere: there is no answer to these parameters."""
        for line in list(self._lines):
            self.leave(line)
            if line.rejected is not None and not line.is_leaving:
                line.rejected(error)

    async def run(self) -> None:
        """Answer at once, then every interval, and earlier when a view moves; rest while nobody listens.

        Ends when there is no answer to these parameters at all.
        """
        now_s = asyncio.get_running_loop().time
        floor_s = 0.0 if self.endpoint.is_stream else self._limits.min_push_ms / 1_000
        due_s = 0.0
        while True:
            await self._occupied.wait()
            started_s = now_s()
            self._wake.clear()
            self._seen = self._changes()  # before answering: what moves meanwhile is for the next time
            is_due = started_s >= due_s
            try:
                frame, wait_s = await self._answer()
            except BadParameter as exc:
                self._rejected(self, exc)
                return
            pushing_s = now_s()
            if frame is not None or is_due:
                due_s = started_s + wait_s
                await self._push(frame)
            # at least half of the loop's time stays with the others, however fast a stream moves
            await asyncio.sleep(max(floor_s, now_s() - pushing_s))
            await self._until(due_s)

    async def _until(self, due_s: float) -> None:
        try:
            async with asyncio.timeout_at(due_s):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _answer(self) -> tuple[Frame | None, float]:
        """(a frame that nobody has seen yet, or None; seconds until the next). BadParameter before the first answer."""
        try:
            async with asyncio.timeout(self._limits.answer_s):
                answer = await self.endpoint.answer(self._params, self._clock(), self._last)
        except BadParameter as exc:
            if self._frame is None:
                raise
            return self._fail(error_payload(exc.code, exc.parameter, exc.message))
        except Unavailable as exc:
            return self._fail(error_payload("unavailable", None, str(exc)))
        except TimeoutError:
            return self._fail(
                error_payload("timeout", None, f"no answer within {self._limits.answer_s:g} s; we keep trying")
            )
        except Exception as exc:  # one endpoint's bug must not silence the others
            frame, wait_s = self._fail(
                error_payload("internal", None, "this answer could not be made, which is our fault; we keep trying")
            )
            log.log(
                logging.DEBUG if frame is None else logging.ERROR,
                "an endpoint broke",
                exc_info=exc,
                extra={"path": self.endpoint.path},
            )
            return frame, wait_s
        was_troubled, self._trouble, self._failures = self._trouble is not None, None, 0
        wait_s = min(max(answer.next_s, self._limits.min_push_ms / 1_000), self._limits.longest_push_s)
        if self._last is not None and self._frame is not None and answer.version == self._last.version:
            return (self._frame if was_troubled else None), wait_s
        self._counters.answers += 1
        frame = Frame(answer.payload)
        if len(answer.payload) > _THREAD_FROM and any(line.deflates for line in self._lines):
            await asyncio.to_thread(lambda: frame.deflated)
        self._last, self._frame = answer, frame
        return frame, wait_s

    def _fail(self, payload: bytes) -> tuple[Frame | None, float]:
        wait_s = min(self._limits.retry_s * 2.0 ** min(self._failures, 16), self._limits.retry_longest_s)
        self._failures += 1
        self._counters.answer_failures += 1
        if self._trouble is not None and payload == self._trouble_payload:
            return None, wait_s
        self._trouble, self._trouble_payload = Frame(payload), payload
        return self._trouble, wait_s

    async def _push(self, fresh: Frame | None) -> None:
        """Write a fresh frame to everybody; without one, the last once more to those who want to hear it again."""
        frame = fresh
        if frame is None:
            if self._trouble is not None or self._frame is None:
                return  # the same trouble is told once
            frame = self._frame
        plain, packed, soft = frame.plain, b"", self._limits.write_buffer
        most = soft + len(plain)
        is_big = most > self._limits.write_buffer_hard
        lines = list(self._lines) if fresh is not None else [line for line in self._lines if not line.only_changes]
        for start in range(0, len(lines), BATCH):
            if start:
                await asyncio.sleep(0)
            batch = lines[start : start + BATCH]
            missed = compressed = 0
            for line in batch:  # the hot path: this and the kernel are what a delivery costs
                transport = line.transport
                if line.topic is not self:
                    missed += 1  # left while the others had their turn
                elif transport.get_write_buffer_size() > soft:
                    missed += 1
                    self._left_out(line)
                else:
                    if is_big and most > line.hard_bound:
                        line.hard_bound = most
                    if line.deflates:
                        compressed += 1
                        packed = packed or frame.deflated
                        transport.write(packed)
                    else:
                        transport.write(plain)
            self._counters.frames += len(batch) - missed
            self._counters.bytes += (len(batch) - missed - compressed) * len(plain) + compressed * len(packed)

    def _write(self, line: Line, frame: Frame) -> None:
        if line.transport.get_write_buffer_size() > self._limits.write_buffer:
            self._left_out(line)
            return
        line.hard_bound = max(line.hard_bound, self._limits.write_buffer + len(frame.plain))
        data = frame.wanted_by(line)
        line.transport.write(data)
        self._counters.frames += 1
        self._counters.bytes += len(data)

    def _left_out(self, line: Line) -> None:
        """This client has not read enough to be sent more."""
        if line.transport.get_write_buffer_size() > line.hard_bound:
            line.abort("stalled")
        elif self.endpoint.is_stream:
            line.goodbye(Goodbye.TOO_SLOW)
        else:
            self._counters.conflated += 1
            line.is_behind = True
            self._fell_behind(line)

    def _changes(self) -> int:
        try:
            return self.endpoint.changes(self._params)
        except Exception as exc:  # as above; its answers still come at their interval
            level = logging.DEBUG if self._looks_broken else logging.ERROR
            self._looks_broken = True
            log.log(level, "an endpoint cannot tell whether it moved", exc_info=exc, extra={"path": self.endpoint.path})
            return self._seen
