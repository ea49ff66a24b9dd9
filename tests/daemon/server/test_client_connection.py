"""One connection on the wire: handshakes, bounds, pings, floods and goodbyes."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daemon.server.limits import Allowance, Limits
from tests.daemon.server.fan import Board, House, hear, house, until
from tests.patience import PATIENCE_S


async def test_cookies_go_out_with_the_handshake() -> None:
    """This is how an expired access token is renewed."""
    async with house(Board(), cookie="access_token=new; HttpOnly") as place, place.client() as client:
        assert client.response is not None
        assert "access_token=new; HttpOnly" == client.response.headers["Set-Cookie"]


async def test_a_request_that_is_no_websocket_is_told_what_this_is() -> None:
    """Somebody pasted the address into a browser."""
    async with house(Board()) as place, aiohttp.ClientSession() as session:
        response = await session.get(place.url().replace("ws://", "http://"))

        assert 426 == response.status
        assert place.url() in await response.text()


async def test_a_closed_door_says_why_before_the_handshake() -> None:
    """In all, by address and by key; a place is free again when somebody leaves."""
    cases: list[tuple[dict[str, Any], str | None, int, str]] = [
        ({"connections": 2}, None, 503, "connections"),
        ({"connections_per_address": 2}, None, 429, "address"),
        ({"connections_per_key": 2}, "k1", 429, "key"),
    ]
    for bounds, key, status, word in cases:
        async with house(Board(), key=key, **bounds) as place:
            async with place.client(), place.client():
                with pytest.raises(InvalidStatus) as refused:
                    async with place.client():
                        pass
                response = refused.value.response
                assert status == response.status_code
                assert word in response.body.decode()
                assert "Retry-After" in response.headers
                assert {word: 1} == place.hub.counters.refused
            await until(lambda place=place: place.hub.door.inside == 0)  # type: ignore[misc]  # bound now, not later
            async with place.client() as client:
                await hear(client)


async def test_too_many_topics_are_refused_before_the_handshake_and_by_message() -> None:
    """Who asks what others ask already is let in; a topic that nobody listens to makes room."""
    async with house(Board(), topics=2, linger_s=60.0) as place, place.client("?coin=BTC") as client:
        await hear(client)
        async with place.client("?coin=ETH") as other:
            await hear(other)
            with pytest.raises(InvalidStatus) as refused:
                async with place.client("?coin=SOL"):
                    pass
            await other.send('{"coin": "SOL"}')
            error = (await hear(other))["error"]
            async with place.client("?coin=ETH") as third:
                await hear(third)
        assert 503 == refused.value.response.status_code
        assert "too_many_topics" == error["code"]
        await until(lambda: place.hub.connections == 1)
        async with place.client("?coin=SOL") as late:
            assert "SOL" == (await hear(late))["coin"]
            assert 2 == place.hub.topics


async def test_a_message_may_be_as_big_as_the_bound_and_no_bigger() -> None:
    """One byte more is named, and ends the connection with 1009."""
    async with house(Board(), message_size=200) as place, place.client(compression=None) as client:
        await hear(client)
        await client.send(json.dumps({"coin": "ETH"}).ljust(200))
        assert "ETH" == (await hear(client))["coin"]
        await client.send(json.dumps({"coin": "SOL"}).ljust(201))

        assert "200 bytes" in (await hear(client))["error"]["message"]
        with pytest.raises(ConnectionClosed) as closed:
            await hear(client)
    assert closed.value.rcvd is not None
    assert 1009 == closed.value.rcvd.code


async def test_a_compressed_bomb_is_too_big() -> None:
    """The bound is for what comes out."""
    async with house(Board(), message_size=1_000) as place, place.client() as client:
        await hear(client)
        await client.send(" " * 1_000_000)

        assert "too_long" == (await hear(client))["error"]["code"]


async def test_a_flood_of_messages_is_named_and_ends_the_connection() -> None:
    """Twice the rate may come at once; pings count."""
    async with house(Board(), messages_per_s=5.0) as place, place.client() as client:
        await hear(client)
        answers = []
        with suppress(ConnectionClosed):
            for _ in range(5):
                await client.ping()
            for _ in range(30):  # five more are allowed for each second that this takes
                await client.send("{}")
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                answers.append(await hear(client))

    assert closed.value.rcvd is not None
    assert 4029 == closed.value.rcvd.code
    assert len(answers) >= 6
    assert {"BTC"} == {answer.get("coin") for answer in answers[:-1]}
    assert "too_many_messages" == answers[-1]["error"]["code"]


def test_an_allowance_fills_up_again() -> None:
    """With time, and not above twice a second's worth."""
    allowance = Allowance(2.0, 0.0)

    assert [True] * 4 + [False] == [allowance.takes(0.0) for _ in range(5)]
    assert [True, False] == [allowance.takes(0.5) for _ in range(2)]
    assert [True] * 4 + [False] == [allowance.takes(100.0) for _ in range(5)]


async def test_who_answers_pings_stays_and_who_does_not_is_cut_off() -> None:
    """A connection that is silent for too long is gone, whatever the kernel believes."""
    async with house(Board(), ping_s=0.05, idle_s=1.0) as place, place.client() as alive:
        with place.raw() as dead:
            await dead.open()
            await hear(alive)
            frames = [await dead.frame()]
            while frames[-1]:
                frames.append(await dead.frame())
        await until(lambda: place.hub.counters.aborted["silent"] == 1)
        await alive.send("{}")

        assert b"\x89\x00" in frames
        assert "BTC" == (await hear(alive))["coin"]
        assert 1 == place.hub.connections


async def test_a_ping_is_answered_with_its_payload() -> None:
    """Between two frames, as every client library expects."""
    async with house(Board()) as place:
        with place.raw() as client:
            await client.open()
            await client.frame()
            await client.send(b"42", opcode=9)

            assert b"\x8a\x0242" == await client.frame()


async def test_answers_to_a_client_that_never_reads_do_not_pile_up() -> None:
    """Above the hard bound it is cut off without a word."""
    bounds: dict[str, Any] = {"write_buffer": 4_096, "write_buffer_hard": 16_384, "kernel_buffer": 4_096}
    async with house(Board(), messages_per_s=1e9, **bounds) as place:
        with place.raw(receive_buffer=4_096) as client:
            await client.open()
            with pytest.raises(ConnectionError):
                for _ in range(100_000):
                    await client.send(b"nonsense")
                    assert place.hub.waiting_bytes <= 16_384 + 1_000
                    await asyncio.sleep(0)
        await until(lambda: place.hub.connections == 0)

        assert {"stalled": 1} == place.hub.counters.aborted


async def test_a_goodbye_is_answered_and_leaves_nothing_behind() -> None:
    """Close, and close in return, with the same code."""
    async with house(Board()) as place:
        async with place.client() as client:
            await hear(client)
            await client.close(4321, "enough")
        await until(lambda: place.hub.connections == 0)

        assert 4321 == client.close_code
        assert 0 == place.hub.door.inside
        assert {} == place.hub.counters.goodbyes
        assert {} == place.hub.counters.aborted


async def test_a_goodbye_of_somebody_who_does_not_read_is_not_waited_for() -> None:
    """What is still unsent must not hold the connection for ever."""
    async with house(Board(size=2_000_000), kernel_buffer=8_192, goodbye_s=0.05) as place:
        with place.raw(receive_buffer=4_096) as client:
            await client.open()
            await until(lambda: place.hub.waiting_bytes > 0)
            await client.send((1000).to_bytes(2), opcode=8)
            await until(lambda: place.hub.counters.aborted["unanswered_goodbye"] == 1)

        assert 0 == place.hub.connections


async def test_frames_that_are_no_websocket_end_the_connection() -> None:
    """With the protocol's own code."""
    async with house(Board()) as place:
        with place.raw() as client:
            await client.open()
            await client.frame()
            await client.send(b"x", opcode=3)

            assert 1002 == int.from_bytes((await client.frame())[2:4])


async def test_a_revoked_key_loses_its_connections_and_no_others() -> None:
    """At once, and with a code that says so."""
    async with house(Board(), key="k1") as place, place.client() as client:
        await hear(client)

        assert 0 == place.hub.dismiss("k2")
        assert 1 == place.hub.dismiss("k1")
        with pytest.raises(ConnectionClosed) as closed:
            await hear(client)
    assert closed.value.rcvd is not None
    assert 4001 == closed.value.rcvd.code


async def test_a_bug_in_an_endpoint_ends_one_connection_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With a close code and not with a page of HTML; the others do not notice."""
    board = Board()
    async with house(board) as place, place.client() as unlucky, place.client() as other:
        await hear(unlucky)
        await hear(other)
        await unlucky.send('{"page": "broken"}')
        with pytest.raises(ConnectionClosed) as closed:
            await hear(unlucky)
        board.version = 1
        place.hub.moved()

        assert 1 == (await hear(other))["version"]
    assert closed.value.rcvd is not None
    assert 1011 == closed.value.rcvd.code
    assert ["a conversation broke"] == [r.message for r in caplog.records if r.levelno == logging.ERROR]


async def test_a_thousand_that_come_and_go_leave_nothing_behind() -> None:
    """Some say goodbye, some vanish."""
    async with house(Board(), linger_s=0.05) as place:
        for _ in range(10):
            async with AsyncExitStack() as stack:
                for number in range(50):
                    await stack.enter_context(place.raw(f"?coin={('BTC', 'ETH')[number % 2]}")).open()
                    client = await stack.enter_async_context(place.client("?coin=SOL"))
                    if number % 5 == 0:
                        client.transport.abort()
        await until(lambda: place.hub.connections == place.hub.door.inside == place.hub.topics == 0)

        assert 1_000 == place.hub.counters.connected
        assert 0 == place.hub.waiting_bytes


async def test_a_hub_that_stops_lets_a_handshake_finish_with_a_goodbye() -> None:
    """Whoever was between the door and the first frame is not left hanging."""
    board = Board(gates={"BTC": asyncio.Event()})
    async with AsyncExitStack() as stack:
        place: House = await stack.enter_async_context(house(board, goodbye_s=0.05))
        raw = stack.enter_context(place.raw())
        await raw.open()
        stopping = asyncio.create_task(place.hub.stop(), name="stopping")
        frame = await raw.frame()
        async with asyncio.timeout(PATIENCE_S):
            await stopping

    assert 1001 == int.from_bytes(frame[2:4])


def test_bounds_that_contradict_each_other_are_refused() -> None:
    """Nobody would be pinged before being cut off."""
    with pytest.raises(ValueError, match="idle_s"):
        Limits(ping_s=20.0, idle_s=20.0)
    with pytest.raises(ValueError, match="hard"):
        Limits(write_buffer=2, write_buffer_hard=1)
