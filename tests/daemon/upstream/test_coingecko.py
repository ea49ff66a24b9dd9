"""CoinGecko's market, coins and charts, in our units, from small answers on loopback."""

import msgspec
import pytest
from pydantic import SecretStr

from daemon.upstream.coingecko import DEMO_HEADER, PRO_HEADER, CoinGecko
from daemon.upstream.http import USER_AGENT
from daemon.upstream.records import CoinInfo, DerivativeExchange, GlobalMarket, PricePoint
from daemon.wire import coingecko_market as wire
from tests.daemon.upstream.far_end import NOW, clock, far_end

GLOBAL = wire.encode_global(wire.Global({"usd": 2_621e9, "eur": 2_400e9}, {"btc": 57.95, "eth": 9.58}, 1779878351))


async def test_coingeckos_shares_are_percent_already() -> None:
    """57.95 is 57.95 %; its time is seconds, ours milliseconds."""
    async with far_end({wire.GLOBAL: GLOBAL}) as (end, http):
        found = await CoinGecko(http, end.url, clock=clock).global_market()

    assert GlobalMarket(total_usd=2_621e9, btc_percent=57.95, eth_percent=9.58, at_ms=1779878351000) == found


async def test_a_share_that_is_null_stays_unknown() -> None:
    """And a time that is missing is ours."""
    async with far_end({wire.GLOBAL: b'{"data":{"market_cap_percentage":{"btc":null}}}'}) as (end, http):
        found = await CoinGecko(http, end.url, clock=clock).global_market()

    assert GlobalMarket(total_usd=None, btc_percent=None, eth_percent=None, at_ms=NOW) == found


async def test_a_key_travels_in_the_header_of_its_host() -> None:
    """The wrong pairing is refused; without a key there is none; we always say who we are."""
    async with far_end({wire.GLOBAL: GLOBAL, "//pro-api./global": GLOBAL}) as (end, http):
        await CoinGecko(http, end.url).global_market()
        await CoinGecko(http, end.url, SecretStr("demo")).global_market()
        await CoinGecko(http, f"{end.url}//pro-api.", SecretStr("paid")).global_market()
        none, demo, pro = end.headers

    assert (USER_AGENT, False, False) == (none["User-Agent"], DEMO_HEADER in none, PRO_HEADER in none)
    assert ("demo", False) == (demo[DEMO_HEADER], PRO_HEADER in demo)
    assert ("paid", False) == (pro[PRO_HEADER], DEMO_HEADER in pro)


async def test_a_coin_with_a_null_price_is_still_a_coin() -> None:
    """Its icon is wanted all the same; symbols are in capitals."""
    rows = [
        {"id": "tether", "symbol": "usdt", "name": "Tether", "image": "https://x/t.png", "current_price": 0.9,
         "market_cap": 1e11, "price_change_percentage_24h": -0.95},
        {"id": "gone", "symbol": "gone", "name": "Gone", "image": "missing_large.png", "current_price": None},
    ]  # fmt: skip
    async with far_end({wire.MARKETS: msgspec.json.encode(rows)}) as (end, http):
        found = await CoinGecko(http, end.url).coins(["tether", "gone", "tether"], "EUR")

    assert [
        CoinInfo(id="tether", symbol="USDT", name="Tether", image="https://x/t.png", price=0.9,
                 change_24h_percent=-0.95, market_cap=1e11, vs_currency="eur"),
        CoinInfo(id="gone", symbol="GONE", name="Gone", vs_currency="eur"),
    ] == found  # fmt: skip
    assert [("eur", "tether,gone")] == [(query["vs_currency"], query["ids"]) for _, query in end.asked]


async def test_more_than_250_coins_take_two_questions() -> None:
    """That is the longest page."""
    async with far_end({wire.MARKETS: b"[]"}) as (end, http):
        await CoinGecko(http, end.url).coins([f"c{n}" for n in range(251)])

    assert [250, 1] == [len(query["ids"].split(",")) for _, query in end.asked]


async def test_a_chart_is_in_milliseconds_and_skips_what_is_null() -> None:
    """Oldest first."""
    body = b'{"prices":[[1779028199661,78052.8],[1779027899041,77953.8],[1779028499000,null],[1]]}'
    async with far_end({"/coins/bitcoin/market_chart": body}) as (end, http):
        found = await CoinGecko(http, end.url).chart("bitcoin", "usd", 7)

    assert [PricePoint(1779027899041, 77953.8), PricePoint(1779028199661, 78052.8)] == found


@pytest.mark.parametrize("coin_id", ["", "..", "a/b", "a?b", "x" * 200, "tether usd"])
async def test_an_id_cannot_ask_for_another_path(coin_id: str) -> None:
    """Ids come from the query of whoever is connected."""
    async with far_end() as (end, http):
        with pytest.raises(ValueError, match="not an id"):
            await CoinGecko(http, end.url).chart(coin_id)

    assert [] == end.asked


async def test_a_coins_image_is_its_large_one() -> None:
    """/coins/{id} has three sizes."""
    body = b'{"id":"dai","symbol":"dai","name":"Dai","image":{"thumb":"https://t","small":"https://s","large":"https://l"}}'
    async with far_end({"/coins/dai": body}) as (end, http):
        found = await CoinGecko(http, end.url).coin("dai")

    assert ("DAI", "https://l") == (found.symbol, found.image)


async def test_an_exchange_has_its_volume_as_text() -> None:
    """The one number there that is."""
    row = DerivativeExchange(id="b", name="B", image="https://b", open_interest_btc=1.5, volume_24h_btc=2.5)
    body = wire.encode_exchanges([wire.Exchange("b", "B", "https://b", 1.5, 2.5)])
    async with far_end({wire.EXCHANGES: body}) as (end, http):
        assert [row] == await CoinGecko(http, end.url).derivative_exchanges()
