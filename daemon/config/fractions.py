"""Bare numbers beside fractions: 0.05 is 5%, and whoever writes it of a funding rate means 0.05%."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daemon.config.mistakes import Mistake, quote
from daemon.config.places import Place
from rules.events import EVENTS, Event
from rules.grammar import Binary, Call, Comparison, Field, Member, Node, Number, Unary, parse
from rules.ordinary import unit

if TYPE_CHECKING:
    from rules.spec import RuleSpec

_PLAIN_MAX = 0.005  # as in the other kinds of rules: below, nobody means percent
_SIGNED = re.compile(r"-?\s*\$?[\d_.]+(?:[eE][+-]?\d+)?\s?(?:%|bps?)")
_LIMITS = ("above", "below", "hysteresis")


def bare_fractions(specs: "Sequence[RuleSpec]", written: Sequence[Mapping[str, Any]], root: Place) -> Iterator[Mistake]:
    """Expressions that hold a fraction against a number without its sign. `written`: the rules as they stand."""
    for index, (spec, raw) in enumerate(zip(specs, written, strict=True)):
        if spec.type != "expression":
            continue
        event = EVENTS[getattr(spec, "on", "")]
        for name in ("where", "when", "clear", "value"):
            text = raw.get(name)
            for number in _bare(parse(text), text, event) if isinstance(text, str) else ():
                yield _mistake(root, ("rules", index, name), number)
        value = raw.get("value")
        if isinstance(value, str) and _is_fraction(parse(value), event):
            for loc, limit in _limits(raw):
                if (bare := _as_bare(limit)) is not None:
                    yield _mistake(root, ("rules", index, *loc), bare)


def _bare(node: Node, text: str, event: type[Event]) -> Iterator[float]:
    """The numbers without a sign that are compared with a fraction."""
    match node:
        case Comparison(_, left, right, _):
            for one, other in ((left, right), (right, left)):
                number = other.inner if isinstance(other, Unary) else other
                if isinstance(number, Number) and _is_fraction(one, event):
                    is_signed = _SIGNED.match(text, number.at - 1) is not None
                    if not is_signed and abs(number.value) >= _PLAIN_MAX:
                        yield number.value
            yield from (*_bare(left, text, event), *_bare(right, text, event))
        case Binary(_, left, right, _):
            yield from (*_bare(left, text, event), *_bare(right, text, event))
        case Unary(_, inner, _):
            yield from _bare(inner, text, event)
        case Call(_, args, _):
            for arg in args:
                yield from _bare(arg, text, event)
        case Member(item, _, _):
            yield from _bare(item, text, event)


def _is_fraction(node: Node, event: type[Event]) -> bool:
    match node:
        case Field(name, _):
            return (name in event.__struct_fields__ and unit(event, name).startswith("fraction")) or _derived(
                event, name
            )
        case Unary("-", inner, _):
            return _is_fraction(inner, event)
        case Call("change", _, _):
            return True
        case Call("abs" | "min" | "max" | "avg" | "spread", args, _):
            return bool(args) and _is_fraction(args[0], event)
    return False


def _derived(event: type[Event], name: str) -> bool:
    return event.DERIVED.get(name, ("", ""))[0].startswith("fraction")


def _limits(raw: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], object]]:
    for name in _LIMITS:
        yield (name,), raw.get(name)
    levels = raw.get("levels")
    for severity, limit in levels.items() if isinstance(levels, dict) else ():
        yield ("levels", severity), limit


def _as_bare(limit: object) -> float | None:
    """A limit that has no sign and is no small number."""
    if isinstance(limit, bool) or not isinstance(limit, int | float | str):
        return None
    try:
        number = float(limit)
    except ValueError:
        return None
    return number if abs(number) >= _PLAIN_MAX else None


def _mistake(root: Place, loc: tuple[str | int, ...], number: float) -> Mistake:
    where, trail = root.find(loc)
    what = f"{number:g} is {number * 100:g}% here"
    right = f"write {number * 100:g}%, or {number:g}% if that is meant"
    return Mistake(where.file, where.line, where.column, ".".join(map(quote, trail)), what, right)
