"""What no section can check alone: names that must agree, and those that must differ."""

import re
from collections.abc import Iterator
from typing import Any

from daemon.config.mistakes import Mistake, nearest, quote
from daemon.config.model import CONSOLE
from daemon.config.places import Place
from daemon.config.references import unknown_references

_SINK_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_EVERYBODY = {  # what people write for all, and for none
    **dict.fromkeys(("*", "all", "any", "everyone", "everybody"), "leave `notify` out for all of them"),
    **dict.fromkeys(("none", "nobody", "off", "no", "null"), "write notify: [] for nobody"),
}


def misplaced(written: dict[str, Any], root: Place) -> list[Mistake]:
    """All that is wrong between the sections. Reads what was written, so that one mistake does not hide another."""
    return [
        *_twice(written, root),
        *_unknown_sinks(written, root),
        *_sink_names(written, root),
        *unknown_references(written, root),
    ]


def _wrong(place: Place, loc: tuple[str | int, ...], what: str, right: str) -> Mistake:
    return Mistake(place.file, place.line, place.column, ".".join(quote(part) for part in loc), what, right)


def _rules(written: dict[str, Any], root: Place) -> Iterator[tuple[int, dict[str, Any], Place]]:
    block, (place, _) = written.get("rules"), root.find(("rules",))
    if isinstance(block, list):
        for index, raw in enumerate(block):
            if isinstance(raw, dict):
                yield index, raw, (place.children or {})[index]


def _twice(written: dict[str, Any], root: Place) -> Iterator[Mistake]:
    first: dict[str, Place] = {}
    for index, raw, place in _rules(written, root):
        name = raw.get("id")
        if not isinstance(name, str):
            continue
        where, _ = place.find(("id",))
        before = first.setdefault(name, where)
        if before is not where:
            what = f"the id '{quote(name)}' is taken by {before.file}:{before.line}:{before.column}"
            yield _wrong(where, ("rules", index, "id"), what, "give every rule an id of its own")


def _unknown_sinks(written: dict[str, Any], root: Place) -> Iterator[Mistake]:
    sinks = written.get("sinks") or {CONSOLE: None}
    if not isinstance(sinks, dict):
        return
    for index, raw, place in _rules(written, root):
        named = raw.get("notify")
        items: list[tuple[tuple[str | int, ...], Any]] = []
        if isinstance(named, list):
            items = [(("notify", position), name) for position, name in enumerate(named)]
        elif named is not None:
            items = [(("notify",), named)]
        for loc, name in items:
            if isinstance(name, str) and name not in sinks:
                where, _ = place.find(loc)
                what = f"there is no sink '{quote(name)}'"
                right = nearest(name, sinks) if "sinks" in written else "add it under `sinks:`, or remove `notify`"
                right = _EVERYBODY.get(name.lower(), right)
                yield _wrong(where, ("rules", index, *loc), what, right)


def _sink_names(written: dict[str, Any], root: Place) -> Iterator[Mistake]:
    sinks = written.get("sinks")
    for name in sinks if isinstance(sinks, dict) else ():
        if not _SINK_NAME.fullmatch(name):
            where, _ = root.find(("sinks", name))
            what, right = "is not a name for a sink", "use up to 64 letters, digits, _ . and -"
            yield Mistake(where.file, where.key_line, where.key_column, f"sinks.{quote(name)}", what, right)
