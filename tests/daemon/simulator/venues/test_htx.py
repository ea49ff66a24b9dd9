"""HTX in the box, as a plain client sees it."""

import gzip
import json
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from daemon.simulator.box import Box
from tests.daemon.simulator.far_end import NOW_MS, Clock, dialled, forced, interest, mark, opened, rate

_CALM = "market: {liquidations_per_minute: 0}"
_ALL = {"op": "sub", "cid": "1", "topic": "public.*.liquidation_orders"}


def index_url(box: Box) -> str:
    return str(box.sources_config()["htx"]["index_url"])


async def heard(ws: ClientConnection) -> Any:
    """Every frame is gzip; pings are left to the test of pings."""
    while True:
        frame = await ws.recv()
        assert isinstance(frame, bytes)
        told = json.loads(gzip.decompress(frame))
        if told.get("op") != "ping" and "ping" not in told:
            return told


async def asked(ws: ClientConnection, request: Any) -> Any:
    await ws.send(request if isinstance(request, str) else json.dumps(request))
    return await heard(ws)


async def test_liquidations_count_in_contracts_coins_and_dollars() -> None:
    async with opened() as box, dialled(box.ws_url("htx")) as ws:
        answer = await asked(ws, _ALL)
        await box.say("htx", [forced("htx", 2.0)])
        told = await heard(ws)

    assert (0, "1", _ALL["topic"]) == (answer["err-code"], answer["cid"], answer["topic"])
    [row] = told["data"]
    assert (2000, 2.0, 170_000.0) == (row["volume"], row["amount"], row["trade_turnover"])
    assert ("sell", "close", NOW_MS) == (row["direction"], row["offset"], row["created_at"])


async def test_mark_and_index_are_candles_on_the_other_stream() -> None:
    async with opened() as box, dialled(index_url(box)) as ws:
        await box.say("htx", [mark("htx", 85_000.5, index=84_990.25)])
        answer = await asked(ws, {"sub": "market.BTC-USDT.mark_price.1min", "id": "3"})
        candle = await heard(ws)

    assert ("ok", "3", "market.BTC-USDT.mark_price.1min") == (answer["status"], answer["id"], answer["subbed"])
    assert ("market.BTC-USDT.mark_price.1min", "85000.5") == (candle["ch"], candle["tick"]["close"])


async def test_a_topic_of_one_stream_does_not_exist_at_the_other() -> None:
    async with opened() as box:
        async with dialled(box.ws_url("htx")) as ws:
            here = await asked(ws, {"sub": "market.BTC-USDT.mark_price.1min", "id": "3"})
        async with dialled(index_url(box)) as ws:
            there = await asked(ws, _ALL)

    assert ("error", 2011) == (here["status"], there["err-code"])


async def test_the_same_topic_again_is_error_2014() -> None:
    async with opened() as box, dialled(box.ws_url("htx")) as ws:
        await asked(ws, _ALL)
        again = await asked(ws, _ALL)

    assert (2014, True) == (again["err-code"], again["err-msg"].startswith("Repeated subscription."))


@pytest.mark.parametrize("answer", ["none", "other type", "right"])
async def test_who_does_not_echo_a_ping_in_its_type_is_cut(answer: str) -> None:
    """A string in, a number out: that client was cut every thirty seconds while it looked healthy."""
    clock = Clock()
    async with opened(_CALM, clock) as box, dialled(box.ws_url("htx")) as ws:
        await asked(ws, _ALL)
        clock.now_ms += 5_000
        await box.step()
        frame = await ws.recv()
        assert isinstance(frame, bytes)
        ping = json.loads(gzip.decompress(frame))
        if answer != "none":
            ts = ping["ts"] if answer == "right" else int(ping["ts"])
            await ws.send(json.dumps({"op": "pong", "ts": ts}))
            await asked(ws, _ALL)  # the answer shows that the pong was read
        clock.now_ms += 5_000
        await box.step()

        assert isinstance(ping["ts"], str)
        if answer == "right":
            assert isinstance(await ws.recv(), bytes), "the next ping"
        else:
            with pytest.raises(ConnectionClosed):
                await ws.recv()


async def test_rest_says_sizes_intervals_and_open_interest() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("htx") + "/") as http:
        await box.say("htx", [interest("htx", 321.5, 27_000_000.0), rate("htx", 1e-4)])
        rows = {}
        for path in ("swap_contract_info", "swap_query_elements", "swap_open_interest"):
            answer = await (await http.get(f"linear-swap-api/v1/{path}")).json()
            rows[path] = next(row for row in answer["data"] if row["contract_code"] == "BTC-USDT")

    assert 0.001 == rows["swap_contract_info"]["contract_size"]
    assert 8.0 == rows["swap_query_elements"]["settle_period"]
    assert (321.5, 27_000_000.0) == (rows["swap_open_interest"]["amount"], rows["swap_open_interest"]["value"])


@pytest.mark.parametrize("text", ["rubbish", "[]", '{"op": "dance"}', '{"sub": 7}'])
async def test_what_is_no_request_is_an_error(text: str) -> None:
    async with opened() as box, dialled(index_url(box)) as ws:
        assert "error" == (await asked(ws, text))["status"]
