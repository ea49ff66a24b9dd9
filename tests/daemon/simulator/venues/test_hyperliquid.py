"""Hyperliquid in the box, as a plain client sees it."""

import aiohttp
import pytest

from tests.daemon.simulator.far_end import ask, dialled, hear, mark, opened


async def test_names_and_numbers_come_in_the_same_order() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        response = await http.post(f"{box.rest_url('hyperliquid')}/info", json={"type": "metaAndAssetCtxs"})
        meta, contexts = await response.json()

    rows = dict(zip([asset["name"] for asset in meta["universe"]], contexts, strict=True))
    assert 12 == len(rows)
    assert 85_000 < float(rows["BTC"]["markPx"]) < 85_600
    assert 0.004 < float(rows["kPEPE"]["markPx"]) < 0.006
    assert {str} == {type(row[name]) for row in rows.values() for name in ("funding", "openInterest", "dayNtlVlm")}


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type": "meta"}', b'{"type": 7}'])
async def test_another_question_is_refused(body: bytes) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        assert 422 == (await http.post(f"{box.rest_url('hyperliquid')}/info", data=body)).status


_BITCOIN = {"method": "subscribe", "subscription": {"type": "activeAssetCtx", "coin": "BTC"}}


async def test_a_coin_is_told_whole_and_without_a_time() -> None:
    async with opened() as box, dialled(box.ws_url("hyperliquid")) as ws:
        answer = await ask(ws, _BITCOIN)
        first = await hear(ws)
        await box.say("hyperliquid", [mark("hyperliquid", 85_000.5, index=84_990.0)])
        second = await hear(ws)

    assert ("subscriptionResponse", _BITCOIN) == (answer["channel"], answer["data"])
    assert "BTC" == first["data"]["coin"]
    assert ("85000.5", "84990") == (second["data"]["ctx"]["markPx"], second["data"]["ctx"]["oraclePx"])
    assert second["data"]["ctx"]["funding"] == first["data"]["ctx"]["funding"]
    assert None is second["data"]["ctx"]["premium"]
    assert "time" not in second["data"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"method": "subscribe", "subscription": {"type": "liquidations", "coin": "BTC"}}, "Invalid subscription"),
        ({"method": "subscribe", "subscription": {"type": "activeAssetCtx", "coin": "NOPE"}}, '"coin":"NOPE"'),
        ({"method": "dance"}, "Error parsing JSON"),
        ("rubbish", "Error parsing JSON"),
    ],
)
async def test_what_does_not_exist_is_an_error_in_words(request_: object, words: str) -> None:
    """There is no liquidation channel."""
    async with opened() as box, dialled(box.ws_url("hyperliquid")) as ws:
        answer = await ask(ws, request_)

    assert "error" == answer["channel"]
    assert words in answer["data"]


async def test_the_same_coin_again_is_said_to_be_there_already() -> None:
    async with opened() as box, dialled(box.ws_url("hyperliquid")) as ws:
        await ask(ws, _BITCOIN)
        await hear(ws)

        assert "Already subscribed" in (await ask(ws, _BITCOIN))["data"]
        assert {"channel": "pong"} == await ask(ws, {"method": "ping"})
        assert "subscriptionResponse" == (await ask(ws, {**_BITCOIN, "method": "unsubscribe"}))["channel"]
        assert set() == box.subscriptions("hyperliquid").topics
