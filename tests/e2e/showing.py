"""A house that shows its tables beside a box, and the requests of the endpoints' documents as they print them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from daemon.house import House
from daemon.simulator.box import Box
from tests.e2e.living import living, written
from tests.e2e.market import Clock, closed, quiet
from tests.patience import PATIENCE_S

FUTURES, STABLE = "/tzone_apis/services/futures/ws", "/tzone_apis/services/stablecoins"
YEAR_2024 = "start_time=1719878400000&end_time=1719882000000"

DOCUMENTED = (
    f'{FUTURES}/contract-comparison/table?ticker=BTC&markets=binance,bybit,bitmex&filters={{"exchange":"Binance"}}'
    "&sort_by=funding_rate&sort_order=desc&page=1&page_size=10",
    f'{FUTURES}/fund-rate-tracker/table?symbols=BTC,ETH&markets=binance,bybit&filters={{"exchange":"Bybit"}}'
    "&sort_by=funding_rate&sort_order=desc&page=1&page_size=10",
    f"{FUTURES}/funding-rate-chart?symbol=BTC&exchanges=binance,bybit&start_time=1640995200&end_time=1641081600&limit=100"
    '&filters={"source":"CoinDesk-binance"}&timeframe=7d&time_field=timestamp',
    f"{FUTURES}/oi-price/chart?symbol=BTCUSDT&exchange=bybit&start_time=1759363200000&end_time=1760020800000"
    "&timeframe=custom&page_size=1000",
    f"{FUTURES}/oi-price/chart?symbol=BTCUSDT&exchange=bybit&category=linear&timeframe=3m&page_size=1000",
    f"{FUTURES}/top-contracts-oi?coindesk_markets=binance,bybit,bitmex&sort_by=open_interest&sort_order=desc"
    '&filters={"exchange":"Binance"}&page=1&page_size=20',
    f'{FUTURES}/fear-greed-index?mode=chart&days=30&chart_interval=daily&filters={{"value_classification":"Fear"}}'
    "&timeframe=7d&time_field=timestamp",
    f"{FUTURES}/live-liquidation-feed?asset_filter=BTCUSDT,ETHUSDT&exchange_filter=binance,bybit&max_size=50"
    '&filters={"exchange":"Binance"}&sort_by=timestamp&sort_order=desc&page=1&page_size=20',
    f'{STABLE}/overall-market-snapshot?filters={{"symbol":"BTC"}}&sort_by=value&sort_order=desc&page=1&page_size=10',
    f'{STABLE}/btc_dom?filters={{"Title":"Bitcoin Dominance"}}',
    f'{STABLE}/eth_dom?filters={{"Title":"Ethereum Dominance"}}',
    f'{STABLE}/ws/main_table?filters={{"name":"Tether"}}&sort_by=market_cap&sort_order=desc&page=1&page_size=10',
    f'{STABLE}/ws/marketcap_total_index?filters={{"marketcap":">1000000000"}}&sort_by=marketcap&sort_order=desc'
    f"&page=1&page_size=10&{YEAR_2024}&time_field=timestamp",
    f'{STABLE}/ws/distribution_analysis?filters={{"chain":"ethereum"}}&sort_by=usd&sort_order=desc&page=1&page_size=10'
    f"&{YEAR_2024}&time_field=timestamp",
    f'{STABLE}/derivative/ws/24h_volume?filters={{"market":"binance"}}&sort_by=volume&sort_order=desc&page=1&page_size=10',
    f'{STABLE}/derivative/ws/btc_open_interest?filters={{"market":"deribit"}}&sort_by=open_interest&sort_order=desc'
    "&page=1&page_size=10",
    f'{STABLE}/ws/comparative_price_timeseries?filters={{"stablecoin":"tether"}}&sort_by=price&sort_order=desc'
    f"&page=1&page_size=10&{YEAR_2024}&timeframe=7d&time_field=time",
    f'{STABLE}/ws/event_logs?threshold=0.02&peg_type=peggedUSD&days_back=7&filters={{"stablecoin":"USDT"}}'
    f"&sort_by=severity_score&sort_order=desc&page=1&page_size=10&{YEAR_2024}&time_field=timestamp",
)
"""Under `Example Request`."""

FULL = (
    f"{FUTURES}/contract-comparison/table?ticker=BTC",
    f"{FUTURES}/fund-rate-tracker/table?symbols=BTC,ETH,SOL",
    f"{FUTURES}/funding-rate-chart?symbol=BTCUSDT&exchanges=binance,bybit,bitmex",
    f"{FUTURES}/top-contracts-oi?coindesk_markets=binance,bybit,bitmex&sort_by=open_interest&sort_order=desc",
    f"{FUTURES}/fear-greed-index?mode=latest&days=30&chart_interval=daily",
    f"{FUTURES}/live-liquidation-feed?asset_filter=BTCUSDT,ETHUSDT&exchange_filter=binance,bybit&max_size=100",
    f"{STABLE}/overall-market-snapshot",
    f"{STABLE}/btc_dom",
    f"{STABLE}/eth_dom",
    f"{STABLE}/ws/main_table",
    f"{STABLE}/ws/marketcap_total_index",
    f"{STABLE}/ws/distribution_analysis",
    f"{STABLE}/derivative/ws/24h_volume",
    f"{STABLE}/derivative/ws/btc_open_interest",
    f"{STABLE}/ws/comparative_price_timeseries",
    f"{STABLE}/ws/event_logs",
)
"""Under `Full Endpoint`; that of oi-price/chart lacks a parameter which the same page calls required."""

EMPTY_TODAY = (DOCUMENTED[-2], DOCUMENTED[-1])
"""They ask the last seven days for a day of 2024."""


class Show:
    """A market and a house on one clock that moves when told to."""

    def __init__(self, box: Box, house: House, clock: Clock) -> None:
        self.box, self.house, self.clock = box, house, clock

    async def liquidated(self, quantity: float = 1.0, symbol: str = "BTC-USDT-PERP") -> None:
        """Binance closes a position of somebody, and says so."""
        await self.box.say("binance", [closed("binance", quantity, symbol=symbol, at_ms=self.clock())])

    @asynccontextmanager
    async def dialled(self, request: str) -> AsyncIterator[ClientConnection]:
        """A plain client that asks exactly this."""
        address = self.house.server.url.replace("http://", "ws://") + request
        async with connect(address, proxy=None, max_size=None, open_timeout=PATIENCE_S, close_timeout=1) as ws:
            yield ws


@asynccontextmanager
async def showing(folder: Path, **server: Any) -> AsyncIterator[Show]:
    """The house listens to all that its tables want, and two positions have been closed at Binance."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr("daemon.upstream.market.PATIENCE_S", PATIENCE_S)  # a busy machine is no upstream that is down
        patch.setattr("daemon.server.tzone.contract_comparison.VOLUME_PATIENCE_S", PATIENCE_S)
        box = await stack.enter_async_context(Box(quiet(), clock=clock))
        rules = [{"id": "never", "type": "funding", "symbols": ["BTC"], "venues": ["binance"], "above": "2.9%"}]
        files = written(
            folder,
            rules=rules,
            sources=box.sources_config(),
            sinks={"console": {"url": "console://"}},
            label="SIMULATED",
            server={"port": 0, "tables": True} | server,
        )
        house = await stack.enter_async_context(living(files, clock=clock))
        await box.subscriptions("binance").until("!forceOrder@arr", "btcusdt@markPrice@1s")
        show = Show(box, house, clock)
        assert house.showroom is not None
        liquidations = house.showroom.views.liquidations
        await show.liquidated()
        await show.liquidated(2.0, "ETH-USDT-PERP")
        async with asyncio.timeout(PATIENCE_S):
            while len(liquidations.latest(10)) < 2:  # noqa: ASYNC110 - a view announces nothing, and the wait ends
                await asyncio.sleep(0.01)
        yield show


async def hear(ws: ClientConnection) -> dict[str, Any]:
    """The next frame."""
    async with asyncio.timeout(PATIENCE_S):
        frame: dict[str, Any] = json.loads(await ws.recv())
        return frame


async def hear_until(ws: ClientConnection, true: Any) -> dict[str, Any]:
    """The first frame of which this is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not true(frame := await hear(ws)):
            pass
        return frame


def rows_of(frame: dict[str, Any]) -> list[Any]:
    """The rows of a table, the cards, or the points of a chart, wherever the envelope has them."""
    if "data_series" in frame:
        return [point for series in frame["data_series"] for point in series["data"]]
    found: Any = next(frame[name] for name in ("rows", "feed", "results", "chart", "x", "data") if name in frame)
    while isinstance(found, dict):
        inner = next((found[name] for name in ("results", "x", "data") if name in found), None)
        found = [found] if inner is None else inner
    assert isinstance(found, list)
    return found
