"""What the seventeen endpoints share: read the parameters, load a table, select from it, answer with its envelope."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from daemon.server.parameters import BadParameter
from daemon.server.query import EVERYTHING, MOST_ROWS, NAMES, Query
from daemon.server.query import parse as read_query
from daemon.server.rows import Kept
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table, select
from daemon.server.topic import Answer
from daemon.upstream.exchanges import UnknownExchange

BASE_S = 80  # the documents' adaptive interval; whole, as they print it
GROWS_AT = 262_144  # bytes of rows; an answer twice as large comes half as often
SHARED_MS = 200  # topics that ask for the same data within so long share one table
MOST_SHARED = 256  # tables kept, the longest unasked are forgotten first
MOST_SHARED_ROWS = 20_000  # of all of them; a row is a kilobyte or two
REFRESHED_S = 2.0  # after a stale answer the next one comes so soon, whatever the interval
TRY_AGAIN_S = 15.0  # and after one with an error

Own = TypeVar("Own", bound=Hashable)


@dataclass(frozen=True)
class Data:
    """What an endpoint has found: a table to select from, and what its envelope needs beside it."""

    table: Table
    at_ms: int  # how old the oldest part of it is
    extra: Mapping[str, Any] = field(default_factory=dict)
    extra_version: Hashable = None  # changes when `extra` says something else
    is_stale: bool = False
    error: str | None = None  # why it is not newer, or not whole


@dataclass(frozen=True)
class Params(Generic[Own]):
    """What one client asks for; equal when two ask for the same."""

    own: Own
    query: Query
    written: tuple[tuple[str, str], ...] = ()  # as given, for the echo in `query_params`


class Frame(msgspec.Struct, frozen=True):
    """What is known of the answer as a whole when its envelope is made."""

    adaptive_interval: float
    now_ms: int

    @property
    def interval(self) -> float | int:
        """Seconds to the next push, written as the documents do: 80, 10.0."""
        return self.adaptive_interval

    @property
    def timestamp(self) -> float:
        """Seconds since 1970."""
        return self.now_ms / 1_000


@dataclass(frozen=True, kw_only=True)
class Spec(Generic[Own]):
    """One endpoint, as its module declares it."""

    path: str
    about: str  # what it shows, in a sentence
    example: str  # the documented example's query string
    own: frozenset[str]  # names of its own parameters
    read: Callable[[Mapping[str, object]], Own]  # BadParameter names what is wrong
    load: Callable[[Sources, Own, int, Kept], Awaitable[Data]]  # rows made with the Kept are encoded when they change
    envelope: Callable[[Selection, Data, Params[Own], Frame], dict[str, Any]]
    defaults: Query = EVERYTHING
    moved: Callable[[Sources, Own], int] = lambda sources, own: 0  # the version of the streamed views behind it
    months: bool = False  # in timeframe, m is a month
    most_rows: int = MOST_ROWS
    is_stream: bool = False  # every change counts: a slow reader is told goodbye instead of skipping
    base_s: Callable[[Own], float] = lambda own: BASE_S
    selected: Callable[[Data, Own], Data] = lambda data, own: data  # last word before selection, for modes
    choose: Callable[[Table, Query, int], Selection] = select  # for charts, whose points are made of several rows
    check: Callable[[Sources, Own], None] = lambda sources, own: check_markets(sources, getattr(own, "markets", ()))
    """BadParameter for what `read` could not know: which exchanges there are depends on who answers for them"""


class Endpoint(Generic[Own]):
    """An endpoint at work: what the hub talks to."""

    def __init__(self, spec: Spec[Own], sources: Sources) -> None:
        self.spec = spec
        self.path = spec.path
        self.is_stream = spec.is_stream
        self._sources = sources
        self._shared: OrderedDict[Own, _Shared] = OrderedDict()

    def parse(self, given: Mapping[str, object], previous: Params[Own] | None = None) -> Params[Own]:
        """Read a query string, or a message that changes some of what was asked before."""
        spec = self.spec
        own_names = spec.own | {"only_changes"}
        kept = None if previous is None else previous.query
        query = read_query(given, spec.defaults, kept=kept, own=own_names, months=spec.months, most_rows=spec.most_rows)
        written = dict(previous.written) if previous is not None else {}
        for name, value in given.items():
            if name == "only_changes":
                continue
            if value is None or value == "":
                written.pop(name, None)
            else:
                written[name] = _text(value)
        own = spec.read({name: value for name, value in written.items() if name in spec.own})
        spec.check(self._sources, own)
        return Params(own, query, tuple(sorted(written.items())))

    def key(self, params: Params[Own]) -> Hashable:
        """Equal for clients that get the same bytes."""
        return params

    def changes(self, params: Params[Own]) -> int:
        """Grows when a streamed view behind this answer has changed."""
        return self.spec.moved(self._sources, params.own)

    async def answer(self, params: Params[Own], now_ms: int, last: Answer | None) -> Answer:
        """The answer now, `last` itself if nothing differs. BadParameter for a field that the table does not have."""
        spec = self.spec
        try:
            data = spec.selected(await self._data(params.own, now_ms), params.own)
        except UnknownExchange as exc:
            raise BadParameter("unknown_value", "markets", str(exc)) from None
        selection = spec.choose(data.table, params.query, now_ms)
        encoded = selection.encoded()
        version = (hash(encoded), len(encoded), selection.count, data.extra_version, data.is_stale, data.error)
        if last is not None and last.version == version:
            return last
        interval = adaptive(spec.base_s(params.own), len(encoded))
        body = spec.envelope(selection, data, params, Frame(interval, now_ms))
        if data.is_stale or data.error is not None:
            body["stale"] = data.is_stale
            body["age_s"] = max(0, round((now_ms - data.at_ms) / 1_000, 1))
            body["error"] = data.error
        if self._sources.label is not None:
            body["label"] = self._sources.label
        return Answer(version, msgspec.json.encode(body), min(interval, _until_better(data)))

    async def _data(self, own: Own, now_ms: int) -> Data:
        """The table for these parameters; whoever asks at the same moment, or has heard of no change, shares it."""
        version = self.spec.moved(self._sources, own)
        shared = self._shared.get(own)
        if shared is None:
            shared = self._shared[own] = _Shared()
        self._shared.move_to_end(own)
        is_old = now_ms - shared.at_ms >= SHARED_MS or shared.version != version
        if shared.task is None or (shared.task.done() and (is_old or shared.task.exception() is not None)):
            shared.at_ms, shared.version = now_ms, version
            shared.task = asyncio.create_task(self._load(own, now_ms, shared.kept), name=f"load {self.path}")
            shared.task.add_done_callback(_seen)
        task = shared.task
        await asyncio.wait({task})  # not `await task`: our own end must not be the end of what others wait for
        return task.result()

    async def _load(self, own: Own, now_ms: int, kept: Kept) -> Data:
        data = await self.spec.load(self._sources, own, now_ms, kept)
        kept.turn()
        self._make_room()
        return data

    def _make_room(self) -> None:
        """Clients make up parameters: what they asked for once must not be kept for ever. The newest table always is."""
        rows = sum(len(shared.kept) for shared in self._shared.values())
        while len(self._shared) > 1 and (rows > MOST_SHARED_ROWS or len(self._shared) > MOST_SHARED):
            _, oldest = self._shared.popitem(last=False)
            rows -= len(oldest.kept)


class _Shared:
    """The table of one set of own parameters, and the rows it is made of."""

    __slots__ = ("at_ms", "kept", "task", "version")

    def __init__(self) -> None:
        self.at_ms = 0
        self.version = 0
        self.kept = Kept()
        self.task: asyncio.Task[Data] | None = None


def _text(value: object) -> str:
    """A parameter as text that any frame can carry."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # lone surrogates
    return msgspec.json.encode(value).decode()


def _seen(task: "asyncio.Task[Data]") -> None:
    """Whoever waited has had the exception; if nobody did, it is not news."""
    if not task.cancelled():
        task.exception()


def _until_better(data: Data) -> float:
    """Seconds after which something newer is likely: what is stale is being asked for again already."""
    if data.error is not None:
        return TRY_AGAIN_S
    return REFRESHED_S if data.is_stale else float("inf")


def adaptive(base_s: float, size: int) -> float:
    """Seconds to the next push: the base as it is written (80, 10.0), more for an answer of many bytes; never below 1."""
    return max(1, base_s if size <= GROWS_AT else round(base_s * size / GROWS_AT, 1))


def raw(selection: Selection) -> msgspec.Raw:
    """The rows as they are encoded already."""
    return msgspec.Raw(selection.encoded())


def results(selection: Selection) -> dict[str, Any]:
    """The futures tables' inner envelope."""
    return {"results": raw(selection), "count": selection.count, "processing_method": selection.processing_method}


def headers(*columns: tuple[str, str] | tuple[str, str, bool]) -> msgspec.Raw:
    """The headers of a table: (key, label) or (key, label, sortable), encoded once."""
    names = ("key", "label", "sortable")
    return msgspec.Raw(msgspec.json.encode([dict(zip(names, column, strict=False)) for column in columns]))


def check_markets(sources: Sources, names: Iterable[str], parameter: str = "markets") -> None:
    """BadParameter if one of these is no exchange that the market knows."""
    for name in names:
        try:
            sources.market.canonical(name)
        except UnknownExchange as exc:
            raise BadParameter("unknown_value", parameter, str(exc)) from None


def echo(params: Params[Any], *names: str) -> dict[str, Any]:
    """`query_params`: what was asked, by the names that the documents list; left out: null."""
    written = dict(params.written)
    return {name: written.get(name) for name in names}


def names_in(parameter: str, value: object, *, most: int = 100) -> tuple[str, ...]:
    """A comma-separated list (or a JSON list as text) of names, each once."""
    text = str(value or "").strip()
    if text.startswith("["):
        try:
            listed = msgspec.json.decode(text, type=list[str])
        except (ValueError, RecursionError):  # msgspec's own trouble is a ValueError
            raise BadParameter("invalid_json", parameter, "this is not a list; write BTC,ETH") from None
    else:
        listed = text.split(",")
    names = tuple(dict.fromkeys(name.strip() for name in listed if name.strip()))
    if len(names) > most:
        raise BadParameter("too_long", parameter, f"{len(names)} names are too many: at most {most}")
    return names


__all__ = [
    "NAMES", "BadParameter", "Data", "Endpoint", "Frame", "Params", "Spec",
    "adaptive", "check_markets", "echo", "headers", "names_in", "raw", "results",
]  # fmt: skip
