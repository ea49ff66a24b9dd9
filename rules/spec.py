"""A rule as a trader writes it: what every kind has in common. The kinds themselves stand in `rules.kinds`."""

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    field_validator,
)
from pydantic_core import InitErrorDetails, ValidationError

from rules import spelling, template, units
from rules.alerts import Severity
from rules.catalogue import catalogue
from rules.compiled import Rule
from rules.events import Event, type_of
from rules.levels import order
from rules.selection import EVERYTHING, Selection


def listing(value: object) -> object:
    """`BTC` stands for `[BTC]`."""
    return [value] if isinstance(value, str) else value


def _text(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{value} cannot stand here; write one value, with its unit".lower())
    if not isinstance(value, str | int | float):
        raise ValueError("a block or list cannot stand here; write one value")
    return value


def _off(value: object) -> object:
    """`repeat: off` is never."""
    if value is False or value in ("never", "no", "none"):
        raise ValueError(f"{value} is not how often; write off, or 1h".lower())
    return "0s" if value == "off" else value


Fraction = Annotated[
    float,
    BeforeValidator(units.fraction),
    BeforeValidator(_text),
    Field(json_schema_extra={"type": ["string", "number"]}),
]
Money = Annotated[
    float, BeforeValidator(units.money), BeforeValidator(_text), Field(json_schema_extra={"type": ["string", "number"]})
]
Duration = Annotated[
    int,
    BeforeValidator(units.duration_ms),
    BeforeValidator(_text),
    PlainSerializer(units.write_duration),
    Field(json_schema_extra={"type": "string", "examples": ["30s", "5m", "1h30m"]}),
]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Names = Annotated[tuple[Name, ...], BeforeValidator(listing), Field(min_length=1)]
_Symbol = Annotated[Name, AfterValidator(spelling.symbol)]
_Venue = Annotated[Name, AfterValidator(spelling.venue)]
_Coin = Annotated[Name, AfterValidator(spelling.coin)]
_Feed = Annotated[Name, AfterValidator(spelling.feed)]
Symbols = Annotated[tuple[_Symbol, ...], BeforeValidator(listing), Field(min_length=1)]
Venues = Annotated[tuple[_Venue, ...], BeforeValidator(listing), Field(min_length=1)]
Coins = Annotated[tuple[_Coin, ...], BeforeValidator(listing), Field(min_length=1)]
Feeds = Annotated[tuple[_Feed, ...], BeforeValidator(listing), Field(min_length=1)]
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class RuleSpec(BaseModel):
    """What every rule can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    ON: ClassVar[type[Event] | None] = None  # the event type, where a kind has but one
    ADDED: ClassVar[tuple[str, ...]] = ()  # what the kind adds to the event's fields, for messages

    id: Annotated[RuleId, Field(description="the rule's name; stays the same when its limits change")]
    type: Annotated[str, Field(description="the kind of rule")]
    venues: Annotated[Venues, Field(description="binance, bybit, okx, ...; left out: all")] = (EVERYTHING,)
    severity: Annotated[Severity, Field(description="info, warning or critical")] = Severity.WARNING
    for_: Annotated[Duration, Field(alias="for", description="how long it must hold before it fires")] = 0
    keep_firing_for: Annotated[Duration, Field(description="how long it must be over before it clears")] = 0
    cooldown: Annotated[
        Duration, Field(description="silence after a message about the same key; a worse level breaks it")
    ] = 0
    max_age: Annotated[Duration | None, Field(gt=0, description="older data is stale, and holds the state")] = None
    notify: Annotated[
        tuple[Name, ...] | None, BeforeValidator(listing), Field(description="names of sinks; left out: all")
    ] = None
    labels: Annotated[
        dict[Name, Name], Field(description="words of your own, for routes and silences: {team: desk}")
    ] = {}
    repeat: Annotated[
        Duration | None,
        BeforeValidator(_off),
        Field(description="told again after so long while it fires, then twice as long; off: never; 1h while critical"),
    ] = None
    message: Annotated[str | None, Field(max_length=1_000, description="your own words, with {fields} in braces")] = (
        None
    )

    @field_validator("message")
    @classmethod
    def _readable(cls, text: str | None) -> str | None:
        if text is not None:
            names = template.check(text)
            if cls.ON is not None:
                known_names(names, {*catalogue(cls.ON).kinds, *cls.ADDED})
        return text

    @abstractmethod
    def compile(self) -> Rule:
        """The rule, ready to run."""

    @abstractmethod
    def sentence(self) -> str:
        """What the rule does, in a sentence without its id: `when ...`."""

    def common(self) -> dict[str, Any]:
        """The fields of a compiled rule that every kind fills alike."""
        return {
            "rule_id": self.id,
            "kind": self.type,
            "venues": Selection.of(self.venues),
            "for_ms": self.for_,
            "keep_firing_ms": self.keep_firing_for,
            "cooldown_ms": self.cooldown,
            "notify": self.notify,
            "template": self.message,
            "labels": dict(self.labels),
            "repeat_ms": self.repeat,
            "spec_hash": self.spec_hash(),
        }

    def spec_hash(self) -> str:
        """The same for two rules that mean the same, whatever their comments and order of keys."""
        canonical = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True)
        return blake2b(canonical.encode(), digest_size=16).hexdigest()

    def differences(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """Field -> (mine, the other's), as written in YAML, for those that differ."""
        mine, others = (spec.model_dump(mode="json", by_alias=True) for spec in (self, other))
        names = [name for name in {**mine, **others} if mine.get(name) != others.get(name)]
        return {name: (mine.get(name), others.get(name)) for name in names}

    def is_reachable(self, limit: float) -> bool:
        """Whether anything can ever be beyond a limit of this kind of rule."""
        del limit
        return True

    def places(self) -> str:
        """` on binance, bybit`, or nothing if it is everywhere."""
        return "" if EVERYTHING in self.venues else f" on {', '.join(self.venues)}"

    def manners(self) -> str:
        """How it speaks: ` for 5m, warning, to desk`."""
        parts = [f" for {units.say_setting(self.for_)}" if self.for_ else ""]
        if self.cooldown:
            parts.append(f", at most every {units.say_setting(self.cooldown)} unless it gets worse")
        parts.append(
            ", told to nobody" if self.notify == () else f", tells {', '.join(self.notify)}" if self.notify else ""
        )
        return "".join(parts)


def known_names(names: Iterable[str], known: Iterable[str]) -> None:
    """ValueError if a message names what will not be there."""
    known = sorted({*known, "value", type_of})
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            right = f"did you mean {{{near[0]}}}?" if near else f"one of {', '.join(known)}"
            raise ValueError(f"the message names '{name}', which is not there; {right}")


def positive(levels: dict[Severity, float] | None) -> dict[Severity, float] | None:
    """Limits that rise with the severity and are more than zero, or none at all; ValueError otherwise."""
    for severity, limit in (levels or {}).items():
        if limit <= 0:
            raise ValueError(f"{severity}: a limit is more than zero")
    if levels:
        order(levels)
    return levels or None


def levels_or(
    limit: float | None, levels: Mapping[Severity, float] | None, severity: Severity
) -> dict[Severity, float]:
    """The levels of a rule that gives either one limit or several."""
    if levels:
        return dict(levels)
    assert limit is not None, "the model demands one of the two"
    return {severity: limit}


def shape(raw: Mapping[str, Any]) -> type[RuleSpec] | None:
    """The model by which a rule is read, told by its `type`."""
    from rules.kinds import KINDS  # the kinds are built on this module

    kind = KINDS.get(raw.get("type", "")) if isinstance(raw.get("type"), str) else None
    return None if kind is None else kind.SPEC


def parse(raw: Mapping[str, Any]) -> RuleSpec:
    """The rule; pydantic's ValidationError names all that is wrong with it."""
    from rules.kinds import KINDS

    model = shape(raw)
    if model is not None:
        return model.model_validate(raw)
    problem = "union_tag_invalid" if "type" in raw else "union_tag_not_found"
    context = {
        "discriminator": "'type'",
        "tag": str(raw.get("type")),
        "expected_tags": ", ".join(f"'{name}'" for name in KINDS),
    }
    raise ValidationError.from_exception_data(
        "rule", [InitErrorDetails(type=problem, loc=(), input=dict(raw), ctx=context)]
    )
