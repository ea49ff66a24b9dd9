"""What rules about a trader's own account have in common: whose it is, and that nobody is told who was not named."""

import builtins
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from rules import units
from rules.alerts import ACCOUNT
from rules.compiled import Rule
from rules.events import Event
from rules.expression import Assess
from rules.kinds.words import listed
from rules.selection import EVERYTHING, Selection
from rules.spec import Name, Names, RuleSpec, Symbols, listing

WHY = (
    "this is about your own account, and every chat would be told; "
    "name who is: notify: [phone], or notify: [] for nobody"
)
MOST = 1e15
Limit = Annotated[float, Field(json_schema_extra={"type": ["string", "number"]})]  # see `in_unit`
Score = Callable[[Any], float | None]


class Private(RuleSpec):
    """Every alert's key names the account, by which it is known as private everywhere."""

    accounts: Annotated[Names, Field(description="whose, by the names in sources.coinlocally.accounts; * for all")] = (
        EVERYTHING,
    )
    symbols: Annotated[Symbols, Field(description="coins or instruments; * for all")] = (EVERYTHING,)
    notify: Annotated[
        tuple[Name, ...] | None,
        BeforeValidator(listing),
        Field(validate_default=True, description="names of sinks; must be said"),
    ] = None

    @field_validator("notify")
    @classmethod
    def _by_name(cls, notify: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if notify is None:
            raise ValueError(WHY)
        return notify

    def scored(self, event: "builtins.type[Event]", score: Score, **more: Any) -> Rule:
        """The compiled rule, whose measure is a number made of single events."""
        return Rule(
            **self.common(),
            on=event,
            symbols=Selection(None),  # the measure chooses: what nobody has named yet is not left out
            measure=lambda before: Watching(score, self.accounts, self.symbols),
            **more,
        )

    def whose(self) -> str:
        """` of BTC`, ` in the accounts main`: for sentences."""
        symbols = "" if EVERYTHING in self.symbols else f" of {listed(self.symbols, '')}"
        return symbols + ("" if EVERYTHING in self.accounts else f" in {', '.join(self.accounts)}")


class Watching:
    """A measure of single events, of chosen accounts and instruments.

    An event that does not say its instrument counts whatever was chosen: the venue tells it late or never, and a rule
    that misses a position for that is worse than one that speaks of another.
    """

    memory_ms = 0
    nearest_ms = 0

    def __init__(self, score: Score, accounts: Iterable[str], symbols: Iterable[str]) -> None:
        self._score = score
        self._accounts = Selection.of(accounts).names
        self._symbols = Selection.of(symbols)

    @property
    def assess(self) -> Assess:
        return self._assess

    def _assess(self, event: Any, now_ms: int, fresh: bool) -> float | None:
        del now_ms, fresh
        if self._accounts is not None and event.account.upper() not in self._accounts:
            return None
        symbol = getattr(event, "symbol", None) or getattr(event, "position_symbol", "")
        return self._score(event) if not symbol or self._symbols.matches(symbol.upper()) else None

    def next_ms(self) -> int | None:
        return None

    def facts(self) -> dict[str, object]:
        return {}


def about(key: Mapping[str, str], facts: Mapping[str, object]) -> str:
    """`main: BTC-USDT-PERP long`."""
    symbol = facts.get("symbol") or facts.get("position_symbol") or "a position"
    side = facts.get("side")
    return f"{key.get(ACCOUNT)}: {symbol}{f' {side}' if side else ''}"


def in_unit(value: object, *, is_share: bool) -> object:
    """A limit as it is written: 5% for what is a share, 10k or 3 for what is counted. Blocks are read inside."""
    if isinstance(value, dict):
        return {name: in_unit(one, is_share=is_share) for name, one in value.items()}
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a block or list cannot stand here; write one value")
    limit = units.fraction(value) if is_share else units.money(value)
    if not 0 <= limit <= MOST:
        raise ValueError("a limit is not below zero; leave it out if none is meant")
    return limit
