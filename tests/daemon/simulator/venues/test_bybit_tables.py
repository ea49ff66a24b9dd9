"""What Bybit in the box says beside its streams, as a plain client sees it."""

from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from daemon.simulator.box import Box
from tests.daemon.simulator.far_end import NOW_MS, opened

HOUR_MS = 3_600_000


async def _asked(box: Box, http: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    answer = await (await http.get(f"{box.rest_url('bybit')}/v5/market/{path}")).json()
    assert 0 == answer["retCode"], answer
    result: dict[str, Any] = answer["result"]
    return result


async def test_an_inverse_contract_has_its_units_the_other_way_round() -> None:
    """Sizes and volumes in dollars, values and turnovers in coins; and the interest of both sides is twice that of one."""
    async with opened() as box, aiohttp.ClientSession() as http:
        found = await _asked(box, http, "tickers?category=inverse&symbol=BTCUSD")

    (row,) = found["list"]
    size, value = float(row["singleOpenInterest"]), float(row["singleOpenInterestValue"])
    assert abs(size / value / float(row["markPrice"]) - 1) < 1e-6
    assert abs(float(row["volume24h"]) / float(row["turnover24h"]) / float(row["markPrice"]) - 1) < 1e-6
    assert (2 * size, 2 * value) == (float(row["openInterest"]), float(row["openInterestValue"]))


async def test_open_interest_goes_back_by_cursor_until_there_is_no_more() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        path = (
            f"open-interest?category=linear&symbol=BTCUSDT&intervalTime=1h&limit=100&startTime={NOW_MS - 250 * HOUR_MS}"
        )
        times, cursor, pages = [], "", 0
        while True:
            page = await _asked(box, http, f"{path}&cursor={cursor}")
            times += [int(row["timestamp"]) for row in page["list"]]
            cursor, pages = page["nextPageCursor"], pages + 1
            if not cursor:
                break

    assert (3, 250) == (pages, len(times))
    assert {HOUR_MS} == {later - earlier for later, earlier in pairwise(times)}, "newest first"


@pytest.mark.parametrize(("kind", "columns"), [("kline", 7), ("mark-price-kline", 5)])
async def test_candles_come_newest_first_and_the_first_one_runs(kind: str, columns: int) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        rows = (await _asked(box, http, f"{kind}?category=linear&symbol=ETHUSDT&interval=60&limit=5"))["list"]

    assert {columns} == {len(row) for row in rows}
    assert NOW_MS // HOUR_MS * HOUR_MS == int(rows[0][0])
    for _, first, high, low, last, *_ in rows:
        assert float(low) <= min(float(first), float(last)) <= max(float(first), float(last)) <= float(high)


@pytest.mark.parametrize(
    "path",
    [
        "kline?category=linear&symbol=NOSUCH&interval=60",
        "kline?category=linear&symbol=BTCUSDT&interval=7",
        "kline?category=inverse&symbol=BTCUSDT&interval=60",
        "open-interest?category=linear&symbol=BTCUSDT&intervalTime=1y",
        "tickers?category=spot",
    ],
)
async def test_a_wrong_question_is_refused_with_status_200(path: str) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        response = await http.get(f"{box.rest_url('bybit')}/v5/market/{path}")

        assert (200, 10001) == (response.status, (await response.json())["retCode"])
