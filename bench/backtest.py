"""(g) How fast the past is replayed: stored events a second through rules, post and tally, beside the bare reading."""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import yaml

from bench.measure import Row
from daemon.config.load import load
from daemon.trial.backtest import Backtest, replay
from daemon.trial.neighbours import FACTORS
from rules.events import Event, FundingRate, Liquidation, MarkPrice
from storage.database import Database
from storage.journal import Batch, Journal
from storage.log import events_in_time

EVENTS, CHUNK, ROUNDS = 60_000, 5_000, 3
NOW_MS = 1_780_000_000_000
A_MINUTE = 60
RULES = [
    {
        "id": "hot",
        "type": "funding",
        "symbols": ["BTC", "ETH", "SOL"],
        "levels": {"warning": "0.05%", "critical": "0.1%"},
    },
    {"id": "whale", "type": "liquidation", "symbols": ["BTC", "ETH"], "at_least": "$1m"},
    {"id": "cascade", "type": "liquidation", "window": "1m", "total": "$10m"},
    {"id": "fast", "type": "price_change", "symbols": ["BTC"], "window": "5m", "above": "2%"},
]


def _past() -> Iterator[Event]:
    """Funding, prices and liquidations of six coins, two seconds apart."""
    luck = random.Random(1)
    coins = [f"{coin}-USDT-PERP" for coin in ("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB")]
    for step in range(EVENTS):
        at_ms, symbol = NOW_MS + step * 2_000, coins[step % 6]
        match step % 3:
            case 0:
                value = luck.gauss(0.0001, 0.00015)
                yield FundingRate(
                    venue="binance", symbol=symbol, rate=value, interval_h=8.0, at_ms=at_ms, received_ms=at_ms
                )
            case 1:
                value = 50_000 * luck.gauss(1, 0.004)
                yield MarkPrice(venue="binance", symbol=symbol, price=value, at_ms=at_ms, received_ms=at_ms)
            case _:
                value = 2_000 * luck.paretovariate(1.1)
                yield Liquidation(
                    venue="binance",
                    symbol=symbol,
                    side="long",
                    quantity=value / 50_000,
                    price=50_000.0 + step,
                    price_kind="fill",
                    notional_usd=value,
                    at_ms=at_ms,
                    received_ms=at_ms,
                )


async def _fill(path: Path) -> None:
    database = await Database.open(str(path))
    try:
        journal, events = Journal(database), list(_past())
        for start in range(0, len(events), CHUNK):
            await journal.commit(Batch(events=events[start : start + CHUNK]), NOW_MS)
    finally:
        await database.close()


async def _measured(path: Path, file: Path) -> tuple[float, float, float]:
    """(seconds of the bare reading, of a backtest, of one with four neighbours of every rule)."""
    config, until_ms = load([file], environ={}), NOW_MS + EVENTS * 2_000
    database = await Database.open(str(path), exclusive=False)
    try:
        kinds = Backtest(config, factors=()).types
        took = []
        started = time.perf_counter()
        async for _ in events_in_time(database, kinds, NOW_MS, until_ms):
            pass
        took.append(time.perf_counter() - started)
        for factors in ((), FACTORS):
            started = time.perf_counter()
            report = await replay(database, Backtest(config, factors=factors), NOW_MS, until_ms)
            took.append(time.perf_counter() - started)
            assert report.events == EVENTS and any(rule.tally.fires for rule in report.rules)
    finally:
        await database.close()
    return took[0], took[1], took[2]


def rows() -> Iterator[Row]:
    """All three in turn on the same file."""
    with tempfile.TemporaryDirectory() as folder:
        path, file = Path(folder) / "past.db", Path(folder) / "rules.yaml"
        file.write_text(yaml.safe_dump({"rules": RULES}), encoding="utf-8")
        asyncio.run(_fill(path))
        found = [asyncio.run(_measured(path, file)) for _ in range(ROUNDS)]
    bare, alone, beside = (median(column) for column in zip(*found, strict=True))
    against = f"reading and decoding alone {EVENTS / bare * A_MINUTE:,.0f}/min"
    yield Row(
        group="backtest",
        what="stored events replayed, four rules",
        value=EVENTS / alone * A_MINUTE,
        unit="1/min",
        against=against,
        ratio=median(one / two for one, two, _ in found),
        limit="at least 1,000,000/min",
    )
    yield Row(
        group="backtest",
        what="the same with each rule at five limits",
        value=EVENTS / beside * A_MINUTE,
        unit="1/min",
        against=against,
        ratio=median(one / three for one, _, three in found),
        limit="at least 1,000,000/min",
    )
