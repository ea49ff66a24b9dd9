"""Each misbehaviour, as a client sees it from outside."""

import asyncio
from typing import Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from daemon.simulator.box import Box
from daemon.simulator.misbehave import GARBAGE, Bend, Manners, Misbehaviour, enormous
from tests.daemon.simulator.far_end import NOW_MS, Clock, ask, dialled, forced, hear, opened

_WISH = {"op": "subscribe", "args": ["allLiquidation.BTCUSDT"]}
_PING = {"op": "ping"}


async def _say(box: Box, *quantities: float) -> None:
    """One frame each."""
    for quantity in quantities:
        await box.say("bybit", [forced("bybit", quantity)])


def _quantity(frame: Any) -> float:
    return float(frame["data"][0]["v"])


async def test_drop_tears_the_connection_down_without_a_goodbye_and_lets_it_come_back() -> None:
    async with opened() as box:
        async with dialled(box.ws_url("bybit")) as ws:
            await ask(ws, _WISH)
            box.misbehave("bybit", "drop")
            with pytest.raises(ConnectionClosed) as caught:
                await ws.recv()
        assert caught.value.rcvd is None, "no close frame came"
        await box.subscriptions("bybit").until_gone()

        async with dialled(box.ws_url("bybit")) as ws:
            assert (await ask(ws, _WISH))["success"]


async def test_stall_keeps_the_connection_and_says_nothing_until_it_is_over() -> None:
    """Not even a pong: neither to a request nor to a protocol ping."""
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, _WISH)
        box.misbehave("bybit", "stall")
        await _say(box, 1.0)
        pong = asyncio.ensure_future(await ws.ping())
        await ws.send('{"op":"ping"}')
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ws.recv()
        assert not pong.done()

        box.behave("bybit")
        await pong
        answer = await hear(ws)
        await _say(box, 2.0)
        frame = await hear(ws)

    assert ("pong", 2.0) == (answer["ret_msg"], _quantity(frame)), "what was said meanwhile is lost"


async def test_silence_acknowledges_and_answers_pings_and_delivers_nothing() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        box.misbehave("bybit", "silence")
        taken = await ask(ws, {"op": "subscribe", "args": ["allLiquidation.BTCUSDT", "tickers.BTCUSDT"]})
        await _say(box, 1.0)
        answer = await ask(ws, _PING)

    assert (True, "pong") == (taken["success"], answer["ret_msg"])


async def test_duplicate_sends_every_frame_twice() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, _WISH)
        box.misbehave("bybit", "duplicate")
        await _say(box, 1.0, 2.0)
        heard = [_quantity(await hear(ws)) for _ in range(4)]

    assert [1.0, 1.0, 2.0, 2.0] == heard


async def test_reorder_swaps_frames_and_loses_none() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, _WISH)
        box.misbehave("bybit", "reorder")
        await _say(box, 1.0, 2.0, 3.0)
        heard = [_quantity(await hear(ws)) for _ in range(2)]
        box.behave("bybit")
        await _say(box, 4.0)
        heard += [_quantity(await hear(ws)) for _ in range(2)]

    assert [2.0, 1.0, 3.0, 4.0] == heard


async def test_garbage_travels_between_the_good_frames() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, _WISH)
        box.misbehave("bybit", "garbage")
        await _say(box, *map(float, range(1, len(GARBAGE) + 1)))
        heard = [await ws.recv() for _ in range(2 * len(GARBAGE))]

    assert list(GARBAGE) == [frame.encode() if isinstance(frame, str) else frame for frame in heard[::2]]
    assert all('"topic"' in str(frame) for frame in heard[1::2])


async def test_an_oversized_frame_has_fifty_million_bytes() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, _WISH)
        box.misbehave("bybit", "oversized")
        frame = await ws.recv()
        box.behave("bybit")
        await _say(box, 1.0)

        assert 50_000_000 == len(frame)
        assert 1.0 == _quantity(await hear(ws))


async def test_slow_waits_before_everything() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        box.misbehave("bybit", "slow", delay="150ms")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await ask(ws, _PING)

    assert loop.time() - began >= 0.15


async def test_refuse_tears_down_whoever_connects_and_leaves_the_others() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws, aiohttp.ClientSession() as http:
        box.misbehave("bybit", "refuse")
        with pytest.raises((InvalidMessage, OSError)):
            async with dialled(box.ws_url("bybit")):
                pass
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{box.rest_url('bybit')}/v5/market/tickers?category=linear")

        assert "pong" == (await ask(ws, _PING))["ret_msg"]


@pytest.mark.parametrize(
    ("how", "settings", "status", "header", "body"),
    [
        ("throttle", {"retry_after_s": 7}, 429, "7", '"retCode":10006'),
        ("throttle", {"retry_after_s": None}, 429, None, '"retCode":10006'),
        ("unavailable", {}, 503, None, "upstream"),
        ("unavailable", {"status": 502}, 502, None, "upstream"),
        ("html", {}, 200, None, "<html>"),
    ],
)
async def test_http_troubles_meet_streams_and_rest_alike(
    how: str, settings: dict[str, Any], status: int, header: str | None, body: str
) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        box.misbehave("bybit", how, **settings)
        with pytest.raises(InvalidStatus) as caught:
            async with dialled(box.ws_url("bybit")):
                pass
        response = await http.get(f"{box.rest_url('bybit')}/v5/market/tickers?category=linear")

        assert (status, status) == (caught.value.response.status_code, response.status)
        assert header == response.headers.get("Retry-After")
        assert body in await response.text()


@pytest.mark.parametrize("at", ["upgrade", "subscribe", "ack", "frame"])
async def test_a_venue_can_say_goodbye_at_any_point(at: str) -> None:
    """After the upgrade, instead of an acknowledgement, right after it, or in the midst of the market."""
    async with opened() as box:
        box.misbehave("bybit", "close", at=at, after=2, code=1012)
        heard: list[Any] = []
        async with dialled(box.ws_url("bybit")) as ws:
            with pytest.raises(ConnectionClosed) as caught:
                heard.append(await ask(ws, _WISH))
                await _say(box, 1.0, 2.0, 3.0)
                while True:
                    heard.append(await hear(ws))

    assert {"upgrade": 0, "subscribe": 0, "ack": 1, "frame": 3}[at] == len(heard)
    assert caught.value.rcvd is not None
    assert 1012 == caught.value.rcvd.code


async def test_rest_answers_can_be_rubbish_enormous_or_cut_in_half() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        url = f"{box.rest_url('defillama')}/stablecoins"
        box.misbehave("defillama", "garbage")
        with pytest.raises(ValueError, match="Expecting"):
            await (await http.get(url)).json()
        box.behave("defillama")

        box.misbehave("defillama", "oversized", size=1_000_000)
        assert 1_000_000 == len(await (await http.get(url)).read())
        box.behave("defillama")

        box.misbehave("defillama", "close", at="body")
        with pytest.raises(aiohttp.ClientPayloadError):
            await (await http.get(url)).read()
        box.behave("defillama")

        assert 200 == (await http.get(url)).status


async def test_a_stalled_rest_answer_comes_when_the_stall_is_over() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        box.misbehave("defillama", "stall")
        asking = asyncio.create_task(http.get(f"{box.rest_url('defillama')}/stablecoins"), name="asking")
        done, _ = await asyncio.wait([asking], timeout=0.2)
        assert not done

        box.behave("defillama")
        assert 200 == (await asking).status


async def test_one_venue_misbehaves_alone() -> None:
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        box.misbehave("bybit", "stall")
        await ws.send("ping")

        assert "pong" == await ws.recv()


async def test_a_scenario_misbehaves_by_itself_and_stops_in_time() -> None:
    clock = Clock()
    text = "acts: [{at: 1s, misbehave: {venue: defillama, how: unavailable, for: 3s}}]"
    async with opened(text, clock) as box, aiohttp.ClientSession() as http:
        statuses = []
        for _ in range(6):
            await box.step()
            statuses.append((await http.get(f"{box.rest_url('defillama')}/stablecoins")).status)
            clock.now_ms += 1_000

    assert [200, 503, 503, 503, 200, 200] == statuses


@given(st.lists(st.tuples(st.booleans(), st.lists(st.binary(min_size=1, max_size=3), max_size=4)), max_size=20))
@settings(deadline=None)
def test_reordering_loses_and_doubles_nothing(batches: list[tuple[bool, list[bytes]]]) -> None:
    """Whenever it is switched on and off; at the end a last frame sets free what was held."""
    manners = Manners()
    bend, out = Bend(manners), list[bytes]()
    for reorder, frames in batches:
        if reorder:
            manners.begin(Misbehaviour(how="reorder"), NOW_MS)
        else:
            manners.end("reorder")
        out += bend.apply(frames)
    manners.end()
    out += bend.apply([b"last"])

    assert sorted([frame for _, frames in batches for frame in frames] + [b"last"]) == sorted(out)


def test_an_enormous_frame_has_exactly_the_size_it_should() -> None:
    assert [1_000, 15] == [len(enormous(size)) for size in (1_000, 15)]
