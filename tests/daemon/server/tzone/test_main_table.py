"""ws/main_table: stablecoins by value."""

from typing import Any

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.main_table import SPEC
from daemon.upstream.cache import Unavailable
from daemon.upstream.records import DailyRates
from tests.daemon.server.tzone.anything import refused_or_answered
from tests.daemon.server.tzone.coins import COINS, picture
from tests.daemon.server.tzone.house import NOW_MS, RecordVendors, house
from tests.daemon.server.tzone.same_shape import golden, same_shape

DIFFERENCES: dict[str, str] = {}
RATES = [DailyRates(1, {"EUR": 0.5}), DailyRates(2, {"EUR": 0.8, "JPY": 150.0})]


def vendors(**others: Any) -> RecordVendors:
    """Prices of Tether in three currencies."""
    infos = [
        picture("tether", "USDT", 0.981, 0.02),
        picture("tether", "USDT", 0.79, 0.03, currency="eur"),
        picture("tether", "USDT", 0.0000098, currency="btc"),
    ]
    return RecordVendors(**{"stables": COINS, "infos": infos, "daily_rates": RATES, **others})


async def test_the_documented_request_is_answered_in_the_documented_shape() -> None:
    """One row, whose amount is the upstream's dollars and not multiplied by the price."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, SPEC.example)

    assert [] == same_shape(frame, golden("main_table"), DIFFERENCES)
    assert [
        {
            "rank": 1,
            "name": "Tether",
            "logo": "https://x/tether.png",
            "price": 0.981,
            "24h_change_percent": 0.02,
            "market_cap": 80e9,
        }
    ] == frame["rows"]
    assert (1, "usd") == (frame["count"], frame["vs_currency"])


async def test_the_living_are_ranked_by_value() -> None:
    """Who has died is not listed; who has no price at CoinGecko has DefiLlama's."""
    async with house(vendors=vendors()) as built:
        rows = (await built.frame(SPEC, ""))["rows"]

    assert ["Tether", "USD Coin", "Euro Coin", "Earning Dollar"] == [row["name"] for row in rows]
    assert [1, 2, 3, 4] == [row["rank"] for row in rows]
    assert (1.2, None, None) == (rows[2]["price"], rows[2]["24h_change_percent"], rows[2]["logo"])


async def test_a_currency_is_for_prices_and_values_alike() -> None:
    """At 0.8 euros a dollar, 80 bn dollars are 64 bn euros, and a price of 1.2 dollars is 0.96 euros."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, "vs_currency=EUR")

    rows = frame["rows"]
    assert "eur" == frame["vs_currency"]
    assert (0.79, 64e9, 0.03) == (rows[0]["price"], rows[0]["market_cap"], rows[0]["24h_change_percent"])
    assert 0.96 == pytest.approx(rows[2]["price"])


async def test_a_currency_without_an_official_rate_goes_by_the_largest_coin_that_has_both_prices() -> None:
    """Tether is 0.98 dollars and 0.0000098 bitcoin: a dollar is 0.00001 bitcoin."""
    async with house(vendors=vendors()) as built:
        rows = (await built.frame(SPEC, "vs_currency=btc"))["rows"]
        nobody = await built.frame(SPEC, "vs_currency=xau")

    assert 800_000 == pytest.approx(rows[0]["market_cap"])
    assert 400_000 == pytest.approx(rows[1]["market_cap"])
    assert nobody["rows"][0]["market_cap"] is None
    assert "nobody says what a dollar is in xau" == nobody["error"]


@pytest.mark.parametrize("name", ["USDC", "usd-coin", "USD Coin"])
async def test_a_stablecoin_goes_by_ticker_id_and_name(name: str) -> None:
    """Three documents, three ways to name it."""
    async with house(vendors=vendors()) as built:
        frame = await built.frame(SPEC, f'filters={{"stablecoin":"{name}"}}&sort_by=24h_change_percent')

    assert ["USD Coin"] == [row["name"] for row in frame["rows"]]


async def test_without_coingecko_the_table_says_what_is_missing() -> None:
    """Without DefiLlama there is no table."""
    async with house(vendors=vendors(infos=None)) as built:
        frame = await built.frame(SPEC, "")

    assert 0.98 == frame["rows"][0]["price"]
    assert frame["stale"] is False
    assert frame["error"].startswith("prices: ")

    async with house(vendors=vendors(stables=None)) as built:
        with pytest.raises(Unavailable, match="the vendor is down"):
            await built.frame(SPEC, "")


async def test_an_empty_list_has_a_reason_and_its_fields() -> None:
    """A filter is judged as on a full table."""
    async with house(vendors=vendors(stables=[])) as built:
        frame = await built.frame(SPEC, SPEC.example)

        assert ([], "DefiLlama lists no stablecoins") == (frame["rows"], frame["error"])
        with pytest.raises(BadParameter, match="there is no field 'colour'"):
            await built.frame(SPEC, "sort_by=colour")


async def test_an_unknown_currency_is_refused_by_name() -> None:
    """With those that are known."""
    async with house(vendors=vendors()) as built:
        with pytest.raises(BadParameter, match=r"vs_currency: 'euro' is not one of .*eur"):
            await built.frame(SPEC, "vs_currency=euro")


async def test_any_parameters_are_answered_or_refused() -> None:
    """Ten thousand of them."""
    async with house(vendors=vendors()) as built:
        usual = {
            "vs_currency": ("usd", "EUR", "btc", ""),
            "sort_by": ("market_cap", "24h_change_percent", "stablecoin"),
            "filters": ('{"name":"Tether"}', '{"stablecoin":"USDT"}', '{"24h_change_percent":">0"}'),
        }
        answered, refused = await refused_or_answered(built.endpoint(SPEC), usual, NOW_MS)

    assert answered > 2_000
    assert refused > 2_000
