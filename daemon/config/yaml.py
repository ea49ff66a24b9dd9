"""YAML 1.2 as people mean it, strictly: plain values, and the line and column of each of them."""

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from daemon.config.mistakes import Mistake, quote
from daemon.config.places import Place

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 32
MAX_REPEATED = 1_000_000  # values that aliases may add; a list of 50 coins in 10,000 rules is half of that
MAX_MISTAKES = 1_000  # of one file; whoever has more has the wrong file

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((f"{sign}.{name}" for sign in ("", "+") for name in ("inf", "Inf", "INF")), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_OCTAL, _HEX = re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_INTEGER_LIMIT = 2**63
_UNKNOWN = (None, Place("", 0, 0), 0)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FLOW_KEY = re.compile(r"([A-Za-z_]\w*): +")
_NO_TABS = "a tab stands here; indent with spaces"
_LEFT_OPEN = ("scanning a quoted scalar", "flow sequence", "flow mapping", "scanning a simple key")
# what libyaml says -> what would be right; the first that is found in its sentence
_REMEDIES = (
    ("tab character", "indent with spaces, never tabs"),
    ("scanning an alias", "put * in quotes"),
    ("cannot start any token", "put the text in quotes; indent with spaces, never tabs"),
    (
        "mapping values are not allowed",
        "leave a space behind each colon, indent all keys of one block alike, and quote a text with ': ' in it",
    ),
    (
        "could not find expected ':'",
        "write `key: value` with a space behind the colon, or put a text of several lines in quotes",
    ),
    ("block mapping", "indent all keys of one block alike, and close quotes before the line ends"),
    ("block collection", "indent all `-` of one list alike"),
    ("flow node", "close the bracket, or put the text in quotes"),
    ("flow sequence", "separate its items with commas and close it with ]"),
    ("flow mapping", "separate its pairs with commas and close it with }"),
    ("unexpected end of stream", "close the quotes"),
    ("escape", r"in double quotes a backslash is written \\; single quotes take it as it is"),
)


def read(source: bytes, file: str) -> tuple[Any, Place, list[Mistake]]:
    """The file's value, where each part of it stands, and all that is wrong with it.

    Mappings become dicts with text keys, lists lists, scalars as the YAML 1.2 core schema says: `on` and `NO` and
    `22:30` are texts, `5e-4` is a number, `0o17` is 15. After a syntax error the value is None.
    """
    start = Place(file, 1, 1)
    if len(source) > MAX_BYTES:
        return None, start, [Mistake(file, 1, 1, "", "the file is larger than 16 MB", "split it, and give -c twice")]
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line, column = _line_and_column(source[: exc.start].decode("utf-8", "replace"))
        return None, start, [Mistake(file, line, column, "", "these bytes are not UTF-8", "save the file as UTF-8")]
    composer = _Composer(file)
    try:
        value, place = composer.document(_events(text))
    except _Stop:
        return None, start, composer.mistakes
    except yaml.reader.ReaderError:
        found = _UNPRINTABLE.search(text)
        line, column = _line_and_column(text[: found.start()] if found else "")
        what = "a control character" if found is None else f"the character U+{ord(found[0]):04X} cannot stand in YAML"
        return None, start, [*composer.mistakes, Mistake(file, line, column, "", what, "remove it")]
    except yaml.MarkedYAMLError as exc:
        return None, start, [*composer.mistakes, _syntax(exc, file, text)]
    return value, place, composer.mistakes


def scalar(text: str) -> object:
    """A plain scalar by the core schema. OverflowError for a whole number beyond 64 bits."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS:
        return text
    if _INTEGER.fullmatch(text):
        return _whole(text, 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _OCTAL.fullmatch(text):
        return _whole(text[2:], 8)
    if _HEX.fullmatch(text):
        return _whole(text[2:], 16)
    return text


def _whole(digits: str, base: int) -> int:
    number = int(digits, base) if len(digits.lstrip("+-0")) <= 24 else _INTEGER_LIMIT
    if abs(number) >= _INTEGER_LIMIT:
        raise OverflowError
    return number


def _line_and_column(before: str) -> tuple[int, int]:
    lines = before.split("\n")
    return len(lines), len(lines[-1]) + 1


def _events(text: str) -> Iterator[Any]:
    loader = yaml.CSafeLoader(text)
    try:
        while True:
            event = loader.get_event()
            yield event
            if isinstance(event, StreamEndEvent):
                return
    finally:
        loader.dispose()


def _syntax(exc: yaml.MarkedYAMLError, file: str, text: str) -> Mistake:
    """What libyaml could not read. What was left open is shown where it begins: the end may be far below."""
    said = ", ".join(part for part in (exc.context, exc.problem) if part) or "this is not YAML"
    begins = exc.context_mark if any(sign in said for sign in _LEFT_OPEN) else None
    mark = begins or exc.problem_mark or exc.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    right = next((remedy for sign, remedy in _REMEDIES if sign in said), "check this line and the one above it")
    if begins is not None and exc.problem_mark is not None and exc.problem_mark.line == begins.line:
        read_so_far = text.split("\n")[begins.line][: exc.problem_mark.column]
        if "flow mapping" in said and (keys := list(_FLOW_KEY.finditer(read_so_far, begins.column))):
            column = keys[-1].end() + 1  # of the text that ended too early
            right = f"put the text behind `{keys[-1][1]}:` in quotes, or a comma in front of the next key"
    if text.split("\n")[line - 1 : line] and text.split("\n")[line - 1][column - 1 : column] == "\t":
        right = _NO_TABS
    return Mistake(file, line, column, "", f"cannot be read as YAML ({said})", right)


class _Stop(Exception):
    """Reading on makes no sense; the mistake has been noted."""


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "is_flow", "key", "place", "plain", "repeated", "size", "value")

    def __init__(self, value: Any, place: Place, anchor: str | None, *, is_flow: bool = False) -> None:
        self.value, self.place, self.anchor = value, place, anchor
        self.is_flow = is_flow  # between { and }
        self.plain: set[str] = set()  # keys whose texts have no quotes, if it is
        self.size = 1
        self.key: tuple[str | None, int, int] | None = None  # its text (None: not a name), line, column


class _Composer:
    """Builds the value and the tree of places from libyaml's events, without recursion."""

    def __init__(self, file: str) -> None:
        self.mistakes: list[Mistake] = []
        self._file = file
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, Place, int] | None] = {}  # None: still open
        self._repeated = 0
        self._documents = 0
        self._root: tuple[Any, Place] = (None, Place(file, 1, 1))

    def document(self, events: Iterator[Any]) -> tuple[Any, Place]:
        for event in events:
            kind = type(event)
            if kind is ScalarEvent:
                self._scalar(event)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                self._begin(event, kind is MappingStartEvent)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._end()
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentStartEvent:
                self._document(event)
        return self._root

    def _wrong(self, event: Any, what: str, right: str) -> None:
        path = ".".join(self._path())
        mark = event.start_mark
        self.mistakes.append(Mistake(self._file, mark.line + 1, mark.column + 1, path, what, right))
        if len(self.mistakes) >= MAX_MISTAKES:
            raise _Stop

    def _path(self) -> Iterator[str]:
        for part in self._open:
            if isinstance(part.value, list):
                yield str(len(part.value))
            elif part.key is not None:
                yield quote(part.key[0] or "?")

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._wrong(event, "a second YAML document begins here", "one document a file; give -c several times")
            raise _Stop
        if event.version is not None and tuple(event.version) != (1, 2):
            self._wrong(event, "files are read as YAML 1.2", "remove the %YAML line")

    def _scalar(self, event: Any) -> None:
        text, parent = event.value, self._open[-1] if self._open else None
        if event.tag is not None:
            self._tagged(event)
        if parent is not None and parent.key is None and isinstance(parent.value, dict):
            self._key(parent, event)
            return
        value: object = text
        if event.implicit[0]:
            try:
                value = scalar(text)
            except OverflowError:
                self._wrong(event, "this number is longer than 64 bits", "quote it if it is a name, else write 1.5e30")
                value = 0
        mark = event.start_mark
        place = Place(self._file, mark.line + 1, mark.column + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, place, 1)
        if parent is not None and parent.is_flow and event.implicit[0] and parent.key is not None:
            parent.plain.add(parent.key[0] or "")
        self._put(value, place, 1)

    def _tagged(self, event: Any) -> None:
        what = f"the tag {quote(event.tag)} is not read here"
        self._wrong(event, what, "remove it; quotes make a text of a number")

    def _key(self, parent: _Open, event: Any) -> None:
        """A key is its text, whatever the schema makes of it: `on`, `1` and `null` name things."""
        mark, text = event.start_mark, event.value
        parent.key = (text, mark.line + 1, mark.column + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = (text, Place(self._file, mark.line + 1, mark.column + 1), 1)
        if text == "<<" and event.implicit[0]:
            self._wrong(event, "merge keys (<<) are not read here", "write the keys out; a whole value can be an alias")
            parent.key = (None, *parent.key[1:])
        elif text in parent.value:
            first = (parent.place.children or {})[text]
            where = f"line {first.key_line}"
            self._wrong(event, f"'{quote(text)}' is here twice, first on {where}", "keep one of them")
            parent.key = (None, *parent.key[1:])

    def _begin(self, event: Any, is_mapping: bool) -> None:
        mark = event.start_mark
        if len(self._open) >= MAX_DEPTH:
            self._wrong(event, f"nested deeper than {MAX_DEPTH} levels", "nothing we read is that deep; check brackets")
            raise _Stop
        if event.tag is not None:
            self._tagged(event)
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.key is None and isinstance(parent.value, dict):
            self._wrong(event, "a list or block cannot be a key", "a key is a name; put a text with braces in quotes")
            raise _Stop
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        place = Place(self._file, mark.line + 1, mark.column + 1, {})
        self._open.append(
            _Open({} if is_mapping else [], place, event.anchor, is_flow=is_mapping and bool(event.flow_style))
        )

    def _end(self) -> None:
        done = self._open.pop()
        if done.is_flow:
            self._rejoin(done)
        if done.anchor is not None:
            self._anchors[done.anchor] = (done.value, done.place, done.size)
        self._put(done.value, done.place, done.size)

    def _rejoin(self, done: _Open) -> None:
        """A formula that a comma has cut, `{when: change(price, 15m) > 5%}`, is one mistake, and read as it was meant."""
        for key, value in list(done.value.items()):
            is_cut = isinstance(value, str) and key in done.plain and value.count("(") > value.count(")")
            if not is_cut or key not in done.value:
                continue
            keys, meant = list(done.value), value
            rest = iter(keys[keys.index(key) + 1 :])
            while meant.count("(") > meant.count(")"):
                piece = next(rest, None)
                if piece is None or piece not in done.plain or done.value[piece] is not None:
                    break
                meant = f"{meant}, {piece}"
                del done.value[piece]
                (done.place.children or {}).pop(piece, None)
            if meant != value:
                done.value[key], place = meant, (done.place.children or {})[key]
                what = f"between {{ and }} a comma ends the text, here behind '{quote(value)}'"
                mark = "'" if '"' in meant else '"'
                shown = f": {mark}{meant}{mark}" if quote(meant) == meant and mark not in meant else ""
                path = ".".join([*self._path(), quote(key)])
                self.mistakes.append(
                    Mistake(place.file, place.line, place.column, path, what, f"put it in quotes{shown}")
                )

    def _alias(self, event: Any) -> None:
        name = event.anchor
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.key is None and isinstance(parent.value, dict):
            self._wrong(event, f"the alias *{quote(name)} stands where a key should", "write the key out")
            raise _Stop
        target = self._anchors.get(name, _UNKNOWN)
        mark = event.start_mark
        if target is None or target is _UNKNOWN:
            what = f"*{quote(name)} contains itself" if target is None else f"no &{quote(name)} comes before this alias"
            self._wrong(event, what, f"put &{quote(name)} in front of a value further up")
            self._put(None, Place(self._file, mark.line + 1, mark.column + 1), 1)
            return
        value, place, size = target
        self._repeated += size
        if self._repeated > MAX_REPEATED:
            self._wrong(event, f"aliases repeat more than {MAX_REPEATED:,} values", "use fewer aliases of aliases")
            raise _Stop
        self._put(value, Place(self._file, mark.line + 1, mark.column + 1, place.children), size)

    def _put(self, value: Any, place: Place, size: int) -> None:
        if not self._open:
            self._root = (value, place)
            return
        parent = self._open[-1]
        parent.size += size
        children = parent.place.children
        assert children is not None  # an open block always has them
        if isinstance(parent.value, list):
            children[len(parent.value)] = place
            parent.value.append(value)
        elif parent.key is not None:
            text, line, column = parent.key
            parent.key = None
            if text is not None:
                place.key_line, place.key_column = line, column
                parent.value[text] = value
                children[text] = place
