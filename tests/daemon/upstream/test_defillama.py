"""DefiLlama's stablecoins, in our units, from small answers on loopback."""

import msgspec
import pytest
from aiohttp import web

from daemon.supervisor import Transient
from daemon.upstream.defillama import DefiLlama
from daemon.upstream.records import ChainSupply, DailyPrices, MarketCapPoint, Stablecoin, SupplyPoint
from daemon.wire import defillama_market as wire
from tests.daemon.upstream.far_end import far_end


async def test_defillamas_amounts_are_dollars_already() -> None:
    """A euro coin at 1.10 dollars: its amount is not multiplied by the price again."""
    row = {
        "id": "50",
        "name": "Euro Coin",
        "symbol": "EURC",
        "gecko_id": "euro-coin",
        "pegType": "peggedEUR",
        "circulating": {"peggedEUR": 110.0},
        "circulatingPrevDay": {"peggedEUR": 100.0},
        "chainCirculating": {
            "Ethereum": {"current": {"peggedEUR": 110.0}, "circulatingPrevDay": {}},
            "Base": {"current": {}, "circulatingPrevDay": {"peggedEUR": 5.0}},
        },
        "price": "1.10",
    }
    body = msgspec.json.encode({"peggedAssets": [row, row | {"symbol": "BAD", "price": "soon"}]})
    async with far_end({wire.STABLECOINS: body}) as (end, http):
        found = await DefiLlama(http, end.url).stablecoins()

    assert [
        Stablecoin(
            id="50",
            name="Euro Coin",
            symbol="EURC",
            gecko_id="euro-coin",
            peg_type="peggedEUR",
            price=1.10,
            circulating_usd=110.0,
            circulating_prev_day_usd=100.0,
            chains={"Ethereum": ChainSupply(110.0, None), "Base": ChainSupply(None, 5.0)},
        )
    ] == found


async def test_the_total_is_the_sum_over_all_pegs() -> None:
    """The dollar alone would leave the others out; `date` is text here; a day without a record is no zero."""
    body = b"""[{"date":"1784678400","totalCirculatingUSD":{"peggedUSD":100,"peggedEUR":5.5}},
                {"date":"1784592000","totalCirculatingUSD":{"peggedUSD":90}},
                {"date":"1784505600","totalCirculatingUSD":{}}, {"date":"1784419200"}]"""
    async with far_end({"/stablecoincharts/all": body, "/stablecoincharts/Ethereum": b"[]"}) as (end, http):
        client = DefiLlama(http, end.url)

        assert [MarketCapPoint(1784592000, 90.0), MarketCapPoint(1784678400, 105.5)] == await client.charts()
        assert [] == await client.charts("Ethereum")


async def test_a_null_price_is_left_out_of_its_day() -> None:
    """Not 0: that would be the deepest depeg ever."""
    body = b'[{"date":1784592000,"prices":{"tether":0.9998,"terrausd":null,"dai":"1.001","gone":0}}]'
    async with far_end({wire.PRICES: body}) as (end, http):
        assert [DailyPrices(1784592000, {"tether": 0.9998, "dai": 1.001})] == await DefiLlama(http, end.url).prices()


@pytest.mark.parametrize(
    "rates",
    [
        {"USD": 1, "EUR": 0.8, "JPY": 150.0},
        {"USD": 1.25, "EUR": 1.0, "JPY": 187.5},
        {"USD": 1.0, "EUR": 1.25, "JPY": 1 / 150},
    ],
)
async def test_rates_are_units_for_one_dollar_whatever_their_base(rates: dict[str, float]) -> None:
    """The answer does not name its base; the yen tells."""
    body = msgspec.json.encode([{"date": 1784592000, "rates": rates}])
    async with far_end({wire.RATES: body}) as (end, http):
        (day,) = await DefiLlama(http, end.url).rates()

    assert pytest.approx({"USD": 1.0, "EUR": 0.8, "JPY": 150.0}) == day.per_usd


async def test_one_coins_history_is_in_units() -> None:
    """Not in dollars: /stablecoin/{id} differs from /stablecoins."""
    coin = wire.Coin(id="50", name="Euro Coin", symbol="EURC", peg_type="peggedEUR")
    body = wire.encode_supply(coin, [wire.Supply(1784592000, 100.0)])
    async with far_end({"/stablecoin/50": body}) as (end, http):
        client = DefiLlama(http, end.url)

        assert [SupplyPoint(1784592000, 100.0)] == await client.supply("50")
        with pytest.raises(ValueError, match="it is a number"):
            await client.supply("../config")


async def test_a_chain_that_nobody_knows_is_told_with_its_path() -> None:
    """404 with text."""
    async with far_end(every=web.Response(status=404, text="chain not found")) as (end, http):
        with pytest.raises(Transient, match="chain not found"):
            await DefiLlama(http, end.url).charts("No/Such")

    assert ["/stablecoincharts/No/Such"] == [path for path, _ in end.asked]
