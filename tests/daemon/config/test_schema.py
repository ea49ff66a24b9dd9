"""The schema that editors use says what the loader does."""

import json
from pathlib import Path

from daemon.config.load import example_file
from daemon.config.schema import json_schema
from daemon.config.yaml import read
from daemon.sources.registry import SOURCES
from rules.kinds import KINDS


def test_it_knows_every_section_source_and_kind() -> None:
    schema = json_schema()

    sections = {"sources", "sinks", "routes", "inhibit", "alive", "rules", "tests", "storage", "server", "label"}
    assert sections == set(schema["properties"])
    assert set(SOURCES) == set(schema["properties"]["sources"]["properties"])
    assert list(KINDS) == schema["properties"]["rules"]["items"]["properties"]["type"]["enum"]


def test_every_reference_leads_somewhere() -> None:
    schema = json_schema()

    assert set(_references(schema)) <= {f"#/$defs/{name}" for name in schema["$defs"]}


def test_keys_are_those_of_the_file() -> None:
    """`for`, not `for_`; `expire`, not `expire_ms`."""
    definitions = json_schema()["$defs"]

    assert "expire" in definitions["SinkConfig"]["properties"]
    assert "6h" == definitions["SinkConfig"]["properties"]["expire"]["default"]
    value, _, _ = read(example_file().read_bytes(), "example")
    for rule in value["rules"]:
        spec = definitions[KINDS[rule["type"]].SPEC.__name__]
        assert set(rule) <= set(spec["properties"])


def _references(part: object) -> list[str]:
    if isinstance(part, dict):
        own = [str(part["$ref"])] if "$ref" in part else []
        return own + [found for child in part.values() for found in _references(child)]
    return [found for child in part for found in _references(child)] if isinstance(part, list) else []


def test_the_schema_in_the_checkout_is_the_one_we_would_write() -> None:
    """`make schema` renews it; the example's first line names it."""
    written = Path(__file__).resolve().parents[3] / "rules.schema.json"

    assert json_schema() == json.loads(written.read_text())
