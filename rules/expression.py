"""The rule language, from a text to a Python function: types are checked first, then only what was checked is written."""

from collections.abc import Callable
from difflib import get_close_matches

import msgspec

from rules.catalogue import Catalogue, Kind, catalogue
from rules.events import Event
from rules.grammar import (
    Binary,
    Call,
    Comparison,
    Duration,
    Field,
    Flag,
    Member,
    Mistake,
    Node,
    Number,
    Text,
    Unary,
    parse,
)
from rules.texts import never
from rules.windows import KINDS as WINDOWS
from rules.windows import Window
from rules.writer import PLAIN, Assess, Slot, Writer

__all__ = ["Assess", "Catalogue", "Kind", "Program", "catalogue", "check", "compile_condition", "compile_value"]

WINDOWS_MAX = 8


class Program(msgspec.Struct, frozen=True):
    """Compiled expressions of one rule. `start` makes the function and the windows of one tracked key."""

    event: type[Event]
    slots: tuple[Slot, ...]
    names: tuple[str, ...]  # window outputs by the names a message may use: change, sum, sum_2, ...
    maker: Callable[[tuple[Window, ...]], Assess]

    def sources(self) -> tuple[str, ...]:
        """What tells this program's windows from another's."""
        return tuple(slot.source for slot in self.slots)

    def start(self, kept: dict[str, Window]) -> tuple[Assess, dict[str, Window]]:
        """The function of one key, and its windows by source; those in `kept` go on."""
        windows = {
            slot.source: kept.get(slot.source) or WINDOWS[slot.name](slot.name, slot.length_ms) for slot in self.slots
        }
        return self.maker(tuple(windows.values())), windows


def check(text: str, event: type[Event], *, wants: Kind) -> Node:
    """Parse and type one expression; Mistake if it is wrong."""
    node = parse(text)
    got = _Typist(catalogue(event)).kind(node)
    if got != wants:
        raise Mistake(f"this is a {got}; it should be a {'condition' if wants == 'flag' else wants}", node.at)
    return node


def compile_value(
    text: str, event: type[Event], *, where: str | None = None, extras: tuple[str, ...] = (), falling: bool = False
) -> Program:
    """A program whose function answers the number `text` stands for; its negative if `falling`, where lower is worse.

    `extras` are windows kept beside it for messages.
    """
    node = check(text, event, wants="number")
    return _program({"value": Unary("-", node, node.at) if falling else node}, event, where, extras)


def compile_condition(when: str, clear: str | None, event: type[Event], *, where: str | None = None) -> Program:
    """A program whose function answers 1.0 while `when` holds, 0.0 while `clear` does, and 0.5 between the two."""
    nodes = {"when": check(when, event, wants="flag")}
    if clear is not None:
        nodes["clear"] = check(clear, event, wants="flag")
    return _program(nodes, event, where, ())


def _program(nodes: dict[str, Node], event: type[Event], where: str | None, extras: tuple[str, ...]) -> Program:
    writer = Writer(catalogue(event))
    if where is not None:
        writer.demand(check(where, event, wants="flag"))
    results = {name: writer.write(node) for name, node in nodes.items()}
    for text in extras:
        writer.write(check(text, event, wants="number"))
    if len(writer.slots) > WINDOWS_MAX:
        raise Mistake(f"a rule keeps at most {WINDOWS_MAX} windows", 1)
    if "value" in results:
        answer = results["value"]
    else:
        calm = f"(0.0 if {results['clear']} else 0.5)" if "clear" in results else "0.0"
        answer = f"(1.0 if {results['when']} else {calm})"
    return Program(
        event,
        tuple(writer.slots),
        writer.names(),
        writer.finish(answer, nodes.values(), may_overflow="value" in results),
    )


class _Typist:
    """What kind of thing each part is; a Mistake where two do not fit."""

    def __init__(self, fields: Catalogue) -> None:
        self._fields = fields

    def kind(self, node: Node) -> Kind:
        match node:
            case Number():
                return "number"
            case Text():
                return "text"
            case Flag():
                return "flag"
            case Duration():
                return "duration"
            case Field(name, at):
                return self._field(name, at)
            case Unary("not", inner, _):
                self._want(inner, "flag", "after `not`")
                return "flag"
            case Unary(_, inner, _):
                self._want(inner, "number", "after a minus")
                return "number"
            case Binary("and" | "or" as sign, left, right, _):
                self._want(left, "flag", f"left of `{sign}`")
                self._want(right, "flag", f"right of `{sign}`")
                return "flag"
            case Binary(sign, left, right, _):
                self._want(left, "number", f"left of `{sign}`")
                self._want(right, "number", f"right of `{sign}`")
                return "number"
            case Comparison(sign, left, right, at):
                return self._comparison(sign, left, right, at)
            case Member(item, choices, at):
                kind = self.kind(item)
                for choice in choices:
                    self._may_be(item, choice)
                    if self.kind(choice) != kind:
                        raise Mistake(f"a {kind} is looked for in a list that holds a {self.kind(choice)}", choice.at)
                if kind not in ("number", "text"):
                    raise Mistake(f"a {kind} cannot be looked for in a list", at)
                return "flag"
            case Call(name, args, at):
                return self._call(name, args, at)

    def _field(self, name: str, at: int) -> Kind:
        if name in self._fields.kinds:
            return self._fields.kinds[name]
        tag = self._fields.event.__struct_config__.tag
        near = get_close_matches(name, self._fields.kinds, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(self._fields.kinds))}"
        raise Mistake(f"{tag} has no field '{name}'; {hint}", at)

    def _comparison(self, sign: str, left: Node, right: Node, at: int) -> Kind:
        self._may_be(left, right)
        self._may_be(right, left)
        kinds = self.kind(left), self.kind(right)
        if kinds[0] != kinds[1]:
            raise Mistake(f"a {kinds[0]} is compared with a {kinds[1]}", at)
        if kinds[0] == "duration":
            raise Mistake("durations belong into functions: change(price, 15m)", at)
        if sign not in ("==", "!=") and kinds[0] != "number":
            raise Mistake(f"'{sign}' compares numbers; a {kinds[0]} can be == or !=", at)
        return "flag"

    def _may_be(self, field: Node, other: Node) -> None:
        """A text field is held against a text in quotes, and one that it can be."""
        if not isinstance(field, Field) or self._fields.kinds.get(field.name) != "text":
            return
        if isinstance(other, Field) and other.name not in self._fields.kinds:
            raise Mistake(f"a text stands in quotes; write {field.name} == '{other.name}'", other.at)
        if isinstance(other, Text) and (why := never(self._fields.event, field.name, other.value)) is not None:
            raise Mistake(why, other.at)

    def _call(self, name: str, args: tuple[Node, ...], at: int) -> Kind:
        if name in PLAIN:
            least, most = PLAIN[name]
            if not least <= len(args) <= most:
                raise Mistake(f"{name}(...) takes {least if least == most else f'{least} to {most}'} numbers", at)
            for arg in args:
                self._want(arg, "number", f"in {name}(...)")
            return "number"
        if name not in WINDOWS:
            known = sorted([*PLAIN, *WINDOWS])
            near = get_close_matches(name, known, n=1)
            raise Mistake(
                f"there is no function '{name}'; {f'did you mean {near[0]}?' if near else 'known: ' + ', '.join(known)}",
                at,
            )
        *inputs, length = args or (None,)
        if not isinstance(length, Duration) or length.ms <= 0:
            raise Mistake(f"the last thing in {name}(...) is how far to look back: {name}(..., 15m)", at)
        match name, len(inputs):
            case "count", 0:
                return "number"
            case "count", 1:
                self._want(inputs[0], "flag", "in count(...)")
                return "number"
            case "crossed_up" | "crossed_down", 2:
                self._want(inputs[0], "number", f"in {name}(...)")
                self._want(inputs[1], "number", f"in {name}(...)")
                return "flag"
            case "spread", 2:
                self._want(inputs[0], "number", "in spread(...)")
                if not isinstance(inputs[1], Field) or self.kind(inputs[1]) != "text":
                    raise Mistake("spread(...) is written spread(rate_8h, venue, 30m)", at)
                return "number"
            case "sum" | "avg" | "zscore" | "change", 1:
                self._want(inputs[0], "number", f"in {name}(...)")
                return "number"
        shapes = {
            "count": "count(15m) or count(side == 'long', 15m)",
            "spread": "spread(rate_8h, venue, 30m)",
            "crossed_up": "crossed_up(price, 100, 15m)",
            "crossed_down": "crossed_down(price, 100, 15m)",
        }
        raise Mistake(f"write {shapes.get(name, f'{name}(price, 15m)')}", at)

    def _want(self, node: Node | None, kind: Kind, where: str) -> None:
        if node is not None and (got := self.kind(node)) != kind:
            raise Mistake(f"a {got} stands {where}, where a {'condition' if kind == 'flag' else kind} belongs", node.at)
