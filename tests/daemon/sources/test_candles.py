"""The last closed candle, for whoever has just begun to want it."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from daemon.sources.candles import MINUTE_MS, greet, last_closed
from daemon.sources.newcomers import Newcomers
from daemon.supervisor import Transient
from daemon.wire.history import Bar
from rules.events import Candle, Event
from tests.daemon.sources.loopback import until

NOW = 1_790_000_000_000
MINUTE = NOW // MINUTE_MS * MINUTE_MS


def bar(minutes_ago: int, price: float = 10.0) -> Bar:
    return Bar(MINUTE - minutes_ago * MINUTE_MS, price, price + 2, price - 1, price + 1, 3.5, 35.0)


class Conversation:
    """Takes what is published beside it."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def publish(self, events: Sequence[Event], received_ms: int) -> None:
        self.events += events

    async def again(self, topics: Sequence[str]) -> None:
        raise AssertionError("a candle needs no topic anew")


def test_only_a_minute_that_is_over_is_told() -> None:
    """The venue's answer ends with the one that is running."""
    [candle] = last_closed([bar(2), bar(1, 20.0), bar(0)], venue="okx", symbol="BTC-USDT-PERP", now_ms=NOW)

    assert (
        Candle(
            venue="okx",
            symbol="BTC-USDT-PERP",
            opened_ms=MINUTE - MINUTE_MS,
            open=20.0,
            high=22.0,
            low=19.0,
            close=21.0,
            volume=3.5,
            at_ms=MINUTE,
            received_ms=NOW,
        )
        == candle
    )
    assert [] == last_closed([bar(0)], venue="okx", symbol="BTC-USDT-PERP", now_ms=NOW)
    assert [] == last_closed([], venue="okx", symbol="BTC-USDT-PERP", now_ms=NOW)


async def test_one_that_cannot_be_had_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The stream will bring the next; the log says it once."""
    caplog.set_level(logging.WARNING)
    newcomers, conversation = Newcomers(), Conversation()

    async def ask(symbol: str) -> list[Bar]:
        if symbol.startswith("BAD"):
            raise Transient("no answer")
        return [bar(1), bar(0)]

    work = asyncio.create_task(greet(newcomers, ask, conversation, venue="okx", clock=lambda: NOW))
    newcomers.want(["BAD-USDT-PERP", "BAD2-USDT-PERP", "BTC-USDT-PERP"])
    await until(lambda: len(conversation.events) == 1)
    newcomers.want(["BAD-USDT-PERP", "ETH-USDT-PERP"])
    await until(lambda: len(conversation.events) == 2)
    work.cancel()
    await asyncio.wait({work})

    assert ["BTC-USDT-PERP", "ETH-USDT-PERP"] == [event.place[1] for event in conversation.events]
    assert 1 == len([record for record in caplog.records if "last candle" in record.message])
