"""Keys and logins at rest: what is kept, what is used once, and what ends with what."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from storage.access import EXPIRED_KEPT_MS, Access, Family
from storage.database import Database
from storage.schema import refresh_tokens, token_families
from tests.databases import both
from tests.storage.episodes import NOW

pytestmark = both

LIFE_MS = 1_000_000
LATER = NOW + LIFE_MS
LOGIN = Family("login", "key", None)


@pytest.fixture
def access(database: Database) -> Access:
    return Access(database)


async def count(database: Database, table: Any) -> int:
    async with database.reader() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_the_first_to_ask_gives_the_secret(access: Access) -> None:
    """Also when two ask at once; it stays from then on."""
    one, two = await asyncio.gather(access.server_secret("a"), access.server_secret("b"))

    assert one == two == await access.server_secret("c")
    assert one in ("a", "b")


async def test_keys_are_listed_oldest_first_and_stay_when_revoked(access: Access) -> None:
    """A listing without the revoked ones could not say who was shown out."""
    await access.add_key("k2", "desk", "d2", NOW + 1)
    await access.add_key("k1", "bot", "d1", NOW)

    assert 1 == await access.revoke_key("desk", NOW + 2)
    assert [("k1", "bot", "d1", NOW, None), ("k2", "desk", "d2", NOW + 1, NOW + 2)] == [
        (key.key_id, key.name, key.digest, key.created_ms, key.revoked_ms) for key in await access.keys()
    ]


async def test_a_key_is_revoked_by_its_id_or_by_its_name_and_once(access: Access) -> None:
    """Two keys of one name end together: whoever revokes a name means all that is his."""
    for key_id in ("k1", "k2", "k3"):
        await access.add_key(key_id, "bot", f"d{key_id}", NOW)

    assert 1 == await access.revoke_key("k1", NOW)
    assert 0 == await access.revoke_key("k1", NOW)
    assert 2 == await access.revoke_key("bot", NOW)
    assert 0 == await access.revoke_key("nobody", NOW)


async def test_each_refresh_token_leads_to_the_next(access: Access) -> None:
    """A chain of three, each used once."""
    await access.begin("login", "key", "a", NOW, LATER)

    assert (LOGIN, "") == await access.rotate("a", "b", NOW, LATER)
    assert (LOGIN, "") == await access.rotate("b", "c", NOW, LATER)


async def test_a_token_that_comes_twice_ends_the_login(access: Access) -> None:
    """Whoever has the newest one is thrown out as well: nobody knows which of the two is the thief."""
    await access.begin("login", "key", "a", NOW, LATER)
    await access.rotate("a", "b", NOW, LATER)

    assert (LOGIN, "revoked") == await access.rotate("a", "c", NOW + 1, LATER)
    assert (Family("login", "key", NOW + 1), "revoked") == await access.rotate("b", "d", NOW + 2, LATER)
    assert {"login": NOW + 1} == await access.revoked_since(NOW + 1)
    assert {} == await access.revoked_since(NOW + 2)


@pytest.mark.parametrize(("after_ms", "why"), [(0, "late"), (4_999, "late"), (5_000, "revoked"), (-3, "late")])
async def test_within_the_grace_a_second_use_is_only_late(access: Access, after_ms: int, why: str) -> None:
    """To the millisecond, and when the clock was set back."""
    await access.begin("login", "key", "a", NOW, LATER)
    await access.rotate("a", "b", NOW, LATER)

    assert why == (await access.rotate("a", "c", NOW + after_ms, LATER, grace_ms=5_000))[1]
    assert ("" if why == "late" else "revoked") == (await access.rotate("b", "d", NOW + after_ms, LATER))[1]


async def test_of_seventeen_at_once_one_is_first_and_the_others_are_late(access: Access) -> None:
    """And only the first one's next token is a token."""
    await access.begin("login", "key", "a", NOW, LATER)
    answers = await asyncio.gather(
        *(access.rotate("a", f"next-{number}", NOW, LATER, grace_ms=5_000) for number in range(17))
    )
    good = [number for number, (_, why) in enumerate(answers) if why == ""]

    assert 1 == len(good)
    assert {"", "late"} == {why for _, why in answers}
    for number in range(17):
        why = "" if number in good else "invalid"
        assert why == (await access.rotate(f"next-{number}", f"last-{number}", NOW, LATER))[1]


async def test_without_grace_two_at_once_end_the_login(access: Access) -> None:
    """One of them may still have been first."""
    await access.begin("login", "key", "a", NOW, LATER)
    answers = await asyncio.gather(*(access.rotate("a", f"next-{number}", NOW, LATER) for number in range(2)))

    assert ["", "revoked"] == sorted(why for _, why in answers)
    assert {"login": NOW} == await access.revoked_since(NOW)


async def test_a_token_of_which_nobody_knows(access: Access) -> None:
    assert (None, "invalid") == await access.rotate("garbage", "b", NOW, LATER)
    assert None is await access.end("garbage", NOW)


async def test_an_old_token_is_expired_to_the_millisecond(access: Access) -> None:
    """The life is that of the token, not of the login."""
    await access.begin("login", "key", "a", NOW, NOW + 10)

    assert (LOGIN, "expired") == await access.rotate("a", "b", NOW + 10, LATER)
    assert (LOGIN, "") == await access.rotate("a", "b", NOW + 9, LATER)


async def test_logging_out_ends_the_login_with_any_of_its_tokens(access: Access) -> None:
    """A used one will do; twice is as good as once, and the time stays that of the first."""
    await access.begin("login", "key", "a", NOW, LATER)
    await access.rotate("a", "b", NOW, LATER)

    assert "login" == await access.end("a", NOW + 1)
    assert "login" == await access.end("b", NOW + 2)
    assert {"login": NOW + 1} == await access.revoked_since(NOW)
    assert "revoked" == (await access.rotate("b", "c", NOW + 3, LATER))[1]


async def test_one_login_does_not_end_another_of_the_same_key(access: Access) -> None:
    await access.begin("one", "key", "a", NOW, LATER)
    await access.begin("two", "key", "b", NOW, LATER)
    await access.end("a", NOW)

    assert (Family("two", "key", None), "") == await access.rotate("b", "c", NOW, LATER)


async def test_logins_of_which_nothing_is_alive_are_forgotten(access: Access, database: Database) -> None:
    """At the next login: a program that logs in every minute must not fill the disk."""
    await access.begin("old", "key", "a", NOW, NOW + 10)
    await access.rotate("a", "b", NOW + 1, NOW + 10)
    await access.begin("new", "key", "c", NOW + 5, 2 * LATER)
    assert (2, 3) == (await count(database, token_families), await count(database, refresh_tokens))
    assert "expired" == (await access.rotate("b", "x", NOW + EXPIRED_KEPT_MS, LATER))[1]
    await access.begin("newest", "key", "d", NOW + 11 + EXPIRED_KEPT_MS, 2 * LATER)

    assert (2, 2) == (await count(database, token_families), await count(database, refresh_tokens))
    assert "" == (await access.rotate("c", "e", NOW + 12, LATER))[1]
