"""What a client wants of a table: read from a query string or a message, checked once, equal when it asks the same."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from daemon.server.filters import Condition, read_filters
from daemon.server.parameters import BadParameter, a_text, a_whole_number, listed, one_of, shown
from daemon.server.timeframe import Timeframe, read_moment, read_timeframe, to_ms

NAMES = frozenset(
    (
        "filters", "search", "sort_by", "sort_order", "page", "page_size",
        "start_time", "end_time", "timeframe", "time_field", "dedupe_key",
    )
)  # fmt: skip
MOST_PAGES = 1_000_000
MOST_ROWS = 5_000
USUAL_ROWS = 50
"""Rows a page when a page is asked for and its size is not."""
LONGEST_SEARCH = 256
MOST_KEYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A selection from a table; without restrictions it is all of it, in its own order."""

    filters: tuple[Condition, ...] = ()
    search: str = ""
    sort_by: str | None = None
    sort_order: Literal["asc", "desc"] = "asc"
    page: int = 1
    page_size: int | None = None  # None: everything on the first page
    start_time: int | float | None = None  # as given: seconds or milliseconds
    end_time: int | float | None = None
    timeframe: Timeframe | None = None
    time_field: str | None = None  # None: the table's own
    dedupe_key: tuple[str, ...] = ()

    def window_ms(self, now_ms: float) -> tuple[float, float] | None:
        """First and last millisecond asked for, both included; start_time and end_time override timeframe."""
        if self.start_time is not None or self.end_time is not None:
            return (
                float("-inf") if self.start_time is None else to_ms(self.start_time),
                float("inf") if self.end_time is None else to_ms(self.end_time),
            )
        if self.timeframe is None or self.timeframe.span_ms is None:
            return None
        return (now_ms - self.timeframe.span_ms, float("inf"))

    def slice(self) -> tuple[int, int | None]:
        """First row of the page, and the one after its last (None: to the end)."""
        if self.page_size is None:
            return (0, None) if self.page == 1 else (0, 0)
        first = (self.page - 1) * self.page_size
        return first, first + self.page_size


EVERYTHING = Query()


def parse(
    given: Mapping[str, object],
    defaults: Query = EVERYTHING,
    *,
    kept: Query | None = None,
    own: Collection[str] | None = None,
    months: bool = False,
    most_rows: int = MOST_ROWS,
) -> Query:
    """Read the table's parameters out of a query string (all text) or a JSON message (typed); BadParameter otherwise.

    What is not given stays as in `kept` (a connection's last good query; `defaults` at first); what is null or empty
    goes back to `defaults`. `own` names the endpoint's other parameters: then any further name is refused; without it
    other names are passed over. `months`: in timeframe an m is a month. `most_rows` bounds page_size.
    """
    if own is not None:
        _refuse_unknown(given, own)
    query = defaults if kept is None else kept
    changes: dict[str, object] = {}
    for name, read in _READERS.items():
        if name not in given:
            continue
        value = given[name]
        if value is None or value == "":
            changes[name] = getattr(defaults, name)
        elif name == "timeframe":
            changes[name] = read_timeframe(value, months=months)
        elif name == "page_size":
            changes[name] = a_whole_number(name, value, least=1, most=most_rows)
        else:
            changes[name] = read(name, value)
    if not changes:
        return query
    if "page" in changes and changes.get("page_size", query.page_size) is None and given["page"] not in (None, ""):
        changes["page_size"] = min(USUAL_ROWS, most_rows)
    query = replace(query, **changes)  # type: ignore[arg-type]  # each reader answers with its field's type
    if query.start_time is not None and query.end_time is not None and to_ms(query.start_time) > to_ms(query.end_time):
        at_fault = "end_time" if "end_time" in changes else "start_time"
        raise BadParameter("out_of_range", at_fault, "start_time must not be later than end_time")
    return query


def _refuse_unknown(given: Mapping[str, object], own: Collection[str]) -> None:
    for name in given:
        if name not in NAMES and name not in own:
            raise BadParameter(
                "unknown_parameter", name, f"{shown(name)} is not one of {listed([*own, *sorted(NAMES)])}"
            )


def _read_keys(name: str, value: object) -> tuple[str, ...]:
    text = a_text(name, value, example="timestamp,stablecoin")
    keys = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if len(keys) > MOST_KEYS:
        raise BadParameter("too_long", name, f"{len(keys)} fields are too many: at most {MOST_KEYS}")
    return keys


def _read_field(name: str, value: object) -> str | None:
    return a_text(name, value, example="timestamp").strip() or None


_READERS: dict[str, Callable[[str, object], object]] = {
    "filters": lambda _, value: read_filters(value),
    "search": lambda name, value: a_text(name, value, longest=LONGEST_SEARCH).strip(),
    "sort_by": _read_field,
    "sort_order": lambda name, value: one_of(name, value, ("asc", "desc")),
    "page": lambda name, value: a_whole_number(name, value, least=1, most=MOST_PAGES),
    "page_size": a_text,  # read above: its bound is the endpoint's
    "start_time": read_moment,
    "end_time": read_moment,
    "timeframe": a_text,  # read above: its m is the endpoint's
    "time_field": _read_field,
    "dedupe_key": _read_keys,
}
