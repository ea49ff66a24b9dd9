"""One WebSocket connection, from the first request to the goodbye."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from daemon.sources.purse import Purse
from daemon.sources.script import Beside, Plan, Script, Timing
from daemon.sources.subscription import Subscription
from daemon.supervisor import Refused, Transient
from daemon.wire.control import Accepted, Answer, Rejected, Unreadable
from rules.events import Event

TOO_BIG = 1009  # the close code for a frame above the limit
_OUTGOING = 1024


class Ended(Exception):
    """The connection has served its time and may be replaced, or nobody needs it any more; nothing is wrong."""


@dataclass(kw_only=True)
class Ears:
    """Whom a conversation tells."""

    clock: Callable[[], int]
    heard_frame: Callable[[int], None]
    heard: Callable[[Sequence[Event], int], Awaitable[None]]
    unreadable: Callable[[str, bytes], None]
    left_out: Callable[[int, str], None]
    planned: Callable[[Plan], None]
    settled: Callable[[Subscription], None]
    well: Callable[[], Awaitable[None]]
    renew: Callable[[], Awaitable[None]]
    revised: Callable[[], Awaitable[Script]]  # returns when wishes have changed


@dataclass(kw_only=True)
class Conversation:
    """Subscribes, checks every answer, reads, and keeps a clock of its own for signs of life."""

    socket: ClientConnection
    script: Script
    timing: Timing
    ears: Ears
    _subscription: Subscription = field(init=False)
    _outgoing: "asyncio.Queue[str]" = field(init=False)

    def __post_init__(self) -> None:
        dialect, timing = self.script.dialect, self.timing
        self._subscription = Subscription(
            dialect.subscribe, dialect.unsubscribe, answers_each=self.script.answers_each, retries=self.script.retries
        )
        self._outgoing = asyncio.Queue(_OUTGOING)
        self._unsaid, self._all_said = 0, asyncio.Event()
        self._ping_every_s = dialect.PING_EVERY_S if timing.ping_every_s is None else timing.ping_every_s
        self._silence_s = dialect.SILENCE_S if timing.silence_s is None else timing.silence_s
        self._now = asyncio.get_running_loop().time
        self._life_at = self._asked_at = self._now()
        self._renew_at = self._life_at + timing.lifetime_s
        self._moved_at: float | None = None  # the latest sign of data that must move
        self._movers: frozenset[str] = frozenset()  # topics that were taken and are never quiet,
        self._expected_at = self._life_at  # and since when
        self._settled_at: float | None = None
        self._is_busy = False  # the house is taking what we read; the silence is ours
        self._turn = asyncio.Lock()  # what we read and what is published beside it reach the house one by one
        self._is_well = False
        self._left_out = 0  # rows already counted
        self._plan, self._then = self.script.first, self.script.then
        per_hour = self.script.requests_per_hour
        self._purse = None if per_hour is None else Purse(per_hour, now=self._now)

    async def hold(self) -> None:
        """Talk until it breaks (Transient) or has served its time (Ended)."""
        self.ears.planned(self._plan)
        asking = self._subscription.ask(self._plan.topics)
        try:
            async with asyncio.TaskGroup() as group:
                aside = [
                    group.create_task(self._say(asking), name="ask"),
                    group.create_task(self._watch(), name="watch"),
                    group.create_task(self._speak(), name="speak"),
                    group.create_task(self._ping(), name="ping"),
                    group.create_task(self._follow(), name="follow"),
                ]
                if self.script.beside is not None:
                    aside.append(group.create_task(self._beside(self.script.beside), name="beside"))
                try:
                    await self._listen()
                finally:
                    for task in aside:
                        task.cancel()
        except ExceptionGroup as group_of:
            me = asyncio.current_task()
            if me is not None and me.cancelling():
                # a task group that is already ending forgets that we were cancelled meanwhile (until Python 3.13)
                raise asyncio.CancelledError from group_of
            raise _most_telling(group_of) from None

    async def publish(self, events: Sequence[Event], received_ms: int) -> None:
        """See Beside."""
        await self._wait_for_house(self.ears.heard(events, received_ms))

    async def again(self, topics: Sequence[str]) -> None:
        """See Beside."""
        anew = [topic for topic in topics if topic in self._subscription.held]
        await self._say([*self._subscription.let_go(anew), *self._subscription.ask(anew)])

    async def _beside(self, work: Callable[[Beside], Awaitable[None]]) -> None:
        try:
            await work(self)
        except Unreadable as exc:  # what it was told over REST
            raise Transient(str(exc)) from exc

    async def _say(self, texts: Sequence[str]) -> None:
        """Send these when it is their turn; the venue has to answer some of them."""
        if not self._subscription.is_settled:
            self._settled_at = None
        self._asked_at = self._now()
        self._unsaid += len(texts)
        if texts:
            self._all_said.clear()
        for text in texts:
            await self._outgoing.put(text)

    async def _listen(self) -> None:
        recv, decode, ears = self.socket.recv, self.script.reader.decode, self.ears
        while True:
            try:
                frame = await recv(decode=False)
            except ConnectionClosed as exc:
                raise self._parted(exc) from exc
            received_ms = ears.clock()
            self._life_at = self._now()
            ears.heard_frame(received_ms)
            try:
                heard = decode(frame, received_ms)
            except Unreadable as exc:
                ears.unreadable(str(exc), frame)
                continue
            if isinstance(heard, (tuple, list)):
                if not heard:
                    if self._then is not None:
                        await self._go_on()
                    continue
                if type(heard[0]) in self._plan.moves:
                    self._moved_at = self._life_at
                    if not self._is_well:
                        await self._perhaps_well()
                await self._wait_for_house(ears.heard(heard, received_ms))
            elif isinstance(heard, (Accepted, Rejected)):
                await self._say(self._subscription.heard(heard))
                await self._perhaps_settled()
            elif isinstance(heard, Answer):
                await self._send(heard.text)
            elif self._then is not None:
                await self._go_on()

    async def _go_on(self) -> None:
        """Ask for the topics that could not be known before."""
        plan = self._then() if self._then is not None else None
        if plan is None:
            return
        self._plan, self._then = plan, None
        self.ears.planned(plan)
        self._settled_at = None
        await self._say(self._subscription.ask(plan.topics))
        await self._perhaps_settled()

    async def _follow(self) -> None:
        """Wishes come and go; the connection stays, and only the difference is asked for."""
        while True:
            await self._all_said.wait()  # where requests are counted, more may be wished meanwhile: all of it in one
            await self._revise((await self.ears.revised()).first)
            await asyncio.sleep(self.timing.revise_again_s)

    async def _revise(self, first: Plan) -> None:
        plan, topics = first, list(first.topics)
        if self.script.then is not None and self._then is None:  # it has answered once, and reads the wishes itself
            plan = self.script.then() or self._plan
            topics += plan.topics
        if not topics:
            raise Ended
        held, wanted = self._subscription.held, set(topics)
        gone, new = [topic for topic in held if topic not in wanted], [topic for topic in topics if topic not in held]
        self._plan, self._settled_at = plan, None
        self.ears.planned(plan)
        await self._say([*self._subscription.let_go(gone), *self._subscription.ask(new)])
        await self._perhaps_settled()

    async def _perhaps_settled(self) -> None:
        if self._settled_at is not None or not self._subscription.is_settled:
            return
        self.ears.settled(self._subscription)
        if not self._subscription.accepted:
            whys = sorted(set(self._subscription.rejected.values()))
            raise Transient(f"nothing that was asked for was taken: {'; '.join(whys[:3]) or 'nothing was asked'}")
        if self._then is None:
            self._settled_at = self._now()
            movers = self._plan.moving & self._subscription.accepted
            if self._movers.isdisjoint(movers):  # else the old ones must go on moving, however often wishes change
                self._expected_at = self._settled_at
            self._movers = movers
            await self._perhaps_well()

    async def _perhaps_well(self) -> None:
        """Well means: everything answered, and what must move has moved. An acknowledgement alone is cheap."""
        if not self._is_well and self._settled_at is not None and (not self._movers or self._moved_at is not None):
            self._is_well = True
            await self._wait_for_house(self.ears.well())

    async def _wait_for_house(self, taking: Awaitable[None]) -> None:
        """The house takes its time: that is backpressure, and the silence meanwhile is not the venue's."""
        async with self._turn:
            self._is_busy, began = True, self._now()
            await taking
            self._is_busy = False
            now = self._now()
            self._life_at = min(now, self._life_at + now - began)

    @property
    def _moves_within_s(self) -> float:
        wished_s = self.timing.moves_within_s
        return self._plan.moves_within_s if wished_s is None else wished_s

    async def _speak(self) -> None:
        gap_s = 1.0 / self.timing.sends_per_s
        while True:
            text = await self._outgoing.get()
            if self._purse is not None:
                await self._purse.take()
            await self._send(text)
            self._asked_at = self._now()
            self._unsaid -= 1
            if not self._unsaid:
                self._all_said.set()
            await asyncio.sleep(gap_s)

    async def _send(self, text: str) -> None:
        try:
            await self.socket.send(text)
        except ConnectionClosed as exc:
            raise self._parted(exc) from exc

    async def _ping(self) -> None:
        """Ask for a sign of life, in the venue's own words where it has some."""
        while True:
            await asyncio.sleep(self._ping_every_s)
            ping = self.script.dialect.PING  # anew each time: some carry the time
            if ping is not None:
                await self._send(ping)
                continue
            try:
                await (await self.socket.ping())
            except ConnectionClosed as exc:
                raise self._parted(exc) from exc
            self._life_at = self._now()

    async def _watch(self) -> None:
        """Raise when the far end is dead, deaf, or only pretends; end when the time has come."""
        while True:
            shortest_s = min(self._silence_s, self._moves_within_s, self.timing.acknowledge_s, self.timing.lifetime_s)
            await asyncio.sleep(shortest_s / 4)
            now = self._now()
            self._count_left_out()
            if self._is_busy:
                self._life_at = now
                if self._moved_at is not None:
                    self._moved_at = now
                continue
            if now - self._life_at > self._silence_s:
                raise Transient(f"no sign of life for {now - self._life_at:.3g} s")
            if self._settled_at is None and not self._unsaid and now - self._asked_at > self.timing.acknowledge_s:
                await self._overdue()
            elif self._settled_at is not None and self._movers:
                since = max(self._expected_at, self._moved_at or 0.0)
                if now - since > self._moves_within_s:
                    raise Transient(
                        f"acknowledged {len(self._subscription.accepted)} topics, then sent no market data "
                        f"for {now - since:.3g} s"
                    )
            if now > self._renew_at:
                await self._renew()

    async def _renew(self) -> None:
        """Ended, when the next connection stands ready; until then this one is as good as ever."""
        try:
            await self.ears.renew()
        except (Transient, Refused):
            self._renew_at = self._now() + self.timing.renew_again_s
        else:
            raise Ended

    def _count_left_out(self) -> None:
        """Rows that the decoder skipped in frames of which it could read the rest; some decoders have none."""
        count: int = getattr(self.script.reader, "left_out", 0)
        if count > self._left_out:
            self.ears.left_out(count - self._left_out, str(getattr(self.script.reader, "left_out_why", "")))
            self._left_out = count

    async def _overdue(self) -> None:
        """Nobody will answer any more."""
        if self._subscription.is_settled and self._then is not None:
            raise Transient(f"no list of instruments came within {self.timing.acknowledge_s:g} s")
        self._subscription.give_up_waiting()
        await self._perhaps_settled()

    def _parted(self, exc: ConnectionClosed) -> Transient:
        if exc.sent is not None and exc.sent.code == TOO_BIG and not exc.rcvd_then_sent:
            self.ears.unreadable("a frame above the size limit was refused", b"")
            return Transient("a frame above the size limit was refused, and the connection with it")
        if exc.rcvd is not None:
            reason = f": {exc.rcvd.reason}" if exc.rcvd.reason else ""
            return Transient(f"the venue closed the connection ({exc.rcvd.code}{reason})")
        return Transient("the connection was cut")


def _most_telling(group: ExceptionGroup[Exception]) -> Exception:
    """One reason out of several that came together: our bugs first, then trouble, then the end of the time."""
    leaves = list(_leaves(group))
    for leaf in leaves:
        if not isinstance(leaf, (Transient, Ended)):
            return leaf
    return next((leaf for leaf in leaves if isinstance(leaf, Transient)), leaves[0])


def _leaves(group: ExceptionGroup[Exception]) -> list[Exception]:
    found: list[Exception] = []
    for exc in group.exceptions:
        found += _leaves(exc) if isinstance(exc, ExceptionGroup) else [exc]
    return found
