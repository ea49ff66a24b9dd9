"""What is to be seen in a picture, before anybody draws it."""

from collections.abc import Callable

import msgspec

from daemon.pictures.scale import clock, date
from rules.alerts import Severity

_DAY_MS = 86_400_000
_SECONDS_BELOW_MS = 600_000
_CHARACTERS_MAX = 96

Point = tuple[int, float | None]  # when, and how much; None: a gap


class Limit(msgspec.Struct, frozen=True):
    """A level that counts. Without a severity: where it is over."""

    value: float
    severity: Severity | None


class Mark(msgspec.Struct, frozen=True):
    """Something that happened to the alert. Without a severity: it was over."""

    at_ms: int
    words: str
    severity: Severity | None


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """All that is to be seen."""

    title: str  # what was measured
    place: str = ""  # and where
    points: tuple[Point, ...]  # in the order of time
    begins_ms: int
    ends_ms: int
    say: Callable[[float], str]  # a limit or a round number in the rule's unit
    say_value: Callable[[float], str]  # what was measured: in as few digits as anybody reads
    limits: tuple[Limit, ...] = ()
    mirrored: tuple[Limit, ...] = ()  # those of the other side of zero, to be seen if there is room
    is_falling: bool = False  # lower is worse
    is_stems: bool = False  # single events, not a course
    outages: tuple[tuple[int, int], ...] = ()  # when nobody listened for single events
    fired_ms: int | None = None
    cleared_ms: int | None = None
    severity: Severity = Severity.WARNING
    marks: tuple[Mark, ...] = ()  # the most important first
    label: str | None = None  # STAGING


def say_moment(word: str, at_ms: int, ends_ms: int, *, seconds: bool = False) -> str:
    """`fired 12:01` or `fired 12:01:07`, with the date if the clock alone may mean two moments."""
    is_clear = ends_ms - at_ms < _DAY_MS
    said = clock(at_ms, seconds=seconds)
    return f"{word} {said}" if is_clear else f"{word} {date(at_ms)} {said}"


def needs_seconds(begins_ms: int, ends_ms: int) -> bool:
    """Whether minutes are too coarse for what happens in between."""
    return ends_ms - begins_ms < _SECONDS_BELOW_MS


def plain(text: str) -> str:
    """In signs that the font has: what it has not becomes a question mark."""
    return "".join(sign if sign in _SIGNS else "?" for sign in " ".join(text.split())[:_CHARACTERS_MAX])


_SIGNS = frozenset("".join(chr(code) for code in range(32, 127)) + "·±°…")
