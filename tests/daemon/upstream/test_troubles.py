"""What every client says when its host is in trouble, one trouble at a time."""

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from daemon.supervisor import Busy, Transient
from daemon.upstream.alternative_me import AlternativeMe
from daemon.upstream.binance import Binance
from daemon.upstream.bybit import Bybit
from daemon.upstream.coingecko import CoinGecko
from daemon.upstream.defillama import DefiLlama
from daemon.upstream.deribit import Deribit
from daemon.upstream.http import Http
from daemon.upstream.hyperliquid import Hyperliquid
from daemon.upstream.okx import Okx
from daemon.wire import bybit_market, coingecko_market, deribit, okx_market
from daemon.wire.control import Unreadable
from tests.daemon.upstream.far_end import NOW, far_end

Ask = Callable[[Http, str], Awaitable[object]]

CLIENTS: dict[str, Ask] = {
    "binance": lambda http, url: Binance(http, url).contracts(),
    "bybit": lambda http, url: Bybit(http, url).contracts(),
    "okx": lambda http, url: Okx(http, url).contracts(),
    "deribit": lambda http, url: Deribit(http, url).contracts(),
    "hyperliquid": lambda http, url: Hyperliquid(http, url).contracts(),
    "defillama": lambda http, url: DefiLlama(http, url).stablecoins(),
    "coingecko": lambda http, url: CoinGecko(http, url).global_market(),
    "alternative_me": lambda http, url: AlternativeMe(http, url).fear_greed(),
}
every_client = pytest.mark.parametrize("ask", CLIENTS.values(), ids=CLIENTS.keys())


@every_client
async def test_retry_after_reaches_whoever_asks(ask: Ask) -> None:
    """Also when several questions were under way: their own exception comes out, no group."""
    busy = web.Response(status=429, text="Throttled", headers={"Retry-After": "119"})
    async with far_end(every=busy) as (end, http):
        with pytest.raises(Busy) as caught:
            await ask(http, end.url)

    assert 118.0 < (caught.value.retry_after_s or 0.0) <= 119.0


@every_client
async def test_a_broken_host_is_a_passing_trouble(ask: Ask) -> None:
    """5xx says nothing about our question."""
    async with far_end(every=web.Response(status=502, text="bad gateway")) as (end, http):
        with pytest.raises(Transient, match="broken"):
            await ask(http, end.url)


@every_client
async def test_a_web_page_is_no_answer(ask: Ask) -> None:
    """Maintenance pages come with 200."""
    async with far_end(every=b"<html>maintenance</html>") as (end, http):
        with pytest.raises(Transient, match="web page"):
            await ask(http, end.url)


@every_client
@pytest.mark.parametrize("body", [b"", b"null", b"17", b'"soon"', b'{"peggedAssets":{}}', b"[" * 5000])
async def test_a_body_that_makes_no_sense_is_unreadable(ask: Ask, body: bytes) -> None:
    """And never our bug."""
    async with far_end(every=body) as (end, http):
        with pytest.raises(Unreadable, match="cannot be read"):
            await ask(http, end.url)


REFUSALS = {
    "binance": (b'{"code":-1121,"msg":"Invalid symbol."}', "-1121 Invalid symbol"),
    "bybit": (bybit_market.encode_error(10001, "params error", NOW), "10001 params error"),
    "okx": (okx_market.encode_error("51001", "Instrument ID does not exist"), "51001 Instrument"),
    "deribit": (deribit.encode_error(10009, "not_enough_funds"), "10009 not_enough"),
    "coingecko": (b'{"status":{"error_code":10005,"error_message":"plan too low"}}', "10005 plan too low"),
    "alternative_me": (b'{"data":[],"metadata":{"error":"try later"}}', "try later"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_inside_200_is_told_in_the_hosts_words(name: str) -> None:
    """The `Err` of each host."""
    body, words = REFUSALS[name]
    async with far_end(every=body) as (end, http):
        with pytest.raises(Unreadable, match=words):
            await CLIENTS[name](http, end.url)


TOO_OFTEN = {
    "bybit": bybit_market.encode_error(10006, "Too many visits!", NOW),
    "okx": okx_market.encode_error("50011", "Too Many Requests"),
    "deribit": deribit.encode_error(10028, "too_many_requests"),
    "coingecko": b'{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit"}}',
}


@pytest.mark.parametrize("name", TOO_OFTEN)
async def test_too_often_inside_200_is_busy(name: str) -> None:
    """So that whoever asks waits, instead of asking again at once."""
    async with far_end(every=TOO_OFTEN[name]) as (end, http):
        with pytest.raises(Busy, match="too often") as caught:
            await CLIENTS[name](http, end.url)

    assert 10.0 == caught.value.retry_after_s


EMPTY: dict[str, bytes] = {
    "binance": b"[]",
    "bybit": b'{"retCode":0,"result":{"category":"linear","list":[]},"time":1}',
    "okx": b'{"code":"0","data":[]}',
    "deribit": b'{"result":[]}',
    "hyperliquid": b'[{"universe":[]},[]]',
    "defillama": b'{"peggedAssets":[]}',
    "alternative_me": b'{"data":[]}',
}


@pytest.mark.parametrize("name", EMPTY)
async def test_an_empty_list_is_an_empty_list(name: str) -> None:
    """Not an error, and not a number."""
    async with far_end(every=EMPTY[name]) as (end, http):
        assert [] == await CLIENTS[name](http, end.url)


def test_coingeckos_plain_text_refusal_is_read_as_one() -> None:
    """`Throttled` is not JSON."""
    with pytest.raises(Unreadable, match="CoinGecko"):
        coingecko_market.decode_global(b"Throttled")
