"""A feed that asks every so often. A failed question ends the run; the supervisor says when to ask again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from daemon.sources.base import Context, Feed
from daemon.sources.sieve import Sieve
from daemon.sources.timetable import FIRST_S
from daemon.sources.wanted import has_grown
from daemon.supervisor import Transient
from daemon.wire.control import Unreadable
from rules.events import Event

SOON_S = 0.1  # wishes come in crowds: so long is waited for more before they are followed
AGAIN_S = 10.0  # between two questions that were not on the timetable

Ask = Callable[[], Awaitable[Sequence[Event]]]
T = TypeVar("T")


class Poller(Feed):
    """Asks on the house's timetable and publishes the answers."""

    def __init__(
        self,
        *,
        name: str,
        venue: str,
        context: Context,
        sieve: Sieve,
        every_ms: int,
        ask: Ask,
        first_s: float = FIRST_S,
        again_s: float = AGAIN_S,
        carries: Sequence[str] | None = None,
    ) -> None:
        """`ask` raises Transient, Busy, Refused, or Unreadable for an answer that makes no sense.

        When more is wanted it is asked out of turn, at most every `again_s`; `ask` reads the wishes each time.
        """
        super().__init__(name=name, venue=venue, context=context, sieve=sieve, carries=carries)
        self._every_s, self._ask, self._first_s, self._again_s = every_ms / 1000, ask, first_s, again_s
        self._asking = asyncio.Lock()  # the question before may still be open when it is asked out of turn
        self._open: set[asyncio.Task[None]] = set()  # questions on their way

    async def _work(self) -> None:
        try:
            await self._ask_for_ever()
        finally:
            for question in tuple(self._open):  # nobody listens to its answer any more
                question.cancel()

    async def _ask_for_ever(self) -> None:
        trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def poll() -> None:
            if trouble.done():
                return  # its turn came when this feed had just ended
            question = asyncio.current_task()
            assert question is not None, "the timetable runs each in a task of its own"
            self._open.add(question)
            try:
                async with self._asking:
                    await self._poll()
            except Exception as exc:  # noqa: BLE001 - handed to the one who runs this feed, who raises it
                if not trouble.done():
                    trouble.set_exception(exc)
            finally:
                self._open.discard(question)

        try:
            await self._ask_until(trouble, poll)
        finally:
            if not trouble.cancel():
                trouble.exception()  # looked at, whoever cancelled us meanwhile

    async def _ask_until(self, trouble: "asyncio.Future[None]", poll: Callable[[], Awaitable[None]]) -> None:
        again_s = SOON_S  # nothing was asked yet, so the first may be soon
        while not trouble.done():
            appointment = self._context.timetable.every(self._every_s, poll, name=self.name, first_s=self._first_s)
            more = asyncio.create_task(self._more_wished(again_s), name=f"{self.name} wishes")
            try:
                await asyncio.wait({trouble, more}, return_when=asyncio.FIRST_COMPLETED)
                if more.done():
                    more.result()
            finally:
                more.cancel()
                appointment.cancel()
            again_s = self._again_s
        trouble.result()

    async def _more_wished(self, again_s: float) -> None:
        """Return when it is worth asking out of turn, and so long after the last time."""
        loop = asyncio.get_running_loop()
        wishes, since = self._wishes, loop.time()
        while True:
            before, wishes = wishes, self._wishes
            if has_grown(before, wishes):
                break
            await self._wished_other_than(wishes)
        await asyncio.sleep(max(SOON_S, since + again_s - loop.time()))

    async def _poll(self) -> None:
        try:
            events = await self._ask()
        except Unreadable as exc:
            self._unreadable(str(exc), b"")
            raise Transient(str(exc)) from exc
        received_ms = self._context.clock()
        self.status.frames += 1
        self.status.last_frame_ms = received_ms
        await self._up()
        await self._publish(events, received_ms)


async def each(items: Sequence[T], work: Callable[[T], Awaitable[None]], *, at_once: int = 8) -> None:
    """Do `work` for every item, a few at a time; the first trouble stops the rest and is raised as itself."""
    waiting = iter(items)

    async def take() -> None:
        for item in waiting:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(min(at_once, len(items))):
                group.create_task(take(), name=f"ask {number}")
    except ExceptionGroup as several:
        ours = [exc for exc in several.exceptions if not isinstance(exc, (Transient, Unreadable))]
        raise (ours or several.exceptions)[0] from None
