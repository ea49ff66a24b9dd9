"""DefiLlama in the box, as a plain client sees it."""

import aiohttp

from rules.events import StablecoinQuote
from tests.daemon.simulator.far_end import NOW_MS, opened


def _quote(venue: str, coin: str, price: float) -> StablecoinQuote:
    return StablecoinQuote(
        venue=venue, coin=coin, price=price, target=1.0, market_cap_usd=5e9, at_ms=NOW_MS, received_ms=NOW_MS
    )


async def test_defillama_lists_every_stablecoin_largest_first() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        await box.say("defillama", [_quote("defillama", "DAI", 0.985)])
        answer = await (await http.get(f"{box.rest_url('defillama')}/stablecoins?includePrices=true")).json()

    rows = answer["peggedAssets"]
    assert ["USDT", "USDC", "USDE", "USDS", "DAI"] == [row["symbol"] for row in rows][:5]
    assert (0.985, {"peggedUSD": 5e9}) == (rows[4]["price"], rows[4]["circulating"])
    assert ("5", "dai", "Dai") == (rows[4]["id"], rows[4]["gecko_id"], rows[4]["name"])
    assert {"Ethereum", "Polygon", "BSC"} == rows[4]["chainCirculating"].keys()


async def test_defillama_answers_what_it_does_not_know_with_text() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        for path in ("stablecoin/99999", "stablecoincharts/Atlantis"):
            response = await http.get(f"{box.rest_url('defillama')}/{path}")

            assert (404, "text/plain") == (response.status, response.content_type)


async def test_a_chain_has_a_chart_of_its_own_and_the_last_row_is_live() -> None:
    """Dates are text there."""
    async with opened() as box, aiohttp.ClientSession() as http:
        url = f"{box.rest_url('defillama')}/stablecoincharts"
        rows = await (await http.get(f"{url}/Tron")).json()
        everything = await (await http.get(f"{url}/all")).json()

    assert str(NOW_MS // 1_000) == rows[-1]["date"]
    assert 0.2 < rows[-1]["totalCirculatingUSD"]["peggedUSD"] / everything[-1]["totalCirculatingUSD"]["peggedUSD"] < 0.5
    assert {"peggedUSD", "peggedEUR"} == everything[0]["totalCirculatingUSD"].keys()


async def test_units_of_a_coin_are_told_by_day() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        answer = await (await http.get(f"{box.rest_url('defillama')}/stablecoin/50")).json()

    assert ("EURC", "peggedEUR") == (answer["symbol"], answer["pegType"])
    assert all(token["circulating"]["peggedEUR"] > 0 for token in answer["tokens"])
