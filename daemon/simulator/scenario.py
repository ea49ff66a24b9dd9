"""The script of the box: a YAML file that says what happens when."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from daemon.config.explain import explain
from daemon.config.mistakes import ConfigError, Mistake
from daemon.config.yaml import read
from daemon.simulator.acts import (
    ACTS,
    CascadeAct,
    DepegAct,
    Duration,
    FundingAct,
    LiquidationAct,
    MarketAct,
    MisbehaveAct,
    OpenInterestAct,
    PriceAct,
    QuoteAct,
)
from daemon.simulator.world import Pace
from rules.units import duration_ms

PACKAGED = Path(__file__).parent / "scenarios"
DEFAULT = "tour"

_Every = Annotated[int, BeforeValidator(duration_ms), Field(ge=1, le=3_600_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Beat(_Strict):
    """How often the market speaks by itself."""

    mark: _Every = 1_000
    funding: _Every = 3_000
    open_interest: _Every = 5_000
    quotes: _Every = 5_000
    liquidations_per_minute: float = Field(default=40.0, ge=0, le=1_000_000)

    def pace(self) -> Pace:
        return Pace(
            mark_ms=self.mark,
            funding_ms=self.funding,
            open_interest_ms=self.open_interest,
            quote_ms=self.quotes,
            liquidations_per_minute=self.liquidations_per_minute,
        )


class Line(_Strict):
    """One line of the script: a time since the start, and the one thing that happens then."""

    at_ms: Duration = Field(alias="at")
    funding: FundingAct | None = None
    liquidation: LiquidationAct | None = None
    cascade: CascadeAct | None = None
    depeg: DepegAct | None = None
    quote: QuoteAct | None = None
    price: PriceAct | None = None
    open_interest: OpenInterestAct | None = None
    misbehave: MisbehaveAct | None = None

    @model_validator(mode="after")
    def _one_act(self) -> Self:
        if sum(getattr(self, name) is not None for name in ACTS) != 1:
            raise ValueError(f"each line needs exactly one thing that happens; add one of {', '.join(ACTS)}")
        return self

    @property
    def act(self) -> MarketAct | MisbehaveAct:
        found: MarketAct | MisbehaveAct = next(act for name in ACTS if (act := getattr(self, name)) is not None)
        return found


class Scenario(_Strict):
    """What happens in the box, in the order of time, once or over and over."""

    about: str = ""
    tick_ms: _Every = Field(default=250, alias="tick", description="how often the world moves")
    repeat_ms: _Every | None = Field(default=None, alias="repeat", description="start over after this time")
    market: Beat = Beat()
    acts: tuple[Line, ...] = Field(default=(), max_length=10_000)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        late = [line for line in self.acts if self.repeat_ms is not None and line.at_ms >= self.repeat_ms]
        if late:
            raise ValueError(f"{len(late)} of the acts would come after `repeat`; make it longer or bring them forward")
        return self


class Script:
    """A scenario that is being played: which acts are due."""

    def __init__(self, scenario: Scenario) -> None:
        self._lines = sorted(scenario.acts, key=lambda line: line.at_ms)
        self._repeat_ms = scenario.repeat_ms
        self._next = 0
        self._round_ms = 0  # when the present round began

    def due(self, elapsed_ms: float) -> Iterator[MarketAct | MisbehaveAct]:
        """The acts whose time has come since the last call."""
        while self._lines:
            if self._next == len(self._lines):
                if self._repeat_ms is None or elapsed_ms < self._round_ms + self._repeat_ms:
                    return
                self._next, self._round_ms = 0, self._round_ms + self._repeat_ms
            line = self._lines[self._next]
            if self._round_ms + line.at_ms > elapsed_ms:
                return
            self._next += 1
            yield line.act


def load(name: str | Path) -> Scenario:
    """A packaged scenario by its name (`tour`), or a file by its path. ConfigError tells all that is wrong with it."""
    path = PACKAGED / f"{name}.yaml" if str(name) in packaged() else Path(name)
    try:
        source = path.read_bytes()
    except OSError as exc:
        names = ", ".join(packaged())
        why = f"there is no such scenario ({exc.strerror or exc})"
        raise ConfigError([Mistake(str(name), 1, 1, "", why, f"packaged ones are {names}")]) from exc
    return parse(source, str(path) if path.parent != PACKAGED else path.name)


def packaged() -> list[str]:
    """The scenarios that come with the house."""
    return sorted(path.stem for path in PACKAGED.glob("*.yaml"))


def parse(source: bytes, file: str) -> Scenario:
    """The scenario of a YAML text. ConfigError tells all that is wrong, each with its line and column."""
    value, place, mistakes = read(source, file)
    if mistakes:
        raise ConfigError(mistakes)
    raw: Any = {} if value is None else value
    try:
        return Scenario.model_validate(raw)
    except ValidationError as exc:
        raise ConfigError(explain(exc, Scenario, place)) from exc


def act_from(source: bytes) -> MarketAct | MisbehaveAct:
    """One act alone, as JSON or YAML: {"funding": {...}}. ConfigError tells what is wrong with it."""
    value, place, mistakes = read(source, "act")
    if mistakes:
        raise ConfigError(mistakes)
    try:
        return Line.model_validate({**value, "at": "0s"} if isinstance(value, dict) else value).act
    except ValidationError as exc:
        raise ConfigError(explain(exc, Line, place)) from exc
