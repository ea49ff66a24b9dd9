"""Pydantic's errors in people's words, with the line and column of what they are about."""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daemon.config.mistakes import GUESS, KNOWN, Mistake, nearest, quote
from daemon.config.places import Place
from daemon.config.shape import about_key, at, holds_secret, keys_of, known_keys

Loc = tuple[str | int, ...]

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s'\"]+")
_SLIP = 0.75  # typ and tpye are type
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WRONG_KIND = {
    "string_type": "write text",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_from_float": "write a whole number",
    "int_parsing_size": "write a whole number that is not so large",
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
_SAMPLES = {  # what may stand there, by its key
    "symbols": '[BTC, ETH], or "*" for all',
    "coins": '[USDT, USDC], or "*" for all',
    "levels": "{warning: ..., critical: ...}",
    "labels": "{team: desk}",
    "quiet": '{from: "23:00", to: "07:00", tz: Europe/Berlin}',
    "group": "{wait: 2s, at_least: 4}",
    "states": "{hot-funding: firing warning}",
    "messages": '{console: ["WARNING  ..."]}',
}
_MEANT = {  # what people write -> what may be meant, if it is known there
    "kind": ("type",),
    "name": ("id",),
    "symbols": ("coins",),
    "symbol": ("coins", "coin"),
    "coin": ("symbols", "symbol"),
    "coins": ("symbols",),
    "threshold": ("above", "at_least", "depth"),
    "limit": ("above", "at_least", "depth"),
    "min": ("at_least",),
    "size": ("at_least",),
    "exchange": ("venues", "venue"),
    "exchanges": ("venues",),
    "interval": ("window", "every"),
    "period": ("window", "every"),
    "sinks": ("notify", "to"),
    "sink": ("notify", "to"),
    "time": ("at",),
    "source": ("when",),
    "target": ("mutes",),
    "to": ("notify",),
    "text": ("message",),
    "start": ("from",),
    "end": ("to",),
    "timezone": ("tz",),
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def explain(
    error: ValidationError, annotation: Any, place: Place, prefix: Loc = (), *, most: int | None = None
) -> list[Mistake]:
    """One mistake for each place that pydantic complains about. `place` and `prefix` are where the model begins.

    Of more than `most` complaints the first are enough.
    """
    found: dict[tuple[int, int, str], list[Mistake]] = {}
    for details in error.errors(include_url=False)[:most]:
        mistake = _one(details, annotation, place, prefix)
        found.setdefault((mistake.line, mistake.column, mistake.path), []).append(mistake)
    return [_joined(same) for same in found.values()]


def _joined(same: list[Mistake]) -> Mistake:
    """The members of a union complain one by one; a person made one mistake."""
    rights = dict.fromkeys(mistake.right for mistake in same if mistake.right)
    meant = next((right for right in rights if right.startswith(GUESS)), None)
    known = [right.removeprefix(KNOWN) for right in rights if right.startswith(KNOWN)]
    others = [right for right in rights if not right.startswith(KNOWN)]
    return same[0]._replace(right=meant or ", or ".join([*others, *([KNOWN + ", ".join(known)] if known else ())]))


def _one(details: ErrorDetails, annotation: Any, place: Place, prefix: Loc) -> Mistake:
    loc, kind, context = details["loc"], details["type"], details.get("ctx", {})
    where, trail = place.find(loc)
    line, column = where.line, where.column
    if kind == "missing" and loc:
        trail = (*trail, loc[-1])
        what, right = "is missing", _add(annotation, loc)
    elif kind == "extra_forbidden":
        line, column = where.key_line, where.key_column
        what, right = _unknown_key(str(loc[-1]), known_keys(annotation, loc[:-1]))
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
        if kind == "union_tag_not_found" and isinstance(details["input"], dict):
            slip = misspelled(key, details["input"])
            right = f"write {key}: {quote(details['input'][slip])} in place of `{quote(slip)}`" if slip else right
    else:
        what, right = _value(details, at(annotation, loc))
        if right.startswith(("write a block", "write a list")) and (
            sample := _SAMPLES.get(str(loc[-1] if loc else ""))
        ):
            right = f"write {sample}"
        elif (
            kind in _WRONG_KIND
            and "levels" in loc[:-1]
            and (about := about_key(annotation, loc[: loc.index("levels")], "levels"))
        ):
            right = f"{right}: {about}"
    return Mistake(where.file, line, column, ".".join(quote(part) for part in (*prefix, *trail)), what, right)


def _value(details: ErrorDetails, kinds: list[Any]) -> tuple[str, str]:
    """What is wrong with a value, and what would be right."""
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    is_secret = any(map(holds_secret, kinds))
    shown = describe(value, hide=is_secret)
    if kind in _WRONG_KIND:
        return f"{shown} cannot stand here", _right_kind(kind, value, kinds, is_secret=is_secret)
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", str(context.get("expected", ""))) or _choices(kinds)
        if isinstance(value, list | dict):
            return f"{shown} cannot stand here", f"{KNOWN}{', '.join(sorted(choices))}"
        return f"{shown} is not one we know", nearest(str(value), choices)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        is_percent = isinstance(value, str) and value.rstrip().endswith("%")
        bound = f"{100 * float(context[name]):g}%" if is_percent else context[name]
        return f"{shown} is out of range", f"write {words} {bound}"
    if kind == "string_pattern_mismatch":  # names are all that has a pattern
        return f"{shown} is not a name", "use up to 64 letters, digits, _ . and -, no blanks"
    if kind == "too_short" and not value:
        return "an empty list cannot stand here", "name at least one"
    if kind in ("string_too_short", "too_short"):
        return f"{shown} is too short", f"at least {context['min_length']}"
    if kind in ("string_too_long", "too_long"):
        return f"{shown} is too long", f"at most {context['max_length']}"
    said = str(context["error"]) if kind == "value_error" and "error" in context else details["msg"]
    return split(said if is_secret else _ADDRESS.sub(r"\1...", said))  # a secret field's validator shows none itself


def misspelled(key: str, block: Mapping[str, Any]) -> str | None:
    """The key of this block that may be meant for `key`, if it is not there itself."""
    others = {str(one).lower(): str(one) for one in block}
    near = get_close_matches(key, others, n=1, cutoff=_SLIP)
    meant = near or [one for one, names in _MEANT.items() if key in names and one in others]
    return others[meant[0]] if meant else None


def _unknown_key(key: str, known: list[str]) -> tuple[str, str]:
    """A key that is none: a slip, a word for something that is called otherwise here, or half of a text."""
    what = "is not known here"
    if not _PLAIN_KEY.fullmatch(key):
        return (
            what,
            "between { and } a comma ends the value before it; put that value in quotes, and write 1000000 plainly",
        )
    meant = next((name for name in _MEANT.get(key.lower(), ()) if name in known), None)
    return what, f"{GUESS}{meant}?" if meant is not None else nearest(key, known)


def _right_kind(kind: str, value: object, kinds: list[Any], *, is_secret: bool) -> str:
    """What to write in place of a value of the wrong kind."""
    if kind == "string_type" and isinstance(value, bool | int | float) and not is_secret:
        return f'put it in quotes: "{describe(value)}"'
    if kind.endswith(("list_type", "tuple_type", "set_type")) and isinstance(value, dict):
        return "write a list: begin each item with `- `"
    models = [one for one in kinds if isinstance(one, type) and issubclass(one, BaseModel)]
    needed = [key for model in models for key, field in keys_of(model).items() if field.is_required()]
    if kind in ("model_type", "model_attributes_type") and needed and not isinstance(value, list):
        return f"write a block: {{{', '.join(f'{key}: ...' for key in dict.fromkeys(needed))}}}"
    return _WRONG_KIND[kind]


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
