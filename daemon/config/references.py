"""Names in routes, inhibitions and signs of life: each must be there."""

from collections.abc import Iterator, Mapping
from typing import Any

from daemon.config.mistakes import Mistake, nearest, quote
from daemon.config.model import CONSOLE
from daemon.config.places import Place

Loc = tuple[str | int, ...]


def unknown_references(written: dict[str, Any], root: Place) -> Iterator[Mistake]:
    """Sinks, rules and kinds that nobody has. Reads what was written, so that one mistake does not hide another."""
    sinks = written.get("sinks") or {CONSOLE: None}
    rules = [raw.get("id") for raw in _listed(written.get("rules")) if isinstance(raw, dict)]
    known = {"sink": list(sinks) if isinstance(sinks, dict) else [], "rule": [str(name) for name in rules]}
    for kind, loc, name in _named(written):
        names = known[kind] if kind in known else _kinds()
        if name not in names:
            where, _ = root.find(loc)
            path = ".".join(quote(part) for part in loc)
            what = f"there is no {'kind of rule' if kind == 'kind' else kind} '{quote(name)}'"
            right = nearest(name, names) if names else "add it first"
            yield Mistake(where.file, where.line, where.column, path, what, right)


def _named(written: Mapping[str, Any]) -> Iterator[tuple[str, Loc, str]]:
    """(what kind of name, where it stands, the name) of every reference."""
    for index, route in enumerate(_listed(written.get("routes"))):
        if isinstance(route, dict):
            yield from _of("sink", route.get("to"), ("routes", index, "to"))
            yield from _matched(route, ("routes", index))
    for index, one in enumerate(_listed(written.get("inhibit"))):
        for part in ("when", "mutes") if isinstance(one, dict) else ():
            meant, loc = one.get(part), ("inhibit", index, part)
            if isinstance(meant, dict):
                yield from _matched(meant, loc)
            else:
                yield from _of("rule", meant, loc)
    alive = written.get("alive")
    if isinstance(alive, dict):
        yield from _of("sink", alive.get("to"), ("alive", "to"))


def _matched(block: Mapping[str, Any], loc: Loc) -> Iterator[tuple[str, Loc, str]]:
    yield from _of("rule", block.get("rule"), (*loc, "rule"))
    yield from _of("kind", block.get("kind"), (*loc, "kind"))


def _of(kind: str, value: object, loc: Loc) -> Iterator[tuple[str, Loc, str]]:
    if isinstance(value, str):
        yield kind, loc, value
    for index, name in enumerate(_listed(value)):
        if isinstance(name, str):
            yield kind, (*loc, index), name


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _kinds() -> list[str]:
    from rules.kinds import KINDS  # only for a file that names one

    return list(KINDS)
