"""Frames in at the venue's socket, the exact words out at four kinds of chat."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.house import House
from daemon.simulator.box import Box
from daemon.simulator.listings import QUOTERS
from daemon.wire import okx
from rules.events import Event, facts_of
from tests.e2e.living import Chats, addresses, feed, living, until, written
from tests.e2e.market import Clock, closed, interest, quiet, quote, rate

FUNDING = {"binance": "binance btcusdt@markPrice@1s", "bybit": "bybit tickers.BTCUSDT"}
LIQUIDATIONS = {
    "binance": "binance !forceOrder@arr",
    "bybit": "bybit allLiquidation.BTCUSDT",
    "okx": "okx liquidation-orders:SWAP",
}
_ROUGHLY = re.compile(r"(?<=sign of life )for [\d.]+ s")  # how long a feed was silent is measured on the real clock


class Scene:
    """A market, a house and its readers, on one clock that moves when told to."""

    def __init__(self, box: Box, chats: Chats, house: House, clock: Clock) -> None:
        self.box, self.chats, self.house, self.clock = box, chats, house, clock

    async def say(self, *events: Event) -> None:
        """The venues report these, each its own."""
        for event in events:
            await self.box.say(event.place[0], [event])

    async def taken(self, rule_id: str, event: Event) -> None:
        """Wait until the rule has seen this event; what the clock says afterwards is no longer its time."""

        def is_taken() -> bool:
            seen = [tracker.event for tracker in self.house.engine.trackers(rule_id)]
            return any(one is not None and _said(one) == _said(event) for one in seen)

        await until(is_taken)

    async def told(self, sent: Sequence[str], *, edited: Sequence[str] | None = None) -> None:
        """All that stands in the chats: in those that take edits it is `edited`, in the others all that was `sent`."""
        await self.chats.requests(len(sent))
        kept = list(sent if edited is None else edited)
        assert {"telegram": kept, "bot": kept, "hook": list(sent), "json": list(sent)} == {
            name: [_ROUGHLY.sub("for 2 s", text) for text in chat.texts] for name, chat in self.chats.all.items()
        }


@asynccontextmanager
async def scene(folder: Path, rules: list[dict[str, Any]], *topics: str) -> AsyncIterator[Scene]:
    """All is connected, nothing has happened. `topics` are written `venue topic`, or a venue alone that is asked."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(Box(quiet(), clock=clock))
        chats = await stack.enter_async_context(Chats())
        sources = addresses(box, *(topic.split()[0] for topic in topics))
        for quoter in sources.keys() & QUOTERS:
            sources[quoter]["every"] = "2s"  # their budgets are thirty questions a minute
        files = written(folder, rules=rules, sources=sources, sinks=chats.sinks())
        house = await stack.enter_async_context(living(files, clock=clock))
        for venue, *topic in map(str.split, topics):
            if topic:
                await box.subscriptions(venue).until(*topic)
        yield Scene(box, chats, house, clock)


def grown(text: str, *changes: str) -> str:
    """The text as an edit has it: with all that has happened, before the small print."""
    words, _, small_print = text.rpartition("\n")
    return f"{words}\nin order: {', '.join(changes)}\n{small_print}"


def _said(event: Event) -> dict[str, object]:
    """What the venue said, whenever it came."""
    return {name: value for name, value in facts_of(event).items() if name not in ("at_ms", "received_ms")}


async def test_funding_fires_escalates_and_clears(tmp_path: Path) -> None:
    """What got worse is a new message that makes a sound; the end changes both, where the chat can."""
    rule = {
        "id": "hot-funding",
        "type": "funding",
        "symbols": ["BTC"],
        "levels": {"warning": "0.05%", "critical": "0.1%"},
        "clear": "0.03%",
    }
    fired = (
        "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)\n"
        "next settlement in 1h12m\n"
        "rule hot-funding · 2026-09-21 14:13:20Z"
    )
    escalated = (
        "ESCALATED to CRITICAL  binance BTC-USDT-PERP: longs pay shorts 0.12% per 8 h (limit 0.1%)\n"
        "held 1m30s, next settlement in 1h10m\n"
        "since 14:13:20Z, peak 0.12% per 8 h paid by longs\n"
        "rule hot-funding · 2026-09-21 14:14:50Z"
    )
    cleared = (
        "CLEARED  binance BTC-USDT-PERP: longs pay shorts 0.01% per 8 h (limit 0.1%)\n"
        "lasted 4m30s, since 14:13:20Z, peak 0.12% per 8 h paid by longs\n"
        "next settlement in 1h7m\n"
        "rule hot-funding · 2026-09-21 14:17:50Z"
    )
    async with scene(tmp_path, [rule], FUNDING["binance"]) as on:
        await on.say(rate("binance", 0.000812))
        await on.told([fired])
        on.clock.pass_s(90)
        await on.say(rate("binance", 0.0012, at_ms=on.clock()))
        story = ["fired warning 14:13:20Z", "escalated critical 14:14:50Z", "cleared 14:17:50Z"]
        for chat in (on.chats.telegram, on.chats.bot):
            await chat.wait_for(lambda chat: len(chat.requests) == 3)  # the first message says so, too
        await on.told([fired, escalated], edited=[grown(escalated, *story[:2]), escalated])
        on.clock.pass_s(180)
        await on.say(rate("binance", 0.0001, at_ms=on.clock()))
        for chat in (on.chats.telegram, on.chats.bot):
            await chat.wait_for(lambda chat: len(chat.requests) == 5)  # the escalation is changed as well
        end = grown(cleared, *story)
        await on.told([fired, escalated, cleared], edited=[end, end])

        assert ([2, 1], [2, 1]) == tuple(
            [one.edits for one in chat.shown] for chat in (on.chats.telegram, on.chats.bot)
        )


async def test_funding_is_told_only_after_it_has_held(tmp_path: Path) -> None:
    """On the virtual clock: not a moment early, and no message for what did not last."""
    rule = {
        "id": "held",
        "type": "funding",
        "symbols": ["BTC"],
        "above": "0.05%",
        "for": "5m",
        "direction": "shorts_pay",
    }
    fired = (
        "WARNING  bybit BTC-USDT-PERP: shorts pay longs 0.08% per 8 h (limit 0.05%)\n"
        "held 5m, next settlement in 1h7m\n"
        "rule held · 2026-09-21 14:18:20Z"
    )
    async with scene(tmp_path, [rule], FUNDING["bybit"]) as on:
        await on.say(rate("bybit", -0.0008))
        await until(lambda: on.house.recorder.transitions_seen == 1)  # pending
        on.clock.pass_s(299)
        await on.say(rate("bybit", -0.00081, at_ms=on.clock()))
        on.clock.pass_s(1)
        await on.say(rate("bybit", -0.0008, at_ms=on.clock()))
        await on.told([fired])


async def test_a_stablecoin_leaves_its_peg_and_comes_back(tmp_path: Path) -> None:
    """Two sources see it; both are named. That one of them is back already ends nothing."""
    rule = {
        "id": "usd-depeg",
        "type": "depeg",
        "coins": ["USDE"],
        "depth": "0.5%",
        "severity": "critical",
    }
    fired = (
        "CRITICAL  USDE is 3.8% below its peg at 0.9620 (limit 0.5%)\n"
        "severity 15 of 100\n"
        "coingecko 0.9620, defillama 0.9620\n"
        "market capitalisation $7.1bn\n"
        "rule usd-depeg · 2026-09-21 14:13:20Z"
    )
    cleared = (
        "CLEARED  USDE is back at its peg, 0.9999\n"
        "lasted 5m, since 14:13:20Z, peak 3.8%\n"
        "coingecko 0.9999, defillama 0.9999\n"
        "rule usd-depeg · 2026-09-21 14:18:20Z"
    )
    async with scene(tmp_path, [rule], "defillama", "coingecko") as on:
        await on.say(quote("defillama", "USDE", 0.962), quote("coingecko", "USDE", 0.962))
        await on.told([fired])
        on.clock.pass_s(300)
        await on.say(quote("defillama", "USDE", 0.9999))
        asked = on.box.venues["defillama"].asked.total()
        await until(lambda: on.box.venues["defillama"].asked.total() >= asked + 2)
        await on.say(quote("coingecko", "USDE", 0.9999))
        await on.told([fired, cleared], edited=[grown(cleared, "fired critical 14:13:20Z", "cleared 14:18:20Z")])


async def test_one_large_liquidation_is_said_once_and_never_cleared(tmp_path: Path) -> None:
    """Each order is a message of its own; the same order read again is not."""
    rule = {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"}
    long = (
        "WARNING  binance BTC-USDT-PERP: long liquidated, $1.52m at 84,120.50\n"
        "quantity 18.069 BTC\n"
        "rule whale · 2026-09-21 14:13:20Z"
    )
    short = (
        "WARNING  okx BTC-USDT-PERP: short liquidated, $2m at 80,000.00 mark price\n"
        "quantity 25 BTC\n"
        "rule whale · 2026-09-21 14:13:20Z"
    )
    async with scene(tmp_path, [rule], LIQUIDATIONS["binance"], LIQUIDATIONS["okx"]) as on:
        order = closed("binance", 18.069, price=84_120.5)
        await on.say(order)
        await on.chats.requests(1)
        await on.say(order, closed("binance", 1.0), closed("okx", 25.0, side="short"))
        await on.told([long, short])


async def test_liquidations_add_up_within_a_window(tmp_path: Path) -> None:
    """Summed over all venues by symbol and side; over once the window has passed."""
    rule = {"id": "cascade", "type": "liquidation", "window": "1m", "total": "$10m", "severity": "critical"}
    fired = (
        "CRITICAL  BTC-USDT-PERP: $11.99m of longs liquidated within 1m (limit $10m)\n"
        "3 orders, last one $4m on bybit at 80,000.00\n"
        "rule cascade · 2026-09-21 14:13:30Z"
    )
    cleared = (
        "CLEARED  BTC-USDT-PERP: $4m of longs liquidated within 1m (limit $10m)\n"
        "lasted 50s, since 14:13:30Z, peak $11.99m\n"
        "1 order, last one $4m on bybit at 80,000.00\n"
        "rule cascade · 2026-09-21 14:14:20Z"
    )
    async with scene(tmp_path, [rule], LIQUIDATIONS["binance"], LIQUIDATIONS["bybit"]) as on:
        second = closed("binance", 49.875)
        await on.say(closed("binance", 50.0), second)
        await on.taken("cascade", second)
        on.clock.pass_s(10)
        await on.say(closed("bybit", 50.0, at_ms=on.clock()))
        await on.told([fired])
        on.clock.pass_s(51)
        await on.told([fired, cleared], edited=[grown(cleared, "fired critical 14:13:30Z", "cleared 14:14:20Z")])


async def test_venues_disagree_about_funding(tmp_path: Path) -> None:
    """The two ends are named."""
    rule = {"id": "gap", "type": "funding_spread", "symbols": ["BTC"], "above": "0.06%", "severity": "info"}
    fired = (
        "INFO  BTC-USDT-PERP: funding differs by 0.09% per 8 h (limit 0.06%)\n"
        "bybit 0.08%, binance -0.01%\n"
        "rule gap · 2026-09-21 14:13:20Z"
    )
    cleared = (
        "CLEARED  BTC-USDT-PERP: funding differs by 0.02% per 8 h (limit 0.06%)\n"
        "lasted 1m, since 14:13:20Z, peak 0.09% per 8 h\n"
        "bybit 0.01%, binance -0.01%\n"
        "rule gap · 2026-09-21 14:14:20Z"
    )
    async with scene(tmp_path, [rule], FUNDING["binance"], FUNDING["bybit"]) as on:
        await on.say(rate("binance", -0.0001), rate("bybit", 0.0008))
        await on.told([fired])
        on.clock.pass_s(60)
        await on.say(rate("bybit", 0.0001, at_ms=on.clock()))
        await on.told([fired, cleared], edited=[grown(cleared, "fired info 14:13:20Z", "cleared 14:14:20Z")])


async def test_the_traders_own_words(tmp_path: Path) -> None:
    """The headline is theirs, from the first word after the severity; the numbers are the event's."""
    rule = {
        "id": "oi-flush",
        "type": "expression",
        "on": "open_interest",
        "symbols": ["BTC"],
        "when": "change(oi_usd, 15m) <= -5% and oi_usd >= $100m",
        "clear": "change(oi_usd, 15m) > -2%",
        "message": "{symbol} lost {change:.1%} on {venue}, {oi_usd:,.0f} left & <falling>",
    }
    # a change over 15 minutes has no value yet; this one has, and never fires
    seen = {"id": "seen", "type": "expression", "on": "open_interest", "symbols": ["BTC"], "when": "oi_usd > $1tn"}
    fired = (
        "WARNING  BTC-USDT-PERP lost -7.5% on okx, 370,000,000 left & <falling>\nrule oi-flush · 2026-09-21 14:28:20Z"
    )
    async with scene(tmp_path, [rule, seen], "okx open-interest:BTC-USDT-SWAP") as on:
        before = interest("okx", 4e8)
        await on.say(before)
        await on.taken("seen", before)
        on.clock.pass_s(900)
        await on.say(interest("okx", 3.7e8, at_ms=on.clock()))
        await on.told([fired])


@pytest.mark.parametrize(
    ("misbehaviour", "reason"),
    [("drop", "the connection was cut"), ("stall", "no sign of life for 2 s")],
)
async def test_a_feed_that_dies_is_told_and_its_return_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misbehaviour: str, reason: str
) -> None:
    """Silence is not health: a venue that keeps the line open and says nothing is as dead as one that hangs up."""
    monkeypatch.setattr(okx, "SILENCE_S", 2.0)
    monkeypatch.setattr(okx, "PING_EVERY_S", 0.2)
    rule = {"id": "feed-down", "type": "feed_health", "feeds": ["okx.market"], "for": "0s", "severity": "info"}
    watched = {"id": "watched", "type": "funding", "symbols": ["BTC"], "above": "1%"}
    down = f"INFO  okx.market is down: {reason}\nrule feed-down · 2026-09-21 14:13:25Z"
    back = "CLEARED  okx.market is back after 1m5s\nlasted 1m5s, since 14:13:25Z\nrule feed-down · 2026-09-21 14:14:30Z"
    async with scene(tmp_path, [rule, watched], "okx funding-rate:BTC-USDT-SWAP") as on:
        await until(lambda: feed(on.house, "okx.market").state == "up")
        on.clock.pass_s(5)
        on.box.misbehave("okx", "refuse")  # whoever comes back
        on.box.misbehave("okx", misbehaviour)
        await on.told([down])
        on.clock.pass_s(65)
        on.box.behave("okx")
        await on.told([down, back], edited=[grown(back, "fired info 14:13:25Z", "cleared 14:14:30Z")])
