"""What Binance in the box says beside its streams, as a plain client sees it."""

from itertools import pairwise

import aiohttp
import pytest

from tests.daemon.simulator.far_end import NOW_MS, opened

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


async def test_candles_go_on_from_a_start_and_end_with_the_one_that_runs() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        path = "fapi/v1/klines?symbol=BTCUSDT&interval=1h"
        first = await (await http.get(f"{path}&startTime={NOW_MS - 100 * HOUR_MS}&limit=10")).json()
        last = await (await http.get(f"{path}&limit=10")).json()
        marks = await (await http.get("fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1h&limit=2")).json()

    assert [10, 10] == [len(first), len(last)]
    assert 0 <= first[0][0] - (NOW_MS - 100 * HOUR_MS) < HOUR_MS
    assert NOW_MS // HOUR_MS * HOUR_MS == last[-1][0]
    assert {HOUR_MS} == {later[0] - earlier[0] for earlier, later in pairwise(last)}
    assert float(last[-1][5]) < float(last[-2][5]), "it has not traded for as long"
    assert ["0", "0"] == [marks[0][5], marks[0][7]], "mark prices have no volume"


async def test_open_interest_older_than_a_month_is_refused() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        path = "futures/data/openInterestHist?symbol=BTCUSDT&period=1d"
        good = await (await http.get(f"{path}&startTime={NOW_MS - 29 * DAY_MS}")).json()
        bad = await http.get(f"{path}&startTime={NOW_MS - 31 * DAY_MS}")

        assert (400, -1130) == (bad.status, (await bad.json())["code"])
    assert 29 == len(good)


async def test_funding_goes_on_from_a_start_and_old_rows_lack_the_mark_price() -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        path = "fapi/v1/fundingRate?symbol=BTCUSDT&limit=5"
        old = await (await http.get(f"{path}&startTime=1640995200000&endTime=1641081600000")).json()
        new = await (await http.get(path)).json()

    assert [1640995200000, 1641024000000, 1641052800000, 1641081600000] == [row["fundingTime"] for row in old]
    assert {""} == {row["markPrice"] for row in old}
    assert all(float(row["markPrice"]) > 0 for row in new)
    assert 5 == len(new)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("fapi/v1/ticker/24hr?symbol=NOSUCH", -1121),
        ("fapi/v1/klines?symbol=NOSUCH&interval=1h", -1121),
        ("fapi/v1/klines?symbol=BTCUSDT&interval=7h", -1120),
        ("futures/data/openInterestHist?symbol=BTCUSDT&period=1m", -1120),
    ],
)
async def test_a_wrong_question_is_refused(path: str, code: int) -> None:
    async with opened() as box, aiohttp.ClientSession(box.rest_url("binance") + "/") as http:
        response = await http.get(path)

        assert (400, code) == (response.status, (await response.json())["code"])
