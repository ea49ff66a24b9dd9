"""Contracts by all of their names."""

import pytest

from daemon.upstream.pairs import UnknownContract
from tests.daemon.upstream.box import (
    BINANCE,
    market,
)
from tests.daemon.upstream.far_end import NOW


@pytest.mark.parametrize(
    ("venue", "name", "pair"),
    [
        ("binance", "BTC", "BTCUSDT"),
        ("binance", "btcusdt", "BTCUSDT"),
        ("binance", "BTC-USDT-PERP", "BTCUSDT"),
        ("binance", "BTC-USDT-SWAP", "BTCUSDT"),
        ("binance", "BTC-USDT-VANILLA-PERPETUAL", "BTCUSDT"),
        ("binance", "PEPE", "1000PEPEUSDT"),
        ("bybit", "BTC", "BTCUSDT"),
        ("bybit", "BTCUSD", "BTCUSD"),
        ("okx", "BTCUSDT", "BTC-USDT-SWAP"),
        ("deribit", "BTC", "BTC-PERPETUAL"),
        ("deribit", "BTCUSDT", "BTC-PERPETUAL"),
        ("hyperliquid", "BTCUSDT", "BTC"),
    ],
)
async def test_a_contract_is_found_by_any_of_its_names(venue: str, name: str, pair: str) -> None:
    """Its own, ours, another exchange's, or the coin alone."""
    async with market() as (here, _, _):
        found = await here.contract(venue, name)

    assert found is not None
    assert pair == found.pair


@pytest.mark.parametrize("name", ["FOOUSDT", "", "../../admin", "A" * 65, "BTC USDT", "BTC?x=1"])
async def test_an_unknown_contract_is_told_with_an_example(name: str) -> None:
    """And never becomes part of an address."""
    async with market() as (here, end, _):
        with pytest.raises(UnknownContract, match="names are like BTC, BTCUSDT or BTC-USDT-PERP"):
            await here.oi_price_history("binance", name, start_ms=0, end_ms=NOW, hours=True)

    listing = {f"{BINANCE}/premiumIndex", f"{BINANCE}/ticker/24hr", f"{BINANCE}/fundingInfo"}
    assert {path for path, _ in end.asked} <= listing
