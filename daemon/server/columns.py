"""One field of all rows, as it is asked for: by value, by size, by time, in order."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from types import NoneType

from daemon.server.filters import Condition
from daemon.server.keys import VENUE_FIELDS, Key, key_of, venue
from daemon.server.masks import Stretches, mask_of, most_kept, union
from daemon.server.rows import Path, Row, reach
from daemon.server.timeframe import moment_of

_NUMBERS = frozenset((int, float, NoneType))
_CONTAINERS = frozenset((dict, list, tuple))


class Column:
    """The values of one field: of each row the key it sorts by, and further keys that a filter may meet."""

    def __init__(self, rows: Sequence[Row], paths: tuple[Path, ...]) -> None:
        self._rows = rows
        self._paths = paths
        self._is_venue = any(path[-1].casefold() in VENUE_FIELDS for path in paths)
        self._further: list[tuple[Key, int]] = []  # (key, position) beside the one to sort by
        self.keys: list[Key] = self._read()
        self._places: dict[Key, list[int]] | None = None
        self._sizes: _Scale | None = None
        self._times: _Scale | None = None
        self._found: dict[Condition, int] = {}
        self._orders: dict[bool, list[int]] = {}
        self._ranks: dict[bool, list[int]] = {}

    def matching(self, condition: Condition) -> int:
        """The rows that meet it, as a mask."""
        found = self._found.get(condition)
        if found is None:
            if len(self._found) >= most_kept(len(self._rows)):
                self._found.clear()
            found = self._found[condition] = self._matching(condition)
        return found

    def between(self, first_ms: float, last_ms: float) -> int:
        """The rows whose moment lies here, both ends included, as a mask."""
        if self._times is None:
            moments = (
                (moment_of(value), at) for at, row in enumerate(self._rows) for value in _moments(row, self._paths)
            )
            self._times = _Scale(sorted((at_ms, at) for at_ms, at in moments if at_ms is not None))
        return self._times.between(first_ms, last_ms)

    def order(self, *, descending: bool) -> list[int]:
        """Positions sorted: numbers before text (after it when descending), missing last, equals as they stood."""
        if descending not in self._orders:
            keys = self.keys
            numbers = [at for at, key in enumerate(keys) if isinstance(key, int | float)]
            texts = [at for at, key in enumerate(keys) if isinstance(key, str)] if len(numbers) < len(keys) else []
            numbers.sort(key=keys.__getitem__, reverse=descending)  # type: ignore[arg-type]  # only numbers are in it
            texts.sort(key=keys.__getitem__, reverse=descending)  # type: ignore[arg-type]  # only texts are in it
            order = texts + numbers if descending else numbers + texts
            if len(order) < len(keys):
                order += [at for at, key in enumerate(keys) if key is None]
            self._orders[descending] = order
        return self._orders[descending]

    def ranks(self, *, descending: bool) -> list[int]:
        """Of each row its place in that order."""
        if descending not in self._ranks:
            ranks = [0] * len(self._rows)
            for place, at in enumerate(self.order(descending=descending)):
                ranks[at] = place
            self._ranks[descending] = ranks
        return self._ranks[descending]

    def _matching(self, condition: Condition) -> int:
        found = union(self._equal(key) for key in condition.equals)
        for sign, limit in condition.bounds:
            found |= self._by_size().beyond(sign, limit)
        if condition.unlike:
            if not (condition.equals or condition.bounds):
                found = (1 << len(self._rows)) - 1
            found &= ~union(self._equal(key) for key in condition.unlike)
        return found

    def _equal(self, key: Key) -> int:
        if self._places is None:
            self._places = {}
            for at, one in enumerate(self.keys):
                if one in self._places:
                    self._places[one].append(at)
                else:
                    self._places[one] = [at]
            for one, at in self._further:
                self._places.setdefault(one, []).append(at)
        return mask_of(self._places.get(self._canonical(key), ()), len(self._rows))

    def _by_size(self) -> "_Scale":
        if self._sizes is None:
            pairs = [(key, at) for at, key in enumerate(self.keys) if isinstance(key, int | float)]
            pairs += [(key, at) for key, at in self._further if isinstance(key, int | float)]
            pairs.sort()
            self._sizes = _Scale(pairs)
        return self._sizes

    def _canonical(self, key: Key) -> Key:
        return venue(key) if self._is_venue else key

    def _read(self) -> list[Key]:
        name = self._paths[0][0]
        if self._paths == ((name,),) and not any(name in row.hidden for row in self._rows):
            values = [row.fields.get(name) for row in self._rows]
            kinds = set(map(type, values))
            if kinds <= _NUMBERS:
                return [value if value == value else None for value in values]  # type: ignore[misc]  # NaN is missing
            if _CONTAINERS.isdisjoint(kinds):  # the same few texts come again and again
                known = {text: self._canonical(key_of(text)) for text in set(values) if isinstance(text, str)}
                return [known[value] if isinstance(value, str) else key_of(value) for value in values]
        return [self._read_row(at, row) for at, row in enumerate(self._rows)]

    def _read_row(self, at: int, row: Row) -> Key:
        """The key to sort by (of several the greatest number, else the first text); the others are noted."""
        seen = [self._canonical(key_of(value)) for value in _raw(row, self._paths)]
        numbers = [key for key in seen if isinstance(key, int | float)]
        texts = [key for key in seen if isinstance(key, str)]
        main: Key = max(numbers) if numbers else texts[0] if texts else None
        for name in {path[0]: None for path in self._paths if len(path) == 1 and path[0] in row.hidden}:
            behind = row.hidden[name]
            if isinstance(behind, list | tuple):
                self._further += [(self._canonical(key_of(value)), at) for value in behind]
            else:
                main = self._canonical(key_of(behind))
        self._further += [(key, at) for key in seen if key != main]
        return main


class _Scale:
    """Numbers in order, each with its row; the rows of any range as a mask."""

    def __init__(self, pairs: Sequence[tuple[int | float, int]]) -> None:
        self._values = [value for value, _ in pairs]
        self._rows = Stretches([at for _, at in pairs])

    def between(self, least: float, most: float) -> int:
        return self._rows.mask(bisect_left(self._values, least), bisect_right(self._values, most))

    def beyond(self, sign: str, limit: float) -> int:
        """Rows of numbers > limit, >=, < or <=."""
        place = (bisect_right if sign in (">", "<=") else bisect_left)(self._values, limit)
        if sign in (">", ">="):
            return self._rows.mask(place, len(self._values))
        return self._rows.mask(0, place)


def _raw(row: Row, paths: Sequence[Path]) -> list[object]:
    return [value for path in paths for value in reach(row.fields, path)]


def _moments(row: Row, paths: Sequence[Path]) -> list[object]:
    """What stands behind a formatted time, else the time as it stands."""
    behind = [row.hidden[path[0]] for path in paths if len(path) == 1 and path[0] in row.hidden]
    return behind or _raw(row, paths)
