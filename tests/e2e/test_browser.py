"""The page in a real browser: each endpoint by the browser's own WebSocket, and what a visitor sees and does."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.browser import Tab, browsing, found
from tests.e2e.market import rate
from tests.e2e.showing import DOCUMENTED, FUTURES, Show, showing

PROGRAM = found()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on PATH; Debian and Ubuntu: apt install chromium")

COMPARISON = f"{FUTURES}/contract-comparison/table"
TRACKER = f"{FUTURES}/fund-rate-tracker/table"


@asynccontextmanager
async def visited(folder: Path) -> AsyncIterator[tuple[Show, Tab]]:
    """A browser that shows the page of a house."""
    assert PROGRAM is not None
    async with showing(folder) as show, browsing(PROGRAM, folder / "profile") as tab:
        await tab.show(f"{show.house.server.url}/")
        yield show, tab


def _click(path: str, place: int = 0) -> str:
    return f"document.querySelectorAll('button.open[data-path=\"{path}\"]')[{place}].click()"


async def test_a_browser_gets_a_frame_of_every_documented_request(tmp_path: Path) -> None:
    """From the page's own origin, as a front end would ask: the browser escapes what it must."""
    ask = """
    Promise.all(REQUESTS.map((request) => new Promise((done) => {
      const address = new URL(request, location.href);
      address.protocol = "ws:";
      const socket = new WebSocket(address.href);
      socket.onmessage = (event) => { socket.close(); done(JSON.parse(event.data)); };
      socket.onclose = (event) => done("closed with " + event.code);
    })))
    """.replace("REQUESTS", json.dumps(DOCUMENTED))
    async with visited(tmp_path) as (_, tab):
        frames = await tab.run(ask)

    assert len(DOCUMENTED) == len(frames)
    assert [] == [frame for frame in frames if "adaptive_interval" not in frame or frame["label"] != "SIMULATED"]


async def test_a_click_opens_the_stream_and_shows_its_rows(tmp_path: Path) -> None:
    """They move with the market, while the state above them is asked for again."""
    async with visited(tmp_path) as (show, tab):
        await tab.run(_click(TRACKER))
        await tab.until("document.querySelectorAll('#frame tbody tr').length > 3")
        heads = await tab.run("[...document.querySelectorAll('#frame th')].map((head) => head.textContent)")
        words = await tab.until("document.querySelector('#stream [role=status]').textContent")
        await show.box.say("binance", [rate("binance", 0.0042, at_ms=show.clock())])
        await tab.until("document.getElementById('frame').textContent.includes('0.0042')")
        state = await tab.run("document.getElementById('state').innerHTML.length")

        assert ["Exchange", "Pair", "Mark Price", "Funding Rate", "Next Funding Time"] == heads[:5]
        assert "open" in words and "SIMULATED" in words and "frame" in words
        assert state > 0
        assert [] == tab.complaints


async def test_every_link_of_the_page_shows_something(tmp_path: Path) -> None:
    """Rows, a chart, or the frame itself; and never an error."""
    async with visited(tmp_path) as (_, tab):
        buttons = await tab.run("document.querySelectorAll('button.open').length")
        assert 34 == buttons
        for place in range(buttons):
            await tab.run(f"document.querySelectorAll('button.open')[{place}].click()")
            await tab.until("frames > 0")
            trouble = await tab.run("document.querySelector('#stream [role=alert]').textContent")
            is_shown = "document.querySelector('#frame tbody tr, #frame svg, #stream pre:not(:empty)') !== null"

            assert ("", True) == (trouble, await tab.until(is_shown)), await tab.run("path")
        assert [] == tab.complaints


async def test_a_changed_query_is_asked_again_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    """Close ends it."""
    apply = "form.elements.query.value = {}; form.requestSubmit()"
    async with visited(tmp_path) as (show, tab):
        await tab.run(_click(COMPARISON))
        await tab.until("document.querySelectorAll('#frame tbody tr').length === 2")
        await tab.run(apply.format(json.dumps('?ticker=ETH&markets=bybit&filters={"exchange":"bybit"}')))
        await tab.until("document.querySelectorAll('#frame tbody tr').length === 1")
        assert "ETHUSDT" in await tab.run("document.getElementById('frame').textContent")
        await tab.run(apply.format(json.dumps("ticker=ETH&page_size=many")))
        told = await tab.until("document.querySelector('#stream [role=alert]').textContent")
        await tab.run("form.elements.close.click()")
        await tab.until("document.getElementById('stream').hidden && socket === null")
        assert show.house.showroom is not None

    assert "page_size" in told


async def test_the_state_is_renewed_and_the_stream_stays(tmp_path: Path) -> None:
    """Without loading the page again; what a venue wrote is text there too."""
    async with visited(tmp_path) as (show, tab):
        await tab.run("window.sameDocument = true")
        await tab.run(_click(COMPARISON))
        await tab.until("frames > 0")
        show.house.feeds.statuses[0].last_error = "<img src=x onerror=alert(1)> it broke"
        await tab.until(
            "document.getElementById('state').textContent.includes('<img src=x onerror=alert(1)> it broke')"
        )

        assert await tab.run("window.sameDocument && socket !== null && socket.readyState === WebSocket.OPEN")
        assert 0 == await tab.run("document.images.length")
        assert [] == tab.complaints


async def test_the_page_says_when_the_house_is_gone(tmp_path: Path) -> None:
    assert PROGRAM is not None
    async with browsing(PROGRAM, tmp_path / "profile") as tab:
        async with showing(tmp_path) as show:
            await tab.show(f"{show.house.server.url}/")
            await tab.run(_click(COMPARISON))
            await tab.until("frames > 0")
        told = await tab.until("document.querySelector('#stream [role=alert]').textContent")
        await tab.until("document.querySelector('#state .silent') !== null")

    assert "1001" in told
