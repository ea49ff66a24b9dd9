"""The dialects in a whole house: its port, its page, its metrics, and what it then wants of its sources."""

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from websockets.asyncio.client import connect

from rules.events import Trade
from rules.selection import Selection
from tests.daemon.lanes import until
from tests.daemon.town import Home
from tests.patience import PATIENCE_S

SUBSCRIBE = json.dumps(
    {
        "id": 1,
        "method": "subscribe",
        "params": ["market:futures:trades", {"instrument": "BTC-USDT-SWAP", "exchange": "okx"}],
    }
)
BTC = Selection.of(["BTC-USDT-PERP"])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, None, server={"port": 0})


async def text(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_the_root_is_a_page_for_browsers_and_a_stream_for_handshakes(home: Home) -> None:
    """As one of the documents' examples has it."""
    async with home.living() as house:
        status, page = await text(house.server.url)
        async with connect(house.server.url.replace("http", "ws") + "/") as client:
            await client.send(SUBSCRIBE)
            said = json.loads(await asyncio.wait_for(client.recv(), PATIENCE_S))
            _, metrics = await text(f"{house.server.url}/metrics")

    assert (200, True) == (status, "<html" in page)
    assert {"jsonrpc", "id", "result"} == set(said)
    assert 'tocsin_ws_clients{path="/"} 1.0' in metrics
    assert 'tocsin_ws_subscriptions{channel="market:futures:trades"} 1.0' in metrics


async def test_a_subscription_becomes_a_wish_of_the_house(home: Home) -> None:
    """As long as the client is there, and some seconds more; what happens reaches it."""
    trade = Trade(
        venue="okx", symbol="BTC-USDT-PERP", price=1.0, quantity=1.0, taker="buy", trade_id="7", at_ms=1, received_ms=1
    )
    async with home.living() as house:
        assert (Trade, "okx", BTC) not in house.demand.wishes
        async with connect(f"{house.server.url.replace('http', 'ws')}/futures") as client:
            await client.send(SUBSCRIBE)
            await asyncio.wait_for(client.recv(), PATIENCE_S)
            assert (Trade, "okx", BTC) in house.demand.wishes
            await until(lambda: house.feeds.wanted.selection(Trade, venue="okx") == BTC)
            assert house.showroom is not None
            await house.showroom.dialects.desk.hear([trade])
            said = json.loads(await asyncio.wait_for(client.recv(), PATIENCE_S))

            assert "7" == said["params"]["result"]["tradeId"]


async def test_without_tables_there_are_no_dialects(home: Home) -> None:
    """Nor a stream at the root."""
    home.write(server={"port": 0, "tables": False})
    async with home.living() as house:
        assert 404 == (await text(f"{house.server.url}/futures"))[0]
        assert 404 == (await text(f"{house.server.url}/api/v1/funding-rate/symbols"))[0]
