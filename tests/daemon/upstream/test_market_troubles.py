"""What endpoints are told when upstreams are in trouble, one trouble at a time."""

import asyncio
import re
from collections.abc import Callable, Mapping

import msgspec
import pytest
from aiohttp import web

from daemon.upstream.cache import Unavailable
from tests.daemon.upstream.box import (
    BINANCE,
    BYBIT,
    GECKO,
    HOUR,
    LLAMA,
    market,
)
from tests.daemon.upstream.far_end import NOW, Answer
from tests.patience import PATIENCE_S

EVERYBODY = ("binance", "bybit", "okx", "deribit", "hyperliquid")
DAY = 24 * HOUR


async def until(holds: Callable[[], bool]) -> None:
    """Let the others run until it holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.001)


async def test_one_exchange_that_fails_leaves_the_others_rows_and_its_reason() -> None:
    """Named, and only it."""
    async with market({f"{BYBIT}/tickers": web.Response(status=502, text="bad gateway")}) as (here, _, _):
        answer = await here.contracts_of(EVERYBODY)
        volumes = await here.derivative_volumes()

    assert {"binance", "okx", "deribit", "hyperliquid"} == {row.venue for row in answer.value}
    assert answer.error == "bybit: 127.0.0.1/bybit/v5/market/tickers is broken (502): bad gateway"
    assert not answer.is_stale
    assert {"binance", "okx", "deribit", "hyperliquid"} == {row.venue for row in volumes.value}
    assert (volumes.error or "").startswith("bybit: ")


async def test_when_all_fail_all_reasons_are_told() -> None:
    """Not an empty table."""
    broken = web.Response(status=500, text="oops")
    paths = [f"{BINANCE}/premiumIndex", f"{BYBIT}/tickers"]
    async with market(dict.fromkeys(paths, broken)) as (here, _, _):
        with pytest.raises(Unavailable) as caught:
            await here.contracts_of(["binance", "bybit"])

    assert "binance: 127.0.0.1" in str(caught.value)
    assert "bybit: 127.0.0.1" in str(caught.value)


async def test_an_exchange_that_was_there_a_minute_ago_keeps_its_rows_and_says_so() -> None:
    """Old rows are marked, with the reason; the time is that of the oldest part."""
    answers: dict[str, Answer] = {}
    async with market(answers) as (here, end, clock):
        await here.contracts_of(["binance", "bybit"])
        end.answer(f"{BYBIT}/tickers", web.Response(status=500, text="oops"))
        clock.pass_s(60)
        answer = await here.contracts_of(["binance", "bybit"])

    assert {"binance", "bybit"} == {row.venue for row in answer.value}
    assert (NOW, True) == (answer.at_ms, answer.is_stale)
    assert "bybit: 127.0.0.1/bybit/v5/market/tickers is broken (500): oops" == answer.error


TROUBLES: Mapping[str, tuple[Answer, str]] = {
    "429": (
        web.Response(status=429, text="Throttled", headers={"Retry-After": "30"}),
        "busy .429.: Throttled|asked us to stay away for another",
    ),
    "5xx": (web.Response(status=503, text="later"), "busy .503.: later"),
    "HTML": (b"<!DOCTYPE html><html>maintenance</html>", "a web page where JSON was due"),
    "nonsense": (b'{"surprise": true}', "cannot be read|no data|refused"),
    "cut": (b'{"data": {"total_market_cap": {"us', "cannot be read"),
    "404": (web.Response(status=404, text="gone"), "not there .404.: gone"),
}


@pytest.mark.parametrize(("answer", "words"), TROUBLES.values(), ids=TROUBLES.keys())
async def test_without_an_old_answer_a_trouble_is_a_sentence(answer: Answer, words: str) -> None:
    """And is asked about once, however many want to know."""
    async with market({f"{GECKO}/global": answer}) as (here, end, _):
        for _ in range(3):
            with pytest.raises(Unavailable, match=words):
                await here.global_market()

    assert 1 == len(end.queries(f"{GECKO}/global"))


@pytest.mark.parametrize(("answer", "words"), TROUBLES.values(), ids=TROUBLES.keys())
async def test_with_an_old_answer_a_trouble_is_a_mark_on_it(answer: Answer, words: str) -> None:
    """Fresh for 5 minutes, stale for 15, and after that still there, with the reason."""
    async with market() as (here, end, clock):
        first = await here.global_market()
        end.answer(f"{GECKO}/global", answer)
        clock.pass_s(200)
        fresh = await here.global_market()
        clock.pass_s(200)
        stale = await here.global_market()
        await until(lambda: len(end.queries(f"{GECKO}/global")) == 2)
        clock.pass_s(3_600)
        old = await here.global_market()

    assert first == fresh
    assert (first.value, NOW, True) == (stale.value, stale.at_ms, stale.is_stale)
    assert (first.value, NOW, True) == (old.value, old.at_ms, old.is_stale)
    assert old.error is not None
    assert re.search(words, old.error)


async def test_an_upstream_that_does_not_answer_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our patience ends, the question goes on, and its answer is there for the next."""
    monkeypatch.setattr("daemon.upstream.market.PATIENCE_S", 0.05)
    async with market() as (here, end, _):
        end.gate.clear()
        with pytest.raises(Unavailable, match="not answered yet"):
            await here.global_market()
        end.gate.set()
        await until(lambda: len(end.asked) == 1)
        monkeypatch.setattr("daemon.upstream.market.PATIENCE_S", PATIENCE_S)
        answer = await here.global_market()

    assert 2e12 == answer.value.total_usd
    assert answer.error is None


async def test_a_null_price_is_unknown_and_an_empty_list_is_empty() -> None:
    """Neither is zero, neither is an error."""
    async with market({f"{GECKO}/coins/markets": b"[]", f"{LLAMA}/stablecoins": b'{"peggedAssets":[]}'}) as (
        here,
        _,
        _,
    ):
        assert [] == (await here.coins(["tether"])).value
        assert [] == (await here.stablecoins()).value
        assert await here.coin_by_symbol("BTC") is None
    async with market() as (here, _, _):
        coins = {coin.id: coin for coin in (await here.coins(["tether", "bitcoin"])).value}
        stable = {coin.symbol: coin.price for coin in (await here.stablecoins()).value}

    assert coins["tether"].price is None
    assert {"USDT": 0.9998, "TINY": None} == stable


async def test_a_page_that_never_ends_is_given_up() -> None:
    """Bybit's cursor that points at itself: a sentence, and not a loop."""
    rows = [{"openInterest": "20", "singleOpenInterest": "10", "timestamp": str(NOW - HOUR)}]
    page = {"retCode": 0, "result": {"category": "linear", "list": rows, "nextPageCursor": "same"}, "time": NOW}
    async with market({f"{BYBIT}/open-interest": msgspec.json.encode(page)}) as (here, end, _):
        with pytest.raises(Unavailable, match="same page again and again"):
            await here.oi_price_history("bybit", "BTCUSDT", start_ms=NOW - DAY, end_ms=NOW, hours=True)

    assert len(end.queries(f"{BYBIT}/open-interest")) <= 3


async def test_bybit_refusing_inside_a_200_is_a_sentence() -> None:
    """retCode 10006, with HTTP 200."""
    body = b'{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":0}'
    async with market({f"{BYBIT}/tickers": body}) as (here, _, _):
        with pytest.raises(Unavailable, match="10006"):
            await here.contracts("bybit")
