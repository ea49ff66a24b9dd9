"""Whoever asks a guarded port, with nothing but what is given, and the words of the five refusals."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.cookies import SimpleCookie
from typing import Any

import aiohttp

REFUSALS = {
    "missing": (401, b'{"error": {"code": "missing"}}'),
    "invalid": (401, b'{"error": {"code": "invalid"}}'),
    "expired": (401, b'{"error": {"code": "expired"}}'),
    "revoked": (403, b'{"error": {"code": "revoked"}}'),
    "foreign_origin": (403, b'{"error": {"code": "foreign_origin"}}'),
}


class Answer:
    """What came back."""

    def __init__(self, answer: aiohttp.ClientResponse, body: bytes) -> None:
        self.status, self.headers, self.body = answer.status, answer.headers, body
        self.set_cookies = answer.headers.getall("Set-Cookie", [])

    @property
    def cookies(self) -> dict[str, str]:
        """As a browser would keep them."""
        jar: SimpleCookie = SimpleCookie()
        for line in self.set_cookies:
            jar.load(line)
        return {name: morsel.value for name, morsel in jar.items()}

    @property
    def refusal(self) -> str | None:
        """The reason, if this is a refusal to the last byte."""
        found = next((reason for reason, sent in REFUSALS.items() if sent == (self.status, self.body)), None)
        assert found is not None or b"error" not in self.body, self.body
        return found


class Caller:
    """Somebody who asks, with nothing but what is given."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self.url = session, url

    async def ask(
        self,
        path: str = "/healthz",
        *,
        method: str = "GET",
        key: str | None = None,
        cookies: dict[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["x-api-key"] = key
        if cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        async with self._session.request(method, f"{self.url}{path}", headers=sent) as answer:
            return Answer(answer, await answer.read())

    async def post(self, path: str, **options: Any) -> Answer:
        return await self.ask(path, method="POST", **options)

    async def raw(self, *lines: bytes) -> bytes:
        """The answer to bytes that no client of repute would send."""
        port = int(self.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\r\n".join((b"GET /healthz HTTP/1.1", b"Host: x", b"Connection: close", *lines, b"", b"")))
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer


@asynccontextmanager
async def calling(url: str) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Caller(session, url)
