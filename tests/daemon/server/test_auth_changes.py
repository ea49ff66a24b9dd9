"""From which pages cookies are taken, and what becomes of them when keys and secrets change."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from daemon.server.auth import (
    ACCESS_COOKIE,
    ACCESS_LIFE_S,
    LEEWAY_S,
    REFRESH_COOKIE,
    Refused,
)
from storage.access import Access, ApiKey
from storage.database import Database
from storage.trouble import StorageTrouble
from tests.daemon.lanes import Clock, until
from tests.daemon.server.gates import HOST, LISTED, SECRET, Town, values


@pytest.fixture
async def town(database: Database, clock: Clock) -> Town:
    town = Town(database, clock)
    await town.settle()
    return town


# -- origins ---------------------------------------------------------------------------------------------------------

OWN: list[str | None] = [
    None, f"http://{HOST}", f"https://{HOST}", f"HTTPS://{HOST.upper()}", LISTED, LISTED.upper(),
]  # fmt: skip
FOREIGN = [
    "", "null", "http://", "https://evil.example", "http://desk.example", "http://desk.example:8001", "http://desk.example:80",
    f"https://evil.example/{HOST}", f"https://{HOST}.evil.example", f"https://evil.{HOST}", f"https://evil.example#{HOST}",
    f"https://evil@{HOST}", f"{LISTED}:8443", f"{LISTED}/", "http://front.example", f"file://{HOST}", f"chrome-extension://{HOST}",
    HOST, f"https:///{HOST}", f"https://{HOST} ", "\udcff",
]  # fmt: skip


@pytest.mark.parametrize("origin", [*OWN, *FOREIGN])
async def test_cookies_are_taken_from_our_own_pages_and_from_listed_ones(town: Town, origin: str | None) -> None:
    """Good ones; bad ones are not even looked at, so that a foreign page learns nothing about them."""
    cookies = await town.login()

    assert ("in" if origin in OWN else "foreign_origin") == await town.says(cookies, origin=origin)
    assert ("invalid" if origin in OWN else "foreign_origin") == await town.says({ACCESS_COOKIE: "x"}, origin=origin)
    assert "missing" == await town.says(origin=origin)
    for work in (town.gate.refresh, town.gate.log_out):
        if origin in FOREIGN:
            with pytest.raises(Refused, match="foreign_origin"):
                await work(cookies[REFRESH_COOKIE], origin=origin, host=HOST)
    assert "in" == await town.says(cookies)


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("https://desk.example", "desk.example", True),
        ("https://desk.example", "desk.example:443", True),
        ("http://desk.example", "desk.example:80", True),
        ("http://desk.example", "desk.example:443", False),
        ("https://desk.example:8443", "desk.example", False),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("http://[::1]:8000", "[::1]:8001", False),
        ("http://", "", False),
        ("null", "", False),
    ],
)
async def test_ports_tell_origins_apart(town: Town, origin: str, host: str, is_own: bool) -> None:
    """Cookies do not know ports, so we must; the usual one may be written or not."""
    cookies = await town.login()
    if is_own:
        assert town.key_id == (await town.gate.check({"Origin": origin}, cookies, host=host)).key_id
    else:
        with pytest.raises(Refused, match="foreign_origin"):
            await town.gate.check({"Origin": origin}, cookies, host=host)


# -- keys and secrets that change --------------------------------------------------------------------------------------


@asynccontextmanager
async def watching(town: Town) -> AsyncIterator[None]:
    """The gate looks all the time, and has ended before the database is closed."""
    town.gate.look_every_s = 0.01
    watch = asyncio.create_task(town.gate.watch(), name="watch")
    try:
        yield
    finally:
        watch.cancel()
        await asyncio.wait({watch})


async def test_a_key_that_is_revoked_elsewhere_is_shown_out_once(town: Town) -> None:
    """And its cookies are worth nothing any more, good as they look."""
    cookies = await town.login()
    async with watching(town):
        await Access(town.database).revoke_key(town.key_id, town.clock())
        await until(lambda: town.key_id in town.shown_out)
        await until(lambda: town.gate.valid_keys == 0)

    assert 1 == town.shown_out.count(town.key_id)
    assert "revoked" == await town.says(key=town.key)
    assert "revoked" == await town.says(cookies)
    assert "revoked" == await town.says({REFRESH_COOKIE: cookies[REFRESH_COOKIE]})


async def test_a_key_that_is_made_elsewhere_is_let_in_after_the_next_look(town: Town) -> None:
    """No look of its own: an unknown key would else make the database work."""
    key, _ = await town.new_key("fresh")
    assert "invalid" == await town.says(key=key)
    async with watching(town):
        await until(lambda: town.gate.valid_keys == 2)

    assert "in" == await town.says(key=key)


class Away(Access):
    """Keys on a disk that is not there at times."""

    is_away = False

    async def keys(self) -> list[ApiKey]:
        if self.is_away:
            raise StorageTrouble("the disk is away")
        return await super().keys()


async def test_a_database_that_cannot_be_read_is_said_once_and_then_the_revoked_are_shown_out(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever was revoked meanwhile is not forgotten."""
    caplog.set_level(logging.INFO, "daemon.server.auth")
    town.access = disk = Away(town.database)
    town.gate = town.another(SECRET)
    await town.gate.load()
    disk.is_away = True
    async with watching(town):
        await until(lambda: bool(caplog.records))
        await disk.revoke_key(town.key_id, town.clock())
        disk.is_away = False
        await until(lambda: town.key_id in town.shown_out)

    assert ["WARNING", "INFO"] == [record.levelname for record in caplog.records]


async def test_a_restart_keeps_everybody_in(town: Town) -> None:
    """With a configured secret, and with the one of the database."""
    cookies = await town.login()
    again = town.another(SECRET)
    await again.load()
    own, own_again = town.another(None), town.another(None)
    await own.load()
    key, _ = await town.new_key("own", secret=None)
    await own.load()
    await own_again.load()
    login = values(await own.log_in(key))

    assert "in" == await town.says(cookies, gate=again)
    assert "in" == await town.says(key=town.key, gate=again)
    assert "in" == await town.says(login, gate=own_again)
    assert "renewed" == await town.says({REFRESH_COOKIE: login[REFRESH_COOKIE]}, gate=own_again)


async def test_another_secret_ends_everything(town: Town) -> None:
    """Keys, access tokens, refresh tokens."""
    cookies = await town.login()
    other = town.another(SECRET[::-1])
    await other.load()

    for shown in (cookies, {ACCESS_COOKIE: cookies[ACCESS_COOKIE]}, {REFRESH_COOKIE: cookies[REFRESH_COOKIE]}):
        assert "invalid" == await town.says(shown, gate=other)
    assert "invalid" == await town.says(key=town.key, gate=other)
    assert "in" == await town.says(cookies)


async def test_a_login_that_ended_stays_ended_after_a_restart(town: Town) -> None:
    """As long as its access token could live."""
    cookies = await town.login()
    await town.gate.log_out(cookies[REFRESH_COOKIE], origin=None, host=HOST)
    town.clock.now_ms += 1_000 * (ACCESS_LIFE_S - 1)
    again = town.another(SECRET)
    await again.load()

    assert "revoked" == await town.says({ACCESS_COOKIE: cookies[ACCESS_COOKIE]}, gate=again)
    assert 1 == len(again._ended)
    town.clock.now_ms += 1_000 * (1 + LEEWAY_S) + 1
    await again.load()
    assert {} == again._ended
    assert "expired" == await town.says({ACCESS_COOKIE: cookies[ACCESS_COOKIE]}, gate=again)
