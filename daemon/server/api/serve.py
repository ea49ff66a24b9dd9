"""Serves the resources: who may, what was asked, what went wrong; and the OpenAPI document that says the same."""

import logging
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ValidationError

from daemon.config.explain import explain
from daemon.config.mistakes import quote
from daemon.config.model import ServerConfig, is_loopback
from daemon.config.places import Place
from daemon.server.access import PASS, share
from daemon.server.api import openapi
from daemon.server.api.resource import Asked, Refusal, Request, Resource, Scope, Trouble
from storage.trouble import StorageTrouble

if TYPE_CHECKING:
    from daemon.house import House

log = logging.getLogger(__name__)

BODY_MAX = 1 << 20  # bytes
COMPLAINTS_MAX = 20  # that are read, of one request: the members of a union complain one by one
OPERATOR = "operator"
_METHODS = "GET, POST, DELETE"


def routes(house: "House", config: ServerConfig, resources: tuple[Resource, ...]) -> list[web.RouteDef]:
    """One route for each resource, and the document."""

    @cache  # made when somebody asks: a start need not wait for it
    def document() -> bytes:
        return msgspec.json.encode(openapi.document(resources, version("tocsin")))

    async def described(request: web.Request) -> web.Response:
        return web.Response(body=document(), content_type="application/json")

    paths = sorted({resource.path for resource in resources})
    return [
        web.get(openapi.PATH, guarded(config, described)),
        *(web.route(one.method, one.path, guarded(config, _serving(house, one))) for one in resources),
        *(web.options(path, guarded(config, _preflight)) for path in paths),
    ]


def _serving(house: "House", resource: Resource) -> Handler:
    async def serve(request: web.Request) -> web.Response:
        try:
            who = _may(resource, request)  # first: who may not act learns that, whatever they sent
            asked = Request(
                path=dict(request.match_info),
                query=query_of(resource.query, request),
                body=await _body(resource, request),
                who=who,
            )
            answer = await resource.work(house, asked)
        except Trouble as exc:
            return _refused(exc)
        except StorageTrouble:
            return _refused(Trouble(503, "busy", "the database does not answer right now; try again in a moment"))
        return _json(answer, 200)

    return serve


@web.middleware
async def explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Below /api/ what is not there, or not by this method, is answered as every other refusal."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed) as exc:
        if not request.path.startswith("/api/"):
            raise
        where = quote(request.path)
        if not isinstance(exc, web.HTTPMethodNotAllowed):
            return _refused(
                Trouble(404, "not_found", f"there is nothing at {where}; {openapi.PATH} lists what there is")
            )
        allowed = sorted(exc.allowed_methods - {"OPTIONS", "HEAD"})
        what = f"{where} is asked with {' or '.join(allowed)}, not with {quote(exc.method)}"
        response = _refused(Trouble(405, "wrong_method", what))
        response.headers["Allow"] = ", ".join(allowed)
        return response


def guarded(config: ServerConfig, handler: Handler) -> Handler:
    """Browsers ask on behalf of any page: only our own pages, and those the operator named, are answered.

    Where nobody is asked for a key, the name by which we are called must be this machine's own too: a page may give
    its own name our address, and then its origin looks like ours.
    """
    origins = frozenset(config.origins)
    is_open = not config.is_guarded and config.token is None

    async def check(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        host = request.headers.get("Host", "")
        is_named = origin is not None and origin.lower() in origins
        if origin is not None and not is_named and origin.lower().partition("://")[2] != host.lower():
            return _refused(Trouble(403, "foreign_origin", "pages of other sites are not answered; see server.origins"))
        if is_open and not is_loopback(host.rpartition(":")[0] or host):
            return _refused(Trouble(403, "foreign_host", "without keys we answer to 127.0.0.1 and localhost only"))
        response = await handler(request)
        if origin is not None and is_named:
            share(response, origin)
        return response

    return check


async def _preflight(request: web.Request) -> web.Response:
    """What a browser asks before a page of another origin may send JSON or a key."""
    allowed = {"Access-Control-Allow-Methods": _METHODS, "Access-Control-Allow-Headers": "content-type, x-api-key"}
    return web.Response(status=204, headers={**allowed, "Access-Control-Max-Age": "600"})


def _may(resource: Resource, request: web.Request) -> str:
    """Who asks; Trouble if this is not for them. Who needed no key, or showed the operator's token, may everything."""
    passed = request.get(PASS)
    if passed is None:
        return OPERATOR
    if resource.scope is Scope.ACT and not passed.may_act:
        raise Trouble(
            403, "read_only", "this key is good for reading; `tocsin keys create NAME --act` makes one that acts"
        )
    return str(passed.name)


def query_of(model: type[Asked], request: web.Request) -> Any:
    """What was asked behind the question mark; Trouble for what is wrong with it."""
    given = request.query
    for name in given:
        if len(given.getall(name)) > 1:
            raise Trouble(400, "twice", f"{name[:60]} is given twice; once is enough", name[:60])
    return _validated(model, dict(given), "a parameter")


async def _body(resource: Resource, request: web.Request) -> Any:
    if resource.body is None:
        return None
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as exc:
        raise Trouble(413, "too_large", f"the body is larger than {BODY_MAX} bytes; send less") from exc
    if resource.body == "yaml":
        return body
    if request.content_type != "application/json":  # a form of another site cannot say this
        raise Trouble(415, "wrong_type", "send JSON, and say so: Content-Type: application/json")
    try:
        told = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, RecursionError) as exc:
        raise Trouble(400, "invalid_json", f"the body is not JSON ({exc}); send one object") from exc
    if not isinstance(told, dict):
        raise Trouble(400, "wrong_type", "the body is not an object; send one")
    return _validated(resource.body, told, "a field")


def _validated(model: type[BaseModel], given: dict[str, Any], what: str) -> BaseModel:
    try:
        return model.model_validate(given)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False)[0]
        name = ".".join(map(str, first["loc"]))[:60] or None
        if first["type"] == "extra_forbidden":
            known = ", ".join(sorted(model.model_fields)) or "none"
            raise Trouble(400, "unknown", f"{name} is not {what} here; known: {known}", name) from exc
        if first["type"] == "missing":
            raise Trouble(400, "missing", f"{name} is missing", name) from exc
        wrong = explain(exc, model, _place(given, first["loc"]), most=COMPLAINTS_MAX)[0]
        right = f"; {_in_json(wrong.right, first['input'])}" if wrong.right else ""
        raise Trouble(400, "invalid", f"{name}: {wrong.what}{right}" if name else f"{wrong.what}{right}", name) from exc


def _place(value: Any, loc: Sequence[str | int]) -> Place:
    """A request has no lines, but the parts on the way to what is wrong have names. The rest may be large, or deep."""
    if not loc:
        return Place("", 1, 1)
    name, *rest = loc
    is_there = name in value if isinstance(value, dict) else isinstance(value, list) and name in range(len(value))
    return Place("", 1, 1, {name: _place(value[name], rest)}) if is_there else _place(value, rest)


def _in_json(right: str, value: object) -> str:
    """What would be right, as JSON writes it: rules files have lists and blocks without quotes."""
    if right.startswith("write a list"):
        return f'write a list: ["{quote(value) if isinstance(value, str) else "..."}"]'
    return 'write {"name": "value"}' if right.startswith("write {") else right


def _refused(trouble: Trouble) -> web.Response:
    return _json(Refusal(error=trouble.wrong), trouble.status)


def _json(answer: BaseModel, status: int) -> web.Response:
    return web.Response(body=answer.model_dump_json().encode(), status=status, content_type="application/json")
