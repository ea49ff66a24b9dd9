"""A row of a table: rendered once, encoded once."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

import msgspec

Fields = Mapping[str, object]
Path = tuple[str, ...]

SEPARATOR = "\n"
"""Between values that are searched as one text, so that no fragment spans two; in values and searches it is a space."""

_DEEPEST = 6
_DEEPEST_SEARCHED = 64
_MOST_PATHS = 200
_NOTHING: Mapping[str, object] = {}
_CONTAINERS = frozenset((dict, list, tuple))
_SPECIAL = _CONTAINERS | {bool}
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
_encode_lines = _encoder.encode_lines


class Row:
    """One row as rendered; nobody changes `fields` after this.

    `hidden` holds what stands behind a field: a number behind "52.34 %" sorts and filters in its place (the text
    itself still matches a filter); a tuple of other names, such as a coin's symbol, id and name, only filters.
    """

    __slots__ = ("_encoded", "_figures", "_paths", "_words", "fields", "hidden")

    def __init__(self, fields: Fields, hidden: Mapping[str, object] = _NOTHING) -> None:
        self.fields = fields
        self.hidden = hidden
        self._encoded: bytes | None = None
        self._words: tuple[str, ...] | None = None
        self._figures: str | None = None
        self._paths: tuple[Path, ...] | None = None

    @property
    def encoded(self) -> bytes:
        """The row as JSON."""
        if self._encoded is None:
            self._encoded = _encode(self.fields)
        return self._encoded

    @property
    def words(self) -> tuple[str, ...]:
        """Its texts, nested ones too, as they stand; a search looks into them."""
        if self._words is None:
            values = self.fields.values()
            if _SPECIAL.isdisjoint(map(type, values)):
                self._words = tuple([value for value in values if isinstance(value, str)])
            else:
                self._words = tuple([word for leaf in _leaves(values, 0) if (word := _word(leaf)) is not None])
        return self._words

    @property
    def figures(self) -> str:
        """Its numbers as the row's JSON has them, one a line; a search for digits looks into them too."""
        if self._figures is None:
            numbers = [leaf for leaf in _leaves(self.fields.values(), 0) if _word(leaf) is None]
            self._figures = _encode_lines(numbers).replace(b"null\n", b"").decode()  # NaN is null in JSON
        return self._figures

    @property
    def paths(self) -> tuple[Path, ...]:
        """Where values are: ("pair",), ("chains", "chain"); a list of objects counts as one place."""
        if self._paths is None:
            if _CONTAINERS.isdisjoint(map(type, self.fields.values())):
                self._paths = _flat_paths(tuple(self.fields))
            else:
                self._paths = tuple(islice(dict.fromkeys(_walk(self.fields, (), 0)), _MOST_PATHS))
        return self._paths

    def __repr__(self) -> str:
        return f"Row({self.fields!r})"


class Kept:
    """Rows of the last tick by their identity, so that a row which has not changed is not encoded again.

    `kept.row(key, fields)` while making a table, then `kept.turn()` once: rows not asked for since are forgotten.
    """

    def __init__(self) -> None:
        self._before: dict[object, Row] = {}
        self._now: dict[object, Row] = {}

    def __len__(self) -> int:
        return len(self._before)

    def row(self, key: object, fields: Fields, hidden: Mapping[str, object] = _NOTHING) -> Row:
        """The row of this identity: the very same object if it says the same."""
        row = self._before.get(key)
        if row is None or row.fields != fields or row.hidden != hidden:
            row = Row(fields, hidden)
        self._now[key] = row
        return row

    def turn(self) -> None:
        """A table is made; what it did not use goes."""
        self._before, self._now = self._now, {}


def joined(rows: Iterable[Row]) -> bytes:
    """The rows as one JSON array."""
    return b"[" + b",".join([row._encoded or row.encoded for row in rows]) + b"]"


def reach(value: object, path: Path) -> Iterator[object]:
    """Every value at the end of a path, through objects and lists of them; lists within lists are passed over."""
    if isinstance(value, list | tuple):
        for item in value:
            if not isinstance(item, list | tuple):
                yield from reach(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from reach(value[path[0]], path[1:])


def _walk(fields: Fields, before: Path, depth: int) -> Iterator[Path]:
    for name, value in fields.items():
        here = (*before, name)
        yield here
        if depth < _DEEPEST:
            for item in value if isinstance(value, list | tuple) else (value,):
                if isinstance(item, dict):
                    yield from _walk(item, here, depth + 1)


def _leaves(values: Iterable[object], depth: int) -> Iterator[object]:
    """Everything that is no list and no object; depth is bounded as JSON from outside may be part of a row."""
    for value in values:
        if not isinstance(value, dict | list | tuple):
            yield value
        elif depth < _DEEPEST_SEARCHED:
            yield from _leaves(value.values() if isinstance(value, dict) else value, depth + 1)


def _word(leaf: object) -> str | None:
    if isinstance(leaf, bool):
        return "true" if leaf else "false"
    return leaf if isinstance(leaf, str) else None


@lru_cache(maxsize=256)
def _flat_paths(names: tuple[str, ...]) -> tuple[Path, ...]:
    """One object for the thousands of rows that are built alike."""
    return tuple((name,) for name in names)
