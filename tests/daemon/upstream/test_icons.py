"""Names and pictures, which nobody waits long for."""

import asyncio

import pytest

from tests.daemon.upstream.box import (
    GECKO,
    market,
)


async def test_the_largest_coin_of_a_ticker_is_meant() -> None:
    """A hundred coins call themselves BTC; small stablecoins have a name and no picture."""
    async with market() as (here, end, _):
        found = await here.coins_by_symbol(["btc", "TINY", "NOBODY"])
        for _ in range(50):
            await here.coin_by_symbol("BTC")

    assert {"BTC": "bitcoin", "TINY": "tiny-dollar"} == {symbol: coin.id for symbol, coin in found.items()}
    assert ("https://img.test/btc.png", None) == (found["BTC"].image, found["TINY"].image)
    assert 1 == len(end.queries(f"{GECKO}/coins/markets"))


async def test_pictures_of_exchanges_come_from_coingecko_or_are_unknown() -> None:
    """Nothing is made up: the service that many link to is dead."""
    async with market() as (here, _, _):
        logos = [await here.exchange_logo(name) for name in ("CoinDesk-Binance", "okex", "deribit", "bitmex")]

    assert ["https://img.test/binance.png", "https://img.test/okx.png", None, None] == logos


async def test_a_table_waits_a_second_for_pictures_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its rows together."""
    monkeypatch.setattr("daemon.upstream.icons.PATIENCE_S", 0.2)
    loop = asyncio.get_running_loop()
    async with market() as (here, end, _):
        end.gate.clear()
        began = loop.time()
        found = [await here.coin_by_symbol(f"COIN{n}") for n in range(50)]
        logos = [await here.exchange_logo("binance") for _ in range(50)]
        took_s = loop.time() - began
        end.gate.set()

    assert {None} == {*found, *logos}
    assert took_s < 100 * 0.2 / 2  # in turn, and on a slow machine
