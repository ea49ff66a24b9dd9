"""What all venues in the box have in common: clients, who asked for what, and fan-out."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from aiohttp import WSCloseCode, WSMsgType, web

from daemon.clock import Clock
from daemon.simulator.misbehave import Manners, Misbehaviour, enormous
from daemon.simulator.past import End, Past
from daemon.simulator.queries import count, moment
from daemon.simulator.subscriptions import Connection, Subscriptions
from daemon.simulator.trading import Listened, Trading
from daemon.simulator.world import World
from rules.events import Event, FundingRate

log = logging.getLogger(__name__)

DEMO_KEY = "simulated-key"  # where a venue wants a key; any other is as good

_PATIENCE_S = 10.0  # a client that takes nothing for so long is cut off
_LONGEST_REQUEST = 1 << 20  # bytes


class Venue(ABC):
    """One upstream. A subclass knows its paths, its requests and its frames; this class moves bytes."""

    name: ClassVar[str]
    stream_path: ClassVar[str] = ""  # below the venue's prefix; what `ws_url` of its source points at
    rest_path: ClassVar[str] = ""
    silence_s: float | None = None  # a conversation that is quiet for so long is cut; protocol pings do not count
    must_speak: ClassVar[bool] = False  # and what we send does not count either
    requests_per_s: int | None = None  # more from one client, and it is cut
    throttled: ClassVar[str] = '{"msg":"Too many requests"}'

    def __init__(self, world: World, clock: Clock) -> None:
        self.world = world
        self.past = Past(world)
        self.trading = Trading(self.past, self.name, world.seed)
        self.clock = clock
        self.manners = Manners()
        self.subscriptions = Subscriptions()
        self.asked: Counter[str] = Counter()  # REST path -> how often
        self._paid: deque[FundingRate] = deque(maxlen=1_000)
        self.latest: dict[tuple[type[Event], tuple[str, str]], Event] = {}

    # What a subclass says

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """Its paths, without the prefix."""

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        """Each frame beside the topic whose subscribers get it. REST-only venues have none."""
        return []

    async def answer(self, connection: Connection, text: str) -> None:
        """Answer one request of a client."""
        raise NotImplementedError

    def told(self, said: Mapping[str, Sequence[Event]], now_ms: int) -> list[Event]:
        """What of the world's news, by feed, this venue has to report."""
        return list(said[self.name])

    def gather(self, events: list[Event], now_ms: int) -> list[Event]:
        """Which of these, and of earlier ones, to report now; for venues that batch."""
        return events

    def listened(self) -> Listened:
        """Whose trades, tickers, candles and books somebody has subscribed to; nothing else is made up."""
        return ()

    def envelope(self, topic: str, frame: bytes) -> bytes:
        """A frame as wrapped connections get it."""
        return frame

    def source_config(self, ws_url: str, rest_url: str) -> dict[str, object]:
        """What the source of this venue must be told to find the box."""
        return {"ws_url": ws_url, "rest_url": rest_url}

    async def welcome(self, connection: Connection) -> None:
        """What is said to whoever has just connected: nothing, as a rule."""
        del connection

    async def farewell(self) -> None:
        """The box is closed: end every connection, without a word as a rule."""
        for connection in list(self.subscriptions.connections):
            connection.tear()

    # Events out

    def note(self, events: Iterable[Event]) -> None:
        """Remember the newest of each kind, for those who ask."""
        for event in events:
            if isinstance(event, FundingRate) and event.is_settled:
                self._paid.append(event)
            else:
                self.latest[type(event), event.place] = event

    def paid(
        self,
        symbol: str,
        *,
        limit: str | None,
        end: str | None,
        start: str | None = None,
        most: int,
        keep: End = "newest",
    ) -> list[FundingRate]:
        """Funding that was paid (times in ms, as written in a query), oldest first; what `say` said goes first.

        `keep` says which end of a range with a `start` counts when it holds more than `limit`.
        """
        rows = count(limit, usual=most, most=most)
        start_ms, end_ms = moment(start), moment(end)
        since_ms = start_ms if keep == "oldest" else None
        settled = self.world.settled(self.name, symbol, limit=rows, before_ms=end_ms, since_ms=since_ms)
        found = {event.at_ms: event for event in settled}
        found |= {event.at_ms: event for event in self._paid if event.symbol == symbol}
        wanted = [
            found[at_ms]
            for at_ms in sorted(found)
            if (end_ms is None or at_ms <= end_ms) and (start_ms is None or at_ms >= start_ms)
        ]
        return wanted[:rows] if since_ms is not None else wanted[-rows:]

    async def say(self, events: Sequence[Event], now_ms: int) -> None:
        """Report these to whoever listens; returns when the frames are on their way to all of them."""
        self.note(events)
        if not self.subscriptions.clients:
            return
        batches: dict[Connection, list[bytes]] = {}
        for topic, frame in self.frames(events, now_ms):
            for connection in self.subscriptions.clients.get(topic, ()):
                bytes_ = self.envelope(topic, frame) if connection.wrapped else frame
                batches.setdefault(connection, []).append(bytes_)
        for connection, frames in batches.items():
            await self.push(connection, frames)

    async def push(self, connection: Connection, frames: list[bytes]) -> None:
        """Send market data to one client, unless the venue misbehaves or the client is deaf or too slow."""
        manners = self.manners
        if connection.deaf or manners.active("silence") or manners.active("stall"):
            return
        item = (frames, True)
        try:
            connection.waiting.put_nowait(item)
        except asyncio.QueueFull:
            if manners.active("slow"):
                return
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await connection.waiting.put(item)
            except TimeoutError:
                log.warning("client of the simulator does not read, cut off", extra={"venue": self.name})
                connection.tear()

    async def reply(self, connection: Connection, texts: Iterable[str | bytes]) -> None:
        """Send answers about the conversation itself; they are never bent."""
        frames = [text.encode() if isinstance(text, str) else text for text in texts]
        await connection.waiting.put((frames, False))

    # Conversations

    async def converse(
        self, request: web.Request, *, topics: Iterable[str] = (), wrapped: bool = False, deaf: bool = False
    ) -> web.WebSocketResponse:
        """Talk with one client until it or we leave. `topics` are those that its address already names."""
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=_LONGEST_REQUEST)
        await ws.prepare(request)
        connection = Connection(ws, request, self.manners, deaf=deaf)
        connection.wrapped = wrapped
        if (closing := self.manners.closes("upgrade")) is not None:
            await ws.close(code=closing.code)
            return ws
        self.subscriptions.connections.add(connection)
        self.subscriptions.add(connection, topics)
        await self.subscriptions.changed()
        writer = asyncio.create_task(self._write(connection), name=f"simulator.{self.name}.write")
        try:
            await self.welcome(connection)
            await self._listen(connection)
        finally:
            writer.cancel()
            await asyncio.wait([writer])
            self.subscriptions.remove(connection, connection.topics)
            self.subscriptions.connections.discard(connection)
            await self.subscriptions.changed()
        return ws

    async def _listen(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        since, count = loop.time(), 0
        while True:
            try:
                async with asyncio.timeout_at(None if self.silence_s is None else connection.busy_at + self.silence_s):
                    message = await connection.ws.receive()
            except TimeoutError:
                if self.silence_s is not None and connection.busy_at + self.silence_s > loop.time():
                    continue  # we spoke in the meantime
                await connection.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"no data in time")
                return
            await self.manners.patience()
            if message.type == WSMsgType.PING:
                await connection.ws.pong(message.data)
            elif message.type == WSMsgType.TEXT:
                connection.busy_at = loop.time()
                if loop.time() - since >= 1.0:
                    since, count = loop.time(), 0
                count += 1
                if self.requests_per_s is not None and count > self.requests_per_s:
                    await connection.ws.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")
                    return
                if await self._closed_at(connection, "subscribe"):
                    return
                await self.answer(connection, message.data)
                await self.subscriptions.changed()
            elif message.type not in (WSMsgType.PONG, WSMsgType.BINARY):
                return

    async def _closed_at(self, connection: Connection, at: str) -> bool:
        closing = self.manners.active("close")
        if closing is None or closing.at != at or (at == "frame" and connection.sent < closing.after):
            return False
        await connection.ws.close(code=closing.code)
        return True

    async def _write(self, connection: Connection) -> None:
        try:
            while True:
                frames, is_data = await connection.waiting.get()
                await self.manners.patience()
                if not is_data:
                    for frame in frames:
                        await connection.ws.send_frame(frame, _opcode(frame))
                    if await self._closed_at(connection, "ack"):
                        return
                    continue
                for frame in connection.bend.apply(frames):
                    if await self._closed_at(connection, "frame"):
                        return
                    await connection.ws.send_frame(frame, _opcode(frame))
                    connection.sent += 1
                if not self.must_speak:
                    connection.busy_at = asyncio.get_running_loop().time()
        except ConnectionError:
            return  # the client left; the reader of this connection sees it too

    # Misbehaviour

    def begin(self, misbehaviour: Misbehaviour, now_ms: int) -> None:
        """Misbehave from now on; `drop`, `oversized` and `lose` happen once, to whoever is connected."""
        match misbehaviour.how:
            case "drop":
                for connection in list(self.subscriptions.connections):
                    connection.tear()
            case "oversized":
                frame = enormous(misbehaviour.size)
                for connection in self.subscriptions.connections:
                    if not connection.waiting.full():
                        connection.waiting.put_nowait(([frame], True))
                self.manners.begin(misbehaviour, now_ms)
            case "lose":
                self.trading.lose()
            case _:
                self.manners.begin(misbehaviour, now_ms)


def _opcode(frame: bytes) -> WSMsgType:
    """What is not even text (gzip, rubbish) travels as a binary frame, or the client's library would hang up."""
    return WSMsgType.BINARY if frame[:1] == b"\xff" or frame[:2] == b"\x1f\x8b" else WSMsgType.TEXT
