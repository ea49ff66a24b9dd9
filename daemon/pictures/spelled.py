"""A part of a formula as text again: for its own title, and to be compiled by itself."""

from rules.grammar import Binary, Call, Comparison, Duration, Field, Flag, Member, Node, Number, Text, Unary
from rules.units import write_duration

_BINDS = {"or": 0, "and": 1, "not": 2, "+": 4, "-": 4, "*": 5, "/": 5}  # how tightly; what is looser gets brackets
_COMPARED, _NEGATED, _ALONE = 3, 6, 7


def spelled(node: Node) -> str:
    """A text that reads as the same tree: `change(oi_usd, 15m) * 2`."""
    match node:
        case Number(value, _):
            return repr(value).removesuffix(".0")
        case Text(value, _):
            return f'"{value}"' if "'" in value else f"'{value}'"
        case Flag(value, _):
            return "true" if value else "false"
        case Duration(ms, _):
            return write_duration(ms)
        case Field(name, _):
            return name
        case Unary("not", inner, _):
            return f"not {_in(inner, _BINDS['not'])}"
        case Unary(sign, inner, _):
            return f"{sign}{_in(inner, _NEGATED)}"
        case Binary(sign, left, right, _):
            return f"{_in(left, _BINDS[sign])} {sign} {_in(right, _BINDS[sign] + 1)}"
        case Comparison(sign, left, right, _):
            return f"{_in(left, _COMPARED + 1)} {sign} {_in(right, _COMPARED + 1)}"
        case Member(item, choices, _):
            return f"{_in(item, _COMPARED + 1)} in [{', '.join(spelled(choice) for choice in choices)}]"
        case Call(name, args, _):
            return f"{name}({', '.join(spelled(arg) for arg in args)})"


def _in(node: Node, least: int) -> str:
    """In brackets if it binds less tightly than what it stands in."""
    match node:
        case Binary(sign, _, _, _):
            binds = _BINDS[sign]
        case Unary("not", _, _):
            binds = _BINDS["not"]
        case Unary():
            binds = _NEGATED
        case Comparison() | Member():
            binds = _COMPARED
        case _:
            binds = _ALONE
    return spelled(node) if binds >= least else f"({spelled(node)})"
