"""Binance in the box, as a plain client sees it."""

from itertools import pairwise

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosedError

from tests.daemon.simulator.far_end import NOW_MS, Clock, ask, dialled, forced, hear, interest, mark, opened, rate


async def test_a_subscription_is_acknowledged_by_its_id_and_delivers_bare_payloads() -> None:
    """The request and the frame are those of the venue's documentation."""
    async with opened() as box, dialled(box.ws_url("binance")) as ws:
        answer = await ask(ws, {"method": "SUBSCRIBE", "params": ["btcusdt@markPrice@1s"], "id": 7})
        await box.say("binance", [mark("binance", 85_296.6, index=85_345.9), rate("binance", 5.23e-6)])
        frame = await hear(ws)

    assert {"result": None, "id": 7} == answer
    assert ("markPriceUpdate", NOW_MS, "BTCUSDT") == (frame["e"], frame["E"], frame["s"])
    assert ("85296.6", "85345.9", "0.00000523") == (frame["p"], frame["i"], frame["r"])
    assert NOW_MS + 3_600_000 == frame["T"]


async def test_a_liquidation_of_a_long_is_a_sell_order() -> None:
    """`S` is the side of the forced order, the reverse of Bybit's."""
    async with opened() as box, dialled(box.ws_url("binance")) as ws:
        await ask(ws, {"method": "SUBSCRIBE", "params": ["!forceOrder@arr"], "id": 1})
        await box.say("binance", [forced("binance", 0.5, 85_000.0)])
        frame = await hear(ws)

    assert "forceOrder" == frame["e"]
    order = frame["o"]
    assert ("BTCUSDT", "SELL", "0.5", "85000", NOW_MS) == (
        order["s"], order["S"], order["z"], order["ap"], order["T"]
    )  # fmt: skip


async def test_subscriptions_can_be_listed_and_given_up() -> None:
    async with opened() as box, dialled(box.ws_url("binance")) as ws:
        await ask(ws, {"method": "SUBSCRIBE", "params": ["btcusdt@forceOrder", "!forceOrder@arr"], "id": 1})
        await ask(ws, {"method": "UNSUBSCRIBE", "params": ["btcusdt@forceOrder"], "id": 2})
        listed = await ask(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 3})

    assert {"result": ["!forceOrder@arr"], "id": 3} == listed


async def test_an_unknown_stream_is_acknowledged_like_a_good_one() -> None:
    """Binance never says that a stream does not exist."""
    async with opened() as box, dialled(box.ws_url("binance")) as ws:
        answer = await ask(ws, {"method": "SUBSCRIBE", "params": ["nosuch@thing"], "id": 1})

    assert {"result": None, "id": 1} == answer


async def test_what_is_no_request_is_answered_with_a_code() -> None:
    async with opened() as box, dialled(box.ws_url("binance")) as ws:
        answer = await ask(ws, "hello")

    assert 2 == answer["code"]
    assert answer["msg"].startswith("Invalid request")


async def test_the_combined_path_wraps_each_payload_and_takes_streams_from_its_query() -> None:
    async with opened() as box:
        url = f"ws://127.0.0.1:{box.port}/binance/market/stream?streams=btcusdt@markPrice@1s/!forceOrder@arr"
        async with dialled(url) as ws:
            await box.subscriptions("binance").until("btcusdt@markPrice@1s", "!forceOrder@arr")
            await box.say("binance", [mark("binance", 85_000.0), forced("binance")])
            first, second = await hear(ws), await hear(ws)

    assert ("btcusdt@markPrice@1s", "markPriceUpdate") == (first["stream"], first["data"]["e"])
    assert ("!forceOrder@arr", "forceOrder") == (second["stream"], second["data"]["e"])


async def test_all_marks_come_as_one_array() -> None:
    async with opened() as box, dialled(box.ws_url("binance") + "/!markPrice@arr@1s") as ws:
        await box.subscriptions("binance").until("!markPrice@arr@1s")
        await box.say("binance", [mark("binance", 1.0), mark("binance", 2.0, symbol="ETH-USDT-PERP")])
        frame = await hear(ws)

    assert ["BTCUSDT", "ETHUSDT"] == [row["s"] for row in frame]


async def test_the_unrouted_path_acknowledges_and_never_delivers() -> None:
    """Since 2026-04 market streams on /ws fail in silence; a good connection beside it gets the frame."""
    async with opened() as box:
        deaf_url = f"ws://127.0.0.1:{box.port}/binance/ws"
        async with dialled(deaf_url) as deaf, dialled(box.ws_url("binance")) as good:
            wish = {"method": "SUBSCRIBE", "params": ["!forceOrder@arr"], "id": 1}
            assert {"result": None, "id": 1} == await ask(deaf, wish)
            await ask(good, wish)
            await box.say("binance", [forced("binance")])
            await hear(good)
            # the next thing on the deaf connection is the answer to its next question
            listed = await ask(deaf, {"method": "LIST_SUBSCRIPTIONS", "id": 2})

    assert {"result": ["!forceOrder@arr"], "id": 2} == listed


async def test_more_than_ten_requests_a_second_end_the_connection() -> None:
    async with opened() as box, dialled(box.ws_url("binance")) as ws:
        for number in range(11):
            await ws.send(f'{{"method":"LIST_SUBSCRIPTIONS","id":{number}}}')
        with pytest.raises(ConnectionClosedError) as caught:
            while True:
                await ws.recv()

    assert caught.value.rcvd is not None
    assert 1008 == caught.value.rcvd.code


async def test_rest_answers_what_was_said_last() -> None:
    """A poller and a stream of one venue never contradict each other."""
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        await box.say("binance", [mark("binance", 85_001.5), rate("binance", 0.0007), interest("binance", 1234.5, 1.0)])
        premium = await (await http.get("fapi/v1/premiumIndex?symbol=BTCUSDT")).json()
        every = await (await http.get("fapi/v1/premiumIndex")).json()
        open_interest = await (await http.get("fapi/v1/openInterest?symbol=BTCUSDT")).json()

    assert ("85001.5", "0.0007") == (premium["markPrice"], premium["lastFundingRate"])
    assert 13 == len(every)  # twelve coins, and one contract of COIN-M
    assert {"openInterest": "1234.5", "symbol": "BTCUSDT", "time": NOW_MS} == open_interest


async def test_rest_knows_the_intervals_that_are_not_eight_hours() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        info = await (await http.get("fapi/v1/fundingInfo")).json()

    hours = {row["symbol"]: row["fundingIntervalHours"] for row in info}
    assert (4, 1) == (hours["SOLUSDT"], hours["1000PEPEUSDT"])
    assert "BTCUSDT" not in hours


async def test_rest_tells_funding_that_was_paid_oldest_first() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        paid = await (await http.get("fapi/v1/fundingRate?symbol=BTCUSDT&limit=3")).json()

    times = [row["fundingTime"] for row in paid]
    assert [28_800_000, 28_800_000] == [times[1] - times[0], times[2] - times[1]]
    assert times[2] <= NOW_MS


async def test_rest_refuses_a_symbol_that_is_not_listed() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        for path in ("openInterest", "premiumIndex", "fundingRate"):
            response = await http.get(f"fapi/v1/{path}?symbol=NOSUCHUSDT")

            assert (400, -1121) == (response.status, (await response.json())["code"])


async def test_each_route_is_silent_about_the_streams_of_the_other() -> None:
    """They are acknowledged like good ones; that is the trap."""
    public, market = ["btcusdt@trade", "btcusdt@depth@100ms"], ["btcusdt@markPrice@1s", "btcusdt@kline_1m"]
    async with opened() as box:
        for route, own in (("public", public), ("market", market)):
            async with dialled(f"ws://127.0.0.1:{box.port}/binance/{route}/ws") as ws:
                wish = {"method": "SUBSCRIBE", "params": [*public, *market], "id": 1}
                assert {"result": None, "id": 1} == await ask(ws, wish)
                listed = await ask(ws, {"method": "LIST_SUBSCRIPTIONS", "id": 2})

                assert sorted([*public, *market]) == listed["result"]
                assert frozenset(own) == box.subscriptions("binance").topics
            await box.subscriptions("binance").until_gone()


async def test_a_book_goes_on_from_the_answer_to_depth() -> None:
    """`pu` of each update is `u` of the one before, and the first one reaches beyond `lastUpdateId`."""
    clock = Clock()
    async with opened(clock=clock) as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        async with dialled(f"ws://127.0.0.1:{box.port}/binance/public/ws") as ws:
            await ask(ws, {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1})
            await box.step()
            answer = await (await http.get("fapi/v1/depth?symbol=BTCUSDT&limit=5")).json()
            frames: list[dict[str, int]] = []
            while len(frames) < 3:
                clock.now_ms += 1_000
                await box.step()
                frames.append(await hear(ws))
        unknown = await http.get("fapi/v1/depth?symbol=NOSUCHUSDT")

    assert [answer["lastUpdateId"], frames[0]["u"], frames[1]["u"]] == [frame["pu"] for frame in frames]
    assert frames[0]["U"] == answer["lastUpdateId"] + 1
    assert (5, 5) == (len(answer["bids"]), len(answer["asks"]))
    assert float(answer["bids"][0][0]) < float(answer["asks"][0][0])
    assert 400 == unknown.status


async def test_trading_streams_look_like_the_venues() -> None:
    """Letters and types of the recorded frames."""
    clock = Clock()
    topics = ["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms"]
    async with opened(clock=clock) as box, dialled(f"ws://127.0.0.1:{box.port}/binance/public/ws") as ws:
        await ask(ws, {"method": "SUBSCRIBE", "params": topics, "id": 1})
        seen: dict[str, dict[str, object]] = {}
        while len(seen) < 3:
            clock.now_ms += 1_000
            await box.step()
            frame = await hear(ws)  # each step brings one at least
            seen.setdefault(frame["e"], frame)

    letters = {kind: {name: type(value).__name__ for name, value in frame.items()} for kind, frame in seen.items()}
    assert {
        "e": "str", "E": "int", "T": "int", "s": "str", "t": "int", "p": "str", "q": "str", "X": "str", "m": "bool",
        "st": "int",
    } == letters["trade"]  # fmt: skip
    assert {
        "e": "str", "u": "int", "s": "str", "ps": "str", "b": "str", "B": "str", "a": "str", "A": "str", "T": "int",
        "E": "int", "st": "int",
    } == letters["bookTicker"]  # fmt: skip
    assert {
        "e": "str", "E": "int", "T": "int", "s": "str", "ps": "str", "st": "int", "U": "int", "u": "int", "pu": "int",
        "b": "list", "a": "list",
    } == letters["depthUpdate"]  # fmt: skip


async def test_rest_tells_how_accounts_stand_and_what_the_fund_holds() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        path = "futures/data/globalLongShortAccountRatio"
        rows = await (await http.get(f"{path}?symbol=BTCUSDT&period=5m&limit=3")).json()
        wrong = await http.get(f"{path}?symbol=BTCUSDT&period=1m")
        funds = await (await http.get("fapi/v1/insuranceBalance")).json()

    assert [300_000, 300_000] == [later["timestamp"] - one["timestamp"] for one, later in pairwise(rows)]
    assert 1.0 == pytest.approx(float(rows[0]["longAccount"]) + float(rows[0]["shortAccount"]))
    assert 400 == wrong.status
    assert {"USDT", "USDC", "BTC"} == {row["asset"] for row in funds[0]["assets"]}
