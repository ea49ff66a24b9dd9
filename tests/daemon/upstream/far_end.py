"""A REST host on loopback that answers what a test tells it to, and remembers what it was asked."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

from daemon.upstream.http import Http

NOW = 1_800_000_000_000  # 2027-01-15 08:00 UTC
HOUR = 3_600_000
Answer = bytes | web.Response | Callable[[Mapping[str, str]], bytes]


class FarEnd:
    """Answers by path; `asked` holds path and query of each request, in order."""

    def __init__(self, answers: Mapping[str, Answer], every: Answer | None) -> None:
        self.url = ""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.headers: list[Mapping[str, str]] = []
        self._answers, self._every = answers, every

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, dict(request.query)))
        self.headers.append(request.headers)
        answer = self._answers.get(request.path, self._every)
        if callable(answer):
            answer = answer(request.query)
        if isinstance(answer, web.Response):
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        if answer is None:
            return web.Response(status=404, text="no such path")
        return web.Response(body=answer, content_type="application/json")

    def queries(self, path: str) -> list[dict[str, str]]:
        return [query for asked, query in self.asked if asked == path]


@asynccontextmanager
async def far_end(
    answers: Mapping[str, Answer] | None = None, *, every: Answer | None = None
) -> AsyncIterator[tuple[FarEnd, Http]]:
    """A host and a way to it."""
    end = FarEnd(answers or {}, every)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", end.handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    end.url = f"http://127.0.0.1:{server.port}"
    try:
        async with Http(clock=lambda: NOW) as http:
            yield end, http
    finally:
        await server.close()


def clock() -> int:
    """The time at which all tests of clients happen."""
    return NOW
