"""Who comes through the gate: every key, every pair of cookies, every origin, over a real database."""

import asyncio
import base64
import secrets
from itertools import product
from pathlib import Path

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.server.auth import (
    ACCESS_COOKIE,
    ACCESS_LIFE_S,
    GRACE_MS,
    KEY_HEADER,
    LEEWAY_S,
    REFRESH_COOKIE,
    REFRESH_LIFE_S,
    Gate,
    Reason,
    Refused,
    id_of,
    make_key,
)
from storage.database import Database
from tests.daemon.lanes import Clock, locked
from tests.daemon.server.gates import HOST, SECRET, Town, statements, values


@pytest.fixture
async def town(database: Database, clock: Clock) -> Town:
    town = Town(database, clock)
    await town.settle()
    return town


# -- keys ------------------------------------------------------------------------------------------------------------


async def test_each_key_gets_its_answer(town: Town) -> None:
    """Right, revoked, and everything that is none, bytes that are no text among them."""
    assert "in" == await town.says(key=town.key)
    assert "revoked" == await town.says(key=town.revoked)
    for wrong in (
        "", " ", "tocsin_", town.key[:-1], f"{town.key}x", town.key.upper(), town.key_id, f" {town.key}",
        f"Bearer {town.key}", "\udcff\udcfe", "\x00", "é中", "x" * 100_000,
    ):  # fmt: skip
        assert "invalid" == await town.says(key=wrong), wrong[:40]


async def test_a_key_is_looked_at_first_and_alone(town: Town) -> None:
    """Cookies that come beside it neither help nor harm; no origin is asked for."""
    good, bad = await town.login(), {ACCESS_COOKIE: "x", REFRESH_COOKIE: "y"}

    for cookies, origin in product(({}, good, bad), (HOST, "https://evil.example", "null")):
        assert "in" == await town.says(cookies, key=town.key, origin=origin)
        assert "revoked" == await town.says(cookies, key=town.revoked, origin=origin)
        assert "invalid" == await town.says(cookies, key="guess", origin=origin)


async def test_no_key_and_no_good_access_token_asks_the_database(town: Town) -> None:
    """So that an unknown key takes as long as a known one, and a storm of reconnects costs the recorder nothing."""
    cookies = await town.login()
    async with statements(town.database) as said:
        for key in (town.key, town.revoked, "guess", ""):
            await town.says(key=key)
        await town.says()
        for token in (cookies[ACCESS_COOKIE], "garbage", town.signed(secret="x")):
            await town.says({ACCESS_COOKIE: token})
            await town.says({ACCESS_COOKIE: token, REFRESH_COOKIE: cookies[REFRESH_COOKIE]})
        await town.says(cookies, origin="https://evil.example")

    assert [] == said


async def test_a_refresh_token_that_is_none_does_not_wait_for_the_writer(town: Town, file: Path) -> None:
    """Strangers with garbage must not stand in line with the recorder."""
    async with locked(file):
        assert "invalid" == await town.says({REFRESH_COOKIE: "garbage"})


async def test_keys_are_nowhere_but_with_their_owner(town: Town, file: Path) -> None:
    """Nor are refresh tokens: the file holds digests."""
    cookies = await town.login()
    held = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))

    assert town.key_id.encode() in held
    for secret in (town.key, town.key.removeprefix("tocsin_"), *cookies.values()):
        assert secret.encode() not in held
    assert town.key not in repr(await town.access.keys())


def test_a_key_is_long_and_its_id_can_be_typed() -> None:
    """256 bits; an id that began with a dash would be an option of the command that revokes it."""
    for _ in range(500):
        key, key_id, digest = make_key(b"secret")
        assert key.startswith(f"tocsin_{key_id}")
        assert (50, 8, 64) == (len(key), len(key_id), len(digest))
        assert not key_id.startswith("-")
        assert key_id == id_of(key)
    assert "tocsin_desk" == id_of("tocsin_desk")


# -- cookies ---------------------------------------------------------------------------------------------------------


async def test_a_login_is_an_access_token_and_a_refresh_token(town: Town) -> None:
    """Of the lives that are documented, and with claims that name no secret."""
    passed = await town.gate.log_in(town.key)
    (access, access_s), (refresh, refresh_s) = passed.cookies[ACCESS_COOKIE], passed.cookies[REFRESH_COOKIE]
    claims = jwt.decode(access, options={"verify_signature": False})
    now_s = town.clock() // 1_000

    assert (ACCESS_LIFE_S, REFRESH_LIFE_S, 43) == (access_s, refresh_s, len(refresh))
    assert {"sub": town.key_id, "fam": passed.login, "iat": now_s, "exp": now_s + ACCESS_LIFE_S} == claims
    assert {"alg": "HS256", "typ": "JWT"} == jwt.get_unverified_header(access)
    assert (await town.gate.check({}, values(passed), host=HOST)).login == passed.login


@pytest.mark.parametrize("shown", [None, "", "guess"])
async def test_nobody_logs_in_without_a_key(town: Town, shown: str | None) -> None:
    with pytest.raises(Refused) as refused:
        await town.gate.log_in(shown)

    assert (Reason.MISSING if shown is None else Reason.INVALID) == refused.value.reason


async def test_nobody_logs_in_with_a_revoked_key(town: Town) -> None:
    with pytest.raises(Refused, match="revoked"):
        await town.gate.log_in(town.revoked)


async def accesses(town: Town) -> dict[str, tuple[str | None, str]]:
    """Every access token, and what it is alone."""
    gone = await town.login()
    await town.gate.log_out(gone[REFRESH_COOKIE], origin=None, host=HOST)
    now_s = town.clock() // 1_000
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    good = town.signed()
    head, body, signature = good.split(".")
    return {
        "none": (None, ""),
        "valid": (good, "in"),
        "expired": (town.signed(exp=now_s), "expired"),
        "expired long ago": (town.signed(exp=1), "expired"),
        "expired before 1970": (town.signed(exp=-(10**30)), "expired"),
        "of a wrong secret": (town.signed(secret="x" * 32), "invalid"),
        "of a wrong secret and expired": (town.signed(secret="x" * 32, exp=1), "invalid"),
        "with another's body": (f"{head}.{town.signed(sub='root').split('.')[1]}.{signature}", "invalid"),
        "cut": (good[:-1], "invalid"),
        "unsigned": (f"{head}.{body}.", "invalid"),
        "alg none": (f"{none}.{body}.", "invalid"),
        "alg none, signed": (f"{none}.{body}.{signature}", "invalid"),
        "alg RS256 over our secret": (town.signed(algorithm="RS256"), "invalid"),
        "alg HS512 over our secret": (town.signed(algorithm="HS512"), "invalid"),
        "alg hs256": (town.signed(algorithm="hs256"), "invalid"),
        **{f"without {claim}": (town.signed(drop=claim), "invalid") for claim in ("sub", "fam", "exp", "iat")},
        **{
            f"with {claim} {value!r}": (town.claiming(claim, value), "invalid")
            for claim, value in (
                ("sub", 7), ("sub", None), ("sub", ["x"]), ("fam", 7), ("fam", ["x"]), ("fam", {}), ("fam", None),
                ("exp", "soon"), ("exp", None), ("exp", True), ("exp", 1.5), ("exp", [1]), ("exp", float("nan")),
                ("exp", float("inf")), ("exp", 10**400),
            )
        },
        "of an unknown key": (town.signed(sub="nobody"), "revoked"),
        "of a login that has ended": (gone[ACCESS_COOKIE], "revoked"),
        "of the far future": (town.signed(exp=now_s + 10 * 365 * 86_400), "invalid"),
        "longer than we give": (town.signed(exp=now_s + ACCESS_LIFE_S + LEEWAY_S + 1), "invalid"),
        "as long as we give": (town.signed(exp=now_s + ACCESS_LIFE_S), "in"),
        "empty": ("", "invalid"),
        "garbage": ("garbage", "invalid"),
        "dots": ("...", "invalid"),
        "bytes": ("\udcff.\udcfe.\udcfd", "invalid"),
        "a deep header": (base64.urlsafe_b64encode(b"[" * 5_000).decode() + ".e30.x", "invalid"),
        "a long number": (base64.urlsafe_b64encode(b'{"alg":' + b"9" * 5_000 + b"}").decode() + ".e30.x", "invalid"),
    }  # fmt: skip


async def refreshes(town: Town) -> dict[str, tuple[str | None, str]]:
    """Every refresh token, fresh for each use, and what it is alone."""
    used, late = await town.login(), await town.login()
    ended, revoked = await town.login(), await town.login()
    await town.gate.refresh(used[REFRESH_COOKIE], origin=None, host=HOST)
    await town.gate.log_out(ended[REFRESH_COOKIE], origin=None, host=HOST)
    await town.gate.refresh(revoked[REFRESH_COOKIE], origin=None, host=HOST)
    await town.says({REFRESH_COOKIE: revoked[REFRESH_COOKIE]})
    old = secrets.token_urlsafe(32)
    await town.access.begin(old[:32], town.key_id, town.gate._digest(old), 0, town.clock())
    await town.access.begin("of-nobody" + old[:8], "nobody", town.gate._digest(f"{old}2"), 0, town.clock() + 9**9)
    town.clock.now_ms += GRACE_MS
    await town.gate.refresh(late[REFRESH_COOKIE], origin=None, host=HOST)
    return {
        "none": (None, ""),
        "valid": ((await town.login())[REFRESH_COOKIE], "renewed"),
        "just used": (late[REFRESH_COOKIE], "renewed"),
        "used": (used[REFRESH_COOKIE], "revoked"),
        "logged out": (ended[REFRESH_COOKIE], "revoked"),
        "revoked": (revoked[REFRESH_COOKIE], "revoked"),
        "expired": (old, "expired"),
        "of an unknown key": (f"{old}2", "revoked"),
        "empty": ("", "invalid"),
        "garbage": ("garbage", "invalid"),
        "bytes": ("\udcff\x00", "invalid"),
        "an access token": (town.signed(), "invalid"),
        "a key": (town.key, "invalid"),
    }


async def test_every_access_token_beside_every_refresh_token(town: Town) -> None:
    """A good access token is enough, an expired one leaves the word to the refresh token, any other ends it."""
    others = await refreshes(town)
    for name, (_, alone) in (await accesses(town)).items():
        if alone in ("", "expired"):
            for other in others:
                refresh, renewal = (await refreshes(town))[other]  # each is good for one use
                access = (await accesses(town))[name][0]
                told = await town.says({ACCESS_COOKIE: access, REFRESH_COOKIE: refresh})
                assert (renewal or alone or "missing") == told, (name, other)
    for name, (access, alone) in (await accesses(town)).items():
        if alone not in ("", "expired"):
            for other, (refresh, _) in others.items():  # not looked at
                assert alone == await town.says({ACCESS_COOKIE: access, REFRESH_COOKIE: refresh}), (name, other)


async def test_an_expired_access_token_is_renewed_and_what_comes_back_is_good(town: Town) -> None:
    """Twice in a row, each time with a new pair."""
    cookies = await town.login()
    for _ in range(2):
        town.clock.now_ms += 1_000 * ACCESS_LIFE_S
        passed = await town.gate.check({}, cookies, host=HOST)
        assert {ACCESS_COOKIE, REFRESH_COOKIE} == set(passed.cookies)
        assert not set(values(passed).values()) & set(cookies.values())
        cookies = values(passed)
        assert "in" == await town.says(cookies)
        assert "in" == await town.says({ACCESS_COOKIE: cookies[ACCESS_COOKIE]})


async def test_seventeen_tabs_renew_at_the_same_moment(town: Town) -> None:
    """None is thrown out; one of them brings the next refresh token, the others leave it in place."""
    cookies = await town.login()
    town.clock.now_ms += 1_000 * ACCESS_LIFE_S
    passes = await asyncio.gather(*(town.gate.check({}, cookies, host=HOST) for _ in range(17)))
    nexts = [passed.cookies[REFRESH_COOKIE][0] for passed in passes if REFRESH_COOKIE in passed.cookies]

    assert 1 == len(nexts)
    for passed in passes:
        assert "in" == await town.says({ACCESS_COOKIE: passed.cookies[ACCESS_COOKIE][0]})
    assert "renewed" == await town.says({REFRESH_COOKIE: nexts[0]})
    assert [] == town.shown_out


@pytest.mark.parametrize("after_ms", [GRACE_MS, 60_000])
async def test_a_token_that_comes_later_again_ends_the_login_at_once(town: Town, after_ms: int) -> None:
    """Its newest tokens too, and its connections; other logins of the key go on."""
    other, first = await town.login(), await town.gate.log_in(town.key)
    old = values(first)
    new = values(await town.gate.refresh(old[REFRESH_COOKIE], origin=None, host=HOST))
    assert "in" == await town.says(new)
    town.clock.now_ms += after_ms

    assert "revoked" == await town.says({REFRESH_COOKIE: old[REFRESH_COOKIE]})
    assert [first.login] == town.shown_out
    for cookies in (old, new, {REFRESH_COOKIE: new[REFRESH_COOKIE]}, {ACCESS_COOKIE: new[ACCESS_COOKIE]}):
        assert "revoked" == await town.says(cookies)
    assert [first.login] == town.shown_out
    assert "in" == await town.says(other)


async def test_there_is_no_grace_where_somebody_asks_to_refresh(town: Town) -> None:
    """A program that does so twice has lost count, or is not alone."""
    cookies = await town.login()
    await town.gate.refresh(cookies[REFRESH_COOKIE], origin=None, host=HOST)

    with pytest.raises(Refused, match="revoked"):
        await town.gate.refresh(cookies[REFRESH_COOKIE], origin=None, host=HOST)
    assert "revoked" == await town.says(cookies)


async def test_logging_out_ends_this_login_alone(town: Town) -> None:
    """Its access token with it, before any look at the database; twice is no error."""
    passed, other = await town.gate.log_in(town.key), await town.login()
    cookies = values(passed)
    await town.gate.log_out(cookies[REFRESH_COOKIE], origin=None, host=HOST)
    await town.gate.log_out(cookies[REFRESH_COOKIE], origin=None, host=HOST)

    assert "revoked" == await town.says(cookies)
    assert passed.login in town.shown_out
    assert "in" == await town.says(other)


@pytest.mark.parametrize(("shown", "reason"), [(None, "missing"), ("", "invalid"), ("garbage", "invalid")])
async def test_who_is_not_in_cannot_log_out_or_refresh(town: Town, shown: str | None, reason: str) -> None:
    for work in (town.gate.log_out, town.gate.refresh):
        with pytest.raises(Refused, match=reason):
            await work(shown, origin=None, host=HOST)


@settings(
    deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(st.characters(exclude_categories=[]), max_size=80)
    | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,40}\.[\w-]{0,40}", fullmatch=True)
)
def test_nothing_that_a_stranger_writes_breaks_the_gate(text: str) -> None:
    """Any text in the key or the access cookie is one of the five reasons."""
    gate = Gate(None, secret=SECRET, clock=lambda: 1_790_000_000_000)  # type: ignore[arg-type] # never asked
    gate._secret = SECRET.encode()
    sent = text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")  # as aiohttp reads bytes
    for headers, cookies in (
        ({KEY_HEADER: sent}, {}),
        ({}, {ACCESS_COOKIE: sent}),
        ({"Origin": sent}, {ACCESS_COOKIE: sent}),
    ):
        with pytest.raises(Refused):
            asyncio.run(gate.check(headers, cookies, host=HOST))
