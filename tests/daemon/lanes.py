"""A Dispatch at work over a real database, with a clock that tests move and chances that are all the same."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from daemon.courier import Dress, LaneConfig
from daemon.dispatch import Dispatch
from daemon.late import Paint
from rules.alerts import Severity
from rules.delivery import SinkPolicy
from rules.delivery.policy import Grouping
from sinks.registry import Options, PacedSink, build
from storage.listing import Entry
from storage.outbox import Outbox
from tests.patience import PATIENCE_S, UNHURRIED

PATIENT = Options(patience=UNHURRIED)


class Clock:
    """Milliseconds that move when a test says so, and when somebody sleeps by it."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.slept_s: list[float] = []

    def __call__(self) -> int:
        return self.now_ms

    async def sleep(self, wait_s: float) -> None:
        """Let that time pass at once; a real moment too, so that nobody spins."""
        self.slept_s.append(wait_s)
        self.now_ms += round(wait_s * 1000)
        await asyncio.sleep(0.005)


async def until(holds: Callable[[], bool]) -> None:
    """Wait, not for ever, until something has become true."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is awaited changes in many places
            await asyncio.sleep(0.005)


async def became(outbox: Outbox, lane: str, *statuses: str) -> list[Entry]:
    """The lane's messages, oldest first, once they have these statuses."""
    found: list[Entry] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while [entry.status for entry in found] != list(statuses):
                await asyncio.sleep(0.005)
                found = (await outbox.listing(lane=lane))[::-1]
    except TimeoutError:
        raise AssertionError(f"{lane} has {[(entry.status, entry.reason) for entry in found]}") from None
    return found


@asynccontextmanager
async def sinks_at(
    *places: tuple[str, str, str | None], options: Options = PATIENT
) -> AsyncIterator[dict[str, PacedSink]]:
    """Real sinks from (name, address, api_url)."""
    async with aiohttp.ClientSession() as session:
        sinks = {name: build(name, url, api_url=api, session=session, options=options) for name, url, api in places}
        yield sinks
        for sink in sinks.values():
            await sink.aclose()


@asynccontextmanager
async def dispatching(
    outbox: Outbox,
    sinks: Mapping[str, PacedSink],
    clock: Clock,
    *,
    edit: bool = True,
    repeats: frozenset[Severity] = frozenset({Severity.CRITICAL}),
    label: str | None = None,
    paint: Paint | None = None,
    dress: Dress | None = None,
) -> AsyncIterator[Dispatch]:
    """Lanes at work from here on; at the end they are stopped and waited for.

    They tell one by one, however late: the clock leaps here.
    """
    lanes = {
        name: LaneConfig(
            sink=sink,
            address_hash=name,
            policy=SinkPolicy(name=name, can_edit=edit and sink.can_edit, group=Grouping(backlog_ms=0)),
            repeats=repeats,
            paint=paint,
            dress=dress,
        )
        for name, sink in sinks.items()
    }
    dispatch = Dispatch(outbox, lanes, clock=clock, label=label, uniform=lambda low, _: low, sleep=clock.sleep)
    stop = asyncio.Event()
    task = asyncio.create_task(dispatch.run(stop), name="dispatch")
    try:
        yield dispatch
    finally:
        stop.set()
        await task


@asynccontextmanager
async def locked(file: Path) -> AsyncIterator[None]:
    """Another program holds the database for writing. It waits its turn in a thread: ours may be in the middle of one."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=PATIENCE_S, check_same_thread=False)
    try:
        await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")
    finally:
        connection.close()
