"""What a rule may name: the fields of each event type, and what kind of thing each is."""

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from rules.events import Event

Kind = Literal["number", "text", "flag", "duration"]


class Catalogue(msgspec.Struct, frozen=True):
    """The fields of one event type: name -> kind, and which may be missing."""

    event: type[Event]
    kinds: dict[str, Kind]
    optional: frozenset[str]


_catalogues: dict[type[Event], Catalogue] = {}


def catalogue(event: type[Event]) -> Catalogue:
    """What a rule on this event type may name, derived properties too."""
    if event not in _catalogues:
        kinds: dict[str, Kind] = {}
        optional = set()
        hints = get_type_hints(event)
        for name in event.__struct_fields__:
            if not _is_plain(hints[name]):
                continue  # lists and blocks: a kind of their own may read them, a formula cannot
            kinds[name], may_miss = _kind_of(hints[name])
            if may_miss:
                optional.add(name)
        for name in event.DERIVED:
            kinds[name], may_miss = _kind_of(get_type_hints(getattr(event, name).fget)["return"])
            if may_miss:
                optional.add(name)
        _catalogues[event] = Catalogue(event, kinds, frozenset(optional))
    return _catalogues[event]


def _is_plain(hint: Any) -> bool:
    parts = [part for part in get_args(hint) if part is not type(None)]
    if get_origin(hint) in (Union, types.UnionType):
        return all(_is_plain(part) for part in parts)
    return get_origin(hint) is Literal or hint in (str, bool, int, float)


def _kind_of(hint: Any) -> tuple[Kind, bool]:
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [_kind_of(part)[0] for part in get_args(hint) if part is not type(None)]
        return kinds[0], True
    if get_origin(hint) is Literal:
        return "text", False
    if hint is bool:
        return "flag", False
    return ("number", False) if hint in (int, float) else ("text", False)
