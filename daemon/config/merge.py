"""Several files as one: blocks merge, lists of rules follow each other, and nothing is said twice."""

from pathlib import Path
from typing import Any

from daemon.config.mistakes import Mistake, quote
from daemon.config.places import Place
from daemon.config.yaml import MAX_BYTES, read

LISTS = ("rules", "tests", "routes", "inhibit")  # those of a later file follow those of an earlier one
PRIVATE = "x-"  # a top-level key that begins so belongs to its file alone: a place to keep anchors


def read_files(paths: list[Path]) -> tuple[dict[str, Any], Place, list[Mistake]]:
    """All files' values in one, where each stands, and all that is wrong so far."""
    value: dict[str, Any] = {}
    root = Place(str(paths[0]) if paths else "", 1, 1, {})
    mistakes: list[Mistake] = []
    for path in paths:
        file_value, place, wrong = _one(path)
        mistakes += wrong
        if isinstance(file_value, dict):
            _merge(value, root, file_value, place, (), mistakes)
        elif file_value is not None:
            right = "begin with a section: rules:, sinks:, sources:, storage: or server:"
            mistakes.append(Mistake(str(path), place.line, place.column, "", "this is not a configuration", right))
    return value, root, mistakes


def _one(path: Path) -> tuple[Any, Place, list[Mistake]]:
    file = str(path)
    try:
        with path.open("rb") as stream:
            source = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        what, right = "there is no such file", "correct the path"
    except IsADirectoryError:
        what, right = "this is a directory", "name the files in it, each with its own -c"
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        what, right = f"the file cannot be read ({why})", "let the user who runs tocsin read it"
    else:
        return read(source, file)
    return None, Place(file, 1, 1), [Mistake(file, 1, 1, "", what, right)]


def _merge(
    into: dict[str, Any], at: Place, value: dict[str, Any], place: Place, loc: tuple[str, ...], mistakes: list[Mistake]
) -> None:
    ours, theirs = at.children or {}, place.children or {}
    at.children = ours
    for key, child in value.items():
        where = theirs[key]
        if not loc and (key.startswith(PRIVATE) or child is None):  # an empty section is no section
            continue
        if key not in into:
            _adopt(into, ours, key, child, where)
        elif isinstance(into[key], dict) and isinstance(child, dict):
            _merge(into[key], ours[key], child, where, (*loc, key), mistakes)
        elif isinstance(into[key], list) and isinstance(child, list) and loc == () and key in LISTS:
            _extend(into[key], ours[key], child, where)
        else:
            first = ours[key]
            what = f"is already set in {first.file}:{first.key_line}:{first.key_column}"
            path = ".".join(map(quote, (*loc, key)))
            mistakes.append(Mistake(where.file, where.key_line, where.key_column, path, what, "keep one of the two"))


def _adopt(into: dict[str, Any], places: dict[str | int, Place], key: str, child: Any, where: Place) -> None:
    """Take a value over. Blocks are copied all the way down, because another file may add to them."""
    copy = Place(where.file, where.line, where.column, where.children)
    copy.key_line, copy.key_column = where.key_line, where.key_column
    places[key] = copy
    into[key] = child
    if isinstance(child, dict):
        into[key], copy.children = {}, {}
        for name, grandchild in child.items():
            _adopt(into[key], copy.children, name, grandchild, (where.children or {})[name])
    elif isinstance(child, list):
        into[key], copy.children = list(child), dict(where.children or {})


def _extend(items: list[Any], at: Place, more: list[Any], place: Place) -> None:
    children = at.children if at.children is not None else {}
    at.children = children
    offset = len(items)
    items += more
    for index in range(len(more)):
        children[offset + index] = (place.children or {})[index]
