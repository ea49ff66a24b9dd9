"""All seventeen endpoints from the venues' sockets to a plain client's, with the documents' requests as they print them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed

from daemon.server.tzone import SPECS
from tests.e2e.market import rate
from tests.e2e.showing import (
    DOCUMENTED,
    EMPTY_TODAY,
    FULL,
    FUTURES,
    STABLE,
    Show,
    hear,
    hear_until,
    rows_of,
    showing,
)

SERVICES = "/tzone_apis/services/"
TRACKER = f"{FUTURES}/fund-rate-tracker/table?symbols=BTC&markets=binance,bybit"
FEED = f"{FUTURES}/live-liquidation-feed"
REQUIRED = {
    f"{FUTURES}/contract-comparison/table": "ticker",
    f"{FUTURES}/funding-rate-chart": "symbol",
    f"{FUTURES}/oi-price/chart": "symbol",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Show]:
    """One house for those who only look."""
    async with showing(tmp_path_factory.mktemp("shared")) as show:
        yield show


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("request_", [*DOCUMENTED, *FULL], ids=lambda request: request.removeprefix(SERVICES)[:60])
async def test_a_documented_request_is_answered_as_it_is_printed(shared: Show, request_: str) -> None:
    """The first frame comes by itself, and it is not empty unless the request is for a time that it leaves out."""
    async with shared.dialled(request_) as ws:
        frame = await hear(ws)

    assert "error" not in frame, frame
    assert "SIMULATED" == frame["label"]
    assert frame["adaptive_interval"] >= 1
    assert (request_ in EMPTY_TODAY) == (rows_of(frame) == [])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("mode", ["latest", "history", "chart", "summary", "dashboard"])
async def test_fear_and_greed_has_five_modes(shared: Show, mode: str) -> None:
    async with shared.dialled(f"{FUTURES}/fear-greed-index?mode={mode}") as ws:
        frame = await hear(ws)

    assert mode == frame["mode"]
    assert rows_of(frame)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.path.removeprefix(SERVICES))
async def test_every_endpoint_answers_without_parameters_or_says_which_it_needs(shared: Show, spec: Any) -> None:
    """Those that need one say so, and part with a policy code."""
    async with shared.dialled(spec.path) as ws:
        frame = await hear(ws)
        if spec.path in REQUIRED:
            assert ("missing", REQUIRED[spec.path]) == (frame["error"]["code"], frame["error"]["parameter"])
            with pytest.raises(ConnectionClosed) as caught:
                await hear(ws)
            assert caught.value.rcvd is not None and 1008 == caught.value.rcvd.code
        else:
            assert rows_of(frame)


def test_the_specs_print_what_the_documents_print() -> None:
    """The example of each is one of the documents' requests, and there are seventeen."""
    examples = {f"{spec.path}?{spec.example}" for spec in SPECS}

    assert 17 == len(examples)
    assert set() == examples - set(DOCUMENTED)
    assert {spec.path for spec in SPECS} == {request.partition("?")[0] for request in DOCUMENTED}


@pytest.mark.asyncio(loop_scope="module")
async def test_numbers_agree_between_endpoints(shared: Show) -> None:
    """The share of Bitcoin on its own card and among the others; the open interest in both tables that have it."""
    heard = {}
    for request in (
        f"{STABLE}/btc_dom",
        f"{STABLE}/overall-market-snapshot?search=BTC",
        f"{FUTURES}/contract-comparison/table?ticker=BTC&markets=bybit",
        f'{FUTURES}/top-contracts-oi?coindesk_markets=bybit&filters={{"pair":"BTCUSDT"}}',
    ):
        async with shared.dialled(request) as ws:
            heard[request] = rows_of(await hear(ws))[0]
    card, snapshot, contract, ranked = heard.values()

    assert card["Value"] == snapshot["value"]
    assert contract["open_interest"] == pytest.approx(ranked["open_interest"], rel=1e-6)
    assert 5e9 < contract["open_interest"] < 8e9, "one side, in dollars"


async def test_a_liquidation_is_pushed_when_it_happens(tmp_path: Path) -> None:
    """With its side, which Binance tells as that of the order that closed it."""
    async with showing(tmp_path) as show, show.dialled(FEED) as ws:
        assert 2 == len(rows_of(await hear(ws)))
        await show.liquidated(7.0)
        frame = await hear_until(ws, lambda frame: len(rows_of(frame)) == 3)

    newest = next(row for row in rows_of(frame) if row["quantity"] == 7.0)
    assert ("BTCUSDT", "Long", 80_000.0) == (newest["pair"], newest["side"], newest["price"])


async def test_a_table_moves_when_the_market_moves(tmp_path: Path) -> None:
    """Not at the next push after 80 s: the rate came over the venue's stream."""
    async with showing(tmp_path) as show, show.dialled(TRACKER) as ws:
        before = {row["exchange"]: row["funding_rate"] for row in rows_of(await hear(ws))}
        await show.box.say("binance", [rate("binance", 0.0042, at_ms=show.clock())])
        frame = await hear_until(ws, lambda frame: 0.0042 in [row["funding_rate"] for row in rows_of(frame)])

    after = {row["exchange"]: row["funding_rate"] for row in rows_of(frame)}
    assert 0.0042 != before["binance"]
    assert before["bybit"] == after["bybit"]


async def test_a_message_changes_the_parameters_and_is_answered_at_once(tmp_path: Path) -> None:
    """What cannot be read is told by name, and the last good parameters stay."""
    async with showing(tmp_path) as show, show.dialled(TRACKER) as ws:
        await hear(ws)
        await ws.send(json.dumps({"filters": {"exchange": "Bybit"}, "sort_by": "mark_price"}))
        one = await hear_until(ws, lambda frame: {row["exchange"] for row in rows_of(frame)} == {"bybit"})
        await ws.send(json.dumps({"page_size": "many"}))
        error = (await hear_until(ws, lambda frame: "error" in frame))["error"]
        await ws.send(json.dumps({"symbols": "ETH"}))
        other = await hear_until(ws, lambda frame: {row["pair"][:3] for row in rows_of(frame)} == {"ETH"})

    assert "page_size" == error["parameter"]
    assert {"bybit"} == {row["exchange"] for row in rows_of(other)}, "the filter has stayed"
    assert len(rows_of(one)) == len(rows_of(other))


@pytest.mark.parametrize(
    ("venue", "how", "request_"),
    [
        ("binance", "throttle", f"{FUTURES}/contract-comparison/table?ticker=BTC&markets=binance"),
        ("bybit", "html", f"{FUTURES}/top-contracts-oi?coindesk_markets=bybit"),
        ("okx", "throttle", f"{FUTURES}/fund-rate-tracker/table?symbols=BTC&markets=okx"),
        ("deribit", "unavailable", f"{STABLE}/derivative/ws/btc_open_interest"),
        ("defillama", "garbage", f"{STABLE}/ws/distribution_analysis"),
        ("coingecko", "throttle", f"{STABLE}/btc_dom"),
        ("alternative_me", "html", f"{FUTURES}/fear-greed-index?mode=history"),
    ],
)
async def test_what_is_old_is_served_as_old_while_a_host_fails(
    tmp_path: Path, venue: str, how: str, request_: str
) -> None:
    """With its age and the host's error, and not a word of either when it is back."""
    async with showing(tmp_path) as show:
        async with show.dialled(request_) as ws:
            before = await hear(ws)
        settings = {"unavailable": {"status": 500}, "throttle": {"retry_after_s": 0}}.get(how, {})
        show.box.misbehave(venue, how, **settings)
        show.clock.pass_s(13 * 3600)
        async with show.dialled(f"{request_}&page_size=9" if "?" in request_ else f"{request_}?page_size=9") as ws:
            old = await hear_until(ws, lambda frame: frame.get("error") is not None)
        show.box.behave(venue)
        show.clock.pass_s(13 * 3600)
        async with show.dialled(f"{request_}&page_size=8" if "?" in request_ else f"{request_}?page_size=8") as ws:
            after = await hear(ws)

    assert (None, None) == (before.get("error"), after.get("error"))
    assert "stale" not in before and "stale" not in after
    assert old["stale"] is True
    assert old["age_s"] > 12 * 3600
    assert old["error"]
    assert len(rows_of(before)[:8]) == len(rows_of(old)[:8])


async def test_a_host_that_keeps_failing_is_left_alone_and_its_rows_stay(tmp_path: Path) -> None:
    """After some failures in a row nobody asks it for a while, however many clients come."""
    request = f"{FUTURES}/contract-comparison/table?ticker=BTC&markets=binance&page_size="
    async with showing(tmp_path) as show:
        asked = show.box.venues["binance"].asked
        async with show.dialled(f"{request}9") as ws:
            before = rows_of(await hear(ws))
        show.box.misbehave("binance", "unavailable", status=500)
        error, asked_then, size = "", -1, 10
        while "not asked for" not in error or asked_then != asked["/fapi/v1/klines"]:
            assert size < 30, error
            size, asked_then = size + 1, asked["/fapi/v1/klines"]
            show.clock.pass_s(3600)
            async with show.dialled(f"{request}{size}") as ws:
                frame = await hear_until(ws, lambda frame: frame.get("error") is not None)
            error = frame["error"]

    assert frame["stale"] is True
    assert [row["pair"] for row in before] == [row["pair"] for row in rows_of(frame)]


async def test_a_host_that_never_answered_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    """Never an empty table without a reason; and the connection stays until there is something to show."""
    async with showing(tmp_path) as show:
        show.box.misbehave("alternative_me", "unavailable")
        async with show.dialled(f"{FUTURES}/fear-greed-index") as ws:
            frame = await hear(ws)
            assert "unavailable" == frame["error"]["code"]
            assert "503" in frame["error"]["message"]
            show.box.behave("alternative_me")
            show.clock.pass_s(3600)
            assert rows_of(await hear_until(ws, lambda frame: "error" not in frame))
