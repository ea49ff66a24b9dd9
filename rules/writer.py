"""Python source for trees of the rule language that have passed the check.

A generated function has no names but the event's fields, numbers, and the windows it was given; there is no attribute,
call or text in it that the text of a rule could choose. A missing field, NaN or a division by zero is `no data`: the
function answers None, never false.
"""

from collections.abc import Callable, Iterable, Iterator
from sys import float_info
from typing import Any

import msgspec

from rules.catalogue import Catalogue
from rules.grammar import Binary, Call, Comparison, Duration, Field, Flag, Member, Mistake, Node, Number, Text, Unary
from rules.windows import Window

Assess = Callable[[Any, int, bool], float | None]

PLAIN = {"abs": (1, 1), "min": (2, 8), "max": (2, 8)}


class Slot(msgspec.Struct, frozen=True):
    """One window that a program needs; `source` tells equal ones of two programs."""

    name: str
    said: str  # the function as the trader wrote it: count(side == 'long', 1m) is kept as a sum
    length_ms: int
    source: str
    call: Node  # as it was parsed


class Writer:
    """Python source for checked trees. Only literals, local names made here, and fields of the catalogue are written."""

    def __init__(self, fields: Catalogue) -> None:
        self._fields = fields
        self._lines: list[str] = []
        self._locals: dict[str, str] = {}  # field -> local name
        self._windows: dict[str, str] = {}  # spelled call -> local name
        self._where = ""
        self.slots: list[Slot] = []

    def write(self, node: Node) -> str:
        match node:
            case Number(value, _):
                return f"({value!r})"
            case Text(value, _):
                return repr(value)
            case Flag(value, _):
                return repr(value)
            case Field(name, _):
                return self._field(name)
            case Unary(sign, inner, _):
                return f"({sign} {self.write(inner)})"
            case Binary(sign, left, right, _) | Comparison(sign, left, right, _):
                return f"({self.write(left)} {sign} {self.write(right)})"
            case Member(item, choices, _):
                listed = ", ".join(self.write(choice) for choice in choices)
                return f"({self.write(item)} in ({listed},))"
            case Call(name, args, _) if name in PLAIN:
                return f"{name}({', '.join(self.write(arg) for arg in args)})"
            case Call(name, args, _):
                return self._window(node, name, args)
        raise AssertionError("a duration outside a window passed the check")

    def _field(self, name: str) -> str:
        if name not in self._locals:
            local = f"f{len(self._locals)}"
            self._locals[name] = local
            self._lines.append(f"{local} = {self._fields.event.WRITTEN_OUT.get(name, f'e.{name}')}")
        return self._locals[name]

    def _window(self, node: Call, name: str, args: tuple[Node, ...]) -> str:
        spelled = _spelled(node)
        if spelled in self._windows:
            return self._windows[spelled]
        *inputs, length = args
        assert isinstance(length, Duration)
        match name:
            case "count":
                sample = f"(1.0 if {self.write(inputs[0])} else 0.0)" if inputs else "1.0"
            case "crossed_up" | "crossed_down":
                sample = f"({self.write(inputs[0])} - {self.write(inputs[1])})"
            case _:
                sample = self.write(inputs[0])
        label = self.write(inputs[1]) if name == "spread" else "''"
        local, window = f"a{len(self.slots)}", f"w{len(self.slots)}"
        self.slots.append(
            Slot("sum" if name == "count" and inputs else name, name, length.ms, self._where + spelled, node)
        )
        self._windows[spelled] = local
        # a sample with a missing part is not pushed; the other windows of the rule still get theirs
        push = f"{window}.push(now, {sample}, {label}) if fresh else {window}.at(now)"
        guard = self._missing(inputs)
        line = f"{local} = {window}.at(now) if {guard} else ({push})" if guard else f"{local} = {push}"
        if any(_has(part, "/") for part in inputs):
            self._lines += [f"try: {line}", f"except ArithmeticError: {window}.at(now); {local} = None"]
        else:
            self._lines.append(line)
        return local

    def demand(self, node: Node) -> None:
        """Whatever else is computed, do it only for events that meet this condition; to others the answer is None.

        When only time has passed the condition is not asked again: windows must let old samples go in any case.
        """
        answer = self.write(node)
        if self.slots:
            raise Mistake("`where` chooses single events and cannot look at a window", node.at)
        missing = self._missing((node,))
        self._lines.append(f"if ({f'{missing} or ' if missing else ''}not {answer}) and fresh: return None")
        self._where = f"[{_spelled(node)}]"

    def _missing(self, nodes: Iterable[Node]) -> str:
        """The test whether something that these nodes read is not there; empty if it always is."""
        return " or ".join(dict.fromkeys(test for node in nodes for test in self._doubts(node)))

    def _doubts(self, node: Node) -> Iterator[str]:
        """A test for each part of a tree that may hold no data, the inside of its windows too."""
        match node:
            case Field(name, _) if name in self._fields.optional:
                local = self._locals[name]
                yield f"{local} is None or {local} != {local}"
            case Field(name, _) if self._fields.kinds[name] == "number":
                yield f"{self._locals[name]} != {self._locals[name]}"
            case Call(name, _, _) if name not in PLAIN:
                local = self._windows[_spelled(node)]
                yield f"{local} is None or {local} != {local}"
        for part in _parts(node):
            yield from self._doubts(part)

    def names(self) -> tuple[str, ...]:
        """The names under which a message may quote each window."""
        named: list[str] = []
        seen: dict[str, int] = {}
        for slot in self.slots:
            seen[slot.said] = seen.get(slot.said, 0) + 1
            named.append(slot.said if seen[slot.said] == 1 else f"{slot.said}_{seen[slot.said]}")
        return tuple(named)

    def finish(
        self, answer: str, nodes: Iterable[Node], *, may_overflow: bool
    ) -> Callable[[tuple[Window, ...]], Assess]:
        """The maker of the function that answers what `answer` computes from the trees `nodes`.

        `may_overflow`: the answer is a number of the trader's own making, not a verdict.
        """
        windows = "".join(f"w{index}, " for index in range(len(self.slots)))
        source = "\n".join(
            [
                "def make(windows):",
                f"    ({windows}) = windows" if windows else "    del windows",
                "    def assess(e, now, fresh):",
                "        try:",
                *(f"            {line}" for line in self._body(answer, tuple(nodes), may_overflow)),
                "        except ArithmeticError:",  # a division by zero, a number past all floats: no data
                "            return None",
                "    return assess",
            ]
        )
        scope: dict[str, Any] = {
            "__builtins__": {"abs": abs, "min": min, "max": max, "ArithmeticError": ArithmeticError}
        }
        exec(compile(source, "<rule>", "exec"), scope)  # only what _Writer wrote, from trees that _Typist passed
        make: Callable[[tuple[Window, ...]], Assess] = scope["make"]
        return make

    def _body(self, answer: str, nodes: tuple[Node, ...], may_overflow: bool) -> Iterator[str]:
        guard = self._missing(nodes)
        yield from self._lines
        if guard:
            yield f"if {guard}: return None"
        if may_overflow and _has(nodes[0], "+-*/"):  # arithmetic can leave the floats without an error
            yield f"answer = {answer}"
            yield f"return answer if {-float_info.max!r} <= answer <= {float_info.max!r} else None"
        else:
            yield f"return {answer}"


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case Unary(_, inner, _):
            return (inner,)
        case Binary(_, left, right, _) | Comparison(_, left, right, _):
            return left, right
        case Member(item, choices, _):
            return item, *choices
        case Call(_, args, _):
            return args
    return ()


def _has(node: Node, signs: str) -> bool:
    """Whether one of these signs stands in a tree; the inside of its windows does not count."""
    if isinstance(node, Binary) and node.sign in signs:
        return True
    if isinstance(node, Call) and node.name not in PLAIN:
        return False
    return any(_has(part, signs) for part in _parts(node))


def _spelled(node: Node) -> str:
    """One spelling for all ways to write the same, so that equal windows of two programs know each other."""
    match node:
        case Number(value, _) | Text(value, _) | Flag(value, _):
            return repr(value)
        case Duration(ms, _):
            return f"{ms}ms"
        case Field(name, _):
            return name
        case Unary(sign, _, _) | Binary(sign, _, _, _) | Comparison(sign, _, _, _):
            return f"({sign} {' '.join(_spelled(part) for part in _parts(node))})"
        case Member():
            return f"(in {' '.join(_spelled(part) for part in _parts(node))})"
        case Call(name, _, _):
            return f"{name}({' '.join(_spelled(part) for part in _parts(node))})"
