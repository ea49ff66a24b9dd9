"""Questions to hosts over HTTP: one client per host, within its budget, with answers told apart truthfully."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from yarl import URL

from daemon.clock import Clock, wall_ms
from daemon.supervisor import Busy, Refused, Transient
from daemon.upstream.limits import Breaker, Budget, Now, Window

log = logging.getLogger(__name__)

USER_AGENT = "Tocsin/0.1 (market alerts)"  # CoinGecko answers 403 to clients without one
BODY_MAX = 10 * 1024 * 1024
PATIENCE_S = 15.0
BAN_S = 600.0  # Bybit: at least ten minutes away after a 403
BLOCKED_S = 900.0  # 451: not from this country; asked again in case the route changes
QUOTE_CHARS = 160

_BUSY = frozenset({418, 429, 503})

Heard = Callable[[Mapping[str, str]], None]


class Http:
    """The house's way out: one session, and one client for each REST address."""

    def __init__(self, *, clock: Clock = wall_ms) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._clients: dict[str, Client] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None),  # each client has its own patience
            trust_env=True,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
        self._clients.clear()

    def client(
        self,
        base_url: str,
        *,
        budget: Budget,
        used_header: str | None = None,
        patience_s: float = PATIENCE_S,
        breaker_failures: int = 5,
        breaker_rest_s: float = 30.0,
    ) -> "Client":
        """The client of this address; the first caller's budget and settings hold, so that siblings share them.

        `used_header` names the answer's header in which a host reports the weight it has counted (Binance).
        """
        if self._session is None:
            raise RuntimeError("enter Http before asking it for clients")
        url = URL(base_url)
        address = base_url.rstrip("/")  # with its path: several services may live behind one host and port
        client = self._clients.get(address)
        if client is None:
            now = asyncio.get_running_loop().time
            client = self._clients[address] = Client(
                self._session,
                host=url.host or base_url,
                window=Window(budget, now=now),
                breaker=Breaker(failures=breaker_failures, rest_s=breaker_rest_s, now=now),
                now=now,
                clock=self._clock,
                used_header=used_header,
                patience_s=patience_s,
            )
        return client


class Client:
    """Asks one host. Tries once; Transient, Busy and Refused say what became of it, without any secret."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        host: str,
        window: Window,
        breaker: Breaker,
        now: Now,
        clock: Clock,
        used_header: str | None,
        patience_s: float,
    ) -> None:
        self.host = host
        self._session, self._window, self._breaker = session, window, breaker
        self._now, self._clock = now, clock
        self._used_header, self._patience_s = used_header, patience_s
        self._closed_until = 0.0
        self._last_failure = ""

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        weight: int = 1,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        longest: int = BODY_MAX,
        heard: Heard | None = None,
    ) -> bytes:
        """The body of a good answer, at most `longest` bytes of it. `secrets` are texts that no error may show.

        `heard` is told the headers of any answer, good or not: some hosts say in them what we may still ask.

        Busy: refused for now, with the host's advice. Transient: no answer, a broken one, a web page, too big.
        Refused: a wrong key, a request that the host will never take.
        """
        return await self._send(_Question("GET", url, params, headers, None, tuple(secrets), longest, heard), weight)

    async def post(self, url: str, *, question: object, weight: int = 1) -> bytes:
        """The body of a good answer to a question sent as JSON; troubles as for `get`."""
        return await self._send(_Question("POST", url, None, None, question, (), BODY_MAX), weight)

    async def _send(self, question: "_Question", weight: int) -> bytes:
        self._heed_closed()
        await self._window.take(weight)
        self._heed_closed()  # the host may have sent us away while we waited in line
        if (rest_s := self._breaker.refused_for_s()) is not None:
            raise Busy(
                f"not asked for {rest_s:.0f} s, because it keeps failing: {self._last_failure}", retry_after_s=rest_s
            )
        outcome = self._breaker.abandoned
        try:
            body = await self._ask(question)
            outcome = self._breaker.worked
        except (Busy, Refused):
            outcome = self._breaker.worked  # it answered, and clearly
            raise
        except Transient as exc:
            outcome, self._last_failure = self._breaker.failed, str(exc)
            raise
        finally:
            outcome()
        return body

    def _heed_closed(self) -> None:
        left_s = self._closed_until - self._now()
        if left_s > 0:
            raise Busy(f"{self.host} asked us to stay away for another {left_s:.0f} s", retry_after_s=left_s)

    async def _ask(self, question: "_Question") -> bytes:
        path = URL(question.url).path
        try:
            async with (
                asyncio.timeout(self._patience_s),
                self._session.request(
                    question.method,
                    question.url,
                    params=question.params,
                    headers=question.headers,
                    json=question.content,
                ) as response,
            ):
                body = await _read(response, f"{self.host}{path}", question.longest)
                self._heed_used(response)
                if question.heard is not None:
                    question.heard(response.headers)
                self._judge(response, body, path, question.secrets)
                return body
        except TimeoutError as exc:
            raise Transient(f"{self.host}{path} did not answer within {self._patience_s:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise Transient(_hide(f"{self.host}{path}: {_short(exc)}", question.secrets)) from exc

    def _heed_used(self, response: aiohttp.ClientResponse) -> None:
        if self._used_header is not None:
            used = response.headers.get(self._used_header, "")
            if used.isdecimal():
                self._window.heard(int(used))

    def _judge(self, response: aiohttp.ClientResponse, body: bytes, path: str, secrets: tuple[str, ...]) -> None:
        """Return when the body may be read as JSON."""
        status, where = response.status, f"{self.host}{path}"
        page = body.lstrip()[:1] == b"<"
        said = "a web page" if page else _quote(body, secrets)
        # without a key, or as a web page, 403 is a firewall's way to say `too often` (Bybit, Binance, Cloudflare), for ten
        # minutes or more
        if status in _BUSY or (status == 403 and (page or not any(secrets))):
            advice_s = self._advice_s(response)
            if advice_s is None and status in (403, 418):
                advice_s = BAN_S
            if advice_s is not None:
                self._closed_until = max(self._closed_until, self._now() + advice_s)
            raise Busy(f"{where} is busy ({status}): {said}", retry_after_s=advice_s)
        if status == 451:
            raise Busy(f"{where} is not served to this country or network (451)", retry_after_s=BLOCKED_S)
        if status >= 500:
            raise Transient(f"{where} is broken ({status}): {said}")
        if page:
            raise Transient(f"{where} answered with a web page where JSON was due ({status})")
        if status in (401, 403):
            raise Refused(f"{where} refused us ({status}): the key is missing or wrong, or not allowed to do this")
        if status in (404, 405, 410):
            raise Transient(f"{where} is not there ({status}): {said}")  # a deployment, or a wrong address
        if status >= 400:
            raise Refused(f"{where} refused the request ({status}): {said}")

    def _advice_s(self, response: aiohttp.ClientResponse) -> float | None:
        """Retry-After as seconds from now, whether written as seconds or as a date."""
        text = response.headers.get("Retry-After", "").strip()
        if not text:
            return None
        if text.isdecimal():
            return float(text)
        try:
            at_s = parsedate_to_datetime(text).timestamp()
        except ValueError:
            return None
        return max(0.0, at_s - self._clock() / 1000)


class _Question(NamedTuple):
    """One request, as it goes out."""

    method: str
    url: str
    params: Mapping[str, str | int] | None
    headers: Mapping[str, str] | None
    content: object
    secrets: tuple[str, ...]
    longest: int
    heard: Heard | None = None


async def _read(response: aiohttp.ClientResponse, where: str, longest: int) -> bytes:
    """The whole body, or Transient when it is larger than anything we ask for."""
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > longest:
            response.close()
            raise Transient(f"{where} sent more than {longest // 1024 // 1024} MB; not read")
        parts.append(part)
    return b"".join(parts)


def _quote(body: bytes, secrets: tuple[str, ...]) -> str:
    text = " ".join(body[: QUOTE_CHARS * 8].decode(errors="replace").split())
    return _hide(text, secrets)[:QUOTE_CHARS] or "no text"


def _hide(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    return text


def _short(exc: Exception) -> str:
    """What went wrong, without the address: aiohttp's texts may quote it with its query."""
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return "the name does not resolve"
    if isinstance(exc, aiohttp.ClientConnectorError):
        return exc.os_error.strerror or type(exc.os_error).__name__
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    if isinstance(exc, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError):
        return "the connection was cut"
    return type(exc).__name__
