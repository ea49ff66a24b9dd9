"""`tocsin fields` and `tocsin schema`."""

import json
from pathlib import Path

from daemon.cli.examples import EXAMPLES
from daemon.cli.vocabulary import described
from rules.events import EVENTS, from_json, to_json
from tests.daemon.cli.typed import typed


def test_every_event_has_an_example_that_is_one() -> None:
    assert list(EVENTS) == list(EXAMPLES)
    for name, event in EXAMPLES.items():
        assert type(event) is EVENTS[name]
        assert event == from_json(to_json(event))


def test_every_field_has_a_unit_or_kind_and_a_meaning() -> None:
    for name, event in EVENTS.items():
        for field, unit, meaning in described(event):
            assert unit, f"{name}.{field}"
            assert meaning or unit in ("USD", "quote coin"), f"{name}.{field}"


def test_fields_tell_units_meanings_and_what_is_derived() -> None:
    rows = {field: (unit, meaning) for field, unit, meaning in described(EVENTS["funding_rate"])}

    assert ("fraction / 8 h", "the rate normalised to 8 hours (derived)") == rows["rate_8h"]
    assert ("ms since 1970 UTC", "when it is or was paid, may be missing") == rows["settles_at_ms"]
    assert "true or false" == rows["is_settled"][0]


def test_fields_prints_them_all_or_the_one_asked_for(tmp_path: Path) -> None:
    everything, one = typed("fields", cwd=tmp_path), typed("fields", "liquidation", cwd=tmp_path)

    assert all(f"\n{name}\n" in f"\n{everything.stdout}" for name in EVENTS)
    assert "notional_usd" in one.stdout
    assert "funding_rate" not in one.stdout


def test_an_unknown_type_is_answered_with_the_nearest(tmp_path: Path) -> None:
    done = typed("fields", "liquidations", cwd=tmp_path)

    assert 2 == done.returncode
    assert "did you mean liquidation?" in done.stderr


def test_the_schema_is_json(tmp_path: Path) -> None:
    done = typed("schema", cwd=tmp_path)

    assert 0 == done.returncode
    assert "rules" in json.loads(done.stdout)["properties"]
