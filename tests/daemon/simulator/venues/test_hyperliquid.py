"""Hyperliquid in the box, as a plain client sees it."""

import aiohttp
import pytest

from tests.daemon.simulator.far_end import opened


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
