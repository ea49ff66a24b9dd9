"""A test of rules as a trader writes it: what the market says, and what the rules shall make of it."""

from datetime import UTC, datetime
from heapq import merge
from itertools import pairwise
from typing import Annotated

import msgspec
from pydantic import BeforeValidator, Field, field_validator

from rules.alerts import Phase, Severity
from rules.series import Part, Series, Stream
from rules.spec import Duration, Names, RuleId, listing

START = "2026-01-05 12:00"  # a Monday noon
ITEMS_MAX = 200  # series, or moments, of one test


class Standing(msgspec.Struct, frozen=True):
    """How a rule stands for one key: the phase, and how loud while it fires."""

    phase: Phase = Phase.INACTIVE
    severity: Severity | None = None

    def __str__(self) -> str:
        return self.phase.value if self.severity is None else f"{self.phase.value} {self.severity.value}"


def standing(text: str) -> Standing:
    """`inactive`, `pending`, `firing warning`, `recovering critical`; ValueError says what would be right."""
    words = text.split()
    try:
        phase = Phase(words[0]) if words else None
        severity = Severity(words[1]) if len(words) == 2 else None
    except ValueError:
        phase, severity = None, None
    is_loud = phase in (Phase.FIRING, Phase.RECOVERING)
    if phase is None or len(words) > 2 or (len(words) == 2 and (severity is None or not is_loud)):
        raise ValueError(
            f"'{text}' is no state; inactive, pending, firing, recovering, firing warning, firing critical"
        )
    return Standing(phase, severity)


def _state(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a state is a word or two; firing warning")
    standing(value)
    return " ".join(value.split())


State = Annotated[str, BeforeValidator(_state)]


def _moment(value: object) -> object:
    """2026-03-29 01:30, always UTC, as milliseconds."""
    if not isinstance(value, str):
        raise ValueError("a start is a date and a time; 2026-01-05 12:00")
    try:
        moment = datetime.fromisoformat(value.strip().removesuffix("Z"))
    except ValueError:
        raise ValueError(f"'{value}' is no date and time; 2026-01-05 12:00") from None
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


class Expectation(Part):
    """What shall be so at one moment, after all that happens at it."""

    at: Annotated[Duration, Field(description="from the test's start")]
    states: Annotated[
        dict[RuleId, State | dict[str, State]],
        Field(
            default_factory=dict,
            description="how each rule stands: one state of all its keys, or by key (`binance BTC-USDT-PERP: firing "
            "warning`); keys that are left out are inactive",
        ),
    ]
    messages: Annotated[
        dict[str, Annotated[list[str], BeforeValidator(listing, json_schema_input_type=str | list[str])]],
        Field(
            default_factory=dict,
            description="what each sink was told since the moment before, in order; one line is a headline, "
            "several are the whole message",
        ),
    ]


class Trial(Part):
    """One test."""

    name: Annotated[str, Field(min_length=1, max_length=200, description="what is so, in a sentence")]
    rules: Annotated[Names | None, Field(description="only these rules run; left out: all")] = None
    start: Annotated[int, BeforeValidator(_moment), Field(json_schema_extra={"type": "string", "default": START})] = (
        _moment(START)  # type: ignore[assignment]  # it is a number for a text
    )
    """when it begins, in UTC; quiet hours go by it"""
    series: Annotated[list[Series], Field(min_length=1, max_length=ITEMS_MAX, description="what the market says")]
    until: Annotated[Duration | None, Field(description="how long it runs; left out: to the last step or moment")] = (
        None
    )
    expect: Annotated[
        list[Expectation], Field(min_length=1, max_length=ITEMS_MAX, description="what shall be so, and when")
    ]

    @field_validator("expect")
    @classmethod
    def _in_order(cls, expect: list[Expectation]) -> list[Expectation]:
        for before, after in pairwise(expect):
            if after.at < before.at:
                raise ValueError("the moments are not in order; put the earlier one first")
        return expect

    @property
    def lasts_ms(self) -> int:
        """How long it runs, from its start."""
        if self.until is not None:
            return max(self.until, self.expect[-1].at)
        return max(self.expect[-1].at, *(one.lasts_ms for one in self.series))

    def events(self) -> Stream:
        """All series as one stream, in the order of time; of one moment, as they are written."""
        streams = [one.events(self.start) for one in self.series]
        return merge(*streams, key=lambda item: item[0])
