"""Clients of other services' languages who mean harm: a clear answer in that language, and nobody else disturbed."""

import asyncio
import gc
import json
import socket
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any

import pytest

from daemon.wire import amberdata, datamaxi
from rules.events import Event, FundingRate, Trade
from storage.database import Database
from tests.daemon.lanes import Clock
from tests.daemon.server.dialects.booth import NOW, Booth, Client, booth, until
from tests.daemon.server.gates import Town
from tests.patience import PATIENCE_S

AMBERDATA, FUNDING = "/futures", datamaxi.FUNDING_PATH
MARK = 987_654
PATHS = [AMBERDATA, FUNDING, datamaxi.LIQUIDATION_PATH]
HEADERS = {AMBERDATA: "x-api-key", FUNDING: "X-DTMX-APIKEY", datamaxi.LIQUIDATION_PATH: "X-DTMX-APIKEY"}


def trade(number: int) -> Trade:
    return Trade(
        venue="binance", symbol="BTC-USDT-PERP", price=1.0, quantity=1.0, taker="buy", trade_id=str(number), at_ms=NOW,
        received_ms=NOW,
    )  # fmt: skip


def rate(number: int) -> FundingRate:
    return FundingRate(
        venue="binance", symbol="BTC-USDT-PERP", rate=1e-4, interval_h=8.0, settles_at_ms=2 * NOW, at_ms=NOW + number,
        received_ms=NOW,
    )  # fmt: skip


SUBSCRIBE = {
    AMBERDATA: {"id": 1, "method": "subscribe", "params": [amberdata.TRADES, {"instrument": "BTCUSDT"}]},
    FUNDING: {"id": 1, "method": "SUBSCRIBE", "params": ["BTC-USDT@binance"]},
}


def one(path: str, number: int) -> Event:
    return trade(number) if path == AMBERDATA else rate(number)


@asynccontextmanager
async def somebody_else(place: Booth, path: str) -> AsyncIterator[Client]:
    """A client who behaves, subscribed."""
    async with place.client(path) as client:
        assert "result" in await client.ask(SUBSCRIBE[path])
        yield client


async def is_undisturbed(place: Booth, path: str, client: Client) -> None:
    await place.hear(one(path, MARK))
    said = await client.hear()
    while str(MARK) not in json.dumps(said):
        said = await client.hear()


@pytest.mark.parametrize("path", PATHS)
async def test_a_wrong_key_is_told_in_a_goodbye_that_does_not_repeat_it(
    path: str, database: Database, clock: Clock
) -> None:
    """The first letters, so that its owner knows which; a right one is let in, in either header."""
    town = Town(database, clock)
    await town.settle()
    async with booth(gate=town.gate) as place:
        async with place.client(path, **{HEADERS[path]: "wrong-key-of-somebody"}) as client:
            code, reason = await client.goodbye()
            assert (1008, "invalid api key 'wron…'") == (code, reason)
        async with place.client(path, **{HEADERS[path]: town.revoked}) as client:
            assert "invalid api key" in (await client.goodbye())[1]
        async with place.client(path) as client:
            code, reason = await client.goodbye()
            assert (1008, True) == (code, HEADERS[path] in reason)
        for header in {HEADERS[path], "x-api-key"}:
            async with place.client(path, **{header: town.key}) as client:
                await client.say({})
                assert "error" in await client.hear()
        assert 0 < place.hub.dismiss(town.key_id) or not place.hub.connections


async def test_an_operators_token_opens_the_dialects_too() -> None:
    """Their clients have no other header to put it in."""
    token = "a-token-for-operators"
    async with booth(token=token) as place:
        for path in (AMBERDATA, FUNDING):
            async with place.client(path, **{HEADERS[path]: token}) as client:
                await client.say({})
                assert "error" in await client.hear()
            async with place.client(path, **{HEADERS[path]: token[:-1]}) as client:
                assert 1008 == (await client.goodbye())[0]


@pytest.mark.parametrize("path", [AMBERDATA, FUNDING])
async def test_half_a_handshake_takes_no_place(path: str) -> None:
    """Somebody who connects and says half of it is not inside, and whoever comes in is served."""
    async with booth(connections=1) as place:
        halves = [socket.create_connection(("127.0.0.1", place.port)) for _ in range(20)]
        for half in halves:
            half.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: webso".encode())
        async with somebody_else(place, path) as client:
            await is_undisturbed(place, path, client)
        for half in halves:
            half.close()


@pytest.mark.parametrize("path", [AMBERDATA, FUNDING])
async def test_a_flood_of_subscriptions_is_told_and_ended(path: str) -> None:
    """Two hundred at once are a client that has just connected; what goes on like this is sent away."""
    async with booth() as place, somebody_else(place, path) as other, place.client(path) as client:
        for _ in range(400):
            await client.say(SUBSCRIBE[path])
        code, reason = await client.goodbye()
        assert (4029, True) == (code, "too many" in reason)
        await until(lambda: place.hub.connections == 1)
        assert 1 == sum(place.dialects.desk.subscriptions_by_channel().values()) or path == AMBERDATA
        await is_undisturbed(place, path, other)
        assert sum(place.wanted.values()) <= 3, "what the flood wanted is given up"


async def test_an_array_counts_by_what_is_in_it() -> None:
    """Otherwise a flood would only have to be wrapped."""
    many = [SUBSCRIBE[AMBERDATA]] * 100
    async with booth() as place, place.client() as client:
        for _ in range(3):
            await client.say(many)
        code, _ = await client.goodbye()

        assert 4029 == code


@pytest.mark.parametrize("path", [AMBERDATA, FUNDING])
async def test_a_message_that_is_too_long_is_told_before_the_goodbye(path: str) -> None:
    """In the dialect's form, with the limit."""
    async with booth() as place, place.client(path) as client:
        await client.say(b"[" + b" " * 200_000)
        said = await client.hear()

        assert "65,536 bytes" in json.dumps(said)
        assert 1009 == (await client.goodbye())[0]


@pytest.mark.parametrize("path", [AMBERDATA, FUNDING])
async def test_what_is_no_utf8_ends_the_connection_with_its_own_code(path: str) -> None:
    """And so does what is no frame at all."""
    async with booth() as place, somebody_else(place, path) as other:
        for payload, opcode, code in ((b"\xff\xfe{}", 1, 1007), (b"", 3, 1002)):
            with closing(socket.socket()) as found:
                found.setblocking(False)
                raw = place.raw(found, path)
                await raw.open()
                await raw.send(payload, opcode)
                frame = await raw.frame()

                assert (0x88, code) == (frame[0], int.from_bytes(frame[2:4]))
        await is_undisturbed(place, path, other)


async def test_unknown_methods_and_huge_ids_are_answered_in_the_published_shape() -> None:
    """Small answers, whatever was sent."""
    async with booth() as place, place.client() as client:
        for message, request_id in (
            ('{"jsonrpc":"2.0","id":1,"method":"shutdown","params":[]}', 1),
            ('{"jsonrpc":"2.0","id":"' + "x" * 9_000 + '","method":"subscribe","params":[]}', None),
            ('{"jsonrpc":"2.0","id":' + "9" * 9_000 + ',"method":"subscribe","params":[]}', None),
            ('{"jsonrpc":"2.0","id":2,"method":"subscribe","params":["' + "c" * 9_000 + '"]}', 2),
            ('{"jsonrpc":"2.0","id":2,"method":"unsubscribe","params":["' + "c" * 9_000 + '"]}', 2),
            ('{"jsonrpc":"2.0","id":2,"method":"' + "m" * 9_000 + '"}', 2),
            ("[" * 9_000, None),
            (b"\x1f\x8b\x08", None),
            ("nonsense", None),
        ):
            await client.say(message)
            answer = await asyncio.wait_for(client.socket.recv(), PATIENCE_S)
            said = json.loads(answer)

            assert {"jsonrpc", "id", "error"} == set(said)
            assert {"description", "code"} == set(said["error"])
            assert (request_id, 400) == (said["id"], said["error"]["code"])
            assert len(answer) < 400


@pytest.mark.parametrize("path", [AMBERDATA, FUNDING])
async def test_a_slow_reader_is_sent_away_and_costs_nobody_anything(path: str) -> None:
    """It keeps at most its buffer; the desk never waits for it."""
    bounds: dict[str, Any] = {
        "write_buffer": 16_384,
        "write_buffer_hard": 65_536,
        "kernel_buffer": 16_384,
        "goodbye_s": 0.2,
    }
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(booth(**bounds))
        other = await stack.enter_async_context(somebody_else(place, path))
        found = stack.enter_context(closing(socket.socket()))
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        found.setblocking(False)
        slow = place.raw(found, path)
        await slow.open()
        await slow.send(json.dumps(SUBSCRIBE[path]).encode())
        await until(
            lambda: sum(place.dialects.desk.subscriptions_by_channel().values()) > (1 if path == FUNDING else 3)
        )
        number = 0
        while place.hub.connections == 2:
            number += 1
            async with asyncio.timeout(PATIENCE_S):
                await place.hear(one(path, number))
            assert str(number) in json.dumps(await other.hear())
            assert place.hub.waiting_bytes < 100_000

        gone = place.hub.counters.goodbyes["too_slow"] + sum(place.hub.counters.aborted.values())
        assert 1 <= gone
        await is_undisturbed(place, path, other)


async def test_clients_that_come_and_go_leave_nothing_behind() -> None:
    """Memory is where it was after five hundred of them."""
    async with booth(messages_per_s=10_000.0) as place:

        async def visit() -> None:
            async with place.client() as client:
                await client.subscribe(amberdata.TRADES, instrument="BTCUSDT", exchange="binance")

        async def visits(count: int) -> None:
            for _ in range(count // 25):
                await asyncio.gather(*(visit() for _ in range(25)))
            await until(lambda: not place.hub.connections)
            gc.collect()

        await visits(100)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        await visits(250)
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert after - before < 250_000
        assert set() == place.wishes
