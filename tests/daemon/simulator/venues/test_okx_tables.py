"""What OKX in the box says beside its streams, as a plain client sees it."""

from typing import Any

import aiohttp
import pytest

from daemon.simulator.box import Box
from tests.daemon.simulator.far_end import NOW_MS, opened

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


async def _asked(box: Box, http: aiohttp.ClientSession, path: str) -> list[Any]:
    answer = await (await http.get(f"{box.rest_url('okx')}/api/v5/{path}")).json()
    assert "0" == answer["code"], answer
    rows: list[Any] = answer["data"]
    return rows


async def test_any_is_every_swap_and_funding_time_is_the_next_settlement() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        rows = {row["instId"]: row for row in await _asked(box, http, "public/funding-rate?instId=ANY")}

    assert 13 == len(rows)
    for name, hours in (("BTC-USDT-SWAP", 8), ("AVAX-USDT-SWAP", 4)):
        settles, after = int(rows[name]["fundingTime"]), int(rows[name]["nextFundingTime"])
        assert (hours * HOUR_MS, 0) == (after - settles, settles % (hours * HOUR_MS))
        assert 0 < settles - NOW_MS <= hours * HOUR_MS


async def test_contracts_are_counted_in_contracts_coins_and_dollars() -> None:
    """An inverse one is a hundred dollars, a linear one a hundredth of a bitcoin."""
    async with opened() as box, aiohttp.ClientSession() as http:
        interest = {row["instId"]: row for row in await _asked(box, http, "public/open-interest?instType=SWAP")}

    linear, inverse = interest["BTC-USDT-SWAP"], interest["BTC-USD-SWAP"]
    assert abs(float(linear["oi"]) * 0.01 / float(linear["oiCcy"]) - 1) < 1e-3
    assert abs(float(inverse["oi"]) * 100 / float(inverse["oiUsd"]) - 1) < 1e-3


@pytest.mark.parametrize(("bar", "hour"), [("1D", 16), ("1Dutc", 0)])
async def test_days_begin_in_hong_kong_unless_they_are_asked_for_with_utc(bar: str, hour: int) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        rows = await _asked(box, http, f"market/history-candles?instId=BTC-USDT-SWAP&bar={bar}&limit=3")

    assert [hour * HOUR_MS] * 3 == [int(row[0]) % DAY_MS for row in rows]
    assert int(rows[0][0]) > int(rows[1][0])
    assert ["0", "1", "1"] == [row[8] for row in rows], "the newest is not confirmed"


async def test_funding_that_was_paid_is_remembered_for_three_months() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        oldest, pages = NOW_MS, 0
        while rows := await _asked(
            box, http, f"public/funding-rate-history?instId=BTC-USDT-SWAP&limit=100&after={oldest}"
        ):
            oldest, pages = int(rows[-1]["fundingTime"]), pages + 1

    assert 3 == pages
    assert 91 * DAY_MS < NOW_MS - oldest <= 92 * DAY_MS


@pytest.mark.parametrize(
    "path",
    [
        "public/funding-rate",
        "public/mark-price?instId=NOSUCH",
        "market/candles?instId=NOSUCH",
        "market/candles?instId=BTC-USDT-SWAP&bar=7x",
        "public/funding-rate-history?instId=NOSUCH",
        "rubik/stat/contracts/open-interest-history?instId=NOSUCH",
    ],
)
async def test_a_wrong_question_is_refused_with_a_code(path: str) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        answer = await (await http.get(f"{box.rest_url('okx')}/api/v5/{path}")).json()

    assert "0" != answer["code"]
    assert answer["msg"]
