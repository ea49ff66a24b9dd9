"""The same rule with its limits nearer or farther: what another threshold would have said."""

from collections.abc import Callable, Iterator
from typing import Any, get_args

import msgspec
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from rules import formula, units
from rules.compiled import Ladder, Rule, just_above
from rules.events import EVENTS, FundingRate
from rules.kinds.expression import ExpressionRule
from rules.spec import RuleSpec

FACTORS = (0.5, 0.8, 1.0, 1.25, 2.0)
_UNITS: dict[Any, Callable[[float], str]] = {units.fraction: units.say_percent, units.money: units.say_amount}


def scaled(rule: Rule, factor: float) -> Rule | None:
    """The rule with every limit, and every way back from one, times the factor; None for one without limits."""
    ladder = rule.ladder
    if not all(ladder.shown):  # a condition has none, and of zero every multiple is zero
        return None
    if factor == 1.0:
        return rule
    shown = tuple(limit * factor for limit in ladder.shown if limit is not None)
    return msgspec.structs.replace(rule, ladder=_scaled(ladder, shown, factor))


def is_possible(spec: RuleSpec, neighbour: Rule) -> bool:
    """Whether somebody could write these limits: nothing is above 150 of 100."""
    return all(spec.is_reachable(limit) for limit in neighbour.ladder.shown if limit is not None)


def _scaled(ladder: Ladder, shown: tuple[float, ...], factor: float) -> Ladder:
    before = (limit * ladder.sign for limit in ladder.shown if limit is not None)
    after = (limit * ladder.sign for limit in shown)
    enters = tuple(
        just_above(new) if enter > old else new for old, new, enter in zip(before, after, ladder.enters, strict=True)
    )
    exits = tuple(min(leave * factor, enter) for leave, enter in zip(ladder.exits, enters, strict=True))
    return msgspec.structs.replace(ladder, enters=enters, exits=exits, shown=shown)


def said_limits(spec: RuleSpec, rule: Rule) -> str:
    """The limits as the rule's own kind writes them: `0.05% / 0.1%`."""
    say = unit_of(spec)
    return " / ".join(say(limit) for limit in rule.ladder.shown if limit is not None) or "-"


def said_value(spec: RuleSpec, value: float, limit: float | None) -> str:
    """A value of this rule in the digits of its messages: in as many as tell it from the limit."""
    say: formula.SayBeside | None
    if isinstance(spec, ExpressionRule):
        say = formula.beside(_counted(spec))
    else:
        share = units.say_rate if spec.ON is FundingRate else units.say_share
        spoken: dict[formula.Say, formula.SayBeside] = {units.say_percent: share, units.say_amount: units.say_money}
        say = spoken.get(unit_of(spec))
    return unit_of(spec)(value) if say is None else say(value, limit)


def unit_of(spec: RuleSpec) -> Callable[[float], str]:
    """How a limit of this rule is said."""
    if isinstance(spec, ExpressionRule):  # only the value knows its unit
        say = formula.limit_in(_counted(spec))
        return units.say_number if say is units.say_price else say
    first = spec.compile().ladder.shown[0]
    for name, field in type(spec).model_fields.items():
        value = getattr(spec, name)
        found = value.values() if isinstance(value, dict) else (value,)
        if first is not None and any(type(one) is float and one == first for one in found):
            for reader in _readers(field):
                if reader in _UNITS:
                    return _UNITS[reader]
    return units.say_number


def _counted(spec: ExpressionRule) -> str:
    return formula.counted(spec.value or "", EVENTS[spec.on])


def _readers(field: FieldInfo) -> Iterator[Any]:
    """The functions that read a field's text."""
    yield from (note.func for note in field.metadata if isinstance(note, BeforeValidator))
    yield from _inside(field.annotation)


def _inside(annotation: Any) -> Iterator[Any]:
    for argument in get_args(annotation):
        if isinstance(argument, BeforeValidator):
            yield argument.func
        else:
            yield from _inside(argument)
