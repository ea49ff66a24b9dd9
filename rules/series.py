"""What one source says of one thing in a test: one field moves from step to step, the others stay."""

from collections import deque
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator
from pydantic import model_validator as check_model

from rules import notation
from rules.catalogue import catalogue
from rules.events import EVENTS, Event, FeedHealth
from rules.instruments import PERPETUAL
from rules.kinds.expression import EventName
from rules.notation import Mark
from rules.ordinary import filled, unit
from rules.spec import Duration

_PLACES = ("venue", "symbol", "coin", "feed", "side", "account")
_STALE = "silent in this test"

Stream = Iterator[tuple[int, Event]]


def _written(value: object) -> object:
    """A single number is a series, too; a list is its items."""
    if isinstance(value, list):
        return " ".join(f"{item}".lower() if isinstance(item, bool) else f"{item}" for item in value)
    if isinstance(value, bool):
        return f"{value}".lower()
    return f"{value}" if isinstance(value, int | float) else value


def _default(text: str) -> Any:
    """A duration's default as it is written in the file."""
    return Field(json_schema_extra={"type": "string", "default": text})


class Part(BaseModel):
    """A block of a test."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Series(Part):
    """What one source says of one thing: one field moves from step to step, the others stay."""

    on: Annotated[EventName, Field(description="the event type; `tocsin fields` lists them")]
    venue: Annotated[str, Field(min_length=1, max_length=64, description="who says it: binance")]
    symbol: Annotated[str | None, Field(description="the instrument: BTC, or BTC-USDT-PERP")] = None
    coin: Annotated[str | None, Field(description="the coin: USDC")] = None
    feed: Annotated[str | None, Field(description="the feed: okx.public")] = None
    side: Annotated[Literal["long", "short"] | None, Field(description="whose position")] = None
    with_: Annotated[
        dict[str, Any], Field(alias="with", description="other fields, and what they say all the while")
    ] = {}
    field: Annotated[str, Field(description="the field that moves: rate, price, notional_usd, ...")]
    values: Annotated[
        str,
        BeforeValidator(_written, json_schema_input_type=str | float | list[str | float | bool]),
        Field(
            description="one value a step: 0.01%x5 is five of them, 1..9x5 a slope, _x3 three steps of nothing, "
            "stale a feed that goes down",
            examples=["0.01%x5 0.06%x10 _x3 stale"],
        ),
    ]
    every: Annotated[Duration, _default("1m"), Field(gt=0, description="from one step to the next")] = 60_000
    begin: Annotated[Duration, _default("0s"), Field(description="when the first step is, from the test's start")] = 0

    _steps: tuple[float | str | bool | Mark, ...] = PrivateAttr(())

    @field_validator("symbol")
    @classmethod
    def _whole_symbol(cls, symbol: str | None) -> str | None:
        """BTC stands for BTC-USDT-PERP."""
        if symbol is None or "-" in symbol or "." in symbol:
            return symbol
        return f"{symbol.upper()}-USDT-{PERPETUAL}"

    @field_validator("with_")
    @classmethod
    def _known(cls, others: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "on" in info.data:
            known = _own_fields(EVENTS[info.data["on"]])
            for name in others:
                if name not in known:
                    raise ValueError(f"{info.data['on']} has no field '{name}'; one of {', '.join(known)}")
                if name in _PLACES and info.data.get(name) is not None:
                    raise ValueError(f"'{name}' is said twice; once is enough")
        return others

    @field_validator("field")
    @classmethod
    def _movable(cls, field: str, info: ValidationInfo) -> str:
        if "on" in info.data:
            event = EVENTS[info.data["on"]]
            names = [name for name in _own_fields(event) if name in catalogue(event).kinds and name not in _PLACES]
            if field not in names:
                raise ValueError(f"{info.data['on']} has no field '{field}' that could move; one of {', '.join(names)}")
            if field in info.data.get("with_", {}):
                raise ValueError(f"'{field}' moves and stays; take it out of `with`")
        return field

    @field_validator("values")
    @classmethod
    def _readable(cls, values: str, info: ValidationInfo) -> str:
        if {"on", "field"} <= info.data.keys():
            deque(_read(EVENTS[info.data["on"]], info.data["field"], values), maxlen=0)  # to its end
        return values

    @check_model(mode="after")
    def _buildable(self) -> "Series":
        event = EVENTS[self.on]
        needed = next((name for name in ("symbol", "coin", "feed") if name in event.__struct_fields__), None)
        if needed is not None and getattr(self, needed) is None and needed not in self.with_:
            sample = {"symbol": "BTC", "coin": "USDC", "feed": "okx.public"}[needed]
            raise ValueError(f"a series of {self.on} says what it is about; add {needed}: {sample}")
        for name in _PLACES:
            if getattr(self, name, None) is not None and name not in event.__struct_fields__:
                raise ValueError(f"{self.on} has no field '{name}'; take it out")
        self._steps = tuple(_read(event, self.field, self.values))
        values = (step for step in self._steps if not isinstance(step, Mark))
        for value in dict.fromkeys(values):  # the first of each kind is enough, and repeats are many
            self._event(event, value, 0)
        return self

    @property
    def lasts_ms(self) -> int:
        """When the last step is, from the test's start."""
        return self.begin + (len(self._steps) - 1) * self.every

    def events(self, start_ms: int) -> Stream:
        """(time, event) of every step that says something."""
        event, is_down = EVENTS[self.on], False
        for number, step in enumerate(self._steps):
            at_ms = start_ms + self.begin + number * self.every
            if step is Mark.STALE:
                is_down = True
                yield at_ms, self._feed("down", at_ms)
            elif not isinstance(step, Mark):
                if is_down:
                    is_down = False
                    yield at_ms, self._feed("up", at_ms)
                yield at_ms, self._event(event, step, at_ms)

    def _event(self, event: type[Event], value: object, at_ms: int) -> Event:
        places = {name: found for name in _PLACES if (found := getattr(self, name, None)) is not None}
        said = {"at_ms": at_ms, "received_ms": at_ms, **places, **self._others(event), self.field: value}
        if catalogue(event).kinds[self.field] == "number" and isinstance(value, float) and value.is_integer():
            said[self.field] = int(value)  # some fields are whole numbers, and the others take these, too
        try:
            return msgspec.convert(filled(event, said), event)
        except msgspec.ValidationError as exc:
            raise ValueError(f"this is no {self.on}: {exc}; `tocsin fields {self.on}` says what it takes") from None

    def _others(self, event: type[Event]) -> dict[str, Any]:
        """The fields that stay, numbers with their units read."""
        kinds = catalogue(event).kinds
        return {
            name: notation.number(value) if isinstance(value, str) and kinds.get(name) == "number" else value
            for name, value in self.with_.items()
        }

    def _feed(self, state: Literal["up", "down"], at_ms: int) -> FeedHealth:
        return FeedHealth(
            venue=self.venue,
            feed=f"{self.venue}.{self.on}",
            state=state,
            reason=_STALE if state == "down" else "",
            carries=(self.on,),
            at_ms=at_ms,
            received_ms=at_ms,
        )


def _own_fields(event: type[Event]) -> list[str]:
    return [name for name in event.__struct_fields__ if name not in ("at_ms", "received_ms")]


def _read(event: type[Event], field: str, text: str) -> Iterator[float | str | bool | Mark]:
    is_number = catalogue(event).kinds[field] == "number"
    is_fraction = is_number and unit(event, field).startswith("fraction")
    yield from notation.steps(notation.parse(text), is_number=is_number, is_fraction=is_fraction)
