"""Where events become other services' frames: written once a channel, and to each client without waiting."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from daemon.bus import Mailbox
from daemon.clock import Clock
from daemon.server.dialects.channel import Channel, Place
from daemon.server.line import Line
from daemon.server.topics import Hub, NoRoom
from daemon.wishes import Wish
from rules.events import Event

log = logging.getLogger(__name__)

TICK_S = 1.0
BROKE = "a channel broke"
_BATCH = 256  # writes between two turns of the others
_Address = tuple[str | None, str | None]


class Lease(Protocol):
    """What somebody wants, until it is released."""

    @property
    def left_out(self) -> frozenset[Wish]:
        """What was too much to be listened to."""

    def release(self) -> None:
        """Nobody needs it any more, as far as this one is concerned."""


class Subscription:
    """One client's wish to hear one channel; `venue` and `symbol` None: any."""

    __slots__ = ("address", "channel", "frame", "lease", "line")

    def __init__(
        self,
        line: Line,
        channel: Channel,
        address: _Address,
        frame: Callable[[bytes], bytes] | None,
        lease: Lease | None,
    ) -> None:
        self.line, self.channel, self.address, self.frame, self.lease = line, channel, address, frame, lease

    def tell(self, bodies: Iterable[bytes]) -> None:
        """Write without waiting."""
        tell, frame = self.line.tell, self.frame
        for body in bodies:
            tell(body if frame is None else frame(body))


class Desk:
    """Finds who listens to an event. Use it as `async with`, and let `run` read its mailbox."""

    def __init__(self, hub: Hub, want: Callable[[Iterable[Wish]], Lease], clock: Clock) -> None:
        """`want` says upstream what is needed, and answers with what gives it up again."""
        self.hub = hub
        self.clock = clock
        self.clients: Counter[str] = Counter()  # by path
        self._want = want
        self._tellers: dict[type[Event], list[Channel]] = {}
        self._minders: dict[type[Event], list[Channel]] = {}
        self._listeners: dict[Channel, dict[_Address, dict[Subscription, None]]] = {}
        self._broken: set[Channel] = set()
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._ticking = asyncio.create_task(self._tick(), name="dialects: tick")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.gather(self._ticking, return_exceptions=True)

    def add(self, *channels: Channel) -> None:
        """Serve these from now on."""
        for channel in channels:
            self._listeners[channel] = {}
            for kind in channel.kinds:
                self._tellers.setdefault(kind, []).append(channel)
            for kind in channel.minded:
                self._minders.setdefault(kind, []).append(channel)

    def subscriptions_by_channel(self) -> dict[str, int]:
        """How many there are."""
        return {
            channel.name: sum(len(listeners) for listeners in by_address.values())
            for channel, by_address in self._listeners.items()
        }

    def listen(
        self,
        line: Line,
        channel: Channel,
        *,
        venue: str | None,
        symbol: str | None,
        wishes: Iterable[Wish] = (),
        frame: Callable[[bytes], bytes] | None = None,
    ) -> Subscription:
        """From now on this client hears the channel. NoRoom if what it needs is too much to be listened to.

        `frame` makes a WebSocket frame of what the channel writes; None: it writes frames. `wishes` are wanted as long.
        To be followed by `greet`, once the client knows that it is subscribed.
        """
        wanted = list(wishes)
        lease = self._want(wanted) if wanted else None
        if lease is not None and lease.left_out:
            lease.release()
            raise NoRoom
        subscription = Subscription(line, channel, (venue, symbol), frame, lease)
        self._listeners[channel].setdefault((venue, symbol), {})[subscription] = None
        return subscription

    def greet(self, subscription: Subscription) -> None:
        """Tell what is known, as far as it fits into half of what may wait for a client."""
        line, most = subscription.line, self.hub.limits.write_buffer // 2
        for body in subscription.channel.known(*subscription.address):
            if line.transport.get_write_buffer_size() > most:
                return
            subscription.tell((body,))

    def leave(self, subscription: Subscription) -> None:
        """Nothing more of this; what it wanted is given up. Harmless when repeated."""
        by_address = self._listeners[subscription.channel]
        listeners = by_address.get(subscription.address, {})
        if subscription in listeners:
            del listeners[subscription]
            if not listeners:
                del by_address[subscription.address]
        lease, subscription.lease = subscription.lease, None
        if lease is not None:
            lease.release()

    async def run(self, mailbox: Mailbox) -> None:
        """Read for ever. Clients cannot slow this: whoever falls behind is sent away by its line."""
        while True:
            events = await mailbox.take(None)
            while events:
                await self.hear(events)
                events = mailbox.take_now()
            await asyncio.sleep(0)

    async def hear(self, events: Sequence[Event]) -> None:
        """Tell one batch of events to whoever listens, in order."""
        told = 0
        for event in events:
            for channel in self._minders.get(type(event), ()):
                try:
                    channel.observe(event)
                except Exception as exc:  # one channel's bug must not silence the others, nor stop the rules
                    log.log(self._loudness(channel), BROKE, exc_info=exc, extra={"channel": channel.name})
            for channel in self._tellers.get(type(event), ()):
                by_address = self._listeners[channel]
                if not by_address:
                    continue
                try:
                    found = _found(by_address, channel.address(event))
                    bodies = channel.write(event) if found else ()
                except Exception as exc:  # as above
                    log.log(self._loudness(channel), BROKE, exc_info=exc, extra={"channel": channel.name})
                    continue
                if bodies:
                    told += await self._tell(found, bodies)
                    if told >= _BATCH:
                        told = 0
                        await asyncio.sleep(0)

    async def _tell(self, found: list[Subscription], bodies: Sequence[bytes]) -> int:
        for place, subscription in enumerate(found):
            if place % _BATCH == _BATCH - 1:
                await asyncio.sleep(0)
            subscription.tell(bodies)
        return len(found) * len(bodies)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for channel, by_address in list(self._listeners.items()):
                try:
                    due = list(channel.due(self.clock(), partial(self._is_followed, channel)))
                except Exception as exc:  # as above
                    log.log(self._loudness(channel), BROKE, exc_info=exc, extra={"channel": channel.name})
                    continue
                for place, body in due:
                    await self._tell(_found(by_address, place), (body,))

    def _loudness(self, channel: Channel) -> int:
        """Once in the log is enough."""
        level = logging.DEBUG if channel in self._broken else logging.ERROR
        self._broken.add(channel)
        return level

    def _is_followed(self, channel: Channel, place: Place) -> bool:
        kinds = channel.kinds | channel.minded
        return any(
            not kinds.isdisjoint(other.kinds) and _found(by_address, place)
            for other, by_address in self._listeners.items()
        )


def _found(by_address: dict[_Address, dict[Subscription, None]], place: Place) -> list[Subscription]:
    venue, symbol = place
    addresses: tuple[_Address, ...] = ((venue, symbol), (None, symbol), (venue, None), (None, None))
    return [subscription for address in addresses for subscription in by_address.get(address, ())]
