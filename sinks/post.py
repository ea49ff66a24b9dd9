"""One POST to a chat, of words or of a file, and the truth about it: did it leave, was it answered."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec

from sinks.base import Uncertain, Undeliverable, Unreached
from sinks.outcome import retry_after_s

_ANSWER_MAX = 65_536  # bytes; a chat answers in hundreds
_KEEP_S = 5.0


class Patience(msgspec.Struct, frozen=True, gc=False):
    """How long to wait, in seconds. `connect_s` must be the shorter: what runs out after it has certainly left."""

    connect_s: float = 5.0
    answer_s: float = 15.0


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What came back. `body` is None when the answer broke off."""

    status: int
    body: bytes | None
    retry_after_s: float | None = None

    @property
    def text(self) -> str:
        return (self.body or b"").decode("utf-8", "replace").strip()


def open_session(*, trust_env: bool = False) -> aiohttp.ClientSession:
    """The session the sinks share; with `trust_env` through the proxy that the environment names.

    A connection is reused for a few seconds only, because a POST on one that the far end is just closing looks
    exactly like a lost answer, and would be reported as uncertain.
    """
    connector = aiohttp.TCPConnector(keepalive_timeout=_KEEP_S, limit=64)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), json_serialize=json.dumps, trust_env=trust_env
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    payload: Mapping[str, Any],
    *,
    who: str,
    patience: Patience,
    headers: Mapping[str, str] | None = None,
    answer_max: int = _ANSWER_MAX,
) -> Reply:
    """Post JSON and return whatever is answered; Unreached or Uncertain when nothing is."""
    kind = {"Content-Type": "application/json; charset=utf-8"}
    body = msgspec.json.encode(payload)
    return await post_body(
        session, url, body, who=who, patience=patience, headers=kind | dict(headers or {}), answer_max=answer_max
    )


async def post_body(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes | aiohttp.FormData,
    *,
    who: str,
    patience: Patience,
    headers: Mapping[str, str] | None = None,
    answer_max: int = _ANSWER_MAX,
) -> Reply:
    """Post bytes or a form, files among its fields, and tell the same truth about it.

    The library's exceptions hold the URL, and with it the token. So none of their words are used, and none is
    chained: a traceback would print it.
    """
    limit = aiohttp.ClientTimeout(
        total=patience.connect_s + patience.answer_s, connect=patience.connect_s, sock_read=patience.answer_s
    )
    try:
        async with session.post(url, data=body, headers=headers, timeout=limit, allow_redirects=False) as answer:
            return Reply(answer.status, await _body(answer, answer_max), retry_after_s(answer.headers))
    except aiohttp.InvalidURL:
        raise Undeliverable(f"{who}: the address of its API is not a URL") from None
    except aiohttp.ClientHttpProxyError as exc:  # it made no way to the chat, so nothing went there
        raise Unreached(f"{who}: the proxy refused to connect ({exc.status})") from None
    except (aiohttp.ClientConnectorError, aiohttp.ServerFingerprintMismatch) as exc:
        raise Unreached(f"{who}: could not connect ({_why(exc)})") from None
    except aiohttp.ConnectionTimeoutError:
        raise Unreached(f"{who}: no connection within {patience.connect_s:g} s") from None
    except TimeoutError:
        raise Uncertain(f"{who}: no answer within {patience.answer_s:g} s") from None
    except (aiohttp.ClientError, OSError) as exc:
        raise Uncertain(f"{who}: the connection broke before the answer came ({type(exc).__name__})") from None


async def _body(answer: aiohttp.ClientResponse, answer_max: int) -> bytes | None:
    """The answer's body, or None if it breaks off: the status alone still tells most."""
    pieces, size = [], 0
    try:
        async for piece in answer.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > answer_max:
                return None
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None
    return b"".join(pieces)


def _why(exc: aiohttp.ClientError) -> str:
    """The reason in the operating system's words; those hold no address."""
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            return "its TLS certificate is not trusted"
        case aiohttp.ClientConnectorDNSError():
            return "the name was not found"
        case aiohttp.ClientSSLError():
            return "TLS failed"
        case aiohttp.ClientConnectorError():
            return exc.os_error.strerror or type(exc.os_error).__name__
    return type(exc).__name__
