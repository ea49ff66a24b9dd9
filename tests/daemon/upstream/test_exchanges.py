"""Exchanges by all of their names."""

import pytest

from daemon.upstream.exchanges import UnknownExchange, is_same, label, title
from tests.daemon.upstream.box import (
    BINANCE,
    market,
)
from tests.daemon.upstream.far_end import NOW


@pytest.mark.parametrize("name", ["binance", "Binance", "CoinDesk-binance", " BINANCE ", "coindesk-Binance"])
async def test_an_exchange_has_many_names(name: str) -> None:
    """All of them ask the same question once."""
    async with market() as (here, end, _):
        assert "binance" == here.canonical(name)
        await here.contracts("binance", ["BTC"])
        await here.contracts(name, ["btc"])

    assert 1 == len(end.queries(f"{BINANCE}/premiumIndex"))


async def test_an_unknown_exchange_is_told_with_those_we_know() -> None:
    """From every method."""
    async with market() as (here, end, _):
        for ask in (
            here.contracts("mtgox"),
            here.contracts_of(["binance", "mtgox"]),
            here.volume_2h("mtgox", "BTCUSDT"),
            here.funding_history("mtgox", "BTC"),
            here.oi_price_history("mtgox", "BTC", start_ms=0, end_ms=1, hours=True),
            here.derivative_volumes("BTC", ["mtgox"]),
        ):
            with pytest.raises(UnknownExchange, match="known are binance, bitmex, bybit, deribit, hyperliquid, okx"):
                await ask

    assert [] == end.asked


async def test_an_exchange_that_has_closed_has_no_rows_and_no_error() -> None:
    """Its name stays valid, and nobody is asked."""
    async with market() as (here, end, _):
        rows = await here.contracts("BitMEX")
        points = await here.funding_history("bitmex", "BTC")
        history = await here.oi_price_history("bitmex", "BTCUSDT", start_ms=0, end_ms=NOW, hours=False)
        volume = await here.volume_2h("bitmex", "XBTUSD")
        contract = await here.contract("bitmex", "XBTUSD")

    assert ([], [], []) == (rows.value, points.value, history.value)
    assert (None, None) == (volume.value, contract)
    assert [None] * 4 == [rows.error, points.error, history.error, volume.error]
    assert [] == end.asked


def test_names_of_exchanges_are_compared_and_shown() -> None:
    """CoinDesk's prefix is not part of a name, and okex is okx."""
    assert is_same("OKEx", "CoinDesk-okx")
    assert not is_same("binance", "bybit")
    assert ("OKX", "BitMEX", "Newcomer") == (title("okx"), title("bitmex"), title("newcomer"))
    assert ("CoinDesk-okx", "okx") == (label("okx", "CoinDesk"), label("okx", "venue"))
