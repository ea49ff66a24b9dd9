"""Lets clients in or tells them which of five reasons it was, and gives out cookies."""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from daemon.config.model import ServerConfig
from daemon.server.auth import ACCESS_COOKIE, KEY_HEADER, REFRESH_COOKIE, Gate, Pass, Reason, Refused
from storage.trouble import StorageTrouble

PASS: web.RequestKey[Pass] = web.RequestKey("pass", Pass)
TURNED_AWAY: web.RequestKey[Reason] = web.RequestKey("turned_away", Reason)
_STATUS = {
    Reason.MISSING: 401,
    Reason.INVALID: 401,
    Reason.EXPIRED: 401,
    Reason.REVOKED: 403,
    Reason.FOREIGN_ORIGIN: 403,
}
TOKEN, REFRESH, LOG_OUT = "/auth/token", "/auth/refresh", "/auth/logout"
_OPEN = frozenset((TOKEN, REFRESH, LOG_OUT))  # where one comes to get in
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": KEY_HEADER,
    "Access-Control-Max-Age": "600",
}
_NO_COOKIES = {ACCESS_COOKIE: ("", 0), REFRESH_COOKIE: ("", 0)}
_WORDS = {
    Reason.MISSING: "show a key in x-api-key, or log in",
    Reason.INVALID: "this key is none of ours",
    Reason.EXPIRED: "the login is over; log in again",
    Reason.REVOKED: "this key or login has ended",
    Reason.FOREIGN_ORIGIN: "pages of other sites are not answered; see server.origins",
}
_BUSY = "the database does not answer right now; try again in a moment\n"


def guard(config: ServerConfig, gate: Gate | None, dialects: Mapping[str, Sequence[str]] | None = None) -> Middleware:
    """Off on loopback, unless an operator's token is configured; elsewhere everybody says who they are.

    `dialects`: path -> headers in which that path's clients show their key, beside our own ways. A WebSocket there that
    shows none or a wrong one is let through with TURNED_AWAY, because its goodbye has to be in the dialect. A path with no
    header at all has a door of its own, which none of our keys opens.
    """
    token = config.token.get_secret_value().encode() if config.token is not None else None

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (token is None and gate is None) or (gate is not None and (request.path in _OPEN or _is_preflight(request))):
            return await handler(request)
        own = dialects.get(request.path) if dialects is not None else None
        if (own is not None and not own) or (token is not None and _shows(request, token)):
            return await handler(request)
        shown = None if own is None else shown_key(request, own)
        if token is not None and shown is not None and hmac.compare_digest(_bytes(shown), token):
            return await handler(request)
        try:
            if gate is None:
                raise Refused(Reason.MISSING if shown is None else Reason.INVALID)
            headers = request.headers if shown is None else {KEY_HEADER: shown}
            request[PASS] = await gate.check(headers, request.cookies, host=request.host)
        except Refused as exc:
            reason = _shown_or_missing(request) if exc.reason is Reason.MISSING else exc.reason
            if own is None or request.headers.get("Upgrade", "").lower() != "websocket":
                return _refusal(reason, _WORDS[reason] if _is_told_in_words(request) else None)
            request[TURNED_AWAY] = reason
        except StorageTrouble:
            if _is_told_in_words(request):
                return web.json_response({"error": {"code": "busy", "message": _BUSY.strip()}}, status=503)
            return web.Response(status=503, text=_BUSY)
        return await handler(request)

    return check


def _is_told_in_words(request: web.Request) -> bool:
    """Where each refusal says to people, too, what is wrong."""
    return request.path.startswith("/api/")


def shown_key(request: web.Request, headers: Sequence[str]) -> str | None:
    """What stands in the first of these headers that is there."""
    return next((request.headers[name] for name in headers if name in request.headers), None)


def turned_away(request: web.Request) -> Reason | None:
    """Why the client of a dialect may not come in; None if it may."""
    return request.get(TURNED_AWAY)


def _is_preflight(request: web.Request) -> bool:
    """A browser's own question before a page may ask with a key: it never carries one, and learns only what may be sent."""
    return request.method == "OPTIONS" and request.path.startswith("/api/")


def key_of(request: web.Request) -> str | None:
    """Which key this client came with, if it needed one."""
    passed = request.get(PASS)
    return None if passed is None else passed.key_id


def login_of(request: web.Request) -> str | None:
    """Which login this client came with, if it came with cookies."""
    passed = request.get(PASS)
    return None if passed is None else passed.login


async def give_cookies(request: web.Request, response: web.StreamResponse) -> None:
    """A signal for on_response_prepare: a login that was renewed on the way in reaches its owner.

    In every answer, the handshake's and also that of a page, a 404 or a 429: the old refresh token is used up, and a
    client that did not get the new one would come with the old one again, as a thief would.
    """
    passed = request.get(PASS)
    if passed is not None and passed.cookies:
        _set_cookies(request, response, passed.cookies)


def _set_cookies(request: web.Request, response: web.StreamResponse, cookies: Mapping[str, tuple[str, int]]) -> None:
    """As browsers should keep them: not for scripts, not for other sites, and not in the clear once they came by TLS.

    A proxy's X-Forwarded-Proto could be anybody's word; the Origin is the browser's own, and can only harm itself.
    """
    is_secure = request.secure or request.headers.get("Origin", "").lower().startswith("https://")
    secure = "; Secure" if is_secure else ""
    for name, (value, life_s) in cookies.items():
        words = f"{name}={value}; Max-Age={life_s}; Path=/; HttpOnly; SameSite=Lax{secure}"
        response.headers.add("Set-Cookie", words)
    response.headers["Cache-Control"] = "no-store"


def routes(gate: Gate) -> list[web.RouteDef]:
    """POST /auth/token (with a key), /auth/refresh and /auth/logout (with the refresh cookie)."""

    async def token(request: web.Request) -> web.Response:
        passed = await gate.log_in(request.headers.get(KEY_HEADER))
        return _done(request, passed.cookies)

    async def refresh(request: web.Request) -> web.Response:
        shown, origin = request.cookies.get(REFRESH_COOKIE), request.headers.get("Origin")
        passed = await gate.refresh(shown, origin=origin, host=request.host)
        return _done(request, passed.cookies)

    async def log_out(request: web.Request) -> web.Response:
        shown, origin = request.cookies.get(REFRESH_COOKIE), request.headers.get("Origin")
        try:
            await gate.log_out(shown, origin=origin, host=request.host)
        except Refused as exc:
            response = _refusal(exc.reason)
            if exc.reason is not Reason.FOREIGN_ORIGIN:  # no script can take them away, and they are worth nothing
                _set_cookies(request, response, _NO_COOKIES)
            return response
        return _done(request, _NO_COOKIES)

    posts = ((TOKEN, token), (REFRESH, refresh), (LOG_OUT, log_out))
    return [
        *(web.post(path, _readable(gate, work)) for path, work in posts),
        *(web.options(path, _readable(gate, _preflight)) for path, _ in posts),
    ]


def _readable(gate: Gate, work: Callable[[web.Request], Awaitable[web.Response]]) -> Handler:
    """Turn refusals into answers, and let the pages that the operator named read them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            response = await work(request)
        except Refused as exc:
            response = _refusal(exc.reason)
        except StorageTrouble:
            response = web.Response(status=503, text=_BUSY)
        origin = request.headers.get("Origin")
        if origin is not None and gate.lists(origin):
            share(response, origin)
        return response

    return answer


def share(response: web.StreamResponse, origin: str) -> None:
    """Let the pages of an origin that the operator named read this answer."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Allow-Credentials"] = "true"
    response.headers["Vary"] = "Origin"


async def _preflight(request: web.Request) -> web.Response:
    """What a browser asks before a page of another origin may send a key; without Allow-Origin it means no."""
    return web.Response(status=204, headers=_PREFLIGHT)


def _done(request: web.Request, cookies: Mapping[str, tuple[str, int]]) -> web.Response:
    response = web.json_response({"ok": True, "expires_in": cookies[ACCESS_COOKIE][1]})
    _set_cookies(request, response, cookies)
    return response


def _shown_or_missing(request: web.Request) -> Reason:
    """Whoever showed a token showed a wrong one."""
    return Reason.INVALID if "Authorization" in request.headers else Reason.MISSING


def _shows(request: web.Request, token: bytes) -> bool:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(_bytes(shown.strip()), token)


def _bytes(shown: str) -> bytes:
    """A header may hold any bytes; aiohttp hands on those that are no text as surrogates."""
    return shown.encode("utf-8", "surrogateescape")


def _refusal(reason: Reason, words: str | None = None) -> web.Response:
    said = {"code": reason.value} if words is None else {"code": reason.value, "message": words}
    return web.json_response({"error": said}, status=_STATUS[reason], headers={"WWW-Authenticate": "Bearer"})
