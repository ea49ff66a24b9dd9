"""One rules file, three times: its test, a live daemon beside venues in a box, and a backtest of what that daemon stored."""

import asyncio
from contextlib import AsyncExitStack
from io import StringIO
from pathlib import Path
from typing import Any

import yaml

from daemon.config.load import load
from daemon.config.model import Config
from daemon.house import House
from daemon.simulator.box import Box
from daemon.trial.backtest import Backtest, replay
from daemon.trial.play import Spoken
from daemon.trial.trials import run
from rules.events import Event, facts_of
from sinks.registry import Options
from storage.database import Database
from storage.notices import SENDING, WAITING
from tests.e2e.living import addresses, living, until
from tests.e2e.market import BTC, NOW_MS, Clock, quiet

WAIT_S = 0.05  # how long messages wait for others here, so that nobody waits long
SETTLES = {"interval_h": 8, "settles_at_ms": NOW_MS + 72 * 60_000}
FUNDING = {"on": "funding_rate", "field": "rate", "symbol": BTC, "with": SETTLES}
ORDERS = {
    "on": "liquidation",
    "field": "notional_usd",
    "venue": "okx",
    "symbol": BTC,
    "with": {"price": 80_000, "price_kind": "mark"},
}
RULES: list[dict[str, Any]] = [
    {
        "id": "hot-funding",
        "type": "funding",
        "symbols": ["BTC"],
        "levels": {"warning": "0.05%", "critical": "0.1%"},
        "clear": "0.03%",
    },
    {"id": "stays-hot", "type": "funding", "symbols": ["BTC"], "above": "0.055%", "for": "2m", "cooldown": "1h"},
    {"id": "gap", "type": "funding_spread", "symbols": ["BTC"], "venues": ["binance", "bybit"], "above": "0.06%"},
    {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"},
    {"id": "cascade", "type": "liquidation", "window": "90s", "total": "$4m", "severity": "critical"},
]
TEST = {
    "name": "a busy quarter of an hour",
    "start": "2026-09-21 14:13:20",
    "series": [
        {**FUNDING, "venue": "binance", "values": "0.01% 0.06% 0.062% 0.063% 0.12% 0.07% 0.02% 0.061% 0.0201%"},
        {**FUNDING, "venue": "bybit", "values": "0.011% 0.0605% 0.0625% 0.0635% 0.0205% 0.0206% 0.0207%"},
        {**ORDERS, "side": "long", "values": "_x2 $800k $1.6m $2.4m $3.2m _x4"},
        *(  # four large orders at once: one summary
            {**ORDERS, "side": side, "values": f"_x8 {value}"}
            for side, value in (("long", "$1.1m"), ("long", "$1.2m"), ("short", "$1.3m"), ("short", "$1.4m"))
        ),
    ],
    "expect": [{"at": "12m", "messages": {"desk": []}}],
}
TOPICS = {
    "binance": "btcusdt@markPrice@1s",
    "bybit": "tickers.BTCUSDT",
    "okx": "liquidation-orders:SWAP",
}


def in_test(config: Config) -> list[str]:
    """What the file's own test says was told: all that it did not expect."""
    (test,) = config.tests
    (failure,) = run(test, [spec.compile() for spec in config.rules], config).failures
    return list(failure.got)


def on_paper(paper: StringIO) -> list[str]:
    """What the console was told: a headline begins each message, the rest of it is indented."""
    messages = paper.getvalue().replace("\n    ", "\t").splitlines()
    return [message.replace("\t", "\n") for message in messages]


async def live(file: Path, config: Config, box: Box, clock: Clock) -> list[str]:
    """The same series over the venues' sockets into a daemon; what its console was told."""
    paper = StringIO()
    async with living([file], clock=clock, options=Options(console=paper)) as house:
        for venue, topic in TOPICS.items():
            await box.subscriptions(venue).until(topic)
        (test,) = config.tests
        moments: dict[int, list[Event]] = {}
        for at_ms, event in test.trial.events():
            moments.setdefault(at_ms, []).append(event)
        for at_ms, events in moments.items():
            clock.now_ms = at_ms
            for event in events:
                await box.say(event.place[0], [event])
                await _taken(house, event)
            await _spoken(house)
            clock.pass_s(WAIT_S)
            await _spoken(house, is_due=True)
    return on_paper(paper)


async def _taken(house: House, event: Event) -> None:
    """Wait until the rules have seen it."""
    said = {name: value for name, value in facts_of(event).items() if not name.endswith("at_ms")}

    def is_taken() -> bool:
        trackers = [tracker for rule in RULES for tracker in house.engine.trackers(str(rule["id"]))]
        seen = [facts_of(tracker.event) for tracker in trackers if tracker.event is not None]
        return any(all(_alike(facts.get(name), value) for name, value in said.items()) for facts in seen)

    await until(is_taken)


def _alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-9 * max(abs(one), abs(other))
    return one == other or other == "received_ms"


async def _spoken(house: House, *, is_due: bool = False) -> None:
    """Wait until nothing is left to be sent that may leave by now."""
    while True:
        await asyncio.sleep(0.01)
        entries = await house.outbox.listing((WAITING, SENDING), limit=100)
        left = [one for one in entries if is_due or (one.due_ms or 0) <= house.clock()]
        if not left:
            return


async def test_a_file_says_the_same_in_its_test_in_a_backtest_and_live(tmp_path: Path) -> None:
    clock = Clock()
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(Box(quiet(), clock=clock))
        file = tmp_path / "rules.yaml"
        sections = {
            "sinks": {"desk": {"url": "console://", "group": {"wait": "50ms"}}},
            "rules": RULES,
            "tests": [TEST],
            "sources": addresses(box, *TOPICS),
            "server": {"port": 0, "tables": False},
            "storage": {"url": str(tmp_path / "tocsin.db"), "sample_every": "0s"},
        }
        file.write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
        config = load([file])
        tried = in_test(config)
        lived = await live(file, config, box, clock)
        spoken: list[Spoken] = []
        database = await Database.open(str(tmp_path / "tocsin.db"), exclusive=False)
        stack.push_async_callback(database.close)
        await replay(database, Backtest(config, factors=(), spoken=spoken.append), NOW_MS, clock())

    assert 12 <= len(tried)
    assert [True] == [True for text in tried if text.count("BTC-USDT-PERP") >= 4]
    assert tried == lived
    assert tried == [one.text for one in spoken]
