"""(e) One answer to many clients: beside a bare loop of send(), beside `websockets`, and beside one who never reads."""

import asyncio
import gc
import multiprocessing
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from aiohttp import web
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.listeners import Listeners, allow_files
from bench.measure import Row, quantile
from daemon.clock import wall_ms
from daemon.server.client import converse
from daemon.server.frames import text_frame
from daemon.server.limits import Counters, Limits
from daemon.server.topics import Answer, Hub

CLIENTS = (100, 1_000, 5_000)
SIZES = {500: 1.45, 20_000: 1.3}
"""Bytes of one payload, and how much more than the bare loop it may cost."""
IDLE = 2_000
BESIDE = 1_000
PUSHES = 40
PUSH_EVERY_S = 0.1
BACKLOG = 1_024
PATH = "/bench"
_PATIENCE_S = 60.0
_FILES_SPARE = 200
_AWAKE = 30  # turns of the loop before each push, for all ways alike

LIMITS = Limits(
    connections=100_000,
    connections_per_address=100_000,
    min_push_ms=0,
    ping_s=3_600.0,  # nobody here answers pings
    idle_s=7_200.0,
)


class _Board:
    """An endpoint whose answer is there already."""

    path = PATH
    is_stream = False

    def __init__(self) -> None:
        self.payload = b"{}"
        self.version = 0
        self.answered = 0.0  # processor seconds of this process when the last answer was there

    def parse(self, asked: Mapping[str, Any], previous: str | None) -> str:
        """No parameters."""
        return ""

    def key(self, params: str) -> Hashable:
        return params

    async def answer(self, params: str, now_ms: int, last: Answer | None) -> Answer:
        self.answered = time.process_time()
        return Answer(self.version, self.payload, 3_600.0)

    def changes(self, params: str) -> int:
        return self.version


class _Stamped(Counters):
    """Notes when something was last written, so that our own waiting for it is not measured."""

    written = 0.0  # processor seconds of this process

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "bytes":
            super().__setattr__("written", time.process_time())


class _Ours:
    """The hub behind aiohttp, as in the daemon."""

    def __init__(self) -> None:
        self.board = _Board()
        self.hub = Hub([self.board], LIMITS, wall_ms)
        self.hub.counters = self.counters = _Stamped()
        self.sockets: list[int] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        self.sockets.append(request.transport.get_extra_info("socket").fileno())
        return await converse(request, self.hub, self.board)

    async def push(self, deaf: int = 0) -> float:
        """One answer to everybody, from the view that moves to the last write; `deaf` need not be written to."""
        counters = self.hub.counters
        target = counters.frames + self.hub.connections - deaf
        self.board.version += 1
        self.hub.moved()
        while counters.frames < target:  # noqa: ASYNC110 - nothing tells when a push is over
            await asyncio.sleep(0)
        return self.counters.written


@asynccontextmanager
async def _ours() -> AsyncIterator[_Ours]:
    place = _Ours()
    app = web.Application()
    app.add_routes([web.get(PATH, place.handle)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
        place.port = runner.addresses[0][1]
        async with place.hub:
            yield place
    finally:
        await runner.cleanup()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - another process counts
            await asyncio.sleep(0.001)


class _Cost(NamedTuple):
    """Of one push, in seconds."""

    wall: float
    before: float  # processor, until the answer was there
    writing: float  # processor, from there to the last write


async def _cost(work: Callable[[], Awaitable[float]], board: _Board, listeners: Listeners, sent: int) -> _Cost:
    """Push once, and wait until everybody has read everything; `work` says at which processor second it had written."""
    target = listeners.read_bytes + sent
    for _ in range(_AWAKE):
        await asyncio.sleep(0)  # a daemon at work is not asleep either
    started = time.perf_counter()
    board.answered = cpu = time.process_time()
    ended = await work()
    spent = _Cost(time.perf_counter() - started, board.answered - cpu, ended - board.answered)
    await _until(lambda: listeners.read_bytes >= target)
    return spent


async def _one_size(clients: int) -> list[Row]:
    """All sizes for one number of clients: three ways in turn, on the same machine in the same minute."""
    found: list[Row] = []
    others: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        others.add(connection)
        await connection.wait_closed()

    plain = serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=BACKLOG)
    async with _ours() as place, plain as server:
        port = server.sockets[0].getsockname()[1]
        with Listeners(place.port, PATH, clients) as listeners, Listeners(port, PATH, clients) as theirs:
            await _until(lambda: listeners.connected == theirs.connected == place.hub.connections == clients)
            await _until(lambda: len(others) == clients and listeners.read_bytes == 4 * clients)
            bare = [socket.socket(fileno=fd) for fd in place.sockets]
            gc.collect()
            gc.disable()
            try:
                for size, limit in SIZES.items():
                    found += await _three_ways(place, bare, others, listeners, theirs, size, limit)
            finally:
                gc.enable()
                for one in bare:
                    one.detach()  # they are asyncio's
    return found


async def _three_ways(
    place: _Ours,
    bare: list[socket.socket],
    others: set[ServerConnection],
    listeners: Listeners,
    theirs: Listeners,
    size: int,
    limit: float,
) -> list[Row]:
    payload = b'{"padding":"' + b"x" * (size - 14) + b'"}'
    frame, text, clients = text_frame(payload), payload.decode(), len(bare)
    place.board.payload = payload

    async def loop() -> float:
        for one in bare:
            one.send(frame)
        return time.process_time()

    async def broadcast_it() -> float:
        broadcast(others, text)
        return time.process_time()

    ways = ((loop, listeners), (place.push, listeners), (broadcast_it, theirs))
    rounds = max(7, min(60, 20_000 // clients))
    spent: list[list[_Cost]] = [[], [], []]
    for number in range(rounds + 2):
        for way, (work, readers) in enumerate(ways):
            cost = await _cost(work, place.board, readers, clients * len(frame))
            if number >= 2:  # the first ones find the caches cold
                spent[way].append(cost)
    cpu = [[cost.writing * 1e6 / clients for cost in way] for way in spent]
    ratios = [median(one / other for one, other in zip(cpu[way], cpu[0], strict=True)) for way in (1, 2)]
    group, what = "one answer to many clients", f"{clients:,} x {size:,} B"
    beside = f"socket.send() in a loop, {median(cpu[0]):.1f} us"
    per_s = clients / median(cost.wall for cost in spent[1])
    return [
        Row(
            group=group,
            what=f"{what}, processor per delivery",
            value=median(cpu[1]),
            unit="us",
            against=beside,
            ratio=ratios[0],
            limit=f"at most {limit}",
        ),
        Row(group=group, what=f"{what}, deliveries", value=per_s, unit="/s"),
        Row(
            group=group,
            what=f"{what}, once per push, from the move to the answer",
            value=median(cost.before for cost in spent[1]) * 1e6,
            unit="us",
        ),
        Row(
            group=group,
            what=f"{what}, websockets.broadcast",
            value=median(cpu[2]),
            unit="us",
            against=beside,
            ratio=ratios[1],
        ),
    ]


def _resident_kib() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ValueError("no VmRSS: this needs Linux")


async def _arrivals() -> list[Row]:
    """Handshakes and idle clients, in a process that has done nothing else yet."""
    async with _ours() as place:
        with Listeners(place.port, PATH, 50) as few:
            await _until(lambda: few.connected == place.hub.connections == 50)
        await _until(lambda: place.hub.connections == 0)
        gc.collect()
        memory, cpu, started = _resident_kib(), time.process_time(), 0.0
        with Listeners(place.port, PATH, IDLE) as many:
            await _until(lambda: place.hub.connections > 0)
            started, cpu = time.perf_counter(), time.process_time()
            await _until(lambda: place.hub.connections == IDLE)
            seconds, spent = time.perf_counter() - started, time.process_time() - cpu
            await _until(lambda: many.connected == IDLE)
            gc.collect()
            memory = _resident_kib() - memory
    group = "clients that come and stay"
    return [
        Row(group=group, what="handshakes, to the first frame", value=IDLE / seconds, unit="/s"),
        Row(group=group, what="processor per handshake", value=spent * 1e6 / IDLE, unit="us"),
        Row(group=group, what=f"memory of an idle client ({IDLE:,} of them)", value=memory / IDLE, unit="KiB"),
    ]


async def _pushes(place: _Ours, listeners: Listeners, frame_bytes: int) -> list[float]:
    """Milliseconds from the move to the last byte, for every client and push."""
    listeners.time_messages(frame_bytes)
    await asyncio.sleep(0.1)  # until the other process has noticed
    for message in range(PUSHES):
        target = listeners.read_bytes + listeners.clients * frame_bytes
        listeners.sending(message)
        place.board.version += 1
        place.hub.moved()
        await asyncio.sleep(PUSH_EVERY_S)
        await _until(lambda target=target: listeners.read_bytes >= target)  # type: ignore[misc]  # bound now
    return await asyncio.to_thread(listeners.latencies_ms)


async def _deaf_one() -> list[Row]:
    """The same pushes with and without one client that never reads, in turn."""
    payload = b'{"padding":"' + b"x" * (20_000 - 14) + b'"}'
    without: list[float] = []
    beside: list[float] = []
    async with _ours() as place:
        place.board.payload = payload
        frame_bytes = len(text_frame(payload))
        with Listeners(place.port, PATH, BESIDE) as listeners:
            await _until(lambda: listeners.connected == place.hub.connections == BESIDE)
            await _until(lambda: listeners.read_bytes == BESIDE * frame_bytes)
            for _ in range(2):
                without += await _pushes(place, listeners, frame_bytes)
                with socket.create_connection(("127.0.0.1", place.port)) as deaf:
                    deaf.sendall(
                        f"GET {PATH} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode()
                    )
                    await _until(lambda: place.hub.connections == BESIDE + 1)
                    left_out = place.hub.counters.conflated
                    while place.hub.counters.conflated == left_out:  # until both buffers of the kernel are full
                        await place.push(deaf=1)
                        await asyncio.sleep(0.01)
                    await _until(lambda: listeners.read_bytes % (BESIDE * frame_bytes) == 0)
                    beside += await _pushes(place, listeners, frame_bytes)
                await _until(lambda: place.hub.connections == BESIDE)
    group = f"one client that never reads beside {BESIDE:,} that do, 20,000 B"
    ratio = quantile(beside, 0.99) / quantile(without, 0.99)
    return [
        Row(group=group, what="p99 of the others, without it", value=quantile(without, 0.99), unit="ms"),
        Row(
            group=group,
            what="p99 of the others, with it",
            value=quantile(beside, 0.99),
            unit="ms",
            against="without it",
            ratio=ratio,
        ),
    ]


def _measure(pipe: Any) -> None:
    """In a process of its own, so that memory and limits are those of a server that has just started."""
    files = allow_files(3 * max(CLIENTS) + _FILES_SPARE)
    found = asyncio.run(_arrivals())
    for clients in CLIENTS:
        if 2 * clients + _FILES_SPARE <= files:
            found += asyncio.run(_one_size(clients))
    found += asyncio.run(_deaf_one())
    pipe.send(found)


def rows() -> Iterator[Row]:
    """The fan-out on real sockets of this machine, its clients in other processes."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(theirs,))
    process.start()
    theirs.close()
    try:
        yield from pipe.recv()
    finally:
        process.join()
