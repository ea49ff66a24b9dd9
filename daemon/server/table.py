"""`ws_apply_filters` of the documents, once for all endpoints: filter, search, cut by time, sort and page a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import compress, islice
from operator import and_
from typing import Literal

from daemon.server.columns import Column
from daemon.server.masks import flags_of, mask_of, positions_in
from daemon.server.parameters import BadParameter, listed, shown
from daemon.server.query import EVERYTHING, NAMES, Query, parse
from daemon.server.rows import Kept, Path, Row, joined
from daemon.server.searching import Search
from daemon.server.timeframe import Timeframe, read_timeframe

__all__ = [
    "EVERYTHING", "NAMES", "BadParameter", "Kept", "Query", "Row", "Selection", "Table", "Timeframe",
    "joined", "parse", "read_timeframe", "select",
]  # fmt: skip

_LARGE = 100
_MOST_COLUMNS = 64


class Table:
    """Rows of one tick, and what was found out about them; many queries share it, none changes the rows.

    `aliases`: further names of fields, e.g. {"moving_24h_change": "moving_24H_change"}; in filters a nested field of
    that name goes first. `time_field`: where time ranges look; None if rows have no time (ranges are then passed
    over). `fields`: names that rows may have, so that a name is judged alike when the table is empty; with neither
    rows nor `fields` every name passes.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        version: int = 0,
        *,
        aliases: Mapping[str, str] | None = None,
        time_field: str | None = "timestamp",
        fields: Iterable[str] = (),
    ) -> None:
        self.rows = rows
        self.version = version
        self.time_field = time_field
        self._aliases = {name.casefold(): field for name, field in (aliases or {}).items()}
        self._fields = tuple(fields)
        self._outer: dict[str, list[Path]] = {}  # by folded name
        self._inner: dict[str, list[Path]] = {}
        self._is_indexed = False
        self._columns: dict[tuple[Path, ...], Column] = {}
        self._search: Search | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str, parameter: str, *, nested_first: bool = False) -> Column:
        """The field of this name, however it is capitalised; BadParameter names the fields there are."""
        paths = self._resolve(name, nested_first=nested_first)
        if paths is None:
            self._index()
            outer = (path[0][0] for path in self._outer.values())
            inner = (path[0][-1] for path in self._inner.values())
            known = list(dict.fromkeys([*self._fields, *outer, *inner]))
            if known:
                raise BadParameter(
                    "unknown_field", parameter, f"there is no field {shown(name)}; there are {listed(known)}"
                )
            paths = ((name,),)
        column = self._columns.get(paths)
        if column is None:
            if len(self._columns) >= _MOST_COLUMNS:
                self._columns.pop(next(iter(self._columns)))
            column = self._columns[paths] = Column(self.rows, paths)
        return column

    def times(self, name: str | None) -> Column | None:
        """The field that time ranges are about; None if these rows have no time, and the client named no other."""
        own = self.time_field
        if own is None or ((name is None or name.casefold() == own.casefold()) and not self._resolve(own)):
            return None
        return self.column(name or own, "time_field")

    def search(self) -> Search:
        """Where fragments of text are."""
        if self._search is None:
            self._search = Search(self.rows)
        return self._search

    def _resolve(self, name: str, *, nested_first: bool = False) -> tuple[Path, ...] | None:
        self._index()
        folded = name.casefold()
        outer, inner = self._outer.get(folded), self._inner.get(folded)
        if outer:
            return tuple(outer)
        alias = self._aliases.get(folded)
        if alias is not None and not (nested_first and inner):
            other = alias.casefold()
            found = self._outer.get(other) or self._inner.get(other)
            return tuple(found) if found else ((alias,),)
        return tuple(inner) if inner else None

    def _index(self) -> None:
        if self._is_indexed:
            return
        self._is_indexed = True
        every: dict[Path, None] = {(name,): None for name in self._fields}
        for shape in {row.paths: None for row in self.rows}:
            every.update(dict.fromkeys(shape))
        for row in self.rows:
            if row.hidden:
                every.update(dict.fromkeys((name,) for name in row.hidden))
        for path in sorted(every, key=len):
            folded = path[-1].casefold()
            if len(path) == 1:
                self._outer.setdefault(folded, []).append(path)
                continue
            self._inner.setdefault(".".join(path).casefold(), [path])
            same = self._inner.setdefault(folded, [])
            if not same or len(same[0]) == len(path):  # the least deep field of a name is the one that is meant
                same.append(path)


@dataclass(frozen=True, slots=True)
class Selection:
    """The page, how many rows there were before paging, and the documents' label for how it was done."""

    rows: Sequence[Row]
    count: int
    processing_method: Literal["pandas", "original"]

    def encoded(self) -> bytes:
        """The page as one JSON array."""
        return joined(self.rows)


def select(table: Table, query: Query, now_ms: float) -> Selection:
    """Answer a query; BadParameter if it names a field that the table does not have. The table's rows stay as they are."""
    sorting = table.column(query.sort_by, "sort_by") if query.sort_by is not None else None
    matched = _matched(table, query, now_ms)
    if query.dedupe_key:
        matched = _first_of_each(table, query.dedupe_key, matched)
    total = len(table.rows)
    count = total if matched is None else matched.bit_count()
    first, last = query.slice()
    last = count if last is None else min(last, count)
    rows = table.rows
    method: Literal["pandas", "original"] = "pandas" if total > _LARGE else "original"
    if first >= last:
        return Selection((), count, method)
    if matched is None and sorting is None:
        return Selection(rows[first:last], count, method)
    positions = _ordered(sorting, matched, count, total, first, last, descending=query.sort_order == "desc")
    return Selection([rows[at] for at in positions], count, method)


def _matched(table: Table, query: Query, now_ms: float) -> int | None:
    """The rows that pass all restrictions, as a mask; None if there are none."""
    found: list[int] = []
    for condition in query.filters:
        column = table.column(condition.field, f"filters.{condition.field}", nested_first=True)
        found.append(column.matching(condition))
    if query.search:
        found.append(table.search().matching(query.search))
    window = query.window_ms(now_ms)
    times = table.times(query.time_field)
    if times is not None and window is not None:
        found.append(times.between(*window))
    return reduce(and_, found) if found else None


def _first_of_each(table: Table, names: Sequence[str], matched: int | None) -> int:
    """One row of each key, the first; rows that have none of the key's fields all stay."""
    columns = [table.column(name, "dedupe_key") for name in names]
    size = len(table.rows)
    seen = set()
    kept = []
    for at in range(size) if matched is None else positions_in(matched, size):
        key = tuple([column.keys[at] for column in columns])
        if key not in seen:
            kept.append(at)
            if any(part is not None for part in key):
                seen.add(key)
    return mask_of(kept, size)


def _ordered(
    sorting: Column | None, matched: int | None, count: int, total: int, first: int, last: int, *, descending: bool
) -> Sequence[int]:
    """Positions of the page: whichever is less work, sorting what matched or walking the kept order."""
    if matched is None:
        return sorting.order(descending=descending)[first:last] if sorting is not None else range(first, last)
    if sorting is None:
        return positions_in(matched, total)[first:last]
    if 2 * count < last * total // count:
        return sorted(positions_in(matched, total), key=sorting.ranks(descending=descending).__getitem__)[first:last]
    order = sorting.order(descending=descending)
    flags = flags_of(matched, total)
    return list(islice(compress(order, map(flags.__getitem__, order)), first, last))
