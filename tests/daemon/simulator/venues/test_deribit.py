"""Deribit in the box, as a plain client sees it."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed

from daemon.simulator.box import Box
from tests.daemon.simulator.far_end import NOW_MS, Clock, ask, dialled, forced, hear, opened


async def _summaries(box: Box, http: aiohttp.ClientSession, currency: str, kind: str) -> list[dict[str, Any]]:
    url = f"{box.rest_url('deribit')}/public/get_book_summary_by_currency?currency={currency}&kind={kind}"
    answer = await (await http.get(url)).json()
    assert "2.0" == answer["jsonrpc"]
    rows: list[dict[str, Any]] = answer["result"]
    return rows


async def test_perpetuals_count_dollars_and_those_in_usdc_count_coins() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        inverse = {row["instrument_name"]: row for row in await _summaries(box, http, "BTC", "future")}
        linear = {row["instrument_name"]: row for row in await _summaries(box, http, "USDC", "future")}

    dollars, coins = inverse["BTC-PERPETUAL"]["open_interest"], linear["BTC_USDC-PERPETUAL"]["open_interest"]
    assert 1e8 < dollars < 1e10
    assert 1e3 < coins < 1e5
    assert "funding_8h" in inverse["BTC-PERPETUAL"]
    assert [] == [name for name, row in inverse.items() if "PERPETUAL" not in name and "funding_8h" in row]


async def test_options_expire_on_fridays_that_are_still_to_come() -> None:
    """In coins, with the price of what underlies them in dollars."""
    async with opened() as box, aiohttp.ClientSession() as http:
        rows = await _summaries(box, http, "BTC", "option")

    parts = [row["instrument_name"].split("-") for row in rows]
    days = {datetime.strptime(day, "%d%b%y").replace(tzinfo=UTC) for _, day, _, _ in parts}
    assert {4} == {day.weekday() for day in days}
    assert all(day.timestamp() * 1_000 > NOW_MS for day in days)
    assert {"C", "P"} == {side for *_, side in parts}
    assert all(0 < row["mark_price"] < 1 and row["underlying_price"] > 80_000 for row in rows)


async def test_a_ticker_is_one_of_the_futures_and_nothing_else_is_answered() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        url = f"{box.rest_url('deribit')}/public/ticker?instrument_name="
        ticker = (await (await http.get(f"{url}ETH-PERPETUAL")).json())["result"]
        refused = await http.get(f"{url}DOGE-PERPETUAL")

        assert 400 == refused.status
        assert 13_020 == (await refused.json())["error"]["code"]
    assert ("ETH-PERPETUAL", NOW_MS) == (ticker["instrument_name"], ticker["timestamp"])
    assert ticker["stats"]["volume_usd"] > 0


@pytest.mark.parametrize("query", ["", "currency=DOGE&kind=future", "currency=BTC&kind=spot"])
async def test_a_wrong_question_is_refused(query: str) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        response = await http.get(f"{box.rest_url('deribit')}/public/get_book_summary_by_currency?{query}")

        assert 400 == response.status
        assert "error" in await response.json()


_CHANNELS = ["ticker.BTC-PERPETUAL.100ms", "trades.BTC-PERPETUAL.100ms", "ticker.NOPE.100ms"]
_SUBSCRIBE = {"jsonrpc": "2.0", "id": 3, "method": "public/subscribe", "params": {"channels": _CHANNELS}}
_BEAT = {"jsonrpc": "2.0", "id": 0, "method": "public/set_heartbeat", "params": {"interval": 10}}


async def test_the_answer_names_the_channels_that_were_taken() -> None:
    async with opened() as box, dialled(box.ws_url("deribit")) as ws:
        answer = await ask(ws, _SUBSCRIBE)
        ticker = (await hear(ws))["params"]

    assert (3, _CHANNELS[:2]) == (answer["id"], answer["result"])
    assert _CHANNELS[0] == ticker["channel"]
    assert {"mark_price", "index_price", "open_interest", "funding_8h", "current_funding"} <= ticker["data"].keys()
    assert 1e8 < ticker["data"]["open_interest"] < 1e10, "dollars"


async def test_a_liquidation_is_a_trade_with_a_flag() -> None:
    async with opened() as box, dialled(box.ws_url("deribit")) as ws:
        await ask(ws, _SUBSCRIBE)
        await hear(ws)
        await box.say("deribit", [forced("deribit", 2.0, symbol="BTC-USD-PERP")])
        [trade] = (await hear(ws))["params"]["data"]

    assert ("T", "sell", 170_000.0, 85_000.0) == (
        trade["liquidation"], trade["direction"], trade["amount"], trade["price"]
    )  # fmt: skip
    assert isinstance(trade["trade_id"], str)


@pytest.mark.parametrize("answers", [True, False])
async def test_who_does_not_answer_a_test_request_is_cut(answers: bool) -> None:
    clock = Clock()
    async with opened("market: {liquidations_per_minute: 0}", clock) as box, dialled(box.ws_url("deribit")) as ws:
        assert "ok" == (await ask(ws, _BEAT))["result"]
        for _ in range(2):
            clock.now_ms += 10_000
            await box.step()
            if answers or clock.now_ms == NOW_MS + 10_000:
                assert {"type": "test_request"} == (await hear(ws))["params"]
            if answers:
                assert "version" in (await ask(ws, {"jsonrpc": "2.0", "id": 9, "method": "public/test"}))["result"]

        if not answers:
            with pytest.raises(ConnectionClosed):
                await ws.recv()


async def test_rubbish_is_a_parse_error() -> None:
    async with opened() as box, dialled(box.ws_url("deribit")) as ws:
        assert -32700 == (await ask(ws, "rubbish"))["error"]["code"]
