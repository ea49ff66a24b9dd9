"""Bitget in the box, as a plain client sees it."""

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosedError

from tests.daemon.simulator.far_end import NOW_MS, ask, dialled, forced, hear, mark, opened, rate

_TICKER = {"instType": "usdt-futures", "topic": "ticker", "symbol": "BTCUSDT"}
_LIQUIDATION = {"instType": "usdt-futures", "topic": "liquidation"}


async def test_a_ticker_is_whole_and_all_text() -> None:
    async with opened() as box, dialled(box.ws_url("bitget")) as ws:
        await box.say("bitget", [mark("bitget", 85_000.5), rate("bitget", 0.0002)])
        answer = await ask(ws, {"op": "subscribe", "args": [_TICKER]})
        frame = await hear(ws)

    assert ("subscribe", _TICKER) == (answer["event"], answer["arg"])
    [row] = frame["data"]
    assert ("85000.5", "0.0002") == (row["markPrice"], row["fundingRate"])
    assert {str} == {type(value) for value in row.values()}


async def test_liquidations_of_the_whole_line_share_a_frame() -> None:
    """In the quote coin: 2 BTC at 85,000 are 170,000."""
    async with opened() as box, dialled(box.ws_url("bitget")) as ws:
        await ask(ws, {"op": "subscribe", "args": [_LIQUIDATION]})
        await box.say("bitget", [forced("bitget", 2.0), forced("bitget", symbol="ETH-USDT-PERP")])
        frame = await hear(ws)

    assert [("BTCUSDT", "buy", "170000", str(NOW_MS)), ("ETHUSDT", "buy", "170000", str(NOW_MS))] == [
        (row["symbol"], row["side"], row["amount"], row["ts"]) for row in frame["data"]
    ]


@pytest.mark.parametrize("arg", [{**_LIQUIDATION, "symbol": "BTCUSDT"}, {**_TICKER, "symbol": "NOPE"}, {"topic": "x"}])
async def test_a_wrong_argument_is_refused_and_its_neighbour_is_not(arg: dict[str, str]) -> None:
    async with opened() as box, dialled(box.ws_url("bitget")) as ws:
        error = await ask(ws, {"op": "subscribe", "args": [arg, _TICKER]})
        taken = await hear(ws)

    assert ("error", "30001") == (error["event"], error["code"])
    assert ("subscribe", _TICKER) == (taken["event"], taken["arg"])


async def test_instruments_say_how_often_they_pay() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("bitget") + "/") as http:
        good = await (await http.get("api/v3/market/instruments?category=USDT-FUTURES")).json()
        bad = await http.get("api/v3/market/instruments")

        assert 400 == bad.status
    hours = {row["symbol"]: row["fundInterval"] for row in good["data"]}
    assert ("8", "4") == (hours["BTCUSDT"], hours["SOLUSDT"])


async def test_a_text_ping_is_answered_and_nothing_else_keeps_the_connection() -> None:
    async with opened() as box:
        box.venues["bitget"].silence_s = 0.2
        async with dialled(box.ws_url("bitget")) as ws:
            await ws.send("ping")

            assert "pong" == await ws.recv()
            with pytest.raises(ConnectionClosedError):
                while True:
                    await (await ws.ping())


@pytest.mark.parametrize("text", ["rubbish", '{"op": "dance"}', "[]"])
async def test_what_is_no_request_is_an_error(text: str) -> None:
    async with opened() as box, dialled(box.ws_url("bitget")) as ws:
        assert ("error", "30003") == (((answer := await ask(ws, text))["event"]), answer["code"])
