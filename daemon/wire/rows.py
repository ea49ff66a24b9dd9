"""Lists in REST answers: a row that cannot be read is left out, and the others stay."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from daemon.wire.numbers import plain

R = TypeVar("R")
T = TypeVar("T")


def readable(rows: Iterable[R], read: Callable[[R], T | None]) -> list[T]:
    """What `read` makes of each row; rows for which it says None or raises ValueError are left out."""
    found = []
    for row in rows:
        try:
            item = read(row)
        except ValueError:
            continue
        if item is not None:
            found.append(item)
    return found


def written(value: float | None) -> str:
    """A number as venues write it; "" for none."""
    return "" if value is None else plain(value)
