"""Pydantic's errors in people's words, with the line and column of what they are about."""

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from daemon.config.mistakes import Mistake, nearest, quote
from daemon.config.places import Place
from daemon.config.shape import at, holds_secret, known_keys

Loc = tuple[str | int, ...]

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s'\"]+")
_WRONG_KIND = {
    "string_type": "write text",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "finite_number": "write a number that is finite",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "list_type": "write a list: [one, two]",
    "tuple_type": "write a list: [one, two]",
    "set_type": "write a list: [one, two]",
    "frozen_set_type": "write a list: [one, two]",
    "dict_type": "write a block of `key: value` lines",
    "mapping_type": "write a block of `key: value` lines",
    "model_type": "write a block of `key: value` lines",
    "model_attributes_type": "write a block of `key: value` lines",
    "dataclass_type": "write a block of `key: value` lines",
}
_SAMPLES = {"symbols": '[BTC, ETH], or "*" for all', "coins": '[USDT, USDC], or "*" for all'}  # what may be added
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def explain(error: ValidationError, annotation: Any, place: Place, prefix: Loc = ()) -> list[Mistake]:
    """One mistake for each place that pydantic complains about. `place` and `prefix` are where the model begins."""
    found: dict[tuple[int, int, str], list[Mistake]] = {}
    for details in error.errors(include_url=False):
        mistake = _one(details, annotation, place, prefix)
        found.setdefault((mistake.line, mistake.column, mistake.path), []).append(mistake)
    return [_joined(same) for same in found.values()]


def _joined(same: list[Mistake]) -> Mistake:
    """The members of a union complain one by one; a person made one mistake."""
    rights = dict.fromkeys(mistake.right for mistake in same if mistake.right)
    return same[0]._replace(right=", or ".join(rights))


def _one(details: ErrorDetails, annotation: Any, place: Place, prefix: Loc) -> Mistake:
    loc, kind, context = details["loc"], details["type"], details.get("ctx", {})
    where, trail = place.find(loc)
    line, column = where.line, where.column
    if kind == "missing" and loc:
        trail = (*trail, loc[-1])
        what, right = "is missing", _add(annotation, loc)
    elif kind == "extra_forbidden":
        line, column = where.key_line, where.key_column
        what, right = "is not known here", nearest(str(loc[-1]), known_keys(annotation, loc[:-1]))
    elif loc and loc[-1] == "[key]":
        line, column = where.key_line, where.key_column
        what, right = _value(details, [])
    elif kind in ("union_tag_not_found", "union_tag_invalid"):
        key = str(context.get("discriminator", "'type'")).strip("'")
        where, _ = place.find((*loc, key))
        line, column, trail = where.line, where.column, (*trail, key)
        choices = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
        what = "is missing" if kind == "union_tag_not_found" else f"'{quote(context.get('tag'))}' is not one we know"
        right = nearest(str(context.get("tag", "")), choices or _tags(annotation, loc, key))
    else:
        what, right = _value(details, at(annotation, loc))
    return Mistake(where.file, line, column, ".".join(quote(part) for part in (*prefix, *trail)), what, right)


def _value(details: ErrorDetails, kinds: list[Any]) -> tuple[str, str]:
    """What is wrong with a value, and what would be right."""
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    is_secret = any(map(holds_secret, kinds))
    shown = describe(value, hide=is_secret)
    if kind in _WRONG_KIND:
        return f"{shown} cannot stand here", _WRONG_KIND[kind]
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context.get("expected", ""))) or _choices(kinds)
        return f"{shown} is not one we know", nearest(str(value), choices)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{shown} is out of range", f"write {words} {context[name]}"
    if kind in ("string_too_short", "too_short"):
        return f"{shown} is too short", f"at least {context['min_length']}"
    if kind in ("string_too_long", "too_long"):
        return f"{shown} is too long", f"at most {context['max_length']}"
    said = str(context["error"]) if kind == "value_error" and "error" in context else details["msg"]
    return split(said if is_secret else _ADDRESS.sub(r"\1...", said))  # a secret field's validator shows none itself


def split(said: str) -> tuple[str, str]:
    """A validator's own sentence: what is wrong before the last semicolon, what would be right after it."""
    what, _, right = " ".join(said.split()).rpartition("; ")
    return (what, right) if what else (right, "")


def describe(value: object, *, hide: bool = False) -> str:
    """A value as a mistake may name it; of a secret and of blocks only the kind."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"{value}".lower()
        case list() | tuple():
            return "a list"
        case dict():
            return "a block of keys"
        case _ if hide:
            return "text" if isinstance(value, str) else "a number"
        case str():
            return f"'{quote(value)}'"
        case _:
            return quote(value)


def _choices(kinds: Iterable[Any]) -> list[str]:
    found: list[str] = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            found += map(str, get_args(kind))
        elif isinstance(kind, type) and issubclass(kind, Enum):
            found += [str(member.value) for member in kind]
    return found


def _tags(annotation: Any, loc: Loc, key: str) -> list[str]:
    return _choices(kind for member in at(annotation, loc) for kind in at(member, (key,)))


def _add(annotation: Any, loc: Loc) -> str:
    choices: list[str] = list(_all_choices(annotation, loc))
    return f"add {quote(loc[-1])}: {' | '.join(choices) or _SAMPLES.get(str(loc[-1]), '...')}"


def _all_choices(annotation: Any, loc: Loc) -> Iterator[str]:
    yield from _choices(at(annotation, loc)) if known_keys(annotation, loc[:-1]) else ()
