"""Keys and logins, as digests under the server's secret.

The secret lies beside them unless it is configured (`server.secret`): only then is a stolen database worth nothing.
"""

import msgspec

from storage import access_statements as say
from storage.database import Database
from storage.schema import meta
from storage.sentences import insert_once
from storage.statements import one_meta

SERVER_SECRET = "server_secret"
READ, ACT = "read", "act"  # what a key is good for; who may act may read
EXPIRED_KEPT_MS = 7 * 86_400_000  # so long a client still learns that its token is old, and not that it is none
keep_secret = insert_once(meta)


class ApiKey(msgspec.Struct, frozen=True):
    """What is known of a key."""

    key_id: str
    name: str
    digest: str
    created_ms: int
    revoked_ms: int | None
    scope: str = READ

    @property
    def may_act(self) -> bool:
        """Whether it is good for more than reading."""
        return self.scope == ACT


class Family(msgspec.Struct, frozen=True):
    """One login."""

    family: str
    key_id: str
    revoked_ms: int | None


class Access:
    """Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def server_secret(self, proposal: str) -> str:
        """The secret of this database's daemon; the first to ask gives it."""
        async with self._database.writer() as connection:
            await connection.execute(keep_secret, [{"name": SERVER_SECRET, "value": proposal}])
            found = (await connection.execute(one_meta, {"the_name": SERVER_SECRET})).scalar()
        return str(found)

    async def keys(self) -> list[ApiKey]:
        """All keys, also the revoked ones, oldest first."""
        async with self._database.reader() as connection:
            rows = (await connection.execute(say.all_keys)).all()
        return [ApiKey(row.key_id, row.name, row.digest, row.created_ms, row.revoked_ms, row.scope) for row in rows]

    async def add_key(self, key_id: str, name: str, digest: str, now_ms: int, *, scope: str = READ) -> None:
        """Remember a new key; `scope` is READ or ACT."""
        values = {"key_id": key_id, "name": name, "digest": digest, "created_ms": now_ms, "scope": scope}
        async with self._database.writer() as connection:
            await connection.execute(say.add_key, [values])

    async def revoke_key(self, key: str, now_ms: int) -> int:
        """End a key, named by its id or its name; how many were ended."""
        async with self._database.writer() as connection:
            return (await connection.execute(say.revoke_keys, {"the_key": key, "now_ms": now_ms})).rowcount

    async def begin(self, family: str, key_id: str, digest: str, now_ms: int, expires_ms: int) -> None:
        """A login: a new family with its first refresh token."""
        async with self._database.writer() as connection:
            await connection.execute(say.add_family, [{"family": family, "key_id": key_id, "created_ms": now_ms}])
            token = {"digest": digest, "family": family, "created_ms": now_ms, "expires_ms": expires_ms}
            await connection.execute(say.add_refresh, [token])
            await connection.execute(say.forget_refresh, {"now_ms": now_ms - EXPIRED_KEPT_MS})
            await connection.execute(say.forget_families)

    async def rotate(
        self, old: str, new: str, now_ms: int, expires_ms: int, *, grace_ms: int = 0
    ) -> tuple[Family | None, str]:
        """Use a refresh token up and remember the next. (family, "") or (None or the family, why not).

        Why not: `invalid`, `expired`, `revoked`. A token that is used twice was stolen from somebody: it ends the family.
        Within `grace_ms` of its first use it is `late` instead: the tabs of one page shake hands at the same moment.
        A word that is no token of ours is only read about: strangers do not get to wait in line with our writing.
        """
        async with self._database.reader() as connection:
            if (await connection.execute(say.one_refresh, {"the_digest": old})).first() is None:
                return None, "invalid"
        async with self._database.writer() as connection:
            token = (await connection.execute(say.one_refresh, {"the_digest": old})).first()
            if token is None:
                return None, "invalid"
            row = (await connection.execute(say.one_family, {"the_family": token.family})).first()
            if row is None:
                return None, "invalid"
            family = Family(row.family, row.key_id, row.revoked_ms)
            if family.revoked_ms is not None:
                return family, "revoked"
            if token.expires_ms <= now_ms:
                return family, "expired"
            used = await connection.execute(say.use_refresh, {"the_digest": old, "now_ms": now_ms})
            if used.rowcount == 0 and now_ms - (token.used_ms or now_ms) < grace_ms:
                return family, "late"
            if used.rowcount == 0:
                why = {"the_family": token.family, "now_ms": now_ms, "the_reason": "a refresh token was used twice"}
                await connection.execute(say.revoke_family, why)
                return family, "revoked"
            values = {"digest": new, "family": token.family, "created_ms": now_ms, "expires_ms": expires_ms}
            await connection.execute(say.add_refresh, [values])
            return family, ""

    async def end(self, digest: str, now_ms: int) -> str | None:
        """Log out: end the family of this refresh token. The family, also if it had ended before; None: no such token."""
        async with self._database.reader() as connection:
            token = (await connection.execute(say.one_refresh, {"the_digest": digest})).first()
        if token is None:
            return None
        why = {"the_family": token.family, "now_ms": now_ms, "the_reason": "logged out"}
        async with self._database.writer() as connection:
            await connection.execute(say.revoke_family, why)
        return str(token.family)

    async def revoked_since(self, since_ms: int) -> dict[str, int]:
        """Families that were ended lately, and when: as long as an access token of theirs could still be alive."""
        async with self._database.reader() as connection:
            rows = (await connection.execute(say.revoked_families, {"since_ms": since_ms})).all()
        return {row.family: row.revoked_ms for row in rows}
