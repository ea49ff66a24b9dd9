"""How far back a chart goes: its period, unless the client names a range."""

from collections.abc import Mapping

from daemon.server.parameters import number_in, one_of
from daemon.server.timeframe import read_timeframe, to_ms

DAY_S = 86_400
PERIODS = {"1d": 1, "7d": 7, "30d": 30, "90d": 90, "1y": 365}  # days
DEFAULT = "1d"
RANGE = frozenset({"start_time", "end_time", "timeframe"})
"""The table's own parameters that name a range; an endpoint reads them too if it has to fetch accordingly."""


def read_period(given: Mapping[str, object]) -> str:
    """1d, 7d, 30d, 90d or 1y."""
    return one_of("period", given.get("period") or DEFAULT, PERIODS)


def has_range(given: Mapping[str, object]) -> bool:
    """Whether any of RANGE is given."""
    return any(given.get(name) for name in RANGE)


def begin_s(given: Mapping[str, object]) -> int | None:
    """The second at which the range begins; None if it has no fixed beginning."""
    start = number_in(str(given.get("start_time") or ""))
    return None if start is None else int(to_ms(start) // 1_000)


def span_s(given: Mapping[str, object]) -> int | None:
    """The length of the time frame in seconds; None without one, and if start_time or end_time override it."""
    text = given.get("timeframe")
    if not text or given.get("start_time") or given.get("end_time"):
        return None
    span_ms = read_timeframe(text).span_ms
    return None if span_ms is None else span_ms // 1_000
