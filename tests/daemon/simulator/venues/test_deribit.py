"""Deribit in the box, as a plain client sees it."""

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from daemon.simulator.box import Box
from tests.daemon.simulator.far_end import NOW_MS, opened


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
