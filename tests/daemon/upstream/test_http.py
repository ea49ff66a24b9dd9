"""What a host answers is told apart truthfully, on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.supervisor import Busy, Refused, Transient
from daemon.upstream.http import USER_AGENT, Client, Http
from daemon.upstream.limits import Budget

PLENTY = Budget(1000, 1.0)
SECRET = "very-secret"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.close()


def answering(status: int, body: str = "{}", **headers: str) -> Handler:
    async def handle(_request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=body, headers=named)

    return handle


async def trouble(client: Client, url: str) -> Exception:
    with pytest.raises((Transient, Refused)) as caught:
        await client.get(url + "/x", params={"key": SECRET}, secrets=(SECRET,))
    assert SECRET not in str(caught.value)
    return caught.value


async def test_a_good_answer_is_its_body_and_we_say_who_we_are() -> None:
    """CoinGecko refuses clients without a User-Agent."""

    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"agent": request.headers["User-Agent"], "q": request.query["q"]})

    async with serving(handle) as url, Http() as http:
        body = await http.client(url, budget=PLENTY).get(url + "/x", params={"q": "1"})

    assert f'{{"agent": "{USER_AGENT}", "q": "1"}}'.encode() == body


@pytest.mark.parametrize("status", [418, 429, 503])
async def test_retry_after_is_obeyed_without_asking_again(status: int) -> None:
    """Also by everybody else who asks this host."""
    asked = 0

    async def handle(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(status=status, text="Throttled", headers={"Retry-After": "119"})

    async with serving(handle) as url, Http() as http:
        first = await trouble(http.client(url, budget=PLENTY), url)
        second = await trouble(http.client(url, budget=PLENTY), url)

    assert isinstance(first, Busy)
    assert first.retry_after_s == 119.0
    assert isinstance(second, Busy)
    assert 118.0 < (second.retry_after_s or 0) <= 119.0
    assert asked == 1


async def test_retry_after_may_be_a_date() -> None:
    """HTTP allows both forms."""
    now_ms = 1_790_000_000_000
    later = format_datetime(datetime.fromtimestamp(now_ms / 1000 + 30, UTC), usegmt=True)
    async with serving(answering(429, Retry_After=later)) as url, Http(clock=lambda: now_ms) as http:
        said = await trouble(http.client(url, budget=PLENTY), url)

    assert isinstance(said, Busy)
    assert said.retry_after_s == 30.0


async def test_a_403_is_a_ban_without_a_key_and_a_refusal_with_one() -> None:
    """Bybit and every firewall say `too often` that way; giving up for ever would be wrong."""
    async with serving(answering(403, "access too frequent")) as url, Http() as http:
        with pytest.raises(Busy, match="access too frequent") as ban:
            await http.client(url, budget=PLENTY).get(url + "/x")
    async with serving(answering(403, f"bad key {SECRET}")) as url, Http() as http:
        refusal = await trouble(http.client(url, budget=PLENTY), url)

    async with serving(answering(403, "<html>Access denied</html>")) as url, Http() as http:
        blocked = await trouble(http.client(url, budget=PLENTY), url)

    assert ban.value.retry_after_s == 600.0
    assert isinstance(refusal, Refused)
    assert "key" in str(refusal)
    assert isinstance(blocked, Busy), "a firewall's page, and no word about the key"
    assert blocked.retry_after_s == 600.0


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, f"invalid api key '{SECRET}'", Refused, "the key is missing or wrong"),
        (400, '{"code":-1121,"msg":"Invalid symbol."}', Refused, "Invalid symbol"),
        (400, f"no such key: {SECRET}", Refused, "no such key: …"),
        (404, "no such path", Transient, "is not there (404): no such path"),
        (451, "", Busy, "not served to this country"),
        (500, "<html>oops</html>", Transient, "is broken (500): a web page"),
        (502, "bad gateway", Transient, "is broken (502): bad gateway"),
        (200, "\n <!DOCTYPE html><html>maintenance</html>", Transient, "a web page where JSON was due"),
    ],
)
async def test_each_answer_has_its_sentence(status: int, body: str, kind: type[Exception], words: str) -> None:
    """An operator reads these; no secret is in them."""
    async with serving(answering(status, body)) as url, Http() as http:
        said = await trouble(http.client(url, budget=PLENTY), url)

    assert kind is type(said)
    assert words in str(said)


async def test_an_endless_body_is_not_read_to_the_end() -> None:
    """Ten megabytes is more than anything we ask for."""

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            for _ in range(64):
                await response.write(b" " * 1_000_000)
        except ConnectionError:
            pass
        return response

    async with serving(handle) as url, Http() as http:
        said = await trouble(http.client(url, budget=PLENTY), url)

    assert "more than 10 MB" in str(said)


async def test_a_question_may_be_sent_as_json() -> None:
    """Hyperliquid is asked so; its answers are told apart like any other."""

    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"method": request.method, "asked": await request.json()})

    app = web.Application()
    app.router.add_post("/info", handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    try:
        async with Http() as http:
            url = f"http://127.0.0.1:{server.port}"
            body = await http.client(url, budget=PLENTY).post(url + "/info", question={"type": "meta"})
    finally:
        await server.close()

    assert b'{"method": "POST", "asked": {"type": "meta"}}' == body


async def test_a_body_may_be_as_long_as_the_caller_expects() -> None:
    """One coin's history at DefiLlama is longer than anything else that is asked for."""
    async with serving(answering(200, " " * 2_000_000)) as url, Http() as http:
        client = http.client(url, budget=PLENTY)

        assert 2_000_000 == len(await client.get(url + "/x", longest=3_000_000))
        with pytest.raises(Transient, match="more than 1 MB"):
            await client.get(url + "/x", longest=1_500_000)


async def test_silence_ends_with_our_patience() -> None:
    """And with a sentence."""
    gate = asyncio.Event()

    async def handle(_request: web.Request) -> web.Response:
        await gate.wait()
        return web.Response()

    async with serving(handle) as url, Http() as http:
        said = await trouble(http.client(url, budget=PLENTY, patience_s=0.05), url)
        gate.set()

    assert "did not answer within 0.05 s" in str(said)


async def test_a_host_that_is_not_there_is_left_alone_for_a_while() -> None:
    """After five failures nobody dials; then one does."""
    async with serving(answering(200)) as url:
        pass  # the port is free again
    async with Http() as http:
        client = http.client(url, budget=PLENTY, breaker_failures=5, breaker_rest_s=60.0)
        first = [await trouble(client, url) for _ in range(5)]
        after = await trouble(client, url)

    assert [Transient] * 5 == [type(exc) for exc in first]
    assert isinstance(after, Busy)
    assert "keeps failing" in str(after)


async def test_the_weight_that_a_host_has_counted_is_heeded() -> None:
    """Binance says so in a header; the next request waits for the window."""
    asked = 0

    async def handle(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response(text="{}", headers={"X-MBX-USED-WEIGHT-1M": "10"})

    async with serving(handle) as url, Http() as http:
        client = http.client(url, budget=Budget(10, per_s=60.0), used_header="X-MBX-USED-WEIGHT-1M")
        await client.get(url + "/x")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.get(url + "/x")

    assert asked == 1


async def test_one_address_has_one_client_whoever_asks() -> None:
    """A stream and a poller of one venue share its budget; two venues behind one port do not."""
    async with Http() as http:
        one = http.client("http://127.0.0.1:9/a", budget=PLENTY)

        assert http.client("http://127.0.0.1:9/a/", budget=PLENTY) is one
        assert http.client("http://127.0.0.1:9/b", budget=PLENTY) is not one
