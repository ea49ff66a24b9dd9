"""What is wrong with a configuration, in words for the person who wrote it: all of it at once, each with its place."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

_SHOWN = 60


class Mistake(NamedTuple):
    """One thing that is wrong. Sorts by where it stands."""

    file: str
    line: int  # from 1
    column: int  # from 1
    path: str  # rules.3.above; empty when the text itself cannot be read
    what: str
    right: str  # what would be right; empty if we do not know

    def __str__(self) -> str:
        subject = f"{self.path}: " if self.path else ""
        remedy = f"; {self.right}" if self.right else ""
        return f"{self.file}:{self.line}:{self.column}: {subject}{self.what}{remedy}"


class ConfigError(Exception):
    """The configuration is wrong. Its text is every mistake, one a line, in the order of the files."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(map(str, self.mistakes)))


def quote(value: object) -> str:
    """A value as it may be shown: short, on one line, and of an address only its scheme, because tokens live there."""
    text = str(value)
    scheme, separator, _ = text.partition("://")
    if separator:
        text = f"{scheme.split()[-1] if scheme.split() else ''}://..."
    text = "".join(char if char.isprintable() else "?" for char in text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean every?`, or the whole list if nothing is close and the list is short enough to read."""
    names = sorted(known)
    if close := get_close_matches(name.lower(), names, n=1, cutoff=0.6):
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 30 else ""
