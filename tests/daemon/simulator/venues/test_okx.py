"""OKX in the box, as a plain client sees it."""

import asyncio
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosedError

from daemon.simulator.box import Box
from tests.daemon.simulator.far_end import NOW_MS, Clock, ask, dialled, forced, hear, interest, mark, opened, rate
from tests.patience import PATIENCE_S

_MARK = {"channel": "mark-price", "instId": "BTC-USDT-SWAP"}


async def test_each_argument_is_acknowledged_by_itself_and_the_state_follows() -> None:
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        await box.say("okx", [mark("okx", 85_000.5), rate("okx", 0.0002)])
        arg = {"channel": "funding-rate", "instId": "BTC-USDT-SWAP"}
        first = await ask(ws, {"id": "1512", "op": "subscribe", "args": [_MARK, arg]})
        second, price, funding = await hear(ws), await hear(ws), await hear(ws)

    assert ("1512", "subscribe", _MARK) == (first["id"], first["event"], first["arg"])
    assert arg == second["arg"]
    assert (_MARK, "85000.5", str(NOW_MS)) == (price["arg"], price["data"][0]["markPx"], price["data"][0]["ts"])
    row = funding["data"][0]
    assert ("0.0002", 28_800_000) == (row["fundingRate"], int(row["nextFundingTime"]) - int(row["fundingTime"]))
    assert {str} == {type(value) for value in row.values()}


async def test_open_interest_is_in_coins_and_dollars() -> None:
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        await ask(ws, {"op": "subscribe", "args": [{"channel": "open-interest", "instId": "BTC-USDT-SWAP"}]})
        await hear(ws)
        await box.say("okx", [interest("okx", 321.5, 27_000_000.0)])
        row = (await hear(ws))["data"][0]

    assert ("321.5", "27000000") == (row["oiCcy"], row["oiUsd"])


async def test_liquidations_count_in_contracts() -> None:
    """2 BTC are 200 contracts of 0.01 BTC; 100 million PEPE are 10 contracts of 10 million."""
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        answer = await ask(
            ws, {"op": "subscribe", "args": [{"channel": "liquidation-orders", "instType": "SWAP", "instId": "X"}]}
        )
        await box.say("okx", [forced("okx", 2.0), forced("okx", 1e8, 5e-6, symbol="PEPE-USDT-PERP")])
        first, second = await hear(ws), await hear(ws)

    assert {"channel": "liquidation-orders", "instType": "SWAP"} == answer["arg"], "an instId beside it is dropped"
    detail = first["data"][0]["details"][0]
    assert ("sell", "long", "200", str(NOW_MS)) == (detail["side"], detail["posSide"], detail["sz"], detail["ts"])
    assert ("PEPE-USDT-SWAP", "10") == (second["data"][0]["instId"], second["data"][0]["details"][0]["sz"])


async def test_instruments_tell_what_a_contract_is() -> None:
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        await ask(ws, {"op": "subscribe", "args": [{"channel": "instruments", "instType": "SWAP"}]})
        rows = {row["instId"]: row for row in (await hear(ws))["data"]}
        async with aiohttp.ClientSession(box.rest_url("okx") + "/") as http:
            rest = await (await http.get("api/v5/public/instruments?instType=SWAP")).json()

    assert ("0.01", "linear") == (rows["BTC-USDT-SWAP"]["ctVal"], rows["BTC-USDT-SWAP"]["ctType"])
    assert ("100", "inverse") == (rows["BTC-USD-SWAP"]["ctVal"], rows["BTC-USD-SWAP"]["ctType"])
    assert rest["data"] == list(rows.values())


@pytest.mark.parametrize(
    "arg",
    [
        {"channel": "liquidation-orders", "instId": "BTC-USDT-SWAP"},
        {"channel": "mark-price", "instId": "NOSUCH-USDT-SWAP"},
        {"channel": "nonsense", "instId": "BTC-USDT-SWAP"},
    ],
)
async def test_a_wrong_argument_is_refused_and_its_neighbour_is_not(arg: dict[str, str]) -> None:
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        error = await ask(ws, {"id": "9", "op": "subscribe", "args": [arg, _MARK]})
        taken = await hear(ws)

    assert ("error", "60018") == (error["event"], error["code"])
    assert arg["instId"] in error["msg"]
    assert ("subscribe", _MARK) == (taken["event"], taken["arg"])


async def test_what_is_no_request_is_error_60012() -> None:
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        answer = await ask(ws, '{"op": "sub')
        unknown = await ask(ws, {"op": "dance", "args": []})

    assert ("error", "60012") == (answer["event"], answer["code"])
    assert "60012" == unknown["code"]


async def test_a_text_ping_is_answered_by_a_text_pong() -> None:
    async with opened() as box, dialled(box.ws_url("okx")) as ws:
        await ws.send("ping")

        assert "pong" == await ws.recv()


async def test_a_quiet_connection_is_cut_although_protocol_pings_arrive() -> None:
    """Only data and text count; the real limit is 30 s."""
    async with opened() as box:
        box.venues["okx"].silence_s = 0.2
        async with dialled(box.ws_url("okx")) as ws:
            with pytest.raises(ConnectionClosedError):
                while True:
                    await (await ws.ping())


async def test_funding_that_was_paid_is_told_with_the_next_prediction() -> None:
    from tests.daemon.simulator.far_end import Clock

    clock = Clock(NOW_MS // 28_800_000 * 28_800_000 + 28_799_000)
    async with opened("market: {liquidations_per_minute: 0}", clock) as box, dialled(box.ws_url("okx")) as ws:
        arg = {"channel": "funding-rate", "instId": "BTC-USDT-SWAP"}
        await ask(ws, {"op": "subscribe", "args": [arg]})
        before = (await hear(ws))["data"][0]
        clock.now_ms += 2_000
        await box.step()
        after = (await hear(ws))["data"][0]

    assert "settled" == after["settState"]
    assert before["nextFundingTime"] == after["fundingTime"]


async def test_a_book_is_a_snapshot_and_updates_that_name_the_one_before() -> None:
    """In contracts, four columns a level."""
    clock, arg = Clock(), {"channel": "books", "instId": "BTC-USDT-SWAP"}
    async with opened(clock=clock) as box, dialled(box.ws_url("okx")) as ws:
        await ask(ws, {"op": "subscribe", "args": [arg]})
        frames = [await hear(ws)]
        while len(frames) < 4:
            clock.now_ms += 2_000
            await box.step()
            frames.append(await hear(ws))

    rows = [frame["data"][0] for frame in frames]
    assert ["snapshot", "update", "update", "update"] == [frame["action"] for frame in frames]
    assert [-1, *(row["seqId"] for row in rows[:-1])] == [row["prevSeqId"] for row in rows]
    assert {4} == {len(level) for row in rows for level in row["bids"] + row["asks"]}
    assert all(float(level[1]).is_integer() for level in rows[0]["bids"])


async def test_candles_are_spoken_on_the_address_of_candles_only() -> None:
    """And nothing else is."""
    candle, trades = ({"channel": channel, "instId": "BTC-USDT-SWAP"} for channel in ("candle1m", "trades"))
    clock = Clock()
    async with opened(clock=clock) as box, dialled(box.ws_url("okx")) as ws:
        refused = await ask(ws, {"op": "subscribe", "args": [candle]})
        async with dialled(box.ws_url("okx").replace("public", "business")) as business:
            taken = await ask(business, {"op": "subscribe", "args": [candle]})
            other = await ask(business, {"op": "subscribe", "args": [trades]})
            clock.now_ms += 250
            await box.step()
            row = (await hear(business))["data"][0]

    assert ("error", "subscribe", "error") == (refused["event"], taken["event"], other["event"])
    assert (9, {str}, "0") == (len(row), {type(value) for value in row}, row[8])


async def test_trades_and_tickers_count_contracts() -> None:
    """Whole ones; a newcomer to a ticker gets it at once."""
    clock = Clock()
    async with opened(clock=clock) as box, dialled(box.ws_url("okx")) as ws:
        args = [{"channel": channel, "instId": "ETH-USDT-SWAP"} for channel in ("tickers", "trades")]
        await ask(ws, {"op": "subscribe", "args": args})
        await hear(ws)
        ticker = (await hear(ws))["data"][0]
        frame = await hear_on(ws, "trades", box, clock)

    assert float(ticker["bidPx"]) < float(ticker["askPx"])
    assert float(ticker["bidSz"]).is_integer()
    assert float(frame["sz"]).is_integer()
    assert frame["side"] in ("buy", "sell")


async def hear_on(ws: ClientConnection, channel: str, box: Box, clock: Clock) -> dict[str, Any]:
    """The first row of this channel, however long the market takes."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            clock.now_ms += 250
            await box.step()
            frame = await hear(ws)
            if frame.get("arg", {}).get("channel") == channel:
                row: dict[str, Any] = frame["data"][0]
                return row


async def test_rest_tells_who_is_long_and_what_the_fund_holds() -> None:
    """A family answers in the coin it settles in, and with the total of all."""
    async with opened() as box, aiohttp.ClientSession(box.rest_url("okx") + "/") as http:
        path = "api/v5/rubik/stat/contracts/long-short-account-ratio-contract?instId=BTC-USDT-SWAP&period=5m&limit=2"
        rows = (await (await http.get(path)).json())["data"]
        fund = "api/v5/public/insurance-fund?instType=SWAP&instFamily="
        coins = {
            family: (await (await http.get(fund + family)).json())["data"][0]["details"][0]["ccy"]
            for family in ("BTC-USDT", "BTC-USD", "ETH-USD")
        }
        wrong = await (await http.get(path.replace("BTC-", "NOSUCH-"))).json()

    assert 300_000 == int(rows[0][0]) - int(rows[1][0])
    assert {"BTC-USDT": "USDT", "BTC-USD": "BTC", "ETH-USD": "ETH"} == coins
    assert "51001" == wrong["code"]
