"""(i) How long a picture takes: the first one in a cold thread, those after it, and what the event loop feels of it.

And what it costs a rule on trades to remember what it computes, because trades are not stored.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import msgspec

from bench.measure import Row, beside, quantile
from daemon.pictures.memory import Memory
from daemon.pictures.studio import Studio
from rules.alerts import Alert
from rules.engine import Engine
from rules.events import Event, FundingRate, MarkPrice, OpenInterest, Trade
from rules.spec import parse
from storage.database import Database
from storage.journal import Batch, Journal

COINS, VENUES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB"), ("binance", "bybit", "okx")
MINUTE_MS, MINUTES, CHUNK, ROUNDS = 60_000, 1_440, 5_000, 40
NOW_MS = 1_780_000_000_000
TICK_S, IDLE_S = 0.001, 2.0
BURST = {"id": "burst", "type": "expression", "on": "trade", "when": "sum(quantity * price, 1m) > $1bn and price < 1"}
TRADES, EVERY_MS = 1_000, 3
RULE = {"id": "hot", "type": "funding", "symbols": ["BTC"], "levels": {"warning": "0.05%", "critical": "0.1%"}}


def _day() -> Iterator[Event]:
    """Funding, prices and open interest of six coins on three venues, a sample each minute for a day."""
    luck = random.Random(1)
    for minute in range(MINUTES + 1):
        at_ms = NOW_MS - (MINUTES - minute) * MINUTE_MS
        for coin in COINS:
            for venue in VENUES:
                where = {"venue": venue, "symbol": f"{coin}-USDT-PERP", "at_ms": at_ms, "received_ms": at_ms}
                rate = 0.0008 if minute == MINUTES else luck.gauss(0.0002, 0.00005)
                price = 50_000 * luck.gauss(1, 0.002)
                yield msgspec.convert({**where, "type": "funding_rate", "rate": rate, "interval_h": 8.0}, FundingRate)
                yield msgspec.convert({**where, "type": "mark_price", "price": price}, MarkPrice)
                yield msgspec.convert({**where, "type": "open_interest", "oi_base": price}, OpenInterest)


async def _measured(path: Path) -> tuple[float, float, list[float], float, float, int]:
    """(the first picture, in a warm studio, all others, the loop's longest pause, an idle one's; all in ms; bytes)."""
    rule = parse(RULE).compile()
    engine, alerts, events = Engine([rule]), [], list(_day())
    database = await Database.open(str(path))
    try:
        journal = Journal(database)
        for start in range(0, len(events), CHUNK):
            chunk = events[start : start + CHUNK]
            transitions = [one for event in chunk for one in engine.observe(event, event.received_ms)]
            alerts += [one.alert for one in transitions]
            await journal.commit(Batch(events=chunk, transitions=transitions), NOW_MS)
    finally:
        await database.close()
    (alert, *_) = alerts

    async def took(studio: Studio, one: Alert) -> float:
        started = time.perf_counter()
        picture = await studio.picture(one)
        assert picture is not None
        sizes.append(len(picture.png))
        return (time.perf_counter() - started) * 1_000

    sizes: list[int] = []
    idle = asyncio.create_task(_pauses())
    await asyncio.sleep(IDLE_S)
    idle.cancel()
    unmoved = max(await idle) * 1_000
    studio = Studio(rules=lambda: {rule.rule_id: rule}, storage=str(path), clock=lambda: NOW_MS)
    try:
        cold = await took(studio, alert)
        watch = asyncio.create_task(_pauses())
        usual = [await took(studio, msgspec.structs.replace(alert, sequence=number)) for number in range(1, ROUNDS)]
        watch.cancel()
        longest = max(await watch) * 1_000
    finally:
        await studio.aclose()
    other = Studio(rules=lambda: {rule.rule_id: rule}, storage=str(path), clock=lambda: NOW_MS)
    try:
        other.warm()
        await asyncio.sleep(IDLE_S)
        warm = await took(other, alert)
    finally:
        await other.aclose()
    return cold, warm, usual, longest, unmoved, max(sizes)


async def _pauses() -> list[float]:
    """How much later than asked for this loop wakes up, until cancelled."""
    found: list[float] = []
    try:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(TICK_S)
            found.append(time.perf_counter() - started - TICK_S)
    except asyncio.CancelledError:
        return found


def _trading(remembers: bool) -> Callable[[], object]:
    """One trade after the other for one rule, a few hundred a second."""
    rule = parse(BURST).compile()
    engine, at_ms = Engine([Memory().attached(rule) if remembers else rule]), NOW_MS
    where = {"venue": "binance", "symbol": "BTC-USDT-PERP", "taker": "buy", "at_ms": NOW_MS, "received_ms": NOW_MS}
    trades = [
        msgspec.convert(
            {**where, "type": "trade", "trade_id": str(one), "price": 5e4 + one % 7, "quantity": 1.0}, Trade
        )
        for one in range(TRADES)
    ]

    def trade() -> None:
        nonlocal at_ms
        at_ms += EVERY_MS
        engine.observe(trades[at_ms // EVERY_MS % TRADES], at_ms)

    return trade


def rows() -> Iterator[Row]:
    """One log, one alert, asked for again and again."""
    with tempfile.TemporaryDirectory() as folder:
        cold, warm, usual, longest, unmoved, size = asyncio.run(_measured(Path(folder) / "day.db"))
    group = "a picture of one of 18 instruments, a day of minutes in the log"
    yield Row(group=group, what="the first, with loading Pillow", value=cold, unit="ms")
    yield Row(group=group, what="the first after `warm`", value=warm, unit="ms", limit="below 300")
    yield Row(group=group, what="usually", value=median(usual), unit="ms", limit="below 100")
    yield Row(group=group, what="p99", value=quantile(usual, 0.99), unit="ms", limit="below 300")
    pause = "the event loop's longest pause meanwhile"
    yield Row(group=group, what=pause, value=longest, unit="ms", against=f"with nothing to do {unmoved:.3g} ms")
    yield Row(group=group, what="size", value=size / 1_000, unit="kB", limit="below 40")
    noted, bare, ratio = beside(_trading(remembers=True), _trading(remembers=False), calls=20_000)
    yield Row(
        group=group,
        what="a trade, and two numbers of it remembered",
        value=noted,
        unit="us",
        against=f"the rule alone {bare:.3g} us",
        ratio=ratio,
        limit="at most 3",
    )
