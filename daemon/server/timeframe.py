"""Stretches of time as front ends write them: "7d", "24h", and moments in seconds or milliseconds."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from daemon.server.parameters import BadParameter, a_number, a_text, number_in, shown

MILLISECONDS_FROM = 1e11
"""A moment of this size is in milliseconds; below, in seconds (which lasts until the year 5138)."""

_LATEST = 10**14
_MINUTE_MS = 60_000
_DAY_MS = 1_440 * _MINUTE_MS
_UNITS_MS = {"m": _MINUTE_MS, "h": 60 * _MINUTE_MS, "d": _DAY_MS, "w": 7 * _DAY_MS, "y": 365 * _DAY_MS}
_MONTH_MS = 30 * _DAY_MS
_WRITTEN = re.compile(r"([1-9][0-9]{0,4})([mhdwy])")
_LONGEST_MS = 50 * _UNITS_MS["y"]


@dataclass(frozen=True, slots=True)
class Timeframe:
    """The last `span_ms` until now; None for "custom", which leaves the bounds to start_time and end_time."""

    text: str
    span_ms: int | None


def read_timeframe(value: object, *, months: bool = False) -> Timeframe:
    """Read "30m", "24h", "7d", "1w", "1y"; with `months` an m is a month of 30 days and "custom" is a word."""
    right = "e.g. 1w, 1m, 3m, 1y (m is a month) or custom" if months else "e.g. 30m, 24h, 7d, 1w or 1y"
    text = a_text("timeframe", value, longest=20, example="7d").strip().lower()
    if months and text == "custom":
        return Timeframe(text, None)
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise BadParameter(
            "unknown_value", "timeframe", f"{shown(value)} is not a time frame; write a number and a unit, {right}"
        )
    count, unit = int(found[1]), found[2]
    span_ms = count * (_MONTH_MS if months and unit == "m" else _UNITS_MS[unit])
    if span_ms > _LONGEST_MS:
        raise BadParameter("out_of_range", "timeframe", f"{shown(value)} is longer than 50 years; write {right}")
    return Timeframe(text, span_ms)


def read_moment(name: str, value: object) -> int | float:
    """A moment as it was given, in seconds or milliseconds since 1970."""
    return a_number(
        name, value, least=0, most=_LATEST, what="a time in seconds or milliseconds since 1970", example="1719878400000"
    )


def to_ms(moment: float) -> float:
    """Milliseconds, whichever of the two units the moment is in."""
    return moment if abs(moment) >= MILLISECONDS_FROM else moment * 1_000


def moment_of(value: object) -> float | None:
    """Milliseconds of what a row says: a number in either unit, its text, or a date (UTC if it does not say)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return to_ms(value) if value == value else None
    if not isinstance(value, str):
        return None
    written = number_in(value)
    if written is not None:
        return to_ms(written)
    try:
        when = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1_000
