"""The page at `/` as text: what it lists, what it leaves alone, and that it asks nobody else."""

import asyncio
import re
from html import unescape
from pathlib import Path

import aiohttp
import pytest

from daemon.house import House
from daemon.server.page import ALERTS
from daemon.server.tzone import SPECS
from tests.daemon.town import Home, Venue, cheap
from tests.patience import PATIENCE_S

OPENER = re.compile(r'<button class="open" data-path="([^"]*)" data-query="([^"]*)">')


@pytest.fixture
def home(tmp_path: Path, venue: Venue) -> Home:
    home = Home(tmp_path, venue)
    home.write(server={"port": 0, "tables": True})
    return home


async def page(house: House) -> str:
    async with aiohttp.ClientSession() as session, session.get(house.server.url) as answer:
        assert (200, "text/html") == (answer.status, answer.content_type)
        return await answer.text()


async def page_with(house: House, words: str) -> str:
    """The page once it says this: alerts are on it when they are on disk."""
    async with asyncio.timeout(PATIENCE_S):
        text = await page(house)
        while words not in text:
            text = await page(house)
        return text


async def test_every_endpoint_is_listed_with_its_sentence_and_its_example(home: Home) -> None:
    """And with a plain form of the example, whose times were right once."""
    async with home.living() as house:
        text = await page(house)

    found = [(unescape(path), unescape(query)) for path, query in OPENER.findall(text)]
    assert [spec.path for spec in SPECS for _ in range(2)] == [path for path, _ in found]
    assert [(spec.path, spec.example) for spec in SPECS] == found[1::2]
    assert ("symbol=BTC&exchanges=binance,bybit&limit=100", "") == (found[4][1], found[20][1])
    assert not [query for _, query in found[::2] if "_time=" in query or "filters" in query]
    for spec in SPECS:
        assert spec.about in unescape(text)
    for path in ("/healthz", "/metrics"):
        assert f'<a href="{path}">' in text


async def test_without_tables_only_health_and_metrics_are_listed(home: Home) -> None:
    home.write(server={"port": 0, "tables": False})
    async with home.living() as house:
        text = await page(house)

    assert [] == OPENER.findall(text)
    assert '<a href="/healthz">' in text


async def test_the_page_loads_nothing_from_anywhere(home: Home) -> None:
    """No script, style, font or picture but what is in it; and a policy that browsers hold it to."""
    async with home.living() as house:
        text = await page(house)

    assert [] == re.findall(r"(?:src|href)=\"(?!/|#|data:)[^\"]*\"", text)
    assert "default-src 'none'" in text
    assert "@import" not in text and "url(" not in text
    assert len(text) < 40_000


async def test_the_state_is_an_element_of_its_own_and_moves(home: Home, venue: Venue) -> None:
    """The script takes it out of a later answer: all that moves is in it, all that must stay is not."""
    home.write(server={"port": 0, "tables": True}, rules=[cheap(message="it is cheap: {coin}")])
    async with home.living() as house:
        before = await page(house)
        venue.prices["USDT"] = 0.97
        after = await page_with(house, "it is cheap")

    assert 'http-equiv="refresh"' not in before
    state = re.compile(r'<div id="state">(.*)</div>\n<h2 id="endpoints">', re.DOTALL)
    one, other = state.search(before), state.search(after)
    assert one is not None and other is not None
    assert "none yet" in one[1] and "it is cheap" in other[1]
    assert before.replace(one[1], "") == after.replace(other[1], ""), "nothing else has changed"


async def test_what_others_wrote_is_never_a_place_to_fill(home: Home, venue: Venue) -> None:
    """The page has places like <!--state-->: a rule whose words look like one does not get them filled."""
    home.write(rules=[cheap(message="<!--endpoints--> {{state}} {coin}")], label="<!--state-->")
    async with home.living() as house:
        venue.prices["USDT"] = 0.97
        text = await page_with(house, "&lt;!--endpoints--&gt;")

    assert 1 == text.count('<section id="stream"')
    assert '<span class="label">&lt;!--state--&gt;</span>' in text


async def test_a_house_says_that_it_is_simulated(home: Home) -> None:
    home.write(label="SIMULATED")
    async with home.living() as house:
        assert '<h1>Tocsin <span class="label">SIMULATED</span></h1>' in await page(house)


def test_the_list_of_alerts_is_bounded() -> None:
    assert 0 < ALERTS <= 50
