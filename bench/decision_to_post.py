"""(c) From the event that decides to the POST that leaves: written down, claimed, rendered, on its way."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import aiohttp
from aiohttp import web

from bench.measure import Row, quantile
from daemon.bus import Mailbox
from daemon.clock import wall_ms
from daemon.courier import LaneConfig
from daemon.dispatch import Dispatch
from daemon.keeping import Keeping
from daemon.recorder import Recorder
from rules.delivery import Grouping, Policy, Post, SinkPolicy
from rules.engine import Engine
from rules.events import FundingRate
from rules.spec import parse
from sinks.registry import build
from storage.database import Database
from storage.journal import Journal
from storage.outbox import Outbox

CHATS, ROUNDS = 200, 1  # a chat takes a few in a row before the driver paces itself
TOKEN = "123456:bench-token-that-opens-nothing"


async def _telegram(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"ok": True, "result": {"message_id": 1}})


async def _measure(folder: Path) -> list[float]:
    app = web.Application()
    app.router.add_post("/{path:.*}", _telegram)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api_url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    left: asyncio.Queue[float] = asyncio.Queue()

    async def leaves(session: aiohttp.ClientSession, context: SimpleNamespace, params: object) -> None:
        left.put_nowait(time.perf_counter())

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(leaves)
    database = await Database.open(str(folder / "bench.db"))
    session = aiohttp.ClientSession(trace_configs=[trace])
    sinks = {
        f"chat{index}": build(f"chat{index}", f"tgram://{TOKEN}/{index + 1}", api_url=api_url, session=session)
        for index in range(CHATS)
    }
    outbox = Outbox(database)
    await outbox.sync_lanes(dict.fromkeys(sinks, "bench"), wall_ms())
    dispatch = Dispatch(
        outbox, {name: LaneConfig(sink=sink, address_hash="bench") for name, sink in sinks.items()}, clock=wall_ms
    )
    rules = [
        parse(
            {
                "id": f"rule{index}",
                "type": "funding",
                "symbols": [f"C{index}"],
                "above": "0.05%",
                "notify": f"chat{index}",
            }
        )
        for index in range(CHATS)
    ]
    recorder = Recorder(
        engine=Engine([rule.compile() for rule in rules]),
        journal=Journal(database),
        keeping=Keeping(60_000),
        post=Post(Policy(sinks={name: SinkPolicy(name=name, group=Grouping(wait_ms=0)) for name in sinks})),
        clock=wall_ms,
        ring=dispatch.ring,
    )
    mailbox, stop = Mailbox("bench"), asyncio.Event()
    took: list[float] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.run(mailbox, stop))
        group.create_task(dispatch.run(stop))
        for round_ in range(ROUNDS):
            for index in range(CHATS):
                await mailbox.put((_rate(index, 0.001 + round_ * 1e-6),))
                started = time.perf_counter()
                took.append(await left.get() - started)
                await mailbox.put((_rate(index, 0.0),))  # clears; the console-like sink is told that as well
                await left.get()
        stop.set()
    await session.close()
    await database.close()
    await runner.cleanup()
    return took


def _rate(index: int, rate: float) -> FundingRate:
    now_ms = wall_ms()
    return FundingRate(
        venue="binance", symbol=f"C{index}-USDT-PERP", rate=rate, interval_h=8, at_ms=now_ms, received_ms=now_ms
    )


def rows() -> Iterator[Row]:
    """Median and p99 over a few hundred single decisions."""
    with tempfile.TemporaryDirectory() as folder:
        took = asyncio.run(_measure(Path(folder)))
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        yield Row(
            group="decision to POST",
            what=f"{name} of {len(took)} single alerts to Telegram chats",
            value=quantile(took, share) * 1_000,
            unit="ms",
        )
