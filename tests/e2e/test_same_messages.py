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
from daemon.trial.trials import run
from rules.events import Event, facts_of
from sinks.registry import Options
from storage.database import Database
from storage.notices import SENDING, WAITING
from tests.chats import Telegram
from tests.chats.telegram import parse_html
from tests.e2e.living import addresses, living, until
from tests.e2e.market import BTC, NOW_MS, Clock, quiet

WAIT_MS = 50  # how long messages wait for others here, so that nobody waits long
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
    {
        "id": "jump",
        "type": "expression",
        "on": "funding_rate",
        "symbols": ["BTC"],
        "venues": ["binance"],
        "where": "not is_settled",  # those are asked for at a moment of their own
        "value": "abs(rate_8h) * 3",
        "above": "0.2%",
        "notify": ["desk", "sleeper"],
    },
    {"id": "cascade", "type": "liquidation", "window": "90s", "total": "$4m", "severity": "critical"},
]
TEST = {
    "name": "a busy quarter of an hour",
    "start": "2026-09-21 14:13:20",
    "series": [
        {
            **FUNDING,
            "venue": "binance",
            "values": "0.01% 0.06% 0.062% 0.063% 0.12% 0.07% 0.02% 0.061% 0.0201% _x4 0.02%",
        },
        {**FUNDING, "venue": "bybit", "values": "0.011% 0.0605% 0.0625% 0.0635% -0.0205% 0.0206% 0.0207%"},
        {**ORDERS, "side": "long", "values": "_x2 $800k $1.6m $2.4m $3.2m _x4"},
        *(  # four large orders at once: one summary
            {**ORDERS, "side": side, "values": f"_x8 {value}"}
            for side, value in (("long", "$1.1m"), ("long", "$1.2m"), ("short", "$1.3m"), ("short", "$1.4m"))
        ),
    ],
    "expect": [{"at": "13m", "messages": {"desk": [], "phone": [], "sleeper": [], "few": []}}],
}
GROUP = {"wait": f"{WAIT_MS}ms", "critical": f"{WAIT_MS}ms"}  # so that all of a moment is decided before it is told
CHATS = {"phone": "4711", "sleeper": "4712", "few": "4713"}
SEEN = [  # so often, or the file would not show what it is for
    *(("desk", words, count) for words, count in (("ESCALATED", 1), ("EASED", 0), ("4 liquidation alerts", 1))),
    *(
        ("desk", words, 1)
        for words in ("alerts: BTC, $5m in all, shorts of $1.3m to $1.4m (2 of 4), okx", "is 0.36% (limit")
    ),
    ("desk", "abs(rate_8h) * 3 is back to 0.06% (limit 0.2%)", 1),
    ("desk", "CLEARED  bybit BTC-USDT-PERP: shorts pay longs 0.0205% per 8 h (limit 0.05%)", 1),
    ("desk", "peak 0.0635% per 8 h paid by longs", 2),
    ("sleeper", "longs pay shorts 0.12% per 8 h (limit 0.055%) (cleared 14:19:20Z)", 1),
    ("sleeper", "abs(rate_8h) * 3 is 0.36% (limit 0.2%) (cleared 14:19:20Z)", 1),
    *(("phone", words, count) for words, count in (("(edit) CLEARED", 7), ("(edit) EASED", 1), ("ESCALATED to", 1))),
    *(("sleeper", words, count) for words, count in (("Kept back: 17 messages about 12 alerts", 1), ("CRITICAL", 2))),
    *(("few", words, count) for words, count in (("the next ones come together", 1), ("Kept back: 7 messages", 1))),
]
TOPICS = {
    "binance": "btcusdt@markPrice@1s",
    "bybit": "tickers.BTCUSDT",
    "okx": "liquidation-orders:SWAP",
}


def sinks(phone: Telegram) -> dict[str, dict[str, Any]]:
    """One that shows all as it comes, and three chats: messages that grow, an hour of sleep, and few messages."""
    more: dict[str, dict[str, Any]] = {
        "phone": {},
        "sleeper": {"quiet": {"from": "16:15", "to": "16:22", "tz": "Europe/Berlin"}},  # 14:22 UTC, inside the test
        "few": {"cap": "3 per 5m"},
    }
    chats = {
        name: {"url": phone.address(chat), "api_url": phone.url, "picture": False, **more[name]}
        for name, chat in CHATS.items()
    }
    return {name: sink | {"group": GROUP} for name, sink in {"desk": {"url": "console://"}, **chats}.items()}


def in_test(config: Config) -> dict[str, list[str]]:
    """What the file's own test says was told to each: all that it did not expect."""
    (test,) = config.tests
    failures = run(test, [spec.compile() for spec in config.rules], config).failures
    return {failure.subject.removeprefix("messages to "): list(failure.got) for failure in failures}


def on_paper(paper: StringIO) -> list[str]:
    """What the console was told: a headline begins each message, the rest of it is indented."""
    messages = paper.getvalue().replace("\n    ", "\t").splitlines()
    return [message.replace("\t", "\n") for message in messages]


def in_chat(phone: Telegram, chat: str) -> list[str]:
    """What a chat was told. Several of its messages may be changed to say the same: that is one piece of news.

    What speaks again also changes the message that it replies to, without a sound: no news either.
    """
    found: list[str] = []
    before: dict[str, Any] = {}
    for seen in phone.requests:
        if not isinstance(seen.body, dict) or str(seen.body.get("chat_id")) != chat:
            continue
        is_edit, text = seen.path.endswith("/editMessageText"), parse_html(seen.body["text"])
        is_refresh = is_edit and seen.body["message_id"] == before.get("reply_parameters", {}).get("message_id")
        if not is_refresh and not (is_edit and text == before.get("text")):
            found.append(f"(edit) {text}" if is_edit else text)
        before = seen.body | {"text": text if is_edit else None}
    return found


async def live(file: Path, config: Config, box: Box, clock: Clock) -> StringIO:
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
            await _pass(house, clock, at_ms)
            for event in events:
                await box.say(event.place[0], [event])
                await _taken(house, event)
        await _pass(house, clock, test.trial.start + test.trial.lasts_ms)
    return paper


async def _pass(house: House, clock: Clock, until_ms: int) -> None:
    """Let time run to that moment, and stop at each at which something is due."""
    while True:
        await _settled(house)
        times = [house.engine.next_ms(), house.post.next_ms()]
        times += [await house.outbox.next_at_ms(sink, clock()) for sink in house.config.sinks]
        at_ms = min([until_ms, *(at for at in times if at is not None)])
        if at_ms >= until_ms:
            break
        clock.now_ms = at_ms
    clock.now_ms = until_ms


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


async def _settled(house: House) -> None:
    """Wait until everything is decided that is due by now, and nothing is left that may leave."""
    while True:
        if house.dispatch is not None:
            house.dispatch.ring(house.config.sinks)  # lanes sleep by the clock on the wall
        await asyncio.sleep(0.01)
        times = [house.engine.next_ms(), house.post.next_ms()]
        entries = await house.outbox.listing((WAITING, SENDING), limit=100)
        times += [one.due_ms or 0 for one in entries]
        if not [at for at in times if at is not None and at <= house.clock()]:
            return


async def test_a_file_says_the_same_in_its_test_in_a_backtest_and_live(tmp_path: Path) -> None:
    """To each of its sinks, in the same order and in the same words, times and all."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(Box(quiet(), clock=clock))
        phone = await stack.enter_async_context(Telegram())
        file = tmp_path / "rules.yaml"
        sections = {
            "sinks": sinks(phone),
            "rules": RULES,
            "tests": [TEST],
            "sources": addresses(box, *TOPICS),
            "server": {"port": 0, "tables": False},
            "storage": {"url": str(tmp_path / "tocsin.db"), "sample_every": "0s"},
        }
        file.write_text(yaml.safe_dump(sections, sort_keys=False), encoding="utf-8")
        config = load([file])
        tried = in_test(config)
        paper = await live(file, config, box, clock)
        lived = {"desk": on_paper(paper)} | {name: in_chat(phone, chat) for name, chat in CHATS.items()}
        spoken: dict[str, list[str]] = {name: [] for name in config.sinks}
        database = await Database.open(str(tmp_path / "tocsin.db"), exclusive=False)
        stack.push_async_callback(database.close)
        trial = Backtest(config, factors=(), spoken=lambda one: spoken[one.sink].append(one.text))
        await replay(database, trial, NOW_MS, clock())

    for name in config.sinks:
        assert tried[name] == lived[name] == spoken[name], name
    for name, words, count in SEEN:
        assert count == sum(words in text for text in tried[name]), f"{words} to {name}"
