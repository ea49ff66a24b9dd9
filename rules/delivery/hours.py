"""Hours of a day in somebody's zone, both daylight-saving days right."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from rules.alerts import Severity

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


class Quiet(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of every day in which only the loudest is told. It may run past midnight.

    A time that the clocks skip is taken as the moment they skip it at; of a time that they show twice, a beginning is
    the first and an end the second, so that nobody is woken early.
    """

    starts: time
    ends: time
    zone: str  # IANA: Europe/Berlin
    loudest: Severity | None = Severity.CRITICAL  # from here up messages pass; None: nothing does but the urgent
    not_on: frozenset[str] = frozenset()  # `sat`, or 2026-12-24: no stretch begins on these days

    def until_ms(self, now_ms: int) -> int | None:
        """When the stretch ends that runs now; None while none does."""
        zone = ZoneInfo(self.zone)
        today = datetime.fromtimestamp(now_ms / 1000, zone).date()
        for day in (today - _DAY, today):  # the one that began last evening first
            if self._is_off(day):
                continue
            starts_ms = at_ms(day, self.starts, zone)
            ends_ms = at_ms(day if self.starts < self.ends else day + _DAY, self.ends, zone, is_second=True)
            if starts_ms <= now_ms < ends_ms:
                return ends_ms
        return None

    def passes(self, severity: Severity) -> bool:
        """Whether this is loud enough to be told even now."""
        return self.loudest is not None and severity.rank >= self.loudest.rank

    def _is_off(self, day: date) -> bool:
        return WEEKDAYS[day.weekday()] in self.not_on or day.isoformat() in self.not_on


def at_ms(day: date, hour: time, zone: ZoneInfo, *, is_second: bool = False) -> int:
    """That wall-clock time as milliseconds since 1970; skipped times are the moment of the skip."""
    local = datetime.combine(day, hour, zone).replace(fold=int(is_second))
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        moment = _skip(local, zone)
    return round(moment.timestamp() * 1000)


def next_ms(hour: time, zone_name: str, after_ms: int) -> int:
    """The first time after that moment when the clocks there show this hour."""
    zone = ZoneInfo(zone_name)
    day = datetime.fromtimestamp(after_ms / 1000, zone).date()
    while (found := at_ms(day, hour, zone)) <= after_ms:
        day += _DAY
    return found


def say_clock(at_ms: int, zone_name: str) -> str:
    """`07:00 CET`, by that zone's clock at that moment; `07:00Z` in UTC."""
    moment = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone_name))
    return f"{moment:%H:%M}{'Z' if zone_name == 'UTC' else f' {moment.tzname()}'}"


def _skip(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the clocks jump over this wall-clock time."""
    before, after = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None and after is not None
    early = (local.replace(tzinfo=None) - after).replace(tzinfo=UTC)
    late = (local.replace(tzinfo=None) - before).replace(tzinfo=UTC)
    early, late = min(early, late), max(early, late)
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)
