"""The box as a whole: addresses, playing, waiting, and many clients at once."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from daemon.simulator.acts import DepegAct, hastened
from daemon.simulator.box import Box
from daemon.simulator.listings import FEEDS
from daemon.simulator.scenario import load
from tests.daemon.simulator.far_end import Clock, ask, dialled, forced, hear, mark, opened, scenario
from tests.patience import PATIENCE_S

_ALL = {"method": "SUBSCRIBE", "params": ["!forceOrder@arr"], "id": 1}


async def test_every_source_is_told_where_its_venue_is() -> None:
    async with opened() as box:
        config = box.sources_config()

    assert set(FEEDS) == set(config)
    assert f"ws://127.0.0.1:{box.port}/binance/market/ws" == config["binance"]["ws_url"]
    assert f"http://127.0.0.1:{box.port}/coingecko/api/v3" == config["coingecko"]["rest_url"]


async def test_a_hundred_clients_of_one_topic_get_the_same_frame() -> None:
    """The frame is made once, whoever listens."""
    async with opened() as box, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(dialled(box.ws_url("binance"))) for _ in range(100)]
        for client in clients:
            await ask(client, _ALL)
        await box.say("binance", [forced("binance")])
        heard = {await client.recv() for client in clients}

    assert 1 == len(heard)


async def test_a_client_that_left_is_forgotten() -> None:
    async with opened() as box:
        async with dialled(box.ws_url("binance")) as ws:
            await ask(ws, _ALL)
            assert {"!forceOrder@arr"} == box.subscriptions("binance").topics
        await box.subscriptions("binance").until_gone()

        assert set() == box.subscriptions("binance").topics


async def test_waiting_for_a_subscriber_that_never_comes_ends() -> None:
    async with opened() as box:
        with pytest.raises(TimeoutError):
            await box.subscriptions("binance").until("nobody@wants", timeout_s=0.05)


async def test_an_act_by_hand_shows_in_the_next_step() -> None:
    clock = Clock()
    async with opened("market: {liquidations_per_minute: 0}", clock) as box, dialled(box.ws_url("binance")) as ws:
        await ask(ws, _ALL)
        async with aiohttp.ClientSession() as http:
            act = {"liquidation": {"venue": "binance", "symbol": "BTC-USDT-PERP", "side": "short", "usd": "$2m"}}
            response = await http.post(f"http://127.0.0.1:{box.port}/control", json=act)
            assert 200 == response.status
        await box.step()
        order = (await hear(ws))["o"]

    assert "BUY" == order["S"]
    assert 1_990_000 < float(order["z"]) * float(order["ap"]) < 2_010_000


async def test_speed_makes_the_scenario_pass_faster_and_leaves_the_times_alone() -> None:
    clock = Clock()
    text = """
market: {liquidations_per_minute: 0}
acts: [{at: 60s, liquidation: {venue: binance, symbol: BTC-USDT-PERP, usd: $2m}}]
"""
    async with Box(scenario(text), clock=clock, speed=60) as box, dialled(box.ws_url("binance")) as ws:
        await ask(ws, _ALL)
        clock.now_ms += 1_000
        await box.step()
        frame = await hear(ws)

    assert clock.now_ms == frame["o"]["T"]


def test_at_a_higher_speed_acts_are_shorter_too() -> None:
    """Or a spike of 20 s would outlast the rest of a script that is over in 5."""
    act = scenario("acts: [{at: 1s, depeg: {coin: DAI, to: 0.9, over: 2s, hold: 10s, back: 4s}}]").acts[0].act
    faster = hastened(act, 4)

    assert isinstance(faster, DepegAct)
    assert (500, 2_500, 1_000, 0.9) == (faster.over_ms, faster.hold_ms, faster.back_ms, faster.to)


async def test_play_speaks_by_itself_until_it_is_cancelled() -> None:
    """On the wall clock, as in the demo: each stream venue says something."""
    async with Box(load("tour")) as box, AsyncExitStack() as stack:
        playing = asyncio.create_task(box.play(), name="play")
        wishes = {
            "binance": {"method": "SUBSCRIBE", "params": ["btcusdt@markPrice@1s"], "id": 1},
            "bybit": {"op": "subscribe", "args": ["tickers.BTCUSDT"]},
            "okx": {"op": "subscribe", "args": [{"channel": "mark-price", "instId": "BTC-USDT-SWAP"}]},
        }
        for venue, wish in wishes.items():
            ws = await stack.enter_async_context(dialled(box.ws_url(venue)))
            await ask(ws, wish)
            first, second = await hear(ws), await hear(ws)

            assert first != second
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing


async def test_everything_over_rest_is_marked_as_simulated() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        response = await http.get(f"{box.rest_url('defillama')}/stablecoins")

    assert "yes" == response.headers["X-Tocsin-Simulated"]


async def test_exact_events_can_be_said_and_waited_for_from_another_process() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws, aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{box.port}/control"
        waiting = asyncio.create_task(
            http.post(url, json={"wait": {"venue": "bybit", "topics": ["allLiquidation.BTCUSDT"]}}), name="waiting"
        )
        await ask(ws, {"op": "subscribe", "args": ["allLiquidation.BTCUSDT"]})
        assert 200 == (await waiting).status
        event = {
            "type": "liquidation", "venue": "bybit", "symbol": "BTC-USDT-PERP", "side": "long", "quantity": 1.5,
            "price": 85000.0, "price_kind": "bankruptcy", "notional_usd": 127500.0, "at_ms": 1, "received_ms": 1,
        }  # fmt: skip
        response = await http.post(url, json={"say": {"venue": "bybit", "events": [event]}})
        frame = await hear(ws)
        state = await (await http.get(url)).json()

    assert {"done": True} == await response.json()
    assert "1.5" == frame["data"][0]["v"]
    assert (1, ["allLiquidation.BTCUSDT"]) == (state["bybit"]["connections"], state["bybit"]["topics"])


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"dance": 1}',
        '{"funding": {"coin": "NOSUCH", "rate": "1%"}}',
        '{"say": {"venue": "nosuch", "events": []}}',
        '{"say": {"venue": "okx", "events": [{"type": "nosuch"}]}}',
        '{"wait": {"venue": "okx", "timeout_s": 0.01}}',
        '{"misbehave": {"venue": "okx", "how": "sulk"}}',
    ],
)
async def test_a_wrong_command_is_refused_with_a_reason(body: str) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        response = await http.post(f"http://127.0.0.1:{box.port}/control", data=body)

        assert 400 == response.status
        assert (await response.json())["error"]


async def test_misbehaviour_can_be_ordered_and_ended_by_post() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        url = f"http://127.0.0.1:{box.port}/control"
        order = {"misbehave": {"venue": "okx", "how": "throttle", "retry_after_s": 3}}
        assert 200 == (await http.post(url, json=order)).status
        assert 429 == (await http.get(f"{box.rest_url('okx')}/api/v5/public/instruments")).status
        assert ["throttle"] == (await (await http.get(url)).json())["okx"]["misbehaves"]
        assert 200 == (await http.post(url, json={"behave": {"venue": "okx"}})).status
        assert 200 == (await http.get(f"{box.rest_url('okx')}/api/v5/public/instruments")).status


async def test_a_box_closes_at_once_although_a_client_is_connected_and_stalled() -> None:
    async with opened() as box:
        ws = dialled(box.ws_url("binance"))
        client = await ws.__aenter__()
        await ask(client, _ALL)
        box.misbehave("binance", "stall")
    async with asyncio.timeout(PATIENCE_S):
        await client.wait_closed()
    await ws.__aexit__(None, None, None)


async def test_a_client_that_does_not_read_does_not_stop_the_others() -> None:
    """It is torn down when its queue has been full for long enough; here it just stays behind."""
    async with opened() as box, dialled(box.ws_url("binance")) as idle, dialled(box.ws_url("binance")) as eager:
        await ask(idle, _ALL)
        await ask(eager, _ALL)
        for number in range(200):
            await box.say("binance", [forced("binance", number + 1.0)])
        heard = [float((await hear(eager))["o"]["z"]) for _ in range(200)]

    assert [number + 1.0 for number in range(200)] == heard


async def test_marks_that_nobody_asked_for_are_not_sent() -> None:
    async with opened() as box, dialled(box.ws_url("binance")) as ws:
        await ask(ws, _ALL)
        await box.say("binance", [mark("binance", 1.0), forced("binance")])

        assert "forceOrder" == (await hear(ws))["e"]
