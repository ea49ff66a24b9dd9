"""Whether an exchange has an instrument, by the exchange's own listing."""

from daemon.upstream.market_config import MarketConfig
from daemon.wire import amberdata as wire
from daemon.wire import datamaxi
from rules.events import Trade
from rules.selection import Selection
from tests.daemon.server.dialects.booth import booth
from tests.daemon.simulator.far_end import opened

SUBSCRIBE = {"jsonrpc": "2.0", "id": 1, "method": "subscribe"}
BTC = Selection.of(["BTC-USDT-PERP"])


async def test_an_instrument_that_is_not_listed_is_refused_by_name() -> None:
    """And one that only some exchanges list is wanted of those; an exchange that cannot be asked is believed."""
    async with opened() as box:
        market = MarketConfig(
            urls={name: box.rest_url(name) for name in ("binance", "bybit")}, only=frozenset(("binance", "bybit"))
        )
        async with booth(market=market) as place, place.client() as client, place.client(datamaxi.FUNDING_PATH) as old:
            said = await client.ask(
                SUBSCRIBE | {"params": [wire.TRADES, {"instrument": "FOOUSDT", "exchange": "binance"}]}
            )
            assert "instrument 'FOOUSDT' is unknown on binance" in said["error"]["description"]
            await client.subscribe(wire.TRADES, instrument="BTCUSDT")
            assert {(Trade, venue, BTC) for venue in ("binance", "bybit", "bitget")} == place.wishes
            asked = ["FOO-USDT@binance", "BTC-USDT@bybit", "BTC-USDT@gate"]
            taken = await old.ask({"method": "SUBSCRIBE", "params": asked, "id": 1})

            assert ["BTC-USDT@bybit", "BTC-USDT@gate"] == taken["result"]
