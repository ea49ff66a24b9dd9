"""Who may read from other machines: an API key, or the two cookies that a login with one gives.

Off on loopback, required elsewhere. The access token is a JWT of a few minutes that is checked without asking the
database; the refresh token is a random word, good for one use. Keys and refresh tokens are 256 random bits, stored as
HMAC under the server's secret: nothing slow stands on the way of a handshake, and another secret ends them all.
"""

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import jwt
import msgspec

from daemon.clock import Clock
from storage.access import Access, ApiKey
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

ACCESS_COOKIE, REFRESH_COOKIE = "access_token", "refresh_token"
KEY_HEADER = "x-api-key"
KEY_PREFIX = "tocsin_"
ALGORITHM = "HS256"
ACCESS_LIFE_S = 600
REFRESH_LIFE_S = 30 * 86_400
GRACE_MS = 5_000  # two tabs of one page may come with the same refresh token at the same moment
LOOK_EVERY_S = 5.0  # keys are made and revoked by another process
LEEWAY_S = 60  # what our own clock may be set back, before logins have to be renewed

_ID_LENGTH = 8
_KEY_MIN = 40  # characters; names are shorter or look otherwise
_USUAL_PORTS = {"http": ":80", "https": ":443"}


class Reason(StrEnum):
    """Why somebody was refused; all that a refused client learns."""

    MISSING = "missing"
    INVALID = "invalid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    FOREIGN_ORIGIN = "foreign_origin"


class Refused(Exception):
    """This client may not read."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Pass(msgspec.Struct, frozen=True):
    """Who this is; `login` if cookies said so. `cookies` are to be set in the answer (name -> value, seconds to live).

    `name` is the key's, for the record of who did something; `may_act`: it is good for more than reading.
    """

    key_id: str
    login: str | None = None
    cookies: dict[str, tuple[str, int]] = {}
    name: str = ""
    may_act: bool = False


class Gate:
    """Checks who comes, and whom to show out. `load` reads the keys; `watch` keeps reading them."""

    def __init__(
        self,
        access: Access,
        *,
        secret: str | None,
        clock: Clock,
        origins: frozenset[str] = frozenset(),
        show_out: Callable[[str], object] = lambda name: None,
    ) -> None:
        """`secret` signs and hashes; None: one is made and kept in the database. `origins` may send cookies.

        `show_out` is told the key or the login that is no longer valid.
        """
        self.look_every_s = LOOK_EVERY_S
        self._access = access
        self._show_out = show_out
        self._configured = secret
        self._secret = b""
        self._clock = clock
        self._origins = origins
        self._keys: dict[str, ApiKey] = {}  # by digest
        self._by_id: dict[str, ApiKey] = {}
        self._ended: dict[str, int] = {}  # families, and when: as long as an access token of theirs could be alive

    @property
    def valid_keys(self) -> int:
        """How many there are; with none nobody can come in."""
        return sum(key.revoked_ms is None for key in self._by_id.values())

    async def load(self) -> None:
        """Read the secret, once, and the keys."""
        if not self._secret:
            self._secret = await secret_of(self._access, self._configured)
        keys = await self._access.keys()
        self._keys = {key.digest: key for key in keys}
        self._by_id = {key.key_id: key for key in keys}
        since_ms = self._clock() - 1_000 * (ACCESS_LIFE_S + LEEWAY_S)
        stored = await self._access.revoked_since(since_ms)
        # what ended while we read may be missing there, and has to stay
        self._ended = {family: at_ms for family, at_ms in self._ended.items() if at_ms >= since_ms} | stored

    async def watch(self) -> None:
        """For ever: show out whoever came with a key that has been revoked since the last look."""
        seen: set[str] = set(self._by_id)
        told: set[str] = set()
        is_blind = False
        while True:
            await asyncio.sleep(self.look_every_s)
            try:
                await self.load()
            except StorageTrouble as exc:
                level = logging.DEBUG if is_blind else logging.WARNING
                log.log(level, "keys cannot be read: none can be made or revoked", extra={"reason": str(exc)})
                is_blind = True
                continue
            if is_blind:
                log.info("keys are read again")
                is_blind = False
            seen |= self._by_id.keys()
            for key_id in sorted(seen - told):
                if not self._is_valid(key_id):
                    told.add(key_id)
                    self._show_out(key_id)

    # -- who comes ------------------------------------------------------------------------------------------------

    async def check(self, headers: Mapping[str, str], cookies: Mapping[str, str], *, host: str) -> Pass:
        """Who this is, by key or by cookies. Raises Refused; `host` is where the client thinks it is (its own origin)."""
        if (shown := headers.get(KEY_HEADER)) is not None:
            return self._pass(self._key(shown).key_id)
        access, refresh = cookies.get(ACCESS_COOKIE), cookies.get(REFRESH_COOKIE)
        if access is None and refresh is None:
            raise Refused(Reason.MISSING)
        self._check_origin(headers.get("Origin"), host)
        if access is not None:
            try:
                return self._access_token(access)
            except Refused as exc:
                if exc.reason is not Reason.EXPIRED or refresh is None:
                    raise
        return await self._renew(refresh or "", grace_ms=GRACE_MS)

    async def log_in(self, shown: str | None) -> Pass:
        """A key in exchange for cookies."""
        if shown is None:
            raise Refused(Reason.MISSING)
        key = self._key(shown)
        family, refresh = secrets.token_hex(16), secrets.token_urlsafe(32)
        now_ms = self._clock()
        expires_ms = now_ms + 1_000 * REFRESH_LIFE_S
        await self._access.begin(family, key.key_id, self._digest(refresh), now_ms, expires_ms)
        return self._pass(key.key_id, family, self._cookies(key.key_id, family, refresh))

    async def refresh(self, token: str | None, *, origin: str | None, host: str) -> Pass:
        """New cookies for the refresh token; a token that comes twice ends its login."""
        self._check_origin(origin, host)
        if token is None:
            raise Refused(Reason.MISSING)
        return await self._renew(token, grace_ms=0)

    async def log_out(self, token: str | None, *, origin: str | None, host: str) -> None:
        """End the login of this refresh token; its access tokens and its connections end with it."""
        self._check_origin(origin, host)
        if token is None:
            raise Refused(Reason.MISSING)
        family = await self._access.end(self._digest(token), self._clock())
        if family is None:
            raise Refused(Reason.INVALID)
        self._end(family)

    def lists(self, origin: str) -> bool:
        """Whether pages from there were named by the operator."""
        return origin.lower() in self._origins

    # -- inside ---------------------------------------------------------------------------------------------------

    def _key(self, shown: str) -> ApiKey:
        key = self._keys.get(key_digest(shown, self._secret))
        if key is None:
            raise Refused(Reason.INVALID)
        if key.revoked_ms is not None:
            raise Refused(Reason.REVOKED)
        return key

    def _pass(
        self, key_id: str, login: str | None = None, cookies: Mapping[str, tuple[str, int]] = MappingProxyType({})
    ) -> Pass:
        """Of a valid key; a login is good for what its key is good for now."""
        key = self._by_id[key_id]
        return Pass(key_id, login, dict(cookies), key.name, key.may_act)

    def _is_valid(self, key_id: str) -> bool:
        key = self._by_id.get(key_id)
        return key is not None and key.revoked_ms is None

    def _end(self, family: str) -> None:
        self._ended[family] = self._clock()
        self._show_out(family)

    def _access_token(self, token: str) -> Pass:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                options={"require": ["sub", "fam", "exp", "iat"], "verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError) as exc:  # the last: its header may be any JSON
            raise Refused(Reason.INVALID) from exc
        expires_s, key_id, family = claims["exp"], claims["sub"], claims["fam"]
        if type(expires_s) is not int or not isinstance(key_id, str) or not isinstance(family, str):
            raise Refused(Reason.INVALID)
        left_ms = 1_000 * expires_s - self._clock()  # by our own clock, which tests can turn
        if left_ms <= 0:
            raise Refused(Reason.EXPIRED)
        if left_ms > 1_000 * (
            ACCESS_LIFE_S + LEEWAY_S
        ):  # of a clock that was wrong: what has ended is not remembered so long
            raise Refused(Reason.INVALID)
        if family in self._ended or not self._is_valid(key_id):
            raise Refused(Reason.REVOKED)
        return self._pass(key_id, family)

    async def _renew(self, old: str, *, grace_ms: int) -> Pass:
        fresh = secrets.token_urlsafe(32)
        now_ms = self._clock()
        family, why = await self._access.rotate(
            self._digest(old), self._digest(fresh), now_ms, now_ms + 1_000 * REFRESH_LIFE_S, grace_ms=grace_ms
        )
        if family is not None and why == "revoked" and family.revoked_ms is None:  # by this very use
            log.warning("a refresh token was used twice, its login is ended", extra={"key_id": family.key_id})
            self._end(family.family)
        if family is None or why not in ("", "late"):
            raise Refused(Reason(why or "invalid"))
        if not self._is_valid(family.key_id):
            raise Refused(Reason.REVOKED)
        cookies = self._cookies(family.key_id, family.family, None if why else fresh)
        return self._pass(family.key_id, family.family, cookies)

    def _cookies(self, key_id: str, family: str, refresh: str | None) -> dict[str, tuple[str, int]]:
        now_s = self._clock() // 1_000
        claims = {"sub": key_id, "fam": family, "iat": now_s, "exp": now_s + ACCESS_LIFE_S}
        cookies = {ACCESS_COOKIE: (jwt.encode(claims, self._secret, algorithm=ALGORITHM), ACCESS_LIFE_S)}
        if refresh is not None:
            cookies[REFRESH_COOKIE] = (refresh, REFRESH_LIFE_S)
        return cookies

    def _check_origin(self, origin: str | None, host: str) -> None:
        """Browsers send cookies across sites: only our own pages, and those that were named, may use them."""
        if origin is None or self.lists(origin):
            return  # no browser sends a WebSocket handshake without an Origin
        # behind a proxy we are spoken to in http while the page is https: what tells sites apart is host and port
        scheme, _, place = origin.lower().partition("://")
        port = _USUAL_PORTS.get(scheme)
        if port is None or not place or place.removesuffix(port) != host.lower().removesuffix(port):
            raise Refused(Reason.FOREIGN_ORIGIN)

    def _digest(self, token: str) -> str:
        return key_digest(token, self._secret)


async def secret_of(access: Access, configured: str | None) -> bytes:
    """What signs and hashes: from the configured text, or from the database's own, which is made when first asked for."""
    text = configured or await access.server_secret(secrets.token_hex(32))
    return hashlib.sha256(text.encode()).digest()


def make_key(secret: bytes) -> tuple[str, str, str]:
    """(the key, to be shown once; its id; its digest)."""
    word = secrets.token_urlsafe(32)
    while word.startswith("-"):  # an id that looks like an option could not be revoked by hand
        word = secrets.token_urlsafe(32)
    key = KEY_PREFIX + word
    return key, id_of(key), key_digest(key, secret)


def id_of(key: str) -> str:
    """How a key is called where it must not be seen; what is no key stays as it is."""
    return key[len(KEY_PREFIX) :][:_ID_LENGTH] if len(key) > _KEY_MIN and key.startswith(KEY_PREFIX) else key


def key_digest(key: str, secret: bytes) -> str:
    """What is stored of a key."""
    return hmac.new(secret, key.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
