"""The OpenAPI document, made of the resources themselves, so that it cannot say something else than they do."""

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from daemon.server.api.resource import Refusal, Resource, Scope

PATH = "/api/openapi.json"
_REFERENCE = "#/components/schemas/{model}"
_PART = re.compile(r"\{(\w+)\}")
_REFUSED = {
    400: "something in the request is wrong; the error names it",
    401: "no key, or one that is not good; see docs/access.md",
    403: "the key is only good for reading, or was revoked",
    404: "there is no such thing",
    405: "this path is asked with another method; Allow names it",
    409: "it is over already, or there are too many",
    413: "the body is too large",
    415: "the body is not said to be JSON: Content-Type: application/json",
    503: "the database does not answer right now",
}


def document(resources: Iterable[Resource], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 for these resources."""
    resources = list(resources)
    models: dict[type[BaseModel], Any] = {Refusal: "serialization"}
    for resource in resources:
        models[resource.answer] = "serialization"
        if isinstance(resource.body, type):
            models[resource.body] = "validation"
    names, definitions = models_json_schema(list(models.items()), ref_template=_REFERENCE)
    paths: dict[str, dict[str, Any]] = {}
    for resource in resources:
        paths.setdefault(resource.path, {})[resource.method.lower()] = _operation(resource, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tocsin", "version": version, "description": "Alerts, and what they are made of."},
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "login": {"type": "apiKey", "in": "cookie", "name": "access_token"},
                "operator": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"key": []}, {"login": []}, {"operator": []}, {}],
    }


def _operation(resource: Resource, names: dict[Any, Any]) -> dict[str, Any]:
    query = resource.query.model_json_schema(ref_template=_REFERENCE)
    parameters = [
        {"name": part, "in": "path", "required": True, "schema": {"type": "string"}}
        for part in _PART.findall(resource.path)
    ]
    for name, schema in query.get("properties", {}).items():
        about = schema.pop("description", "")
        required = name in query.get("required", ())
        parameters.append({"name": name, "in": "query", "required": required, "description": about, "schema": schema})
    operation: dict[str, Any] = {
        "summary": resource.summary,
        "operationId": _name(resource),
        "x-scope": resource.scope.value,
        "parameters": parameters,
        "responses": {
            "200": {"description": "as asked", "content": _json(names[resource.answer, "serialization"])},
            **{
                str(status): {"description": about, "content": _json(names[Refusal, "serialization"])}
                for status, about in _REFUSED.items()
            },
        },
    }
    if resource.body == "yaml":
        operation["requestBody"] = {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}
    elif resource.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(names[resource.body, "validation"])}
    return operation


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _name(resource: Resource) -> str:
    words = [part.strip("{}") for part in resource.path.removeprefix("/api/").split("/")]
    verb = {"GET": "read", "POST": "do", "DELETE": "end"}[resource.method]
    return "_".join([verb, *words])


def needs(resource: Resource) -> str:
    """What a key must be good for, in words."""
    return "act" if resource.scope is Scope.ACT else "read"
