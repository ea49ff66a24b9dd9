"""DataMaxi+ in the box, as a plain client sees it."""

from typing import Any

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from tests.daemon.simulator.far_end import NOW_MS, ask, dialled, hear, opened, rate

_KEY = {"X-DTMX-APIKEY": "any"}


async def test_without_a_key_nobody_comes_in() -> None:
    async with opened() as box:
        with pytest.raises(InvalidStatus) as caught:
            async with dialled(box.ws_url("datamaxi")):
                pass
        async with aiohttp.ClientSession() as http:
            response = await http.get(f"{box.rest_url('datamaxi')}/api/v1/funding-rate/symbols")

    assert (401, 401) == (caught.value.response.status_code, response.status)


async def test_an_acknowledgement_lists_what_was_taken() -> None:
    """A partial list is a partial failure; no error says so."""
    wish = ["BTC-USDT@binance", "NOSUCH-USDT@bybit", "BTC-USDT@bitmex"]
    async with opened() as box, dialled(box.ws_url("datamaxi"), additional_headers=_KEY) as ws:
        answer = await ask(ws, {"method": "SUBSCRIBE", "params": wish, "id": 1})

    assert {"result": ["BTC-USDT@binance"], "id": 1} == answer


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("reference", {"f": 0.0001, "i": 8, "id": "btc", "d": NOW_MS + 3_600_000, "p": NOW_MS}),
        ("tutorial", {"f": 0.0001, "i": 8, "d": NOW_MS + 3_600_000, "p": NOW_MS}),
        ("old", {"r": 0.0001, "d": NOW_MS}),
    ],
)
async def test_a_rate_comes_in_each_of_the_published_shapes(shape: Any, expected: dict[str, object]) -> None:
    async with opened() as box, dialled(box.ws_url("datamaxi"), additional_headers=_KEY) as ws:
        await ask(ws, {"method": "SUBSCRIBE", "params": ["BTC-USDT@binance"], "id": 1})
        venue: Any = box.venues["datamaxi"]
        venue.shape = shape
        await box.say("datamaxi", [rate("bybit", 0.5), rate("binance", 0.0001)])
        frame = await hear(ws)

    assert {"e": "binance", "s": "BTC-USDT", "b": "BTC", "q": "USDT", **expected} == frame


async def test_a_ping_is_answered() -> None:
    async with opened() as box, dialled(box.ws_url("datamaxi"), additional_headers=_KEY) as ws:
        answer = await ask(ws, {"method": "PING", "params": [], "id": 1})

    assert {"result": "PONG", "id": 1} == answer


async def test_pairs_can_be_discovered_by_exchange() -> None:
    async with opened() as box, aiohttp.ClientSession(headers=_KEY) as http:
        url = f"{box.rest_url('datamaxi')}/api/v1/funding-rate/symbols"
        okx = await (await http.get(url, params={"exchange": "okx"})).json()
        everything = await (await http.get(url)).json()

    assert "PEPE-USDT" in okx
    assert "1000PEPE-USDT" not in okx
    assert {"PEPE-USDT", "1000PEPE-USDT"} < set(everything)
