"""The rule language, from text to a tree: fields, numbers with units, comparisons, and a dozen functions. Nothing else."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import NoReturn

import msgspec

from rules.units import DURATION_MAX_MS, DURATIONS_MS, FRACTIONS, SCALES

LENGTH_MAX = 2_000
DEPTH_MAX = 24
JOINED_MAX = 64  # every sign makes the tree one deeper, and what walks it calls itself

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<duration>\d+(?:\.\d+)?(?:ms|s|m|h|d|w)(?:\d+(?:ms|s|m|h|d|w))*(?![\w.%]))
  | (?P<number>\$?(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?(?:\s?(?:%|bps?\b)|(?:k|mn?|bn?|tn?)\b)?)(?![\w.])
  | (?P<text>"[^"\\\n]*"|'[^'\\\n]*')
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign><=|>=|==|!=|<|>|\+|-|\*|/|\(|\)|,|\[|\])
    """,
    re.VERBOSE | re.ASCII,  # a digit of another script is a typing error, not a number
)
_NUMBER = re.compile(r"(\$)?([\d_.]+(?:[eE][+-]?\d+)?)\s?(%|bps?|k|mn?|bn?|tn?)?", re.ASCII)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)

COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
KEYWORDS = ("and", "or", "not", "in", "true", "false")


class Mistake(ValueError):
    """The expression is wrong; `column` counts from 1 inside the expression."""

    def __init__(self, text: str, column: int) -> None:
        super().__init__(f"{text} (at character {column})")
        self.column = column


class Number(msgspec.Struct, frozen=True):
    value: float
    at: int


class Text(msgspec.Struct, frozen=True):
    value: str
    at: int


class Flag(msgspec.Struct, frozen=True):
    value: bool
    at: int


class Duration(msgspec.Struct, frozen=True):
    ms: int
    at: int


class Field(msgspec.Struct, frozen=True):
    name: str
    at: int


class Unary(msgspec.Struct, frozen=True):
    sign: str  # - not
    inner: "Node"
    at: int


class Binary(msgspec.Struct, frozen=True):
    sign: str  # + - * / and or
    left: "Node"
    right: "Node"
    at: int


class Comparison(msgspec.Struct, frozen=True):
    sign: str
    left: "Node"
    right: "Node"
    at: int


class Member(msgspec.Struct, frozen=True):
    item: "Node"
    choices: tuple["Node", ...]
    at: int


class Call(msgspec.Struct, frozen=True):
    name: str
    args: tuple["Node", ...]
    at: int


Node = Number | Text | Flag | Duration | Field | Unary | Binary | Comparison | Member | Call


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    at: int


def parse(text: str) -> Node:
    """The tree of one expression; Mistake says what is wrong and where."""
    if len(text) > LENGTH_MAX:
        raise Mistake(f"an expression is at most {LENGTH_MAX} characters", LENGTH_MAX)
    return _Parser(list(_tokens(text)), len(text) + 1).whole()


_FOREIGN = {"&": "and", "|": "or", "=": "==", "!": "not", "<>": "!="}  # what other languages write

_WORDS = frozenset({*KEYWORDS, "true", "false"})


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            said = text[position : position + 12]
            right = next((f"; write {ours}" for sign, ours in _FOREIGN.items() if said.startswith(sign)), "")
            raise Mistake(f"cannot read '{said}'{right}", position + 1)
        word = match.group()
        if match.lastgroup == "word" and word not in _WORDS and word.lower() in _WORDS:
            raise Mistake(f"'{word}' is written in small letters here; write {word.lower()}", position + 1)
        if match.lastgroup != "space" and match.lastgroup is not None:
            yield _Token(match.lastgroup, match.group(), position + 1)
        position = match.end()


class _Parser:
    """Recursive descent: or < and < not < comparison, in < + - < * / < unary < atom."""

    def __init__(self, tokens: list[_Token], end: int) -> None:
        self._tokens = tokens
        self._end = end
        self._next = 0
        self._depth = 0
        self._joined = 0

    def whole(self) -> Node:
        if not self._tokens:
            raise Mistake("the expression is empty", 1)
        node = self._or()
        if self._next < len(self._tokens):
            self._fail(f"'{self._tokens[self._next].text}' does not belong here")
        return node

    def _or(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            self._fail(f"nested more than {DEPTH_MAX} deep")
        node = self._and()
        while token := self._take("or"):
            node = self._join(token, node, self._and())
        self._depth -= 1
        return node

    def _and(self) -> Node:
        node = self._not()
        while token := self._take("and"):
            node = self._join(token, node, self._not())
        return node

    def _not(self) -> Node:
        if token := self._take("not"):
            self._depth += 1
            if self._depth > DEPTH_MAX:
                self._fail(f"nested more than {DEPTH_MAX} deep")
            node = Unary("not", self._not(), token.at)
            self._depth -= 1
            return node
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        if token := self._take(*COMPARISONS):
            node: Node = Comparison(token.text, left, self._sum(), token.at)
            if other := self._take(*COMPARISONS):
                raise Mistake("comparisons cannot be chained; join two with `and`", other.at)
            return node
        if token := self._take("in"):
            return Member(left, self._choices(), token.at)
        if (token := self._peek("not")) and self._peek("in", ahead=1):
            self._next += 2
            return Unary("not", Member(left, self._choices(), token.at), token.at)
        return left

    def _choices(self) -> tuple[Node, ...]:
        closing = {"[": "]", "(": ")"}
        opened = self._take(*closing) or self._fail("after `in` comes a list: [binance, bybit]")
        choices = [self._choice()]
        while self._take(","):
            choices.append(self._choice())
        if not self._take(closing[opened.text]):
            self._fail(f"the list is not closed with '{closing[opened.text]}'")
        return tuple(choices)

    def _choice(self) -> Node:
        node = self._unary()
        if isinstance(node, Field):  # in a list, a bare word is a text: [binance, bybit]
            return Text(node.name, node.at)
        if not isinstance(node, Text | Number):
            raise Mistake("a list holds texts or numbers", node.at)
        return node

    def _sum(self) -> Node:
        node = self._product()
        while token := self._take("+", "-"):
            node = self._join(token, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._unary()
        while token := self._take("*", "/"):
            node = self._join(token, node, self._unary())
        return node

    def _unary(self) -> Node:
        if token := self._take("-"):
            self._depth += 1
            if self._depth > DEPTH_MAX:
                self._fail(f"nested more than {DEPTH_MAX} deep")
            inner = self._unary()
            self._depth -= 1
            return Number(-inner.value, token.at) if isinstance(inner, Number) else Unary("-", inner, token.at)
        return self._atom()

    def _atom(self) -> Node:
        if self._next >= len(self._tokens):
            self._fail("something is missing at the end")
        token = self._tokens[self._next]
        self._next += 1
        match token.kind, token.text:
            case "number", text:
                return Number(_number(text, token.at), token.at)
            case "duration", text:
                return self._duration(text, token.at)
            case "text", text:
                return Text(text[1:-1], token.at)
            case "word", "true" | "false":
                return Flag(token.text == "true", token.at)
            case "word", name if name not in KEYWORDS:
                return self._call(name, token.at) if self._take("(") else Field(name, token.at)
            case "sign", "(":
                node = self._or()
                if not self._take(")"):
                    self._fail("a bracket is not closed")
                return node
        raise Mistake(f"'{token.text}' does not belong here", token.at)

    def _call(self, name: str, at: int) -> Node:
        args: list[Node] = []
        if not self._take(")"):
            args.append(self._or())
            while self._take(","):
                args.append(self._or())
            if not self._take(")"):
                self._fail(f"the brackets of {name}(...) are not closed")
        return Call(name, tuple(args), at)

    def _duration(self, text: str, at: int) -> Node:
        # 5m is a duration as a window's length and five million as an amount: the place it stands in decides
        if (match := _NUMBER.fullmatch(text)) and match[3] == "m":
            following = self._tokens[self._next].text if self._next < len(self._tokens) else ""
            before = self._tokens[self._next - 2].text if self._next > 1 else ""
            if following != ")" or before not in (",", "("):
                raise Mistake(f"'{text}' could be minutes or millions; write ${text} for an amount", at)
        total = sum(float(number) * DURATIONS_MS[unit] for number, unit in _DURATION.findall(text))
        if total > DURATION_MAX_MS:
            raise Mistake(f"'{text}' is longer than ten years", at)
        return Duration(round(total), at)

    def _join(self, token: _Token, left: Node, right: Node) -> Node:
        self._joined += 1
        if self._joined > JOINED_MAX:
            raise Mistake(f"more than {JOINED_MAX} of and, or, +, -, *, / in one expression", token.at)
        return Binary(token.text, left, right, token.at)

    def _peek(self, *texts: str, ahead: int = 0) -> _Token | None:
        index = self._next + ahead
        if index < len(self._tokens):
            token = self._tokens[index]
            if token.kind in ("word", "sign") and token.text in texts:
                return token
        return None

    def _take(self, *texts: str) -> _Token | None:
        if token := self._peek(*texts):
            self._next += 1
            return token
        return None

    def _fail(self, text: str) -> NoReturn:
        at = self._tokens[self._next].at if self._next < len(self._tokens) else self._end
        raise Mistake(text, at)


def _number(text: str, at: int) -> float:
    match = _NUMBER.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        number, unit = float(match[2].replace("_", "")), match[3] or ""
        if not isfinite(number * SCALES.get(unit, 1.0)):
            raise ValueError
    except ValueError:
        raise Mistake(f"'{text}' is not a number", at) from None
    if unit in FRACTIONS:
        if match[1]:
            raise Mistake(f"'{text}' is both money and a percentage", at)
        return number / round(1 / FRACTIONS[unit])
    return number * SCALES[unit]
