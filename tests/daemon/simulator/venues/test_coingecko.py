"""CoinGecko in the box, as a plain client sees it."""

from typing import Any

import aiohttp
import pytest

from rules.events import StablecoinQuote
from tests.daemon.simulator.far_end import NOW_MS, Clock, opened


def _quote(venue: str, coin: str, price: float) -> StablecoinQuote:
    return StablecoinQuote(
        venue=venue, coin=coin, price=price, target=1.0, market_cap_usd=5e9, at_ms=NOW_MS, received_ms=NOW_MS
    )


async def test_coingecko_answers_the_ids_it_is_asked_for() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        await box.say("coingecko", [_quote("coingecko", "USDC", 0.97)])
        url = f"{box.rest_url('coingecko')}/coins/markets?vs_currency=usd&ids=usd-coin,nosuch"
        rows = await (await http.get(url)).json()

    assert [("usd-coin", "usdc", 0.97)] == [(row["id"], row["symbol"], row["current_price"]) for row in rows]


async def test_coingecko_without_a_key_is_stingy_and_says_so_in_plain_text() -> None:
    clock = Clock()
    async with opened(clock=clock) as box, aiohttp.ClientSession() as http:
        venue: Any = box.venues["coingecko"]
        venue.budget_per_minute = 2
        url = f"{box.rest_url('coingecko')}/coins/markets?vs_currency=usd"
        statuses = [(await http.get(url)).status for _ in range(3)]
        refused = await http.get(url)
        clock.now_ms += 60_000
        later = await http.get(url)

    assert ([200, 200, 429], "Throttled", 200) == (statuses, await refused.text(), later.status)
    assert "60" == refused.headers["Retry-After"]


async def test_coins_come_the_largest_first_page_by_page() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        url = f"{box.rest_url('coingecko')}/coins/markets?vs_currency=usd&order=market_cap_desc&per_page=3&page="
        first, second = [await (await http.get(f"{url}{page}")).json() for page in (1, 2)]

    assert ["bitcoin", "ethereum", "tether"] == [row["id"] for row in first]
    assert [4, 5, 6] == [row["market_cap_rank"] for row in second]
    assert "2026-09-21T14:13:20.000Z" == first[0]["last_updated"]


async def test_the_shares_of_the_largest_are_in_percent() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        data = (await (await http.get(f"{box.rest_url('coingecko')}/global")).json())["data"]

    shares = data["market_cap_percentage"]
    assert 40 < shares["btc"] < 70 and 5 < shares["eth"] < 20
    assert sum(shares.values()) < 100
    assert NOW_MS // 1_000 == data["updated_at"]


async def test_a_picture_is_drawn_here_and_whatever_its_name_says() -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        rows = await (await http.get(f"{box.rest_url('coingecko')}/coins/markets?vs_currency=usd&per_page=1")).json()
        picture = await http.get(rows[0]["image"])
        other = await http.get(f"http://127.0.0.1:{box.port}/coingecko/images/%3Cb%3E.svg")

        assert ("image/svg+xml", 200) == (picture.content_type, picture.status)
        assert "BTC" in await picture.text()
        assert "<B>" not in await other.text()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("coins/markets", 422),
        ("coins/markets?vs_currency=shells", 400),
        ("coins/nosuch", 404),
        ("coins/nosuch/market_chart?vs_currency=usd&days=1", 404),
        ("coins/bitcoin/market_chart?vs_currency=shells&days=1", 400),
    ],
)
async def test_a_wrong_question_is_refused(path: str, status: int) -> None:
    async with opened() as box, aiohttp.ClientSession() as http:
        response = await http.get(f"{box.rest_url('coingecko')}/{path}")

        assert status == response.status
        assert "error" in await response.json()
