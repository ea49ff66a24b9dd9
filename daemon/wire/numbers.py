"""Numbers as venues write them: text or number in, and a missing value stays missing."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from math import inf
from typing import Annotated

import msgspec

_MISSING = frozenset(("", "null", "none", "nan", "-"))
_INFINITY = inf
_LATEST_MS = 2**63 - 1

Amount = Annotated[float, msgspec.Meta(ge=0.0, lt=1e300)]
Positive = Annotated[float, msgspec.Meta(gt=0.0, lt=1e300)]
"""Numbers that msgspec checks on its way: neither is NaN, infinite or below zero."""

DOLLARS = frozenset(("USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "USD1", "USDE"))
"""Quote coins that count as US dollars in a notional: off by their depeg, which is a fact of its own."""


def number(value: str | float | None) -> float | None:
    """Text or number -> float; "", null, NaN, infinity and absence -> None, never 0. ValueError for any other text."""
    try:
        result = float(value)  # type: ignore[arg-type]  # None is rare: asking for it first would cost every number
    except (ValueError, TypeError):
        _refuse_unless_missing(value)
        return None
    return result if -_INFINITY < result < _INFINITY else None  # NaN is neither


def positive(value: str | float | None) -> float | None:
    """The same for prices and sizes, where venues write 0 for "there is none"."""
    try:
        result = float(value)  # type: ignore[arg-type]  # as above
    except (ValueError, TypeError):
        _refuse_unless_missing(value)
        return None
    return result if 0.0 < result < _INFINITY else None


def _refuse_unless_missing(value: object) -> None:
    if value is not None and not (isinstance(value, str) and value.strip().lower() in _MISSING):
        raise ValueError(f"'{str(value)[:40]}' is not a number")


def whole(value: str | float | None) -> int | None:
    """A time in milliseconds: "1673280000000" -> 1673280000000; 0, "0" and all missing values -> None.

    What is beyond 64 bits is no time: -> None.
    """
    if not value:
        return None
    try:
        result = int(value)
    except (ValueError, TypeError, OverflowError):
        result = int(number(value) or 0)
    return result if result and -_LATEST_MS <= result <= _LATEST_MS else None


def plain(value: float) -> str:
    """A float as venues write it, without an exponent: 5.23e-06 -> 0.00000523. Reads back as the same float."""
    text = repr(value)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def batches(topics: Sequence[str], *, most: int, characters: int) -> Iterator[list[str]]:
    """Cut a list of topics into requests of at most `most` topics and about `characters` of text."""
    batch: list[str] = []
    length = 0
    for topic in topics:
        size = len(topic) + 3  # two quotes and a comma
        if batch and (len(batch) == most or length + size > characters):
            yield batch
            batch, length = [], 0
        batch.append(topic)
        length += size
    if batch:
        yield batch


@lru_cache(maxsize=4_096)
def is_in_dollars(symbol: str) -> bool:
    """Whether an instrument's quote coin counts as US dollars."""
    return symbol.split("-", 2)[1] in DOLLARS
