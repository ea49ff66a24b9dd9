"""A gate over a real database, a key that is good, a key that is revoked, and tokens forged in every way."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import event

from daemon.server.auth import (
    KEY_HEADER,
    Gate,
    Pass,
    Refused,
    make_key,
    secret_of,
)
from storage.access import Access
from storage.database import Database
from tests.daemon.lanes import Clock

HOST = "desk.example:8000"
SECRET = "0123456789abcdef0123456789abcdef"
LISTED = "https://front.example"


class Town:
    """A gate, its database, and two keys: one that is good and one that is revoked."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.access = Access(database)
        self.shown_out: list[str] = []
        self.key = self.key_id = self.revoked = ""
        self.gate = self.another(SECRET)

    def another(self, secret: str | None) -> Gate:
        return Gate(
            self.access,
            secret=secret,
            clock=self.clock,
            origins=frozenset({LISTED}),
            show_out=self.shown_out.append,
        )

    async def settle(self) -> None:
        self.key, self.key_id = await self.new_key("desk")
        self.revoked, revoked_id = await self.new_key("gone")
        await self.access.revoke_key(revoked_id, self.clock())
        await self.gate.load()

    async def new_key(self, name: str, secret: str | None = SECRET) -> tuple[str, str]:
        key, key_id, digest = make_key(await secret_of(self.access, secret))
        await self.access.add_key(key_id, name, digest, self.clock())
        return key, key_id

    async def login(self) -> dict[str, str]:
        """The cookies of a new login."""
        return values(await self.gate.log_in(self.key))

    async def says(
        self,
        cookies: Mapping[str, str | None] = {},
        *,
        key: str | None = None,
        origin: str | None = None,
        gate: Gate | None = None,
    ) -> str:
        """What the gate says: the reason, `renewed` or `in`. None is not sent."""
        headers = {name: value for name, value in ((KEY_HEADER, key), ("Origin", origin)) if value is not None}
        sent = {name: value for name, value in cookies.items() if value is not None}
        try:
            passed = await (gate or self.gate).check(headers, sent, host=HOST)
        except Refused as exc:
            return exc.reason.value
        return "renewed" if passed.cookies else "in"

    def signed(self, *, secret: str = SECRET, algorithm: str = "HS256", drop: str = "", **claims: Any) -> str:
        """An access token as ours are, but for what is said."""
        now_s = self.clock() // 1_000
        said = {"sub": self.key_id, "fam": "f" * 32, "iat": now_s, "exp": now_s + 60} | claims
        said.pop(drop, None)
        return signed_raw(said, secret, algorithm)

    def claiming(self, claim: str, value: Any) -> str:
        claims: dict[str, Any] = {claim: value}
        return self.signed(**claims)


def signed_raw(claims: dict[str, Any], secret: str, algorithm: str = "HS256") -> str:
    """Signed by hand, since the library refuses to write some of what it has to refuse to read."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    said = part({"alg": algorithm, "typ": "JWT"}) + b"." + part(claims)
    word = hmac.new(hashlib.sha256(secret.encode()).digest(), said, hashlib.sha256).digest()
    return (said + b"." + base64.urlsafe_b64encode(word).rstrip(b"=")).decode()


def values(passed: Pass) -> dict[str, str]:
    return {name: value for name, (value, _) in passed.cookies.items()}


@asynccontextmanager
async def statements(database: Database) -> AsyncIterator[list[str]]:
    """What the database is asked inside the block."""
    said: list[str] = []

    def hear(connection: object, cursor: object, statement: str, *rest: object) -> None:
        said.append(statement)

    engines = [engine.sync_engine for engine in (database._writer, database._reader)]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", hear)
