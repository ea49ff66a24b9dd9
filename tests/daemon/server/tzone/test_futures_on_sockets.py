"""The document's own addresses, sent as printed to a real port; messages on the open socket; a feed that pushes."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection

from daemon.server.goodbye import Goodbye
from daemon.server.tzone import SPECS
from daemon.server.tzone.endpoint import Endpoint
from tests.daemon.server import fan
from tests.daemon.server.tzone import test_contract_comparison as contracts
from tests.daemon.server.tzone import test_fear_greed_index as mood
from tests.daemon.server.tzone import test_funding_rate_chart as funding
from tests.daemon.server.tzone import test_live_liquidation_feed as liquidations
from tests.daemon.server.tzone import test_oi_price_chart as interest
from tests.daemon.server.tzone.house import House, RecordVendors, house
from tests.patience import PATIENCE_S

PREFIX = "/tzone_apis/services/futures/ws/"
PRINTED = (
    'contract-comparison/table?ticker=BTC&markets=binance,bybit,bitmex&filters={"exchange":"Binance"}&sort_by=funding_rate'
    "&sort_order=desc&page=1&page_size=10",
    'fund-rate-tracker/table?symbols=BTC,ETH&markets=binance,bybit&filters={"exchange":"Bybit"}&sort_by=funding_rate'
    "&sort_order=desc&page=1&page_size=10",
    "funding-rate-chart?symbol=BTC&exchanges=binance,bybit&start_time=1640995200&end_time=1641081600&limit=100"
    '&filters={"source":"CoinDesk-binance"}&timeframe=7d&time_field=timestamp',
    "oi-price/chart?symbol=BTCUSDT&exchange=bybit&start_time=1759363200000&end_time=1760020800000&timeframe=custom"
    "&page_size=1000",
    "oi-price/chart?symbol=BTCUSDT&exchange=bybit&category=linear&timeframe=3m&page_size=1000",
    "top-contracts-oi?coindesk_markets=binance,bybit,bitmex&sort_by=open_interest&sort_order=desc"
    '&filters={"exchange":"Binance"}&page=1&page_size=20',
    'fear-greed-index?mode=chart&days=30&chart_interval=daily&filters={"value_classification":"Fear"}&timeframe=7d'
    "&time_field=timestamp",
    "live-liquidation-feed?asset_filter=BTCUSDT,ETHUSDT&exchange_filter=binance,bybit&max_size=50"
    '&filters={"exchange":"Binance"}&sort_by=timestamp&sort_order=desc&page=1&page_size=20',
    "contract-comparison/table?ticker=BTC",
    "fund-rate-tracker/table?symbols=BTC,ETH,SOL",
    "funding-rate-chart?symbol=BTCUSDT&exchanges=binance,bybit,bitmex",
    "top-contracts-oi?coindesk_markets=binance,bybit,bitmex&sort_by=open_interest&sort_order=desc",
    "fear-greed-index?mode=latest&days=30&chart_interval=daily",
    "live-liquidation-feed?asset_filter=BTCUSDT,ETHUSDT&exchange_filter=binance,bybit&max_size=100",
)


@asynccontextmanager
async def port() -> AsyncIterator[tuple[House, fan.House]]:
    """Everything behind one port of this machine, with what the other suites have written."""
    first, second = contracts.binance(), interest.bybit()
    second.rows = [msgspec.structs.replace(row, funding_rate=0.0002) for row in second.rows]
    first.funding, second.funding = funding.binance().funding, funding.bybit().funding
    vendors = RecordVendors(
        infos=liquidations.vendors().infos, exchanges=liquidations.vendors().exchanges, days=mood.vendors().days
    )
    async with house(first, second, vendors=vendors) as built:
        built.views.observe(liquidations.liquidation())
        endpoints = [Endpoint(spec, built.sources) for spec in SPECS]
        async with fan.house(*cast(list[fan.Board], endpoints)) as server:
            yield built, server


async def hear(client: ClientConnection) -> dict[str, Any]:
    """The next frame, which is no error."""
    frame = await fan.hear(client)
    assert "error" not in frame
    return frame


@pytest.mark.parametrize("printed", PRINTED)
async def test_addresses_are_answered_as_printed(printed: str) -> None:
    """With rows or points in them."""
    async with port() as (_, server), server.client(path=PREFIX + printed) as client:
        frame = await hear(client)

        assert "adaptive_interval" in frame
        found = frame.get("rows", frame.get("feed", frame.get("data", frame)))
        assert found["count"] > 0 or printed.startswith("funding-rate-chart?symbol=BTCUSDT")  # written in 2022


async def test_a_message_changes_the_chart_at_once() -> None:
    """A wrong one is refused and changes nothing."""
    async with port() as (_, server), server.client(path=PREFIX + "fear-greed-index") as client:
        assert "latest" == (await hear(client))["mode"]

        await client.send(json.dumps({"mode": "chart", "days": 7, "chart_interval": "weekly"}))
        chart = await hear(client)
        await client.send(json.dumps({"days": "many"}))
        refusal = await fan.hear(client)

        assert ("chart", 7) == (chart["mode"], chart["parameters"]["days"])
        assert ("not_a_number", "days") == (refusal["error"]["code"], refusal["error"]["parameter"])


async def test_each_liquidation_is_pushed() -> None:
    """As it happens."""
    async with (
        port() as (built, server),
        server.client(path=PREFIX + "live-liquidation-feed?asset_filter=BTC") as client,
    ):
        assert 1 == (await hear(client))["feed"]["count"]
        for place in range(2, 5):
            built.views.observe(liquidations.liquidation(quantity=float(place), at_ms=fan.NOW_MS + place))
            server.hub.moved()
            feed = (await hear(client))["feed"]

            assert (place, float(place)) == (feed["count"], feed["results"][0]["quantity"])


async def test_without_its_required_parameter_a_connection_is_told_and_closed() -> None:
    """By name, and with a policy code."""
    async with port() as (_, server):
        for path, name in (("contract-comparison/table", "ticker"), ("oi-price/chart", "symbol")):
            async with server.client(path=PREFIX + path) as client:
                told = await fan.hear(client)
                async with asyncio.timeout(PATIENCE_S):
                    await client.wait_closed()

                assert ("missing", name) == (told["error"]["code"], told["error"]["parameter"])
                assert Goodbye.MISSING_PARAMETER.code == client.close_code
