"""What a value in the rule language is counted in, and whether it adds up single events."""

from collections.abc import Callable

from rules import units
from rules.events import Event
from rules.expression import Program
from rules.grammar import Binary, Call, Comparison, Field, Member, Mistake, Node, Number, Unary, parse
from rules.ordinary import unit

Say = Callable[[float], str]
SayBeside = Callable[[float, float | None], str]  # a value, in digits that tell it from its limit
_LIKE_THEIR_INPUT = ("abs", "min", "max", "sum", "avg", "spread")
_COIN = ("price", "target")  # a stablecoin's is 0.9987 USD, which is no amount of money
_FRACTION, _MONEY, _PRICE, _BASE = "fraction", "USD", "quote coin", "base coin"
_FUNDING = "funding"  # a fraction per so many hours
_BESIDE: dict[str, SayBeside] = {_FRACTION: units.say_share, _FUNDING: units.say_rate, _MONEY: units.say_money}
_LIMITS: dict[str, Say] = {_FRACTION: units.say_percent, _FUNDING: units.say_percent, _MONEY: units.say_amount}
_SAID: dict[str, Say] = {
    _FRACTION: units.say_share,
    _FUNDING: units.say_rate,
    _MONEY: units.say_money,
    _PRICE: units.say_price,
}


def said(text: str, event: type[Event]) -> Say:
    """How a value of this formula is written: 0.0512%, 8.97%, $1.5m, or the bare number."""
    return say_in(counted(text, event))


def counted(text: str, event: type[Event]) -> str:
    """The unit of this formula's value, for `say_in`; empty for a bare number."""
    try:
        return _counted(parse(text), event)
    except Mistake:
        return ""


def counted_in(program: Program) -> dict[str, str]:
    """The units of a program's windows by the names that messages use; bare numbers are left out."""
    units_of = (
        (name, _counted(slot.call, program.event)) for name, slot in zip(program.names, program.slots, strict=True)
    )
    return {name: unit for name, unit in units_of if unit}


def say_in(unit: object) -> Say:
    """How a value in this unit is written."""
    return _SAID.get(str(unit), units.say_number)


def limit_in(unit: object) -> Say:
    """How a limit in this unit is written."""
    return _LIMITS.get(str(unit)) or say_in(unit)


def beside(unit: object) -> SayBeside | None:
    """How a value in this unit is written beside its limit; None if the unit has no digits of its own."""
    return _BESIDE.get(str(unit))


def adds_up(text: str) -> bool:
    """Whether it needs to have seen every single event: a sum or a count."""
    try:
        return any(isinstance(node, Call) and node.name in ("sum", "count") for node in every(parse(text)))
    except Mistake:
        return False


def every(node: Node) -> list[Node]:
    """A tree's parts, itself first."""
    match node:
        case Unary(_, inner, _):
            return [node, *every(inner)]
        case Binary(_, left, right, _) | Comparison(_, left, right, _):
            return [node, *every(left), *every(right)]
        case Call(_, args, _):
            return [node, *(found for arg in args for found in every(arg))]
        case Member(item, _, _):
            return [node, *every(item)]
    return [node]


def _counted(node: Node, event: type[Event]) -> str:
    """The unit; empty for a bare number."""
    match node:
        case Field(name, _):
            return _field(name, event)
        case Unary("-", inner, _):
            return _counted(inner, event)
        case Call("change", _, _):
            return _FRACTION
        case Call(name, args, _) if name in _LIKE_THEIR_INPUT:
            return _counted(args[0], event)
        case (
            Binary("-", Binary("/", one, two, _), Number(value=1.0), _)
            | Binary("/", Binary("-", one, _, _), two, _)
            | Binary("/", Call("abs", (Binary("-", one, _, _),), _), two, _)
        ):
            unit_of_one = _counted(one, event)  # how far the two are apart: price / index_price - 1
            return _FRACTION if unit_of_one and unit_of_one == _counted(two, event) else ""
        case Binary("+" | "-", left, right, _):
            one_unit = _counted(left, event)
            return one_unit if isinstance(right, Number) or one_unit == _counted(right, event) else ""
        case Binary("*", inner, Number(), _) | Binary("*", Number(), inner, _) | Binary("/", inner, Number(), _):
            return _counted(inner, event)
        case Binary("*", left, right, _) if {_counted(left, event), _counted(right, event)} == {_BASE, _PRICE}:
            return _MONEY
    return ""


def _field(name: str, event: type[Event]) -> str:
    counted = event.DERIVED[name][0] if name in event.DERIVED else unit(event, name)
    if counted.startswith(_FRACTION):
        return _FRACTION if counted == _FRACTION else _FUNDING
    return "" if counted == _MONEY and name in _COIN else counted
