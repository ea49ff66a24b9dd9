"""The guarded port, asked over real sockets: who is let in, what the others learn, and which cookies are given."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon import logs
from daemon.config.model import ServerConfig
from daemon.house import House
from daemon.server.auth import ACCESS_LIFE_S, make_key, secret_of
from storage.access import Access
from tests.daemon.lanes import locked
from tests.daemon.server.callers import Caller, calling
from tests.daemon.town import Home

TOKEN = "a-token-for-readers"
GUARDED = {"host": "0.0.0.0", "port": 0, "tables": False}
LISTED = "https://front.example"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, None, server=GUARDED)


@asynccontextmanager
async def guarded(home: Home) -> AsyncIterator[tuple[House, Caller, str]]:
    """A house that other machines can reach, somebody who asks, and a good key."""
    async with home.living() as house, calling(house.server.url) as caller:
        yield house, caller, await new_key(house, "desk")


async def new_key(house: House, name: str) -> str:
    assert house.gate is not None
    access, configured = Access(house.database), house.config.server.secret
    secret = await secret_of(access, configured.get_secret_value() if configured is not None else None)
    key, key_id, digest = make_key(secret)
    await access.add_key(key_id, name, digest, house.clock())
    await house.gate.load()
    return key


# -- the five reasons --------------------------------------------------------------------------------------------------

EVERYWHERE = (
    "/",
    "/healthz",
    "/metrics",
    "/nowhere",
    "/auth",
    "/auth/",
    "/auth/nowhere",
    "/auth/token/x",
    "//auth/token",
)


@pytest.mark.parametrize("path", EVERYWHERE)
async def test_nothing_is_shown_to_whoever_says_nothing(home: Home, path: str) -> None:
    """Not even whether there is such a page."""
    async with guarded(home) as (_, caller, key):
        for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE"):
            answer = await caller.ask(path, method=method)
            assert 401 == answer.status
            assert method == "HEAD" or "missing" == answer.refusal
        known = path in ("/", "/healthz", "/metrics")
        assert (200 if known else 404) == (await caller.ask(path, key=key)).status


async def test_a_path_that_climbs_out_of_auth_is_refused(home: Home) -> None:
    """As it stands on the wire, and in the words of a URL."""
    async with guarded(home) as (house, _, _):
        for path in (b"/auth/../healthz", b"/auth/%2e%2e/healthz", b"/auth/token/../../healthz", b"http://x/healthz"):
            reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
            assert answer.startswith(b"HTTP/1.1 401"), path


async def test_refusals_of_one_reason_are_the_same_to_the_last_byte(home: Home) -> None:
    """Whatever was wrong inside it; headers too, but for the date."""
    async with guarded(home) as (house, caller, key):
        other = await new_key(house, "gone")
        cookies = (await caller.post("/auth/token", key=key)).cookies
        lost = (await caller.post("/auth/token", key=other)).cookies
        await Access(house.database).revoke_key("gone", house.clock())
        assert house.gate is not None
        await house.gate.load()
        access, refresh = cookies["access_token"], cookies["refresh_token"]
        evil = "https://evil.example"
        home.clock.ahead_ms = 1_000 * ACCESS_LIFE_S
        asked: dict[str, list[dict[str, Any]]] = {
            "missing": [{}, {"Origin": evil}, {"cookies": {"other": "x"}}],
            "invalid": [
                {"key": "guess"}, {"key": ""}, {"key": key[:-1]}, {"key": "x" * 7_000}, {"key": "guess", "Origin": evil},
                {"cookies": {"access_token": "x"}}, {"cookies": {"access_token": access[:-2], "refresh_token": refresh}},
                {"cookies": {"refresh_token": "x"}}, {"cookies": {"refresh_token": ""}}, {"Authorization": f"Bearer {key}"},
            ],
            "expired": [{"cookies": {"access_token": access}}],
            "revoked": [{"key": other}, {"cookies": {"refresh_token": lost["refresh_token"]}}],
            "foreign_origin": [{"cookies": cookies, "Origin": evil}, {"cookies": {"access_token": "x"}, "Origin": "null"}],
        }  # fmt: skip
        for reason, ways in asked.items():
            seen = set()
            for way in ways:
                answer = await caller.ask(**way)
                assert reason == answer.refusal, (reason, way)
                seen.add(tuple((name, value) for name, value in answer.headers.items() if name != "Date"))
            assert 1 == len(seen)


@pytest.mark.parametrize("header", [b"x-api-key: ", b"Cookie: access_token=", b"Cookie: refresh_token=", b"Cookie: "])
async def test_bytes_that_are_no_text_are_one_of_the_reasons(
    home: Home, header: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Or no HTTP at all; never a bug of ours."""
    logging.getLogger("aiohttp.server").addFilter(logs._no_bad_requests)
    async with guarded(home) as (_, caller, _):
        for value in (
            b"\xff\xfe\x80",
            b"\xc3\xa9",
            b'"\\377\\400\\"',
            b";;==;,",
            b"a=b=c; =; access_token",
            b"\x01\x02",
        ):
            answer = await caller.raw(header + value)
            assert answer.startswith((b"HTTP/1.1 401 ", b"HTTP/1.0 400 ")), (value, answer[:80])

    assert [] == [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.fixture
def journal() -> Iterator[io.StringIO]:
    """The daemon's own log, as talkative as it can be."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.set_up(logging.DEBUG, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (*logs.QUIET, "apprise"):
        logging.getLogger(name).setLevel(logging.NOTSET)


async def test_no_secret_is_repeated_by_log_or_answer(home: Home, journal: io.StringIO, impatient: None) -> None:
    """Good ones, bad ones, and those in a request that is no HTTP."""
    async with guarded(home) as (house, caller, key):
        cookies = (await caller.post("/auth/token", key=key)).cookies
        again = (await caller.post("/auth/refresh", cookies=cookies)).cookies
        secrets = [key, *cookies.values(), *again.values(), await Access(house.database).server_secret("")]
        bodies = [
            (await caller.post("/auth/refresh", cookies=cookies)).body,  # reused: the login ends
            (await caller.ask(key=f"{key}x")).body,
            (await caller.ask(cookies=again)).body,
            (await caller.ask("/metrics", key=key)).body,
            (await caller.ask("/", key=key)).body,
        ]
        assert (await caller.raw(b"x-api-key: " + key.encode() + b"\x00")).startswith(b"HTTP/1.0 400 ")
        async with locked(home.database):
            bodies.append((await caller.post("/auth/token", key=key)).body)

    for secret in secrets:
        assert secret not in journal.getvalue()
        assert not [body for body in bodies if secret.encode() in body]
    assert "a refresh token was used twice" in journal.getvalue()


# -- logging in and out ------------------------------------------------------------------------------------------------


async def test_a_login_from_key_to_goodbye(home: Home) -> None:
    """As a browser does it."""
    async with guarded(home) as (_, caller, key):
        answer = await caller.post("/auth/token", key=key)
        assert (200, {"ok": True, "expires_in": 600}) == (answer.status, json.loads(answer.body))
        assert "no-store" == answer.headers["Cache-Control"]
        assert ["access_token", "refresh_token"] == [line.partition("=")[0] for line in answer.set_cookies]
        assert [
            "; Max-Age=600; Path=/; HttpOnly; SameSite=Lax",
            "; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax",
        ] == [line[line.index(";") :] for line in answer.set_cookies]
        assert 200 == (await caller.ask(cookies=answer.cookies)).status
        renewed = await caller.post("/auth/refresh", cookies=answer.cookies, Origin=caller.url)
        assert (200, 2) == (renewed.status, len(renewed.cookies))
        assert 200 == (await caller.ask(cookies=renewed.cookies)).status
        out = await caller.post("/auth/logout", cookies=renewed.cookies, Origin=caller.url)
        assert (200, {"ok": True, "expires_in": 0}) == (out.status, json.loads(out.body))
        assert {"access_token": "", "refresh_token": ""} == out.cookies
        assert ["; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"] * 2 == [
            line[line.index(";") :] for line in out.set_cookies
        ]
        for cookies in (answer.cookies, renewed.cookies):
            assert "revoked" == (await caller.ask(cookies=cookies)).refusal


@pytest.mark.parametrize("path", ["/auth/token", "/auth/refresh", "/auth/logout"])
async def test_who_is_nobody_gets_nowhere(home: Home, path: str) -> None:
    """No cookies but those that take away; only POST."""
    async with guarded(home) as (_, caller, key):
        assert "missing" == (await caller.post(path)).refusal
        assert 405 == (await caller.ask(path, key=key)).status
        wrong = {"key": "guess", "cookies": {"refresh_token": "guess"}}
        answer = await caller.post(path, **wrong)
        assert "invalid" == answer.refusal
        assert ({"access_token": "", "refresh_token": ""} if path == "/auth/logout" else {}) == answer.cookies


async def test_a_foreign_page_can_neither_refresh_nor_log_out(home: Home) -> None:
    """The next port of our own host is foreign too, and sends our cookies: only the origin tells."""
    async with guarded(home) as (_, caller, key):
        cookies = (await caller.post("/auth/token", key=key)).cookies
        for origin in ("https://evil.example", "http://127.0.0.1:1", "null"):
            for path in ("/auth/refresh", "/auth/logout"):
                answer = await caller.post(path, cookies=cookies, Origin=origin)
                assert ("foreign_origin", {}) == (answer.refusal, answer.cookies)
        assert 200 == (await caller.ask(cookies=cookies)).status


async def test_cookies_are_secure_where_the_page_is(home: Home) -> None:
    """As the browser says; a proxy's word could be anybody's."""
    async with guarded(home) as (_, caller, key):
        host = caller.url.removeprefix("http://")
        secure = await caller.post("/auth/token", key=key, Origin=f"https://{host}")
        plain = await caller.post("/auth/token", key=key, Origin=f"http://{host}", X_Forwarded_Proto="https")

    assert [True, True] == [line.endswith("; Secure") for line in secure.set_cookies]
    assert [False, False] == [line.endswith("; Secure") for line in plain.set_cookies]


async def test_only_listed_pages_may_log_in_from_another_origin(home: Home) -> None:
    """The browser asks first, and reads no answer that does not name the page."""
    home.write(server=GUARDED | {"origins": [LISTED]})
    async with guarded(home) as (_, caller, key):
        for origin, named in ((LISTED, LISTED), ("https://evil.example", None)):
            for path in ("/auth/token", "/auth/refresh", "/auth/logout"):
                asked = await caller.ask(path, method="OPTIONS", Origin=origin, Access_Control_Request_Method="POST")
                assert (204, b"") == (asked.status, asked.body)
                assert named == asked.headers.get("Access-Control-Allow-Origin")
                assert "x-api-key" == asked.headers["Access-Control-Allow-Headers"]
            for shown in (key, "guess"):
                answer = await caller.post("/auth/token", key=shown, Origin=origin)
                assert named == answer.headers.get("Access-Control-Allow-Origin")
                assert ("true" if named else None) == answer.headers.get("Access-Control-Allow-Credentials")
        cookies = (await caller.post("/auth/token", key=key, Origin=LISTED)).cookies
        assert 200 == (await caller.ask(cookies=cookies, Origin=LISTED)).status


@pytest.mark.parametrize("path", ["/healthz", "/", "/metrics", "/nowhere"])
async def test_every_answer_brings_the_renewed_login(home: Home, path: str) -> None:
    """Else the next request would come with a token that is used up, and end the login."""
    async with guarded(home) as (_, caller, key):
        cookies = (await caller.post("/auth/token", key=key)).cookies
        for _ in range(2):
            home.clock.ahead_ms += 1_000 * ACCESS_LIFE_S
            answer = await caller.ask(path, cookies=cookies)
            assert {"access_token", "refresh_token"} == set(answer.cookies)
            assert not set(answer.cookies.values()) & set(cookies.values())
            cookies = answer.cookies
        assert {} == (await caller.ask(path, cookies=cookies)).cookies


async def test_while_the_database_is_held_who_is_in_stays_in(home: Home, impatient: None) -> None:
    """Keys and access tokens ask nobody; what needs writing waits for better times, and is not lost."""
    async with guarded(home) as (_, caller, key):
        cookies = (await caller.post("/auth/token", key=key)).cookies
        async with locked(home.database):
            assert 200 == (await caller.ask(key=key)).status
            assert 200 == (await caller.ask(cookies=cookies)).status
            assert 503 == (await caller.post("/auth/token", key=key)).status
            assert 503 == (await caller.post("/auth/logout", cookies=cookies)).status
            home.clock.ahead_ms = 1_000 * ACCESS_LIFE_S
            assert 503 == (await caller.ask(cookies=cookies)).status
            assert "invalid" == (await caller.ask(key="guess")).refusal
        assert 200 == (await caller.ask(cookies=cookies)).status


# -- the operator, and this machine ------------------------------------------------------------------------------------


async def test_the_operators_token_opens_a_guarded_house_too(home: Home) -> None:
    """For Prometheus; a wrong one is invalid, and keys go on working beside it."""
    home.write(server=GUARDED | {"token": TOKEN})
    async with guarded(home) as (_, caller, key):
        for path in ("/healthz", "/metrics", "/"):
            assert 200 == (await caller.ask(path, Authorization=f"Bearer {TOKEN}")).status
            assert 200 == (await caller.ask(path, key=key)).status
            assert 200 == (await caller.ask(path, key=key, Authorization="Bearer guess")).status
            assert "invalid" == (await caller.ask(path, Authorization="Bearer guess")).refusal
            assert "missing" == (await caller.ask(path)).refusal


async def test_on_loopback_nobody_is_asked(home: Home) -> None:
    """Whatever is sent; and there is nothing to log in to."""
    home.write(server={"port": 0, "tables": False})
    async with home.living() as house, calling(house.server.url) as caller:
        assert None is house.gate
        for way in ({}, {"key": "guess"}, {"cookies": {"access_token": "x"}, "Origin": "https://evil.example"}):
            assert 200 == (await caller.ask(**way)).status
        assert 404 == (await caller.post("/auth/token", key="guess")).status


async def test_on_loopback_with_a_token_nobody_logs_in_either(home: Home) -> None:
    """Not even whether one could is told."""
    home.write(server={"port": 0, "tables": False, "token": TOKEN})
    async with home.living() as house, calling(house.server.url) as caller:
        for path in ("/healthz", "/auth/token"):
            assert "missing" == (await caller.post(path)).refusal
            assert "missing" == (await caller.post(path, key="guess")).refusal


@pytest.mark.parametrize(
    "server",
    [
        {"token": ""}, {"token": "short"}, {"token": "with a space in it"}, {"token": "gänsefüßchen-lang"}, {"secret": ""},
        {"secret": "x" * 31}, {"origins": ["*"]}, {"origins": ["null"]}, {"origins": ["https://x.example/"]},
        {"origins": ["x.example"]}, {"origins": [""]}, {"origins": ["https://*.example"]}, {"origins": ["https://u@x.example"]},
    ],
)  # fmt: skip
def test_what_would_let_in_everybody_or_nobody_is_refused(server: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="write"):
        ServerConfig.model_validate(server)


def test_an_origin_may_be_written_in_capitals() -> None:
    """Browsers write it small."""
    config = ServerConfig.model_validate({"origins": ["HTTPS://Desk.Example:8443"]})

    assert ["https://desk.example:8443"] == config.origins
