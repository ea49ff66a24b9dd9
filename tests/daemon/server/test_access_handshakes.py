"""WebSockets on a guarded port: who shakes hands, with which cookies he leaves, and who is shown out again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from daemon.config.model import ServerConfig
from daemon.demand import Demand
from daemon.server.api.changes import Changes
from daemon.server.auth import ACCESS_LIFE_S, Gate, make_key, secret_of
from daemon.server.dialects.serve import Dialects
from daemon.server.limits import Limits
from daemon.server.serve import Server
from daemon.server.topics import Hub
from storage.access import Access
from storage.database import Database
from tests.daemon.lanes import Clock, until
from tests.daemon.server.callers import REFUSALS, calling
from tests.daemon.server.dialects.booth import lent
from tests.daemon.server.fan import NOW_MS, PATH, Board
from tests.patience import PATIENCE_S


class Stage:
    """A guarded server with one WebSocket endpoint."""

    def __init__(self, server: Server, gate: Gate, hub: Hub, database: Database, clock: Clock) -> None:
        self.url, self.gate, self.hub, self.clock = server.url, gate, hub, clock
        self.access = Access(database)

    async def new_key(self, name: str = "desk") -> str:
        key, key_id, digest = make_key(await secret_of(self.access, None))
        await self.access.add_key(key_id, name, digest, self.clock())
        await self.gate.load()
        return key

    @asynccontextmanager
    async def client(
        self, *, key: str | None = None, cookies: dict[str, str] | None = None, origin: str | None = None
    ) -> AsyncIterator[ClientConnection]:
        headers = {} if key is None else {"x-api-key": key}
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if origin is not None:
            headers["Origin"] = origin
        url = self.url.replace("http://", "ws://") + PATH
        async with connect(url, additional_headers=headers, proxy=None, compression=None) as client:
            yield client


@asynccontextmanager
async def staged(database: Database, clock: Clock, **limits: Any) -> AsyncIterator[Stage]:
    async with Hub([Board()], Limits(**limits), clock) as hub, lent(clock) as sources:
        gate = Gate(Access(database), secret=None, clock=clock, show_out=hub.dismiss)
        await gate.load()
        dialects = Dialects(hub, sources, Demand(lambda: None).want)
        showroom = SimpleNamespace(hub=hub, dialects=dialects)
        house: Any = SimpleNamespace(gate=gate, hub=hub, showroom=showroom, changes=Changes(database, hub))
        async with Server(house, ServerConfig(host="0.0.0.0", port=0)) as server:
            yield Stage(server, gate, hub, database, clock)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW_MS)


def kept(client: ClientConnection) -> dict[str, str]:
    """The cookies of a handshake."""
    assert client.response is not None
    jar: SimpleCookie = SimpleCookie()
    for line in client.response.headers.get_all("Set-Cookie"):
        jar.load(line)
    return {name: morsel.value for name, morsel in jar.items()}


async def refused(stage: Stage, **way: Any) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as refusal:
        async with stage.client(**way):
            pass
    return refusal.value.response.status_code, bytes(refusal.value.response.body or b"")


async def said_goodbye(client: ClientConnection) -> tuple[int, str]:
    """Its code and reason, after whatever frames came before."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(ConnectionClosed) as goodbye:
            while True:
                await client.recv()
    assert goodbye.value.rcvd is not None
    return goodbye.value.rcvd.code, goodbye.value.rcvd.reason


async def test_a_handshake_takes_a_key_or_cookies(database: Database, clock: Clock) -> None:
    """And says why not in the words of every other answer."""
    async with staged(database, clock) as stage, calling(stage.url) as caller:
        key = await stage.new_key()
        cookies = (await caller.post("/auth/token", key=key)).cookies
        for way in (
            {"key": key},
            {"cookies": cookies},
            {"key": key, "cookies": {"access_token": "x"}, "origin": "null"},
        ):
            async with stage.client(**way) as client:
                assert b'"BTC"' in await client.recv(decode=False)
                assert {} == kept(client)
        assert REFUSALS["missing"] == await refused(stage)
        assert REFUSALS["invalid"] == await refused(stage, key="guess", cookies=cookies)
        assert REFUSALS["foreign_origin"] == await refused(stage, cookies=cookies, origin="https://evil.example")
        assert REFUSALS["foreign_origin"] == await refused(stage, cookies=cookies, origin="null")


async def test_an_expired_access_token_is_renewed_in_the_handshake(database: Database, clock: Clock) -> None:
    """Its Set-Cookie holds both, once, and they are good for the next."""
    async with staged(database, clock) as stage, calling(stage.url) as caller:
        cookies = (await caller.post("/auth/token", key=await stage.new_key())).cookies
        for names in (("access_token", "refresh_token"), ("refresh_token",)):  # browsers drop what has expired
            clock.now_ms += 1_000 * ACCESS_LIFE_S
            async with stage.client(cookies={name: cookies[name] for name in names}) as client:
                await client.recv()
                assert client.response is not None
                assert 2 == len(client.response.headers.get_all("Set-Cookie"))
                cookies = kept(client)
        async with stage.client(cookies=cookies) as client:
            assert {} == kept(client)


async def test_who_is_turned_away_at_the_door_keeps_the_renewed_login(database: Database, clock: Clock) -> None:
    """A 429 as well as a 426: the old refresh token is used up either way."""
    async with staged(database, clock, connections_per_key=1) as stage, calling(stage.url) as caller:
        key = await stage.new_key()
        cookies = (await caller.post("/auth/token", key=key)).cookies
        async with stage.client(key=key) as first:
            await first.recv()
            clock.now_ms += 1_000 * ACCESS_LIFE_S
            with pytest.raises(InvalidStatus) as full:
                async with stage.client(cookies=cookies):
                    pass
            response = full.value.response
            assert 429 == response.status_code
            lines = response.headers.get_all("Set-Cookie")
            assert ["access_token", "refresh_token"] == [line.partition("=")[0] for line in lines]
        cookies = {line.partition("=")[0]: line.partition("=")[2].partition(";")[0] for line in lines}
        clock.now_ms += 1_000 * ACCESS_LIFE_S
        answer = await caller.ask(PATH, cookies=cookies)
        assert (426, 2) == (answer.status, len(answer.cookies))
        clock.now_ms += 1_000 * ACCESS_LIFE_S
        async with stage.client(cookies=answer.cookies) as client:
            await client.recv()


async def test_connections_are_counted_by_key_however_it_was_shown(database: Database, clock: Clock) -> None:
    """Two logins and the key itself are one client; another key has its own count."""
    async with staged(database, clock, connections_per_key=2) as stage, calling(stage.url) as caller:
        key, other = await stage.new_key(), await stage.new_key("other")
        one = (await caller.post("/auth/token", key=key)).cookies
        two = (await caller.post("/auth/token", key=key)).cookies
        async with stage.client(cookies=one), stage.client(cookies=two):
            assert 429 == (await refused(stage, key=key))[0]
            assert 429 == (await refused(stage, cookies=one))[0]
            async with stage.client(key=other) as client:
                await client.recv()
        await until(lambda: stage.hub.door.inside == 0)
        async with stage.client(key=key) as client:
            await client.recv()


async def test_a_revoked_key_is_shown_out_within_the_look(database: Database, clock: Clock) -> None:
    """With all its logins; others stay."""
    async with staged(database, clock) as stage, calling(stage.url) as caller:
        key, other = await stage.new_key(), await stage.new_key("other")
        cookies = (await caller.post("/auth/token", key=key)).cookies
        stage.gate.look_every_s = 0.02
        watch = asyncio.create_task(stage.gate.watch(), name="watch")
        async with stage.client(key=key) as one, stage.client(cookies=cookies) as two, stage.client(key=other) as three:
            await three.recv()
            await stage.access.revoke_key("desk", clock())
            for client in (one, two):
                reason = "the key or session behind this connection is no longer valid"
                assert (4001, reason) == await said_goodbye(client)
            assert 1 == stage.hub.connections
        watch.cancel()
        await asyncio.wait({watch})  # before the database is closed


async def test_a_login_that_ends_takes_its_connections_along(database: Database, clock: Clock) -> None:
    """By logging out, or because its refresh token came twice; at once, and those of nobody else."""
    async with staged(database, clock) as stage, calling(stage.url) as caller:
        key = await stage.new_key()
        out, stolen, other = [(await caller.post("/auth/token", key=key)).cookies for _ in range(3)]
        async with (
            stage.client(cookies=out) as one, stage.client(cookies=stolen) as two, stage.client(cookies=other) as three,
            stage.client(key=key) as four,
        ):  # fmt: skip
            await caller.post("/auth/logout", cookies=out)
            assert 4001 == (await said_goodbye(one))[0]
            await caller.post("/auth/refresh", cookies=stolen)
            assert "revoked" == (await caller.post("/auth/refresh", cookies=stolen)).refusal
            assert 4001 == (await said_goodbye(two))[0]
            await three.recv()
            await four.recv()
            await until(lambda: stage.hub.connections == 2)
