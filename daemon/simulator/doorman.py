"""What happens at the door of every venue: misbehaviour that needs no conversation."""

from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from daemon.simulator.misbehave import GARBAGE, PAGE, enormous
from daemon.simulator.venue import Venue


def doorman(venues: Mapping[str, Venue]) -> Middleware:
    """A middleware that knows which venue a path belongs to, and marks every answer as simulated."""

    @web.middleware
    async def at_the_door(request: web.Request, handler: Handler) -> web.StreamResponse:
        name, _, path = request.path.lstrip("/").partition("/")
        venue = venues.get(name)
        if venue is None:
            return await handler(request)
        venue.asked[f"/{path}"] += 1
        if (refusal := _turned_away(venue, request)) is not None:
            return refusal
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await handler(request)
        await venue.manners.patience()
        answer = await handler(request)
        answer.headers["X-Tocsin-Simulated"] = "yes"
        return await _spoilt(venue, request, answer)

    return at_the_door


def _turned_away(venue: Venue, request: web.Request) -> web.Response | None:
    manners = venue.manners
    if manners.active("refuse") is not None:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)  # nobody will read it
    if (throttle := manners.active("throttle")) is not None:
        wait_s = throttle.retry_after_s
        headers = {} if wait_s is None else {"Retry-After": f"{wait_s:g}"}
        return web.Response(status=429, text=venue.throttled, headers=headers)
    if (unavailable := manners.active("unavailable")) is not None:
        return web.Response(status=unavailable.status, text="upstream connect error")
    if manners.active("html") is not None:
        return web.Response(text=PAGE, content_type="text/html")
    return None


async def _spoilt(venue: Venue, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """A good REST answer after the misbehaviours that spoil one."""
    manners = venue.manners
    if manners.active("garbage") is not None:
        return web.Response(body=GARBAGE[1], content_type="application/json")
    if (oversized := manners.active("oversized")) is not None:
        return web.Response(body=enormous(oversized.size), content_type="application/json")
    if manners.closes("body") is not None and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
        half = web.StreamResponse(
            headers={"Content-Length": str(len(answer.body)), "Content-Type": answer.content_type}
        )
        await half.prepare(request)
        await half.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.close()  # not abort: the first half must arrive
        return half
    return answer
