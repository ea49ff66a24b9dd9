"""Bybit in the box, as a plain client sees it."""

import asyncio
from itertools import pairwise

import aiohttp

from tests.daemon.simulator.far_end import (
    NOW_MS,
    Clock,
    ask,
    dialled,
    forced,
    hear,
    interest,
    mark,
    opened,
    rate,
)
from tests.patience import PATIENCE_S


async def test_a_ticker_is_one_snapshot_and_then_only_what_changed() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await box.say("bybit", [mark("bybit", 85_000.0), rate("bybit", 0.0001), interest("bybit", 10.0, 850_000.0)])
        answer = await ask(ws, {"req_id": "x", "op": "subscribe", "args": ["tickers.BTCUSDT"]})
        snapshot = await hear(ws)
        await box.say("bybit", [mark("bybit", 85_010.5, at_ms=NOW_MS + 1)])
        delta = await hear(ws)

    assert (True, "", "x", "subscribe") == (answer["success"], answer["ret_msg"], answer["req_id"], answer["op"])
    assert ("tickers.BTCUSDT", "snapshot") == (snapshot["topic"], snapshot["type"])
    ticker = snapshot["data"]
    assert ("85000", "0.0001", "8") == (ticker["markPrice"], ticker["fundingRate"], ticker["fundingIntervalHour"])
    assert ("20", "10") == (ticker["openInterest"], ticker["singleOpenInterest"])
    assert ("delta", "85010.5") == (delta["type"], delta["data"]["markPrice"])
    assert "fundingRate" not in delta["data"]


async def test_a_liquidated_long_is_a_buy_because_the_side_is_the_position() -> None:
    """And several of one symbol travel in one batch."""
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, {"op": "subscribe", "args": ["allLiquidation.BTCUSDT"]})
        await box.say("bybit", [forced("bybit", 0.006, 82_396.9), forced("bybit", 0.038, 82_394.3)])
        frame = await hear(ws)

    assert ("allLiquidation.BTCUSDT", "snapshot") == (frame["topic"], frame["type"])
    assert [
        {"T": NOW_MS, "s": "BTCUSDT", "S": "Buy", "v": "0.006", "p": "82396.9"},
        {"T": NOW_MS, "s": "BTCUSDT", "S": "Buy", "v": "0.038", "p": "82394.3"},
    ] == frame["data"]


async def test_the_world_liquidates_in_batches_of_half_a_second() -> None:
    clock = Clock()
    text = "market: {liquidations_per_minute: 0}\nacts:\n" + "".join(
        f"  - {{at: {at}ms, liquidation: {{venue: bybit, symbol: BTC-USDT-PERP, usd: $50k}}}}\n" for at in (0, 250, 500)
    )
    async with opened(text, clock) as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, {"op": "subscribe", "args": ["allLiquidation.BTCUSDT"]})
        for _ in range(3):
            await box.step()
            clock.now_ms += 250
        frame = await hear(ws)

    assert [NOW_MS, NOW_MS + 250, NOW_MS + 500] == [row["T"] for row in frame["data"]]


async def test_a_wrong_topic_fails_in_the_venues_words() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        for topic in ("tickers.NOSUCH", "liquidation.BTCUSDT", "nonsense"):
            answer = await ask(ws, {"req_id": "y", "op": "subscribe", "args": [topic]})

            assert (False, "y") == (answer["success"], answer["req_id"])
            assert answer["ret_msg"].startswith("Invalid topic") or "invalid" in answer["ret_msg"].lower()
            assert topic in answer["ret_msg"]


async def test_a_ping_is_answered_under_its_own_name() -> None:
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        answer = await ask(ws, {"op": "ping"})

    assert (True, "pong", "ping") == (answer["success"], answer["ret_msg"], answer["op"])


async def test_rest_lists_all_tickers_as_strings() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("bybit") + "/") as http:
        answer = await (await http.get("v5/market/tickers?category=linear")).json()

    assert (0, "OK", 12) == (answer["retCode"], answer["retMsg"], len(answer["result"]["list"]))
    assert {str} == {type(value) for row in answer["result"]["list"] for value in row.values()}


async def test_rest_tells_funding_that_was_paid_newest_first() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("bybit") + "/") as http:
        path = "v5/market/funding/history?category=linear&symbol=SUIUSDT&limit=4"
        answer = await (await http.get(path)).json()

    times = [int(row["fundingRateTimestamp"]) for row in answer["result"]["list"]]
    assert [3_600_000] * 3 == [later - earlier for later, earlier in pairwise(times)]


async def test_rest_refuses_with_a_code_and_status_200() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("bybit") + "/") as http:
        for path in ("tickers", "tickers?category=linear&symbol=X", "funding/history?category=linear&symbol=X"):
            response = await http.get(f"v5/market/{path}")

            assert 200 == response.status
            assert 10001 == (await response.json())["retCode"]
        path = "funding/history?category=linear&symbol=BTCUSDT&startTime=1"
        assert 10001 == (await (await http.get(f"v5/market/{path}")).json())["retCode"]


async def test_a_book_is_a_snapshot_and_deltas_that_count_up_by_one() -> None:
    """Fifty levels of each side; asked for again, it comes whole again."""
    clock = Clock()
    async with opened(clock=clock) as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, {"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
        frames = [await hear(ws)]
        while len(frames) < 4:
            clock.now_ms += 2_000
            await box.step()
            frames.append(await hear(ws))
        left = await ask(ws, {"op": "unsubscribe", "args": ["orderbook.50.BTCUSDT"]})
        await ask(ws, {"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]})
        again = await hear(ws)

    assert ["snapshot", "delta", "delta", "delta"] == [frame["type"] for frame in frames]
    assert {"orderbook.50.BTCUSDT"} == {frame["topic"] for frame in frames}
    assert [1, 1, 1] == [later["data"]["u"] - earlier["data"]["u"] for earlier, later in pairwise(frames)]
    assert (50, 50) == (len(frames[0]["data"]["b"]), len(frames[0]["data"]["a"]))
    assert (True, "unsubscribe", "snapshot") == (left["success"], left["op"], again["type"])


async def test_trades_and_candles_come_to_who_asked_for_them() -> None:
    """Numbers are text, and a candle says how long it is."""
    clock = Clock()
    async with opened(clock=clock) as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, {"op": "subscribe", "args": ["publicTrade.ETHUSDT", "kline.1.ETHUSDT"]})
        seen: dict[str, dict[str, object]] = {}
        while len(seen) < 2:
            clock.now_ms += 250
            await box.step()
            async with asyncio.timeout(PATIENCE_S):
                frame = await hear(ws)
            seen[frame["topic"]] = frame["data"][0]

    trade, candle = seen["publicTrade.ETHUSDT"], seen["kline.1.ETHUSDT"]
    assert ("ETHUSDT", True) == (trade["s"], trade["S"] in ("Buy", "Sell"))
    assert {str} == {type(trade[key]) for key in ("v", "p", "i")} | {type(candle[key]) for key in ("open", "volume")}
    assert ("1", 59_999) == (candle["interval"], candle["end"] - candle["start"])  # type: ignore[operator]  # JSON


async def test_the_ticker_holds_the_best_prices() -> None:
    """A newcomer gets them with the rest."""
    async with opened() as box, dialled(box.ws_url("bybit")) as ws:
        await ask(ws, {"op": "subscribe", "args": ["tickers.BTCUSDT"]})
        ticker = (await hear(ws))["data"]

    assert float(ticker["bid1Price"]) < float(ticker["ask1Price"])
    assert {"bid1Size", "ask1Size", "lastPrice", "markPrice", "fundingRate"} <= ticker.keys()


async def test_rest_tells_who_is_long_and_what_the_fund_holds() -> None:
    """Five minutes a row; refusals have a code."""
    async with opened() as box, aiohttp.ClientSession(box.rest_url("bybit") + "/") as http:
        path = "v5/market/account-ratio?category=linear&symbol=BTCUSDT&period=5min&limit=3"
        rows = (await (await http.get(path)).json())["result"]["list"]
        funds = (await (await http.get("v5/market/insurance")).json())["result"]["list"]
        wrong = await (await http.get(path.replace("BTCUSDT", "NOSUCH"))).json()

    assert [300_000] * 2 == [int(later["timestamp"]) - int(earlier["timestamp"]) for later, earlier in pairwise(rows)]
    assert [1.0] * 3 == [round(float(row["buyRatio"]) + float(row["sellRatio"]), 9) for row in rows]
    assert {"USDT", "USDC", "BTC", "ETH"} == {fund["coin"] for fund in funds}
    assert 10001 == wrong["retCode"]
