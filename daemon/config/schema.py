"""The JSON Schema of configuration files: what an editor completes and underlines."""

from typing import Any

from pydantic.json_schema import models_json_schema

from daemon.config.foreign import source_configs, trial_shape
from daemon.config.merge import PRIVATE
from daemon.config.model import Settings

_TEMPLATE = "#/$defs/{model}"


def json_schema() -> dict[str, Any]:
    """Settings, with the sources and the rule kinds that are built in."""
    from rules.kinds import KINDS

    sources = source_configs()
    kinds = {name: kind.SPEC for name, kind in KINDS.items()}
    trial = trial_shape()
    models = [Settings, *sources.values(), *kinds.values(), trial]
    places, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_TEMPLATE)
    found = definitions.get("$defs", {})
    own = found.pop(places[Settings, "validation"]["$ref"].rpartition("/")[2])
    for name, model in kinds.items():
        found[places[model, "validation"]["$ref"].rpartition("/")[2]]["properties"]["type"] = {"const": name}
    own["title"] = "Tocsin"
    own["description"] = (
        "sources, sinks, rules, tests, routes, inhibit, alive, storage and server; all of them optional"
    )
    own["properties"]["sources"] = {
        "description": "exactly these sources run; left out: every source that needs no key",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {
            name: {"anyOf": [places[model, "validation"], {"type": "null"}]} for name, model in sources.items()
        },
    }
    own["properties"]["rules"] = {
        "description": "when we speak",
        "type": ["array", "null"],
        "items": _by_type({name: places[model, "validation"] for name, model in kinds.items()}),
    }
    own["properties"]["tests"] = {
        "description": "what the rules shall do; run by `tocsin test`, by `check` and before a reload",
        "type": ["array", "null"],
        "items": places[trial, "validation"],
    }
    own["patternProperties"] = {f"^{PRIVATE}": {"description": "of no meaning; a place to keep anchors"}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **own, "$defs": found}


def _by_type(places: dict[str, Any]) -> dict[str, Any]:
    """Told by `type`, so that an editor explains the mistake in the one kind that was meant."""
    return {
        "type": "object",
        "required": ["id", "type"],
        "properties": {"type": {"enum": list(places), "description": "the kind of rule"}},
        "allOf": [
            {"if": {"properties": {"type": {"const": name}}, "required": ["type"]}, "then": place}
            for name, place in places.items()
        ],
    }
