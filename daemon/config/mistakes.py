"""What is wrong with a configuration, in words for the person who wrote it: all of it at once, each with its place."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

GUESS, KNOWN = "did you mean ", "known: "  # how a remedy begins that names what is there
_SEPARATORS = re.compile(r"[\s,;|&+]+")  # what people write between names
_SHOWN = 60
_BEGINNING_MIN = 3  # letters


class Mistake(NamedTuple):
    """One thing that is wrong. Sorts by where it stands."""

    file: str
    line: int  # from 1
    column: int  # from 1
    path: str  # rules.3.above; empty when the text itself cannot be read
    what: str
    right: str  # what would be right; empty if we do not know

    def __str__(self) -> str:
        return self.said()

    def said(self, mark: str = "") -> str:
        """On one line, as editors read it; `mark` stands before what is said, `warning: ` for instance."""
        subject = f"{self.path}: " if self.path else ""
        remedy = f"; {self.right}" if self.right else ""
        return f"{self.file}:{self.line}:{self.column}: {mark}{subject}{self.what}{remedy}"


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
    names = sorted(set(known))
    if several := _several(name, names):
        return f"write a list: [{', '.join(several)}]"
    if (close := closest(name, names)) is not None:
        return f"{GUESS}{close}?"
    return f"{KNOWN}{', '.join(names)}" if 0 < len(names) <= 30 else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The one that is probably meant, if any is close; none for several names in one text."""
    names, lower = sorted(set(known)), name.lower()
    if _several(name, names):
        return None
    for close in (
        get_close_matches(lower, names, n=1, cutoff=0.85),
        sorted((one for one in names if _begins(one, lower)), key=len, reverse=True),  # funding_rate: funding
        get_close_matches(lower, names, n=1, cutoff=0.6),
        sorted((one for one in names if _begins(lower, one)), key=len),  # liq: liquidation
    ):
        if close:
            return close[0]
    return None


def _several(name: str, names: Iterable[str]) -> list[str]:
    """The names in one text, if it is made of two or more that are known; else none."""
    parts = [part for part in _SEPARATORS.split(name.lower()) if part]
    return parts if len(parts) > 1 and set(parts) <= set(names) else []


def _begins(start: str, text: str) -> bool:
    return len(start) >= _BEGINNING_MIN and text.startswith(start)
