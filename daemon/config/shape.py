"""What a pydantic model says about a place in a file: which keys it knows there, and whether a secret lives there."""

from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo


def plain(annotation: Any) -> Iterator[Any]:
    """The types an annotation allows, without Annotated, Optional and unions around them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from plain(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from plain(member)
    elif annotation is not NoneType:
        yield annotation


def keys_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys as they are written in YAML."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def inside(annotation: Any, part: str | int) -> Iterator[Any]:
    """What may stand under a key or index of something of this type."""
    for kind in plain(annotation):
        origin, arguments = get_origin(kind), get_args(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if (field := keys_of(kind).get(str(part))) is not None:
                yield field.annotation
        elif origin is Literal or not arguments:
            continue
        elif isinstance(origin, type) and issubclass(origin, dict):
            yield arguments[1]
        elif isinstance(part, int):
            yield arguments[0] if origin is not tuple or arguments[-1] is Ellipsis else arguments[part % len(arguments)]


def at(annotation: Any, loc: Sequence[str | int]) -> list[Any]:
    """The types allowed at `loc`. Parts that lead nowhere are union members' names, and stepped over."""
    here = [annotation]
    for part in loc:
        below = [child for kind in here for child in inside(kind, part)]
        here = below or here
    return [kind for member in here for kind in plain(member)]


def known_keys(annotation: Any, loc: Sequence[str | int]) -> list[str]:
    """The keys that may stand in the block at `loc`."""
    found = dict.fromkeys(
        key
        for kind in at(annotation, loc)
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for key in keys_of(kind)
    )
    return list(found)


def about_key(annotation: Any, loc: Sequence[str | int], key: str) -> str:
    """What is said of a key of the block at `loc`; empty if nothing is."""
    models = (kind for kind in at(annotation, loc) if isinstance(kind, type) and issubclass(kind, BaseModel))
    return next((field.description or "" for model in models if (field := keys_of(model).get(key)) is not None), "")


def is_secret(annotation: Any) -> bool:
    """A value that must never be shown."""
    return any(isinstance(kind, type) and issubclass(kind, SecretStr) for kind in plain(annotation))


def holds_secret(annotation: Any) -> bool:
    """A secret is here or somewhere inside, so that a value of the wrong shape may be one too."""
    for kind in plain(annotation):
        if is_secret(kind):
            return True
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if any(holds_secret(field.annotation) for field in kind.model_fields.values()):
                return True
        elif any(holds_secret(argument) for argument in get_args(kind) if get_origin(kind) is not Literal):
            return True
    return False
