"""Reading from other machines, whole: a guarded daemon beside a market, keys made and revoked by the command line."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from daemon.clock import wall_ms
from daemon.server.auth import ACCESS_LIFE_S, LOOK_EVERY_S
from daemon.simulator.box import Box
from tests.databases import both
from tests.e2e.living import living, until, written
from tests.e2e.market import closed, quiet
from tests.e2e.process import answer, tocsin
from tests.patience import PATIENCE_S

FEED = "/tzone_apis/services/futures/ws/live-liquidation-feed"
SECRET = "0123456789abcdef0123456789abcdef"


class Ahead:
    """The wall clock, and how far a test has moved it."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return wall_ms() + self.ahead_ms


def configured(folder: Path, box: Box, url: str | None = None, **server: Any) -> list[Path]:
    """A daemon for other machines, whose every upstream is the box."""
    return written(
        folder,
        rules=[],
        sources=box.sources_config(),
        server={"host": "0.0.0.0", "port": 0} | server,
        storage={"url": url or str(folder / "tocsin.db")},
    )


async def keys(files: list[Path], *words: str) -> str:
    """`tocsin keys`, in a process of its own, beside the daemon; what it says."""
    chosen = [word for file in files for word in ("-c", str(file))]
    code, out, err = await answer("keys", words[0], *chosen, *words[1:])
    assert 0 == code, err
    return out.strip()


async def post(url: str, path: str, **headers: str) -> dict[str, str]:
    """The cookies that come back."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.post(f"{url}{path}", headers=sent) as came,
    ):
        assert 200 == came.status, await came.text()
        return jar(came.headers.getall("Set-Cookie"))


def jar(lines: list[str]) -> dict[str, str]:
    kept: SimpleCookie = SimpleCookie()
    for line in lines:
        kept.load(line)
    return {name: morsel.value for name, morsel in kept.items()}


def as_header(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


@asynccontextmanager
async def dialled(url: str, **headers: str) -> AsyncIterator[ClientConnection]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with connect(url.replace("http://", "ws://") + FEED, additional_headers=sent, proxy=None) as client:
        yield client


async def refused(url: str, **headers: str) -> tuple[int, str]:
    """Status and reason."""
    with pytest.raises(InvalidStatus) as found:
        async with dialled(url, **headers):
            pass
    response: Response = found.value.response
    return response.status_code, json.loads(response.body or b"")["error"]["code"]


async def let_in(url: str, key: str) -> None:
    """Wait until the daemon has looked at its keys."""
    async with asyncio.timeout(LOOK_EVERY_S + PATIENCE_S):
        while True:
            try:
                async with dialled(url, x_api_key=key):
                    return
            except InvalidStatus:
                await asyncio.sleep(0.1)


async def goodbye(client: ClientConnection) -> int:
    """Its code, after whatever frames came before."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ConnectionClosed) as found:
            while True:
                await client.recv()
    assert found.value.rcvd is not None
    return found.value.rcvd.code


async def test_from_no_key_to_a_revoked_one(tmp_path: Path) -> None:
    """As an operator does it: start, read the advice, make a key, connect, revoke. No secret is said on the way."""
    async with Box(quiet()) as box:
        files = configured(tmp_path, box)
        async with tocsin("run", "-c", str(files[0]), "-c", str(files[1])) as daemon:
            url = await daemon.url()
            await daemon.said(r"^  keys +none yet, and nobody can read without one: tocsin keys create NAME$")
            await daemon.said("no key is made yet, so nobody can read: tocsin keys create NAME", where="err")
            assert (401, "missing") == await refused(url)

            key = await keys(files, "create", "desk")
            await let_in(url, key)
            async with dialled(url, x_api_key=key) as client:
                await client.recv()
                await box.subscriptions("okx").until("liquidation-orders:SWAP")
                await box.say("okx", [closed("okx", 25.0, at_ms=wall_ms())])
                async with asyncio.timeout(PATIENCE_S):
                    while b'"okx"' not in (frame := await client.recv(decode=False)).lower():
                        pass
                assert re.search(rb"BTC", frame)
                cookies = await post(url, "/auth/token", x_api_key=key)
                async with dialled(url, Cookie=as_header(cookies), Origin=url) as page:
                    await page.recv()
                    assert (403, "foreign_origin") == await refused(
                        url, Cookie=as_header(cookies), Origin="https://evil.example"
                    )
                    assert "1 key revoked" == await keys(files, "revoke", "desk")
                    assert [4001, 4001] == [await goodbye(client), await goodbye(page)]
            assert (403, "revoked") == await refused(url, x_api_key=key)
            assert (403, "revoked") == await refused(url, Cookie=as_header(cookies))
            assert 0 == await daemon.stops()
    for secret in (key, *cookies.values()):
        assert secret not in daemon.out + daemon.err
    assert "Traceback" not in daemon.err


async def test_who_has_keys_is_told_how_many(tmp_path: Path) -> None:
    """And a daemon for this machine alone says nothing of keys."""
    async with Box(quiet()) as box:
        files = configured(tmp_path, box, tables=False)
        await keys(files, "create", "desk")
        async with tocsin("run", "-c", str(files[0]), "-c", str(files[1])) as daemon:
            await daemon.said(r"^  keys +1 valid; whoever reads needs one \(docs/access\.md\)$")
            assert 0 == await daemon.stops()
        assert "no key is made yet" not in daemon.err
        files = configured(tmp_path, box, tables=False, host="127.0.0.1")
        async with tocsin("run", "-c", str(files[0]), "-c", str(files[1])) as daemon:
            await daemon.url()
            assert 0 == await daemon.stops()
        assert "\n  keys " not in daemon.out and "key" not in daemon.err


@both
async def test_seventeen_tabs_of_one_page_are_renewed_at_the_same_moment(tmp_path: Path, database_url: str) -> None:
    """Over real handshakes on a real database. Later the old token ends the login, and all its connections."""
    clock = Ahead()
    async with Box(quiet()) as box:
        files = configured(tmp_path, box, database_url)
        key = await keys(files, "create", "desk")
        async with living(files, clock=clock) as house:
            url = house.server.url
            old = await post(url, "/auth/token", x_api_key=key)
            clock.ahead_ms = 1_000 * ACCESS_LIFE_S
            kept: list[dict[str, str]] = []

            async def tab(open_: asyncio.Event) -> int:
                async with dialled(url, Cookie=as_header(old), Origin=url) as client:
                    assert client.response is not None
                    kept.append(jar(client.response.headers.get_all("Set-Cookie")))
                    await client.recv()
                    await open_.wait()
                    return await goodbye(client)

            closing = asyncio.Event()
            tabs = [asyncio.create_task(tab(closing), name=f"tab {number}") for number in range(17)]
            await until(lambda: len(kept) == 17 or any(task.done() for task in tabs))
            assert 17 == len(kept) == sum("access_token" in cookies for cookies in kept)
            (new,) = [cookies for cookies in kept if "refresh_token" in cookies]
            for cookies in kept:
                async with dialled(url, Cookie=as_header(cookies), Origin=url) as client:
                    await client.recv()

            clock.ahead_ms += 5_000
            assert (403, "revoked") == await refused(url, Cookie=f"refresh_token={old['refresh_token']}")
            closing.set()
            assert {4001} == set(await asyncio.gather(*tabs))
            assert (403, "revoked") == await refused(url, Cookie=as_header(new))


@both
async def test_a_restart_keeps_logins_and_another_secret_ends_them(tmp_path: Path, database_url: str) -> None:
    """The database's own secret first, then a configured one."""
    async with Box(quiet()) as box:
        for server in ({}, {"secret": SECRET}):
            files = configured(tmp_path, box, database_url, **server)
            key = await keys(files, "create", "desk")
            async with living(files) as house:
                cookies = await post(house.server.url, "/auth/token", x_api_key=key)
            async with living(files) as house:
                async with dialled(house.server.url, Cookie=as_header(cookies)) as client:
                    await client.recv()
                cookies = await post(house.server.url, "/auth/refresh", Cookie=as_header(cookies))
        files = configured(tmp_path, box, database_url, secret=SECRET[::-1])
        async with living(files) as house:
            assert (401, "invalid") == await refused(house.server.url, x_api_key=key)
            assert (401, "invalid") == await refused(house.server.url, Cookie=as_header(cookies))
            assert (401, "invalid") == await refused(
                house.server.url, Cookie=f"refresh_token={cookies['refresh_token']}"
            )


async def test_without_tables_the_gate_still_stands(tmp_path: Path) -> None:
    """There is less to see, and it is as well guarded; revoking works with nobody to show out."""
    async with Box(quiet()) as box:
        files = configured(tmp_path, box, tables=False)
        key = await keys(files, "create", "desk")
        async with living(files) as house:
            assert house.gate is not None
            house.gate.look_every_s = 0.02
            cookies = await post(house.server.url, "/auth/token", x_api_key=key)
            async with aiohttp.ClientSession() as session:

                async def ask(path: str, **headers: str) -> int:
                    async with session.get(f"{house.server.url}{path}", headers=headers) as came:
                        return came.status

                assert [401, 401] == [await ask("/healthz"), await ask(FEED)]
                assert [200, 404] == [await ask(path, Cookie=as_header(cookies)) for path in ("/healthz", FEED)]
                await keys(files, "revoke", "desk")
                await until(lambda: house.gate is not None and house.gate.valid_keys == 0)
                assert 403 == await ask("/healthz", Cookie=as_header(cookies))
