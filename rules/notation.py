"""A series in short notation: what was said at one step after the other, with repeats, slopes, gaps and silence.

0.01%x5 0.01%..0.06%x6 _x3 stale 0.02%
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum

import msgspec

from rules import units

STEPS_MAX = 1_000_000  # a test of more is a recording

_ITEM = re.compile(r"(?:'(?P<quoted>[^']*)'|(?P<bare>[^\s']+?))(?:x(?P<count>\d+))?(?=\s|$)")
_TIMES = re.compile(r"(?P<value>[^\s*']*)(?:(?<=\S)\*x?|x)(?P<count>\d+)")  # 0.06%*3, or an x3 that stands alone
_SLOPE = ".."


class Mark(Enum):
    """What a step can be that has no value."""

    GAP = "_"  # nothing is said
    STALE = "stale"  # the feed goes down; the next value brings it back


class Run(msgspec.Struct, frozen=True):
    """One item of the notation: the same `count` times, or a slope from `what` to `to` in so many steps."""

    what: str | Mark
    count: int = 1
    to: str | None = None


def parse(text: str) -> tuple[Run, ...]:
    """The items; ValueError says which cannot be read, and what would be right."""
    runs: list[Run] = []
    position, steps = 0, 0
    while (position := _skip_spaces(text, position)) < len(text):
        match = _ITEM.match(text, position)
        if match is None:
            item = text[position:].split()[0]
            raise ValueError(f"'{item}' cannot be read; write values, 0.05%x10, 1..5x5, _x3 or stale; texts in '...'")
        run = _run(match)
        steps += run.count
        if steps > STEPS_MAX:
            raise ValueError(f"these are more than {STEPS_MAX:,} steps; a test needs fewer")
        runs.append(run)
        position = match.end()
    if not runs:
        raise ValueError("a series has at least one value; 0.01%x5 0.06%x10")
    return tuple(runs)


def _skip_spaces(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _run(match: re.Match[str]) -> Run:
    item, count = match[0], int(match["count"] or 1) if len(match["count"] or "") < 9 else STEPS_MAX + 1
    if count == 0:
        raise ValueError(f"'{item}' says nothing; x1 or more")
    if match["quoted"] is not None:
        return Run(match["quoted"], count)
    what: str = match["bare"]
    if what == Mark.GAP.value:
        return Run(Mark.GAP, count)
    if what == Mark.STALE.value:
        if count > 1:
            raise ValueError(f"'{item}': a feed that is down stays down; write stale _x{count - 1}")
        return Run(Mark.STALE)
    first, slope, last = what.partition(_SLOPE)
    if slope and first and last:
        if count < 2:
            raise ValueError(f"'{item}' needs a number of steps; {what}x10")
        return Run(first, count, last)
    return Run(what, count)


def write(runs: Iterable[Run]) -> str:
    """The inverse of `parse`: `parse(write(runs)) == tuple(runs)` for all runs whose texts hold no quote."""
    return " ".join(map(_written, runs))


def _written(run: Run) -> str:
    times = "" if run.count == 1 else f"x{run.count}"
    if isinstance(run.what, Mark):
        return f"{run.what.value}{times}"
    if run.to is not None:
        return f"{run.what}{_SLOPE}{run.to}{times}"
    alone = _ITEM.fullmatch(run.what)
    is_plain = alone is not None and alone["bare"] == run.what and _SLOPE not in run.what
    is_plain &= run.what not in (Mark.GAP.value, Mark.STALE.value)
    return f"{run.what}{times}" if is_plain else f"'{run.what}'{times}"


def steps(runs: Iterable[Run], *, is_number: bool, is_fraction: bool = False) -> Iterator[float | str | bool | Mark]:
    """The value of every step. Numbers with their units (0.05%, $1.5m), `true` and `false`, else text.

    ValueError for what is no number where `is_number`; a bare number of a fraction must be a small one.
    """
    for run in runs:
        if isinstance(run.what, Mark):
            yield from (run.what for _ in range(run.count))
            continue
        if not is_number:
            if run.to is not None:
                raise ValueError(f"'{run.what}{_SLOPE}{run.to}': only numbers have a slope; put a text in '...'")
            value = {"true": True, "false": False}.get(run.what, run.what)
            yield from (value for _ in range(run.count))
            continue
        first = number(run.what, is_fraction=is_fraction)
        if run.to is None:
            yield from (first for _ in range(run.count))
            continue
        last = number(run.to, is_fraction=is_fraction)
        yield from (_between(first, last, step / (run.count - 1)) for step in range(run.count))


def _between(first: float, last: float, share: float) -> float:
    """A point of a slope as a person would write it, without the noise of binary fractions."""
    return float(f"{first + (last - first) * share:.12g}") if 0 < share < 1 else last if share else first


def number(text: str, *, is_fraction: bool = False) -> float:
    """0.05%, 5bp, $1.5m or 1500. ValueError if it is none, and for a fraction that may have lost its sign."""
    if times := _TIMES.fullmatch(text):
        raise ValueError(
            f"'{text}' repeats nothing; write {times['value'] or '0.06%'}x{times['count']}, without a blank"
        )
    if is_fraction:
        return units.fraction(text)
    for read in (units.money, units.fraction, float):
        try:
            return read(text)
        except ValueError:
            continue
    raise ValueError(f"'{text}' is not a number; write 0.05%, $1.5m or 1500")
