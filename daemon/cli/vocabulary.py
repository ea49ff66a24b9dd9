"""`tocsin fields` and `tocsin schema`: the words that rules and files are written in."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import click
import msgspec

from daemon.cli.files import unknown_name

if TYPE_CHECKING:
    from rules.events import Event


@click.command(short_help="The fields of every event, for your own rules.")
@click.argument("types", nargs=-1, metavar="[TYPE]...")
def fields(types: tuple[str, ...]) -> None:
    """What every event says: its fields, their units and meaning, and an example.

    These are the names that expression rules and messages may use. TYPE, for instance open_interest, shows only that.
    """
    from daemon.cli.examples import EXAMPLES
    from rules.events import EVENTS, facts_of

    for name in types or tuple(EVENTS):
        if name not in EVENTS:
            raise unknown_name("event type", name, list(EVENTS))
        about = " ".join((EVENTS[name].__doc__ or "").split())
        click.echo(f"{name}\n  {about}\n")
        rows = list(described(EVENTS[name]))
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        for field, unit, meaning in rows:
            click.echo(f"  {field:<{widths[0]}}  {unit:<{widths[1]}}  {meaning}".rstrip())
        click.echo(f"\n  for instance {json.dumps(facts_of(EXAMPLES[name]))}\n")


def described(event: "type[Event]") -> Iterator[tuple[str, str, str]]:
    """Name, unit (or kind of value) and meaning of each field; what is derived comes last."""
    hints = get_type_hints(event, include_extras=True)
    for name in event.__struct_fields__:
        kinds, unit, meaning, is_optional = _read(hints[name])
        what = unit or " | ".join(dict.fromkeys(kinds))
        yield name, what, f"{meaning}{', may be missing' if is_optional else ''}".removeprefix(", ")
    for name, (unit, meaning) in event.DERIVED.items():
        yield name, unit, f"{meaning} (derived)"


_KINDS = {str: "text", bool: "true or false", int: "number", float: "number"}


def _read(hint: Any) -> tuple[list[str], str, str, bool]:
    """Kinds of value, unit, meaning, and whether it may be missing, of one annotation."""
    if get_origin(hint) is Annotated:
        inner, *notes = get_args(hint)
        kinds, unit, meaning, is_optional = _read(inner)
        for note in notes:
            if isinstance(note, msgspec.Meta):
                unit = str((note.extra or {}).get("unit", unit))
                meaning = note.description or meaning
        return kinds, unit, meaning, is_optional
    arguments = get_args(hint)
    if not arguments:
        return ([] if hint is type(None) else [_KINDS.get(hint, "value")]), "", "", hint is type(None)
    if get_origin(hint) is tuple:
        return ["list"], "", "", False
    if all(isinstance(argument, str) for argument in arguments):  # Literal
        return [str(argument) for argument in arguments], "", "", False
    read = [_read(argument) for argument in arguments]
    return (
        [kind for kinds, *_ in read for kind in kinds],
        next((unit for _, unit, *_ in read if unit), ""),
        next((meaning for _, _, meaning, _ in read if meaning), ""),
        any(is_optional for *_, is_optional in read),
    )


@click.command(short_help="The JSON Schema of configuration files, for editors.")
def schema() -> None:
    """The JSON Schema of configuration files, for editors: `tocsin schema > rules.schema.json`."""
    from daemon.config.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
