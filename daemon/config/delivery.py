"""What can be said about who is told what, and when: quiet hours, caps, groups, routes, inhibitions, signs of life."""

import re
from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator

from daemon.config.mistakes import nearest, quote
from daemon.config.secrets import Secret
from daemon.config.section import DurationMs, Level, Section, Several, Word, lasting, one_or_more
from rules import spelling
from rules.alerts import Severity
from rules.delivery.hours import WEEKDAYS, Quiet
from rules.delivery.matchers import Matchers
from rules.delivery.policy import Cap, Grouping, Inhibition, Route
from rules.selection import EVERYTHING
from rules.units import duration_ms

NOTHING = "nothing"
_HOUR = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_CAP = re.compile(r"(\d{1,6})\s+per\s+(.+)")
_PER = {"second": "1s", "minute": "1m", "hour": "1h", "day": "1d"}
SAME = ("symbol", "venue", "side", "coin", "feed")


def _hour(text: object) -> time:
    match = _HOUR.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        right = "00:00" if isinstance(text, str) and text.strip() == "24:00" else "23:00"
        raise ValueError(f"'{quote(text)}' is not a time of day; write {right}")
    return time(int(match[1]), int(match[2]))


def _zone(name: object) -> str:
    """A zone that this machine knows; its data comes with the operating system."""
    from zoneinfo import available_timezones

    if not isinstance(name, str) or not name.strip():
        raise ValueError("a time zone is a name; write Europe/Berlin, or UTC")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise ValueError("this machine has no time zone data; install the package tzdata, or write UTC") from None
        city = name.rpartition("/")[2].replace(" ", "_").lower()
        cities = (zone for zone in sorted(known) if not zone.startswith("Etc/"))  # Etc/GMT+2 is west of Greenwich
        there = next((zone for zone in cities if zone.lower().endswith(f"/{city}")), None)
        right = f"write {there}" if there else nearest(name, known) or "write one like Europe/Berlin, or UTC"
        raise ValueError(f"there is no time zone '{quote(name)}'; {right}") from None
    return name


def _day(text: str) -> str:
    folded = text.strip().lower()
    if folded[:3] in WEEKDAYS and (len(folded) == 3 or folded.endswith("day")):
        return folded[:3]
    try:
        return date.fromisoformat(folded).isoformat()
    except ValueError:
        raise ValueError(f"'{quote(text)}' is not a day; write sat, 2026-12-24, or several: [sat, sun]") from None


def _cap(text: object) -> str:
    cap_of(text)
    return str(text)


def cap_of(text: object) -> Cap:
    """`20 per hour` or `5 per 10m`; ValueError otherwise."""
    match = _CAP.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or not int(match[1]):
        raise ValueError(f"'{quote(text)}' is not a cap; write 20 per hour, or 5 per 10m")
    per_ms = duration_ms(_PER.get(match[2].strip().removesuffix("s"), match[2]))
    if per_ms < 1_000:
        raise ValueError(f"'{quote(text)}' counts over less than a second; write 20 per hour")
    return Cap(int(match[1]), per_ms)


# a condition: an empty list would mean everything, and look like nothing
Some = Annotated[Several, Field(min_length=1)]
_Symbol = Annotated[Word, AfterValidator(spelling.symbol)]
_Venue = Annotated[Word, AfterValidator(spelling.venue)]
Symbols = Annotated[
    list[_Symbol], BeforeValidator(one_or_more, json_schema_input_type=str | list[str]), Field(min_length=1)
]
Venues = Annotated[
    list[_Venue], BeforeValidator(one_or_more, json_schema_input_type=str | list[str]), Field(min_length=1)
]
Hour = Annotated[time, BeforeValidator(_hour, json_schema_input_type=str)]
Zone = Annotated[str, BeforeValidator(_zone, json_schema_input_type=str)]
Day = Annotated[str, AfterValidator(_day)]
CapText = Annotated[str, BeforeValidator(_cap, json_schema_input_type=str)]


class QuietConfig(Section):
    """Hours in which only the loudest is told."""

    from_: Hour = Field(alias="from", description="when it begins: 23:00")
    to: Hour
    """when it ends: 07:00; then what was kept back comes as one digest"""
    tz: Zone
    """whose clock: Europe/Berlin"""
    except_: Level | Literal["nothing"] = Field(
        default=Severity.CRITICAL,
        alias="except",
        description="from this severity up messages come at once all the same",
    )
    not_on: Annotated[list[Day], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])] = Field(
        default=[]
    )
    """days on which no quiet hours begin: sat, or 2026-12-24"""

    @field_validator("to")
    @classmethod
    def _some_time(cls, to: time, info: Any) -> time:
        if to == info.data.get("from_"):
            raise ValueError("quiet hours end when they begin; write another time, or min_severity for all day")
        return to

    def quiet(self) -> Quiet:
        """Ready to be asked."""
        return Quiet(
            starts=self.from_,
            ends=self.to,
            zone=self.tz,
            loudest=None if self.except_ == NOTHING else Severity(self.except_),
            not_on=frozenset(self.not_on),
        )


class GroupConfig(Section):
    """How messages about the same thing become one."""

    wait_ms: DurationMs = lasting("2s", "wait", "a message waits so long for others like it")
    critical_ms: DurationMs = lasting("0s", "critical", "the same for critical alerts")
    at_least: int = Field(default=4, ge=2, le=1_000_000)
    """so many become one summary; fewer come one by one"""
    by: Annotated[
        list[Literal["kind", "symbol", "venue", "rule", "severity"]],
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    ] = Field(default=["kind", "symbol"])
    """what messages must have in common"""
    backlog_ms: DurationMs = lasting(
        "15s", "backlog", "more than the chat takes in that time is told at once; 0s: never"
    )

    def grouping(self) -> Grouping:
        """Ready to be asked."""
        return Grouping(
            wait_ms=self.wait_ms,
            critical_ms=self.critical_ms,
            at_least=self.at_least,
            backlog_ms=self.backlog_ms,
            by=tuple(self.by),
        )


class MatchConfig(Section):
    """Which alerts are meant: all that is given must be so."""

    rule: Some = Field(default=[])
    """ids of rules"""
    kind: Some = Field(default=[])
    """kinds of rules: liquidation, funding, ..."""
    symbols: Symbols = Field(default=[])
    """coins or instruments"""
    venues: Venues = Field(default=[])
    """binance, bybit, ..."""
    severity: Annotated[list[Level], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])] = Field(
        default=[], min_length=1
    )
    """exactly these: critical, or [warning, critical]"""
    labels: dict[str, str] = Field(default={})
    """labels of the rule: {team: desk}"""

    def matchers(self) -> Matchers:
        """Ready to be asked."""
        return Matchers(
            rules=tuple(self.rule),
            kinds=tuple(self.kind),
            symbols=tuple(self.symbols),
            venues=() if EVERYTHING in self.venues else tuple(self.venues),
            severities=tuple(self.severity),
            labels=self.labels,
        )


class RouteConfig(MatchConfig):
    """Where alerts go whose rule names no sinks. The first route that matches decides."""

    to: Several
    """names of sinks; [] for nobody, only the record"""

    def route(self) -> Route:
        """Ready to be asked."""
        return Route(self.matchers(), tuple(self.to))


def _rule_ids(value: object) -> object:
    """`cascade` stands for `{rule: cascade}`, and a list of ids likewise."""
    return {"rule": value} if isinstance(value, str | list) else value


Meant = Annotated[MatchConfig, BeforeValidator(_rule_ids, json_schema_input_type=str | list[str] | MatchConfig)]


class InhibitConfig(Section):
    """While one alert fires, others are not told: they would say the same."""

    when: Meant
    """the id of a rule, or which alerts, while one of them is firing"""
    mutes: Meant
    """the id of a rule, or which alerts are not told"""
    same: Annotated[
        list[Literal["symbol", "venue", "side", "coin", "feed"]],
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
    ] = Field(default=[])
    """what both must be about: symbol, venue, side"""

    def inhibition(self) -> Inhibition:
        """Ready to be asked."""
        return Inhibition(when=self.when.matchers(), mutes=self.mutes.matchers(), same=tuple(self.same))


class AliveConfig(Section):
    """A sign of life, so that silence means something."""

    at: Hour | None = None
    """a line a day at this time: 09:00"""
    tz: Zone = "UTC"
    """whose clock: Europe/Berlin"""
    to: Several = Field(default=[])
    """names of sinks for the line; left out: all"""
    ping: Secret | None = None
    """an address that is asked every so often, for a watcher outside that expects it; secret"""
    every_ms: DurationMs = lasting("1m", "every", "how often the address is asked")

    @field_validator("ping")
    @classmethod
    def _web(cls, ping: SecretStr | None) -> SecretStr | None:
        if ping is not None and not ping.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("not an address that can be asked; write https://watcher.example/ping/...")
        return ping

    @field_validator("every_ms")
    @classmethod
    def _not_too_often(cls, every_ms: int) -> int:
        if every_ms < 1_000:
            raise ValueError("more often than once a second; write 1m")
        return every_ms

    @model_validator(mode="after")
    def _something(self) -> "AliveConfig":
        if self.at is None and self.ping is None:
            raise ValueError('nobody would hear of it; write at: "09:00" for a line a day, or ping: https://...')
        return self
