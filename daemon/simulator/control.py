"""The box's own door, for tests and benchmarks that run it as another process: POST /control, GET /control."""

from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from daemon.config.mistakes import ConfigError
from daemon.simulator.acts import MisbehaveAct
from daemon.simulator.scenario import act_from
from rules.events import AnyEvent

if TYPE_CHECKING:
    from daemon.simulator.box import Box


class _Say(msgspec.Struct, forbid_unknown_fields=True):
    venue: str
    events: list[AnyEvent]


class _Venue(msgspec.Struct, forbid_unknown_fields=True):
    venue: str
    how: str | None = None


class _Wait(msgspec.Struct, forbid_unknown_fields=True):
    venue: str
    topics: list[str] = []
    timeout_s: float = 10.0


def control_routes(box: "Box") -> list[web.RouteDef]:
    """One act as in a scenario ({"funding": {...}}), or {"say": ...}, {"behave": ...}, {"wait": ...}."""

    async def state(request: web.Request) -> web.Response:
        return web.json_response({name: _state_of(box, name) for name in box.venues})

    async def command(request: web.Request) -> web.Response:
        body = await request.read()
        try:
            await _obey(box, body)
        except (msgspec.DecodeError, ConfigError, KeyError, TimeoutError) as exc:
            return web.json_response({"error": str(exc) or "it did not happen in time"}, status=400)
        return web.json_response({"done": True})

    return [web.get("/control", state), web.post("/control", command)]


async def _obey(box: "Box", body: bytes) -> None:
    wish = msgspec.json.decode(body)
    match wish:
        case {"say": said}:
            say = msgspec.convert(said, _Say)
            await box.say(say.venue, say.events)
        case {"behave": told}:
            behave = msgspec.convert(told, _Venue)
            box.behave(behave.venue, behave.how)
        case {"wait": awaited}:
            wait = msgspec.convert(awaited, _Wait)
            await box.subscriptions(wait.venue).until(*wait.topics, timeout_s=wait.timeout_s)
        case _:
            act = act_from(body)
            if isinstance(act, MisbehaveAct):
                box.misbehave(act.venue, act)
            else:
                box.perform(act)


def _state_of(box: "Box", name: str) -> dict[str, Any]:
    venue = box.venues[name]
    return {
        "connections": len(venue.subscriptions.connections),
        "topics": sorted(venue.subscriptions.topics),
        "asked": dict(venue.asked),
        "misbehaves": venue.manners.names(),
    }
