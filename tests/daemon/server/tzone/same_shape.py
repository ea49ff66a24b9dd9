"""Whether an answer looks like the documents' example: its keys, their order, types and nesting; values may differ."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

GOLDEN = Path(__file__).parent / "golden"

_KINDS = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}


def golden(name: str) -> object:
    """The documents' example of this name."""
    return msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes())


def differences(ours: object, documented: object, at: str = "$") -> list[str]:
    """Everything that is not alike, e.g. `$.rows.extra is only in ours`; headers must be equal, word by word.

    Lists are compared element by element, ours beyond the documented ones with the last of those. An empty list of
    ours is a difference: nothing was compared. The texts hold no positions, so that each difference is told once.
    """
    return list(dict.fromkeys(_walk(ours, documented, at)))


def same_shape(ours: object, documented: object, but: dict[str, str] | None = None) -> list[str]:
    """The differences left when those in `but` (difference -> why it is right) are taken away.

    What `but` names and does not happen is a difference too: a list of exceptions must not outlive them.
    """
    found = differences(ours, documented)
    excused = but or {}
    unused = [f"{difference}: excused, but it does not happen" for difference in excused if difference not in found]
    return [difference for difference in found if difference not in excused] + unused


def _walk(ours: object, documented: object, at: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(documented, dict):
        yield from _objects(ours, documented, at)
    elif isinstance(ours, list) and isinstance(documented, list):
        yield from _lists(ours, documented, at)
    elif _kind(ours) != _kind(documented):
        yield f"{at} is {_kind(ours)} in ours, {_kind(documented)} in the document"


def _objects(ours: dict[str, object], documented: dict[str, object], at: str) -> Iterator[str]:
    for name in ours:
        if name not in documented:
            yield f"{at}.{name} is only in ours"
    for name in documented:
        if name not in ours:
            yield f"{at}.{name} is only in the document"
    common = [name for name in documented if name in ours]
    if [name for name in ours if name in documented] != common:
        yield f"{at} has its keys in another order"
    for name in common:
        if name == "headers":
            yield from _headers(ours[name], documented[name], f"{at}.headers")
        else:
            yield from _walk(ours[name], documented[name], f"{at}.{name}")


def _lists(ours: list[object], documented: list[object], at: str) -> Iterator[str]:
    if documented and not ours:
        yield f"{at} is empty in ours"
    for place, element in enumerate(ours):
        if not documented:
            yield f"{at} is empty in the document"
            return
        yield from _walk(element, documented[min(place, len(documented) - 1)], f"{at}[]")


def _headers(ours: object, documented: object, at: str) -> Iterator[str]:
    if ours != documented:
        yield f"{at} are {ours} in ours, {documented} in the document"


def _kind(value: object) -> str:
    return _KINDS.get(type(value), "a number")
