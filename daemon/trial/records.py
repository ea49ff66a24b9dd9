"""Rows of a CSV or JSONL file as events: columns are the fields of `tocsin fields`, and `time`."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import msgspec

from daemon.config.mistakes import nearest
from rules import instruments, notation
from rules.catalogue import catalogue
from rules.events import EVENTS, AnyEvent, FundingRate, Liquidation, LongShortRatio, StablecoinQuote

TIME = "time"
_SECONDS_MAX = 100_000_000_000  # a larger number counts milliseconds: the year 5138
_ALL_FIELDS = frozenset(name for event in EVENTS.values() for name in event.__struct_fields__)
# what follows from something else: see `_complete`
_MADE = frozenset(
    {"at_ms", "received_ms", "quantity", "notional_usd", "price_kind", "long_share", "short_share", "settles_at_ms"}
)
_FLAGS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


class Unreadable(ValueError):
    """The whole file cannot be read as it was asked to be: nothing of it is imported."""


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One row that is not an event."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line says about a file whose columns are called otherwise."""

    type: str | None = None  # the event type, where no column says it
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> column
    same: Mapping[str, str] = field(default_factory=dict)  # field -> what it is in every row
    ignored: frozenset[str] = frozenset()  # columns
    until_ms: int | None = None  # what is later has not happened yet


def read(
    path: Path, asked: Asked, *, position: Callable[[int], object] = lambda at: None
) -> Iterator[AnyEvent | Wrong]:
    """Every row as an event or as a mistake, one at a time. Raises Unreadable if no row could be right.

    `position` is told now and then how many bytes of the file are read.
    """
    _check_fields(asked)
    name = path.name.removesuffix(".gz")
    if path.is_dir():
        raise Unreadable(f"{path}: this is a directory; name the files in it")
    if not name.endswith((".csv", ".jsonl", ".ndjson")):
        raise Unreadable(f"{path}: what it is cannot be seen by its name; call it .csv or .jsonl (or .gz of these)")
    rows = _csv_rows if name.endswith(".csv") else _json_rows
    with _opened(path) as (text, raw):
        for number, (line, row) in enumerate(rows(path, text, asked)):
            if number % 1_000 == 0:
                position(raw.tell())
            if isinstance(row, str):
                yield Wrong(file=str(path), line=line, what=row)
                continue
            try:
                yield _event(row, asked)
            except ValueError as exc:
                yield Wrong(file=str(path), line=line, what=str(exc))
    position(path.stat().st_size)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[TextIO, BinaryIO]]:
    try:
        raw = path.open("rb")
    except OSError as exc:
        raise Unreadable(f"{path}: {exc.strerror}; name a file that can be read") from exc
    with raw:
        unpacked: Any = gzip.GzipFile(fileobj=raw) if path.name.endswith(".gz") else raw
        text = io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline="")
        try:
            yield text, raw
        except UnicodeDecodeError as exc:
            raise Unreadable(f"{path}: these bytes are not UTF-8; save the file as UTF-8") from exc
        except (EOFError, gzip.BadGzipFile) as exc:
            raise Unreadable(f"{path}: this is not a whole gzip file; pack it again") from exc


def _csv_rows(path: Path, text: TextIO, asked: Asked) -> Iterator[tuple[int, dict[str, Any] | str]]:
    reader = csv.reader(text)
    header = [name.strip() for name in next(reader, [])]
    if not header:
        raise Unreadable(f"{path}: it is empty; a first line names the columns: time,venue,symbol,rate")
    _check_columns(path, header, asked)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as exc:
            yield reader.line_num, f"this is not CSV: {exc}; close the quotes"
            continue
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(header):
            yield reader.line_num, f"{len(cells)} cells under {len(header)} columns; one cell a column"
            continue
        yield reader.line_num, dict(zip(header, cells, strict=True))


def _check_fields(asked: Asked) -> None:
    """A field that the events do not have would be left out without a word."""
    known = set(_known(asked)) if asked.type is not None else {TIME, "type", *_ALL_FIELDS}
    for option, names in (("--column", asked.columns), ("--set", asked.same)):
        for name in names:
            if name not in known:
                what = asked.type or "event"
                raise Unreadable(f"{option} {name}=...: no {what} has a field '{name}'; {nearest(name, known)}")


def _check_columns(path: Path, header: list[str], asked: Asked) -> None:
    """A column that nobody knows is said before a million rows are."""
    if asked.type is None and "type" not in header and "type" not in asked.same:
        raise Unreadable(f"{path}:1: no column says what the rows are; add --type funding_rate, or a column `type`")
    taken = set(asked.columns.values()) | asked.ignored | set(_known(asked))
    for column in asked.columns.values():
        if column not in header:
            raise Unreadable(f"{path}:1: there is no column '{column}'; the file has {', '.join(header)}")
    if asked.type is not None:
        for column in header:
            if column not in taken:
                known = ", ".join(_known(asked))
                raise Unreadable(
                    f"{path}:1: the column '{column}' is not known; one of {known}, or say --column FIELD={column} "
                    f"or --ignore {column}"
                )
    _check_needed(path, header, asked)


def _check_needed(path: Path, header: list[str], asked: Asked) -> None:
    """What every row would lack is said once."""
    if asked.type is None:
        return
    there = {*header, *asked.columns, *asked.same}
    needed = [one.name for one in msgspec.structs.fields(EVENTS[asked.type]) if one.required and one.name not in _MADE]
    for name in needed:
        if name not in there:
            raise Unreadable(
                f"{path}:1: {name} is missing; say --column {name}=COLUMN, or --set {name}=... for all rows "
                f"(the file has {', '.join(header)})"
            )


def _known(asked: Asked) -> list[str]:
    own = () if asked.type is None else EVENTS[asked.type].__struct_fields__
    return [TIME, "type", *own]


def _json_rows(path: Path, text: TextIO, asked: Asked) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for line, row in enumerate(text, 1):
        if not row.strip():
            continue
        try:
            value = json.loads(row)
        except ValueError as exc:
            yield line, f"this is not JSON: {exc}; write one object a line"
            continue
        if not isinstance(value, dict):
            yield line, "this is not an object; write one object a line"
        elif asked.type is None and "type" not in value and "type" not in asked.same:
            yield line, 'it does not say what it is; add --type funding_rate, or "type": "funding_rate"'
        else:
            yield line, value


def _event(row: Mapping[str, Any], asked: Asked) -> AnyEvent:
    """ValueError says what is wrong with the row, and what would be right."""
    renamed = {column: name for name, column in asked.columns.items()}
    said = {renamed.get(name, name): value for name, value in row.items() if name not in asked.ignored}
    said = {**said, **asked.same}
    kind = asked.type or str(said.get("type"))
    if kind not in EVENTS:
        raise ValueError(f"'{kind}' is no type of event; one of {', '.join(EVENTS)}")
    event = EVENTS[kind]
    fields = {
        name: value for name, value in said.items() if name in event.__struct_fields__ and value not in ("", None)
    }
    for name in fields:
        if isinstance(fields[name], str):
            fields[name] = _value(event, name, fields[name].strip())
    if isinstance(fields.get("symbol"), str):
        _check_symbol(fields["symbol"])
    fields["at_ms"] = _moment(said)
    if asked.until_ms is not None and fields["at_ms"] > asked.until_ms:
        raise ValueError("the time is in the future; is it in seconds, milliseconds, or in another order of the date?")
    fields.setdefault("received_ms", fields["at_ms"])
    _complete(event, fields, said)
    for name in event.__struct_fields__:
        if name not in fields and name in {one.name for one in msgspec.structs.fields(event) if one.required}:
            raise ValueError(f"{name} is missing; add a column {name}, or say --set {name}=...")
    try:
        return msgspec.convert(fields, event)  # type: ignore[return-value]  # EVENTS holds the members of AnyEvent
    except msgspec.ValidationError as exc:
        raise ValueError(f"this is no {kind}: {exc}; `tocsin fields {kind}` says what it takes") from None


@lru_cache(maxsize=1_024)
def _check_symbol(symbol: str) -> None:
    """A venue's spelling would be stored, and no rule would ever look at it."""
    try:
        right = str(instruments.parse(symbol)).upper()
    except ValueError:
        try:
            right = str(instruments.from_packed(symbol.replace("/", "").replace("-", "")))
        except ValueError:
            right = "BTC-USDT-PERP"
    if symbol != right:
        raise ValueError(f"symbol: '{symbol}' is not how it is spelled here; write {right}")


def _value(event: type[Any], name: str, text: str) -> Any:
    match catalogue(event).kinds.get(name):
        case "number" if name.endswith("_ms") and not text.lstrip("-").isdigit():
            return _time(text, name)
        case "number":
            try:
                number = notation.number(text)
            except ValueError as exc:
                raise ValueError(f"{name}: {exc}") from None
            return int(number) if number.is_integer() else number
        case "flag":
            if text.lower() not in _FLAGS:
                raise ValueError(f"{name}: '{text}' is neither true nor false; write true or false")
            return _FLAGS[text.lower()]
    return text


def _moment(said: Mapping[str, Any]) -> int:
    for name in ("at_ms", TIME):
        if said.get(name) not in ("", None):
            return _time(said[name], name)
    raise ValueError("time is missing; add a column time, or say --column time=...")


def _time(value: object, name: str) -> int:
    """Milliseconds or seconds since 1970, or a date and a time (UTC where it names no zone)."""
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{name}: '{text}' is no time; 1763700000000, 1763700000 or 2025-11-21T04:40:00Z"
            ) from None
        return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    if not 0 < number < 1e15:
        raise ValueError(f"{name}: {text} is no time; 1763700000000, 1763700000 or 2025-11-21T04:40:00Z")
    return round(number if number >= _SECONDS_MAX else number * 1000)


def _complete(event: type[Any], fields: dict[str, Any], said: Mapping[str, Any]) -> None:
    """What follows from what is said, and is never a guess."""
    if event is Liquidation:
        price, quantity, notional = (fields.get(name) for name in ("price", "quantity", "notional_usd"))
        if notional is None and price and quantity is not None:
            fields["notional_usd"] = price * quantity
        elif quantity is None and price and notional is not None:
            fields["quantity"] = notional / price
        fields.setdefault("price_kind", "fill")
    elif event is StablecoinQuote and "target" not in said:
        # a column that is empty says that there is none
        raise ValueError("target is missing: say --set target=1 for US dollars, or --set target= if there is none")
    elif event is FundingRate and fields.get("is_settled"):
        fields.setdefault("settles_at_ms", fields["at_ms"])  # its name, by which it is counted once
    elif event is LongShortRatio and (ratio := fields.get("ratio")) is not None:
        fields.setdefault("long_share", ratio / (1 + ratio))
        fields.setdefault("short_share", 1 - fields["long_share"])
