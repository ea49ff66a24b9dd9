"""Coinlocally in the box, as a client of its page sees it."""

import gzip
import json
from typing import Any

from daemon.simulator.trader import ROUND_MS, Trader
from daemon.wire import coinlocally as wire
from daemon.wire import coinlocally_server as server
from daemon.wire.control import Leaving
from rules.events import AdlUpdate, Event, OrderUpdate, TriggerOrderUpdate
from tests.daemon.simulator.far_end import NOW_MS, dialled, opened

SUB = '{"event":"sub","apiKey":"demo","broker":1003}'


def unpacked(said: Any) -> Any:
    return said if isinstance(said, str) else json.loads(gzip.decompress(said))


async def test_every_frame_kind_comes_within_twenty_seconds() -> None:
    """And the word that it closes, when it does."""
    clock = Clock()
    async with opened(clock=clock) as box, dialled(box.ws_url("coinlocally")) as ws:
        assert "connect success" == await ws.recv()
        await ws.send(SUB)
        assert "sub success" == await ws.recv()
        await ws.send('{"ping":1}')
        heard = {"pong" if "pong" in (frame := unpacked(await ws.recv())) else frame["channel"] for _ in range(3)}
        for _ in range(19):
            clock.now_ms += 1_000
            await box.step()
        while heard < {"pong", "ACCOUNT_UPDATE", "ADL_PRICE", "order", "trigOrder"}:
            heard.add(unpacked(await ws.recv())["channel"])
        await box.venues["coinlocally"].farewell()
        decoder = wire.Decoder("demo")
        while not isinstance(decoder.decode(await ws.recv(decode=False), 1), Leaving):
            pass


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


async def test_another_key_is_turned_away() -> None:
    async with opened() as box, dialled(box.ws_url("coinlocally")) as ws:
        await ws.recv()
        await ws.send(SUB.replace("demo", "another"))

        assert "sub fail" == await ws.recv()


async def test_the_token_opens_the_same_account() -> None:
    async with opened() as box, dialled(box.ws_url("coinlocally")) as ws:
        await ws.recv()
        await ws.send(SUB.replace("apiKey", "token"))

        assert "sub success" == await ws.recv()
        assert 1001 == unpacked(await ws.recv())["uid"]


def test_what_the_trader_does_is_what_our_codec_reads() -> None:
    """Every event of a round and a half, written and read again."""
    trader = Trader("coinlocally", "demo", {"BTC": 85_300.0, "ETH": 2_910.0}.__getitem__, NOW_MS)
    said = [*trader.opening(NOW_MS), *trader.since(NOW_MS + ROUND_MS * 3 // 2)]
    decoder = wire.Decoder("demo")
    heard: list[Event] = []
    for frame in server.encode(said):
        events = decoder.decode(frame, NOW_MS)
        assert isinstance(events, tuple)
        heard += events

    states = [one.state for one in heard if isinstance(one, OrderUpdate | TriggerOrderUpdate)]
    assert ["open", "waiting", "partly_filled", "filled", "triggered", "open", "cancelled"] == states[:7]
    assert {"BTC-USDT-PERP"} == {one.symbol for one in heard if isinstance(one, OrderUpdate | TriggerOrderUpdate)}
    assert [(one.symbol, one.side) for one in said if isinstance(one, AdlUpdate)] == [
        (one.symbol, one.side) for one in heard if isinstance(one, AdlUpdate)
    ]
